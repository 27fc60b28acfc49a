"""The methods that are compared: what each changes of an arm, and the settings that are tried for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from ctviz.training.arm import VARIANTS

TRIES = 6
"""Settings that are tried for every method that has any of its own."""

SCHEDULE = "training."
"""Begins the settings of a try that belong to the schedule, not to the arm."""

CONVENTIONAL, COUNTERFACTUAL = "conventional", "full"
"""The method that gains are counted from, and the one that the question is about."""


@dataclass(frozen=True)
class RivalMethod:
    """A method of the comparison.

    Attributes:
        name: in results.
        title: what it is called.
        words: what it does, in one sentence.
        arm: what it changes of the usual arm (``Arm``).
        tries: what each try changes besides: settings of the arm, or of the schedule (``training.epochs``).
        ours: whether it is counterfactual training.
    """

    name: str
    title: str
    words: str
    arm: Mapping[str, Any] = field(default_factory=dict)
    tries: tuple[Mapping[str, Any], ...] = ({},)
    ours: bool = False


def grid(**settings: tuple[Any, ...]) -> tuple[Mapping[str, Any], ...]:
    """Every combination of the values, the last setting varying fastest; ``__`` in a name is a point."""
    names = [name.replace("__", ".") for name in settings]
    return tuple(dict(zip(names, values, strict=True)) for values in product(*settings.values()))


RIVALS: tuple[RivalMethod, ...] = (
    RivalMethod(
        CONVENTIONAL, "Conventional",
        "Cross-entropy on the samples, with the paper's schedule. It has no settings of its own, so nothing is tried.",
        VARIANTS["vanilla"],
    ),
    RivalMethod(
        "schedule", "Conventional, other schedule",
        "The same with another number of epochs or another learning rate, chosen as the settings of the others are.",
        VARIANTS["vanilla"],
        grid(training__epochs=(25, 50, 200), training__lr=(0.0003, 0.001)),
    ),
    RivalMethod(
        COUNTERFACTUAL, "Counterfactual training",
        "The paper's method; tried are its τ and its λ_reg, which the paper tunes too.",
        VARIANTS["full"],
        grid(tau=(0.5, 0.75, 0.9), lambda_reg=(0.1, 0.5)),
        ours=True,
    ),
)  # fmt: skip
"""In the order in which they are shown."""

BY_NAME: Mapping[str, RivalMethod] = {method.name: method for method in RIVALS}
