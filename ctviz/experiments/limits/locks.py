"""Locks without protection: whether a model still relies on a feature that its searches may not change."""

from __future__ import annotations

from typing import Any

from ctviz.experiments.config import Experiment
from ctviz.experiments.limits.draw import LimitPanel, Variant
from ctviz.experiments.limits.limit import Limit, stack
from ctviz.experiments.summary import CONVENTIONAL
from ctviz.training.arm import Arm

UNLOCKED, BARE, PROTECTED = "lock in advice alone", "lock without protection", "lock with protection"


def arms_of(base: Experiment, locked: int) -> list[Arm]:
    """The four arms, with the search and the weights of a preset's last arm."""
    own = base.arms[-1].model_dump()
    names = ("generator", "step_size", "tau", "lambda_div", "lambda_adv", "lambda_reg")
    shared: dict[str, Any] = {name: own[name] for name in names} | {"locked": (locked,)}
    off = {"lambda_div": 0.0, "lambda_adv": 0.0, "lambda_reg": 0.0}
    return [
        Arm(name="vanilla", **{**shared, **off, "lock_when": "searching"}),
        Arm(name="free", **shared, lock_when="searching"),
        Arm(name="bare", **shared, shield="off"),
        Arm(name="shielded", **shared),
    ]


def _panel(name: str, title: str, preset: str, locked: int) -> LimitPanel:
    base = Experiment.preset(preset)
    experiment = stack(base, {"evaluation.every": 100}, arms_of(base, locked))
    variants = (
        Variant(CONVENTIONAL, "vanilla"), Variant(UNLOCKED, "free"),
        Variant(BARE, "bare"), Variant(PROTECTED, "shielded"),
    )  # fmt: skip
    return LimitPanel(name, title, experiment, variants)


LIMIT = Limit(
    name="locks",
    panels=(
        _panel("proxies", "Normal data (linear models)", "proxies", 1),
        _panel("figure1", "LS as in Figure 1", "figure1", 1),
        _panel("moons", "Moons", "lock", 0),
    ),
    measures=("locks",),
    metrics=("share", "tilt", "cost", "validity", "loss_div", "validation_accuracy", "trained_mature"),
    seeds=20,
)  # fmt: skip
