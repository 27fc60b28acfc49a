"""Small runs on images for the tests of the page Digits: trained in a moment, never twice."""

from __future__ import annotations

from ctviz.experiments.config import Experiment

SMALL = {
    "data.n_train": 300, "data.n_validation": 60, "data.n_test": 60, "model.hidden": (12,),
    "training.epochs": 3, "training.batch": 100, "training.n_ce": 40, "arms.*.steps": 6,
    "evaluation.steps": 5, "evaluation.factuals": 20, "evaluation.every": 1, "evaluation.also": (),
}  # fmt: skip


def small(**changes: object) -> Experiment:
    return Experiment.preset("mnist").replace({**SMALL, **changes})


RUN = small()
"""What the fixture ``trained`` holds."""
