"""Learning models for actionable recourse."""

from __future__ import annotations

from ctviz.training.methods.method import CROSS_ENTROPY, SAMPLES, ExampleMaker, Part, Setup, TrainingMethod, Variant

HELPED = Part("helped", "sample")
"""Each sample after the best change that its person could make, x + δ*, with the favourable class."""


def _helper(setup: Setup) -> ExampleMaker:
    from ctviz.training.box import RecourseExamples

    return RecourseExamples(setup)


RECOURSE = TrainingMethod(
    name="recourse",
    title="Learning for recourse",
    short="Recourse",
    words="Learns to accept each person after the best change that locks, directions and ranges leave within a box.",
    source="Ross, Lakkaraju and Bastani 2021, with their δ_max; one inner step is their linear approximation of δ*",
    terms={
        "class": {SAMPLES.name: CROSS_ENTROPY},
        "recourse": {HELPED.name: CROSS_ENTROPY},
    },
    batch_parts=(HELPED,),
    maker=_helper,
    settings=("radius", "inner_steps"),
    inner="inner_steps",
    variants={
        "recourse": Variant(
            "Learning for recourse", {"method": "recourse", "lambda_recourse": 1.0, "radius": 0.75}
        ),
    },
)  # fmt: skip
