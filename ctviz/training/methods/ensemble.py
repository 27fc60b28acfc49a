"""Deep ensembles: several models, trained conventionally and independently, whose probabilities are averaged."""

from __future__ import annotations

from ctviz.training.methods.method import CROSS_ENTROPY, SAMPLES, ExampleMaker, Setup, TrainingMethod, Variant


def _nothing(setup: Setup) -> ExampleMaker:
    return ExampleMaker()


ENSEMBLE = TrainingMethod(
    name="ensemble",
    title="Deep ensemble",
    short="Ensemble",
    words="Several conventional models, each from other first weights and with other batches, average their answers.",
    source="Lakshminarayanan, Pritzel and Blundell 2017, without its adversarial examples; counterfactuals of such an "
    "ensemble as in Schut et al. 2021",
    terms={"class": {SAMPLES.name: CROSS_ENTROPY}},
    maker=_nothing,
    ensemble=True,
    settings=("members",),
    variants={"ensemble": Variant("Deep ensemble", {"method": "ensemble"})},
)
