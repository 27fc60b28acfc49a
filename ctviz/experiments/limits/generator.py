"""A generator made worse on purpose: fewer steps, noise, steps of the wrong size, another method."""

from __future__ import annotations

from typing import Any

from ctviz.experiments.config import Experiment
from ctviz.experiments.limits.draw import LimitPanel, Variant
from ctviz.experiments.limits.limit import Limit, stack
from ctviz.experiments.summary import CONVENTIONAL
from ctviz.training.arm import Arm

KINDS: dict[str, tuple[str, tuple[float, ...]]] = {
    "Steps T": ("steps", (1, 2, 5, 10, 30)),
    "Noise in each step": ("gradient_noise", (0, 1, 3, 10)),
    "Length of a step η": ("step_size", (0.005, 0.02, 0.25, 1, 5)),
}
"""Kind of disturbance → its setting and doses, including that of the undisturbed search."""

UNDISTURBED: dict[str, float] = {"Steps T": 30, "Noise in each step": 0, "Length of a step η": 0.25}
"""The dose of each kind at which the search is that of the paper."""

METHODS = ("eccco", "generic", "revise")
METHOD = "Generator"


def _panel(name: str, title: str, tau: float, ridge: float) -> LimitPanel:
    shared: dict[str, Any] = {"tau": tau, "lambda_reg": ridge}
    arms = [Arm.variant("vanilla"), Arm.variant("full", **shared)]
    variants = [Variant(CONVENTIONAL, "vanilla")]
    for kind, (setting, doses) in KINDS.items():
        for i, dose in enumerate(doses):
            sound = dose == UNDISTURBED[kind]
            arm = "full" if sound else f"{setting.replace('_', ' ')} {i}"
            variants.append(Variant(kind, arm, float(dose)))
            if not sound:
                arms.append(Arm.variant(arm, **shared, **{setting: dose}))
    for i, method in enumerate(METHODS):
        arm = "full" if i == 0 else method
        variants.append(Variant(METHOD, arm, float(i)))
        if i:
            arms.append(Arm.variant(arm, **shared, generator=method))
    experiment = stack(Experiment.preset(name), {"evaluation.every": 20}, arms)
    return LimitPanel(name, title, experiment, tuple(variants))


def dose_words(kind: str, dose: float) -> str:
    """A dose as it is written on the axis: ``30``, ``0.005``, ``revise``."""
    return METHODS[int(dose)] if kind == METHOD else f"{dose:g}"


def undisturbed_dose(kind: str) -> float:
    """The dose of the undisturbed search."""
    return UNDISTURBED.get(kind, 0.0)


LIMIT = Limit(
    name="generator",
    panels=(
        _panel("ls", "Linearly separable", 0.5, 0.01),
        _panel("moons", "Moons", 0.75, 0.1),
        _panel("circles", "Circles", 0.5, 0.1),
    ),
    measures=("fine",),
    metrics=("ip", "ip_star", "ip_fine", "cost", "validity", "robust_accuracy", "loss_div", "trained_mature"),
)  # fmt: skip
