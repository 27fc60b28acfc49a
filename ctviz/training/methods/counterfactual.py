"""Counterfactual training, with conventional training and the two ablations of the paper as its variants."""

from __future__ import annotations

from ctviz.training.methods.method import (
    CROSS_ENTROPY,
    ENERGY,
    SAMPLES,
    SQUARED_ENERGY,
    ExampleMaker,
    Part,
    Setup,
    TrainingMethod,
    Variant,
)

NASCENT = Part("nascent", "counterfactual")
"""The last point of a search in the ε-box of its factual, with the factual's true class."""

NEIGHBOURS = Part("neighbours", "counterfactual")
"""x⁺, a real sample of the target class, after the immutable mask."""

COUNTERFACTUALS = Part("counterfactuals", "counterfactual")
"""x', with the target class; where the search failed, the neighbour."""


def _sampler(setup: Setup) -> ExampleMaker:
    from ctviz.training.sampler import Sampler

    return Sampler(setup.dataset, setup.arms, setup.like, setup.reference_data)


COUNTERFACTUAL = TrainingMethod(
    name="counterfactual",
    title="Counterfactual training",
    short="Counterfactual",
    words="Learns from counterfactuals of its own: real samples are to look likelier than they do.",
    source="Altmeyer, van Deursen and Liem 2026, Algorithm 1 and equation 1; the ridge from its appendix",
    terms={
        "class": {SAMPLES.name: CROSS_ENTROPY},
        "div": {NEIGHBOURS.name: ENERGY, COUNTERFACTUALS.name: -ENERGY},
        "adv": {NASCENT.name: CROSS_ENTROPY},
        "reg": {NEIGHBOURS.name: SQUARED_ENERGY, COUNTERFACTUALS.name: SQUARED_ENERGY},
    },
    epoch_parts=(NASCENT, NEIGHBOURS, COUNTERFACTUALS),
    maker=_sampler,
    searches=True,
    variants={
        "vanilla": Variant("Conventional (vanilla)", {"lambda_div": 0.0, "lambda_adv": 0.0, "lambda_reg": 0.0}),
        "adversarial": Variant("Adversarial term only", {"lambda_div": 0.0, "lambda_reg": 0.0}),
        "energy": Variant("Energy terms only", {"lambda_adv": 0.0}),
        "full": Variant("Counterfactual training (full)", {}),
    },
)
