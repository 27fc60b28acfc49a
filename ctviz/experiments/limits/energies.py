"""Energies without the ridge penalty: what happens to the logits."""

from __future__ import annotations

from ctviz.experiments.config import Experiment
from ctviz.experiments.limits.draw import LimitPanel, Variant
from ctviz.experiments.limits.limit import Limit, stack
from ctviz.experiments.summary import CONVENTIONAL
from ctviz.training.arm import Arm

RIDGES = (0.0, 0.01, 0.1, 0.5)
USUAL = 0.1


def ridge_name(ridge: float) -> str:
    """What the variant with a ridge is called."""
    return f"λ_reg = {ridge:g}"


def _panel(
    name: str, title: str, tau: float, changes: dict[str, object], ridges: tuple[float, ...], most: int
) -> LimitPanel:
    arms = [Arm.variant("vanilla")]
    arms += [Arm.variant(f"ridge {i}", tau=tau, lambda_reg=ridge) for i, ridge in enumerate(ridges)]
    experiment = stack(Experiment.preset(name), changes, arms)
    variants = [Variant(ridge_name(ridge), f"ridge {i}", ridge) for i, ridge in enumerate(ridges)]
    return LimitPanel(name, title, experiment, (Variant(CONVENTIONAL, "vanilla"), *variants), most)


_DIGITS: dict[str, object] = {
    "data.n_train": 2000, "training.batch": 200, "training.n_ce": 1000, "training.epochs": 30,
    "evaluation.every": 5, "evaluation.also": (1, 2),
}  # fmt: skip
"""A fifth of the digits and of each batch, so that an epoch has as many steps as in the paper and takes a second."""

_SHORT: dict[str, object] = {"evaluation.every": 10, "evaluation.also": (1, 2, 5)}

LIMIT = Limit(
    name="energies",
    panels=(
        _panel("moons", "Moons", 0.75, _SHORT, RIDGES, 100),
        _panel("ls", "Linearly separable", 0.5, _SHORT, RIDGES, 100),
        _panel(
            "mnist", "Handwritten digits (MNIST)", 0.5,
            _DIGITS, RIDGES[:3], 5,
        ),
    ),
    measures=("energy",),
    metrics=("energy", "loss_reg", "ip", "validity", "validation_accuracy", "robust_accuracy", "mature", "all_skipped"),
    every_epoch=True,
)  # fmt: skip
