"""The methods that are compared: what each changes of an arm, and the settings that are tried for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from ctviz.training.arm import VARIANTS, Arm
from ctviz.training.methods import TRAINING_METHODS

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
        short: what it is called in a chart.
        words: what it does, in one sentence.
        arm: what it changes of the usual arm (``Arm``).
        tries: what each try changes besides: settings of the arm, or of the schedule (``training.epochs``).
        ours: whether it is counterfactual training.
        generator: what advises with its models, where that is not the search that all others have.
    """

    name: str
    title: str
    short: str
    words: str
    arm: Mapping[str, Any] = field(default_factory=dict)
    tries: tuple[Mapping[str, Any], ...] = ({},)
    ours: bool = False
    generator: str = ""

    @property
    def fewer_steps(self) -> tuple[int, int] | None:
        """The steps of the inner loop of its training, and those by default, where they are fewer."""
        name = TRAINING_METHODS[self.name].inner if self.name in TRAINING_METHODS else ""
        if name not in self.arm:
            return None
        here, usual = self.arm[name], Arm.model_fields[name].default
        return (here, usual) if here < usual else None


def grid(**settings: tuple[Any, ...]) -> tuple[Mapping[str, Any], ...]:
    """Every combination of the values, the last setting varying fastest; ``__`` in a name is a point."""
    names = [name.replace("__", ".") for name in settings]
    return tuple(dict(zip(names, values, strict=True)) for values in product(*settings.values()))


def _of_registry(name: str, tries: tuple[Mapping[str, Any], ...], generator: str = "", **changes: Any) -> RivalMethod:
    """A method of the registry, with its first variant and what is changed of that."""
    method = TRAINING_METHODS[name]
    (arm, *_) = method.variants.values()
    return RivalMethod(
        name, method.title, method.short, method.words, {**arm.changes, **changes}, tries, generator=generator
    )


RIVALS: tuple[RivalMethod, ...] = (
    RivalMethod(
        CONVENTIONAL, "Conventional training", "Conventional",
        "Cross-entropy on the samples, with the paper's schedule. It has no settings of its own, so nothing is tried.",
        VARIANTS["vanilla"],
    ),
    RivalMethod(
        "schedule", "Conventional training with another schedule", "Other schedule",
        "The same with another number of epochs or another learning rate, chosen as the settings of the others are.",
        VARIANTS["vanilla"],
        grid(training__epochs=(25, 50, 200), training__lr=(0.0003, 0.001)),
    ),
    RivalMethod(
        COUNTERFACTUAL, "Counterfactual training", "Counterfactual training",
        "The paper's method; tried are its τ and its λ_reg, which the paper tunes too.",
        VARIANTS["full"],
        grid(tau=(0.5, 0.75, 0.9), lambda_reg=(0.1, 0.5)),
        ours=True,
    ),
    RivalMethod(
        "halfway", "Counterfactual training with the half-way box", "Half-way box",
        "Counterfactual training whose adversarial box reaches a share of the way to the nearest sample of another "
        "class, with λ_adv = 1.",
        {**VARIANTS["full"], "epsilon_rule": "halfway", "lambda_adv": 1.0},
        grid(tau=(0.75, 0.9), epsilon_share=(0.25, 0.5, 0.75)),
        ours=True,
    ),
    _of_registry("pgd", grid(radius=(0.1, 0.3, 0.5), lambda_class=(0.0, 1.0)), inner_steps=7),
    _of_registry("jem", grid(lambda_gen=(0.1, 0.3, 1.0), sgld_step_size=(0.05, 0.1)), sgld_steps=10),
    _of_registry("recourse", grid(radius=(0.3, 0.75, 1.5), lambda_recourse=(0.3, 1.0)), inner_steps=5),
    _of_registry("augmentation", grid(tau=(0.5, 0.75, 0.9), lambda_aug=(0.3, 1.0))),
    _of_registry("ensemble", grid(members=(2, 3, 5, 7, 10, 15))),
    _of_registry(
        "counternet", grid(validity_weight=(0.2, 1.0), proximity_weight=(0.003, 0.01, 0.1)), generator="counternet"
    ),
)  # fmt: skip
"""In the order in which they are shown."""

BY_NAME: Mapping[str, RivalMethod] = {method.name: method for method in RIVALS}
