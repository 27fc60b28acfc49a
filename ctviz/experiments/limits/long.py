"""Training ten times as long: whether the gain remains."""

from __future__ import annotations

from ctviz.experiments.config import Experiment
from ctviz.experiments.limits.draw import LimitPanel, Variant
from ctviz.experiments.limits.limit import Limit, stack
from ctviz.experiments.summary import CONVENTIONAL

EPOCHS = 1000
USUAL = 100

TRAINED = "counterfactual training"


def _panel(name: str, title: str) -> LimitPanel:
    base = Experiment.preset(name).replace({"training.epochs": EPOCHS})
    changes: dict[str, object] = {"evaluation.every": 50, "evaluation.also": (10, 25)}
    experiment = stack(base, changes, [arm.model_copy() for arm in base.arms])
    return LimitPanel(name, title, experiment, (Variant(CONVENTIONAL, "vanilla"), Variant(TRAINED, "full")))


LIMIT = Limit(
    name="long",
    panels=(_panel("moons", "Moons"), _panel("circles", "Circles"), _panel("ls", "Linearly separable")),
    measures=("fine", "energy"),
    metrics=(
        "ip", "ip_star", "ip_fine", "cost", "cost_fine", "validity", "validation_accuracy", "robust_accuracy", "energy",
        "mature", "all_skipped",
    ),
    seeds=8,
    every_epoch=True,
)  # fmt: skip
