"""Counterfactuals as further training data."""

from __future__ import annotations

from ctviz.training.methods.method import CROSS_ENTROPY, SAMPLES, ExampleMaker, Part, Setup, TrainingMethod, Variant

AUGMENTED = Part("augmented", "counterfactual")
"""x' with the target as its class; where the search failed, a real sample of that class."""


def _augmenter(setup: Setup) -> ExampleMaker:
    from ctviz.training.augmenter import Augmenter

    return Augmenter(setup.dataset, setup.arms, setup.like, setup.reference_data)


AUGMENTATION = TrainingMethod(
    name="augmentation",
    title="Counterfactuals as data",
    short="As data",
    words="Learns from its own counterfactuals as if they were samples of the class that they were to have.",
    source="what people try first; the searches are those of counterfactual training (Altmeyer, van Deursen and Liem "
    "2026, Algorithm 1)",
    terms={
        "class": {SAMPLES.name: CROSS_ENTROPY},
        "aug": {AUGMENTED.name: CROSS_ENTROPY},
    },
    epoch_parts=(AUGMENTED,),
    maker=_augmenter,
    searches=True,
    variants={"augmentation": Variant("Counterfactuals as data", {"method": "augmentation", "lambda_aug": 1.0})},
)
