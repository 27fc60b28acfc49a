"""Adversarial training by projected gradient descent."""

from __future__ import annotations

from ctviz.training.methods.method import CROSS_ENTROPY, SAMPLES, ExampleMaker, Part, Setup, TrainingMethod, Variant

ATTACKED = Part("attacked", "sample")
"""Each sample, moved in its ε-box so that the model errs on it as much as possible, with its own class."""


def _attacker(setup: Setup) -> ExampleMaker:
    from ctviz.training.box import AdversarialExamples

    return AdversarialExamples(setup)


PGD = TrainingMethod(
    name="pgd",
    title="PGD adversarial training",
    short="PGD",
    words="Learns from the worst small change of each sample in place of the sample; all features may be attacked.",
    source="Madry et al. 2018, equation 2.1 (pure: λ_class = 0); random starts and steps of 2.5 ε / steps from there",
    terms={
        "class": {SAMPLES.name: CROSS_ENTROPY},
        "adv": {ATTACKED.name: CROSS_ENTROPY},
    },
    batch_parts=(ATTACKED,),
    maker=_attacker,
    settings=("radius", "inner_steps"),
    inner="inner_steps",
    variants={
        "pgd": Variant("PGD adversarial training", {"method": "pgd", "lambda_class": 0.0, "lambda_adv": 1.0}),
    },
)
