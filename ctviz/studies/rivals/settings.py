"""The settings of the comparison, and the experiments and protocols that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, get_args

from pydantic import Field, field_validator

from ctviz.data.image_sets import IMAGES
from ctviz.data.tables.settings import TABLES
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.protocol import Protocol
from ctviz.settings import Settings
from ctviz.studies.reproduce.published import HERE
from ctviz.studies.reproduce.reproduction import LOCKED, Reproduction
from ctviz.studies.rivals.methods import BY_NAME, CONVENTIONAL, RIVALS, SCHEDULE, RivalMethod
from ctviz.training.arm import Arm

Search = Literal["paper", "careful"]
SEARCHES: tuple[Search, ...] = get_args(Search)
"""Every model is searched twice: with the steps of the paper's evaluation, and carefully."""

CAREFUL: Mapping[str, Any] = {"step_size": 0.01, "steps": 1000}
"""Steps a tenth as long, and enough of them to arrive: the shortest of Table 1's further searches."""

USUAL = ("ls", "circles", "moons", "ol", "california", "german")
"""Data that are compared where none are named: the plane, a table of the paper's, and a small one."""

SELECTING = 3
"""Draws on which settings are chosen: the first."""


class Verdict(Settings):
    """All methods on some data sets, over draws of data and of training."""

    data: tuple[str, ...] = Field(USUAL, min_length=1)
    methods: tuple[str, ...] = Field(tuple(BY_NAME), min_length=2)
    draws: int = Field(10, ge=1, le=100, description="Draws of the data and of training: seeds 0, 1, …")
    epochs: int = Field(100, ge=1, le=10_000)
    rounds: int = Field(Protocol().rounds, ge=2, le=10_000, description="Rounds of the evaluation on test data.")
    selection_rounds: int = Field(20, ge=2, le=10_000, description="Rounds on validation data, for each try.")
    factuals: int | None = Field(None, ge=2, le=10_000, description="Factuals of a round; by default as in the paper.")
    level: float = Field(0.99, gt=0, lt=1)

    @field_validator("data", mode="before")
    @classmethod
    def _data(cls, data: Any) -> Any:
        return _known("data", data, HERE)

    @field_validator("methods", mode="before")
    @classmethod
    def _methods(cls, methods: Any) -> Any:
        found = _known("methods", methods, tuple(BY_NAME))
        return tuple(name for name in BY_NAME if name in (CONVENTIONAL, *found))

    @classmethod
    def quick(cls, **values: Any) -> Verdict:
        """A small part of the work, to check that everything runs; its numbers are rough."""
        return cls(**{"draws": 2, "rounds": 20, "selection_rounds": 5, "epochs": 20, **values})

    @property
    def rivals(self) -> tuple[RivalMethod, ...]:
        """The methods, in their order; conventional training is always among them."""
        return tuple(method for method in RIVALS if method.name in self.methods)

    @property
    def selecting(self) -> range:
        """Draws on which settings are chosen."""
        return range(min(self.draws, SELECTING))

    @cached_property
    def table(self) -> Scouting:
        """Table 1 of the same data, whose data sets, schedules, locks and protocols these are."""
        shared = ("data", "epochs", "rounds", "selection_rounds", "factuals", "level")
        return Scouting(seeds=self.draws, **{name: getattr(self, name) for name in shared})

    # -- experiments --------------------------------------------------------------------------------------

    def experiment(self, method: RivalMethod, data: str, seed: int, change: Mapping[str, Any]) -> Experiment:
        """One method with one try's settings, without locks."""
        return self.stacked(method, data, seed, [change])

    def locked(self, method: RivalMethod, data: str, seed: int, change: Mapping[str, Any]) -> Experiment:
        """The same, trained and explained under the lock; conventional training knows of it in its advice alone."""
        free = self.stacked(method, data, seed, [change])
        return free.replace({"arms": [arm.model_copy(update={"locked": LOCKED[data]}) for arm in free.arms]})

    def stacked(self, method: RivalMethod, data: str, seed: int, changes: Sequence[Mapping[str, Any]]) -> Experiment:
        """Tries that share a schedule, as one stack; with one try alone its arm is called as the method is."""
        names = [method.name] if len(changes) == 1 else [f"try {place + 1}" for place in range(len(changes))]
        arms = [
            Arm(name=name, **{**method.arm, **{k: v for k, v in change.items() if not k.startswith(SCHEDULE)}})
            for name, change in zip(names, changes, strict=True)
        ]
        scheduled = {name: value for name, value in changes[0].items() if name.startswith(SCHEDULE)}
        if "training.epochs" in scheduled:  # of the usual 100
            scheduled["training.epochs"] = max(1, round(scheduled["training.epochs"] * self.epochs / 100))
        epochs = {"evaluation.every": scheduled["training.epochs"]} if "training.epochs" in scheduled else {}
        return self.table.experiment(data, seed, arms).replace({**scheduled, **epochs})

    # -- protocols ----------------------------------------------------------------------------------------

    def on_validation(self, method: RivalMethod, data: str, search: Search) -> Protocol:
        """How tries are compared."""
        also = ("median",) if data in TABLES else ()
        return _searched(self.table.on_validation(data), search, method).change({"also": also})

    def on_test(self, method: RivalMethod, data: str, search: Search) -> Protocol:
        """How the chosen settings are: the paper's protocol; attacks once."""
        usual = self.table.on_test(data)
        also = tuple(extra for extra in usual.also if search == "paper" or extra != "robustness")
        attacks = usual.attacks[-1:] if search == "paper" else ()
        more = ("nearest_sample", "reader") if data in IMAGES else ("nearest_sample",)
        return _searched(usual, search, method).change({"also": (*also, *more), "attacks": attacks})

    def on_test_locked(self, method: RivalMethod, data: str, search: Search) -> Protocol:
        """The same under the lock, at the paper's lower τ."""
        return _searched(self.table.on_test_locked(data).change({"also": ()}), search, method)


class Scouting(Reproduction):
    """Table 1 with as many draws of tables and digits as are asked for."""

    def draws(self, data: str) -> int:
        return self.seeds


def _searched(protocol: Protocol, search: Search, method: RivalMethod) -> Protocol:
    own = {"generator": method.generator} if method.generator else {}
    return protocol.change({**(CAREFUL if search == "careful" else {}), **own})


def _known(field: str, given: Any, allowed: Sequence[str]) -> tuple[str, ...]:
    """The names, each once, in the usual order; from a list or from a text with commas."""
    names = [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else given
    said = f"any of {', '.join(allowed)}, separated by commas"
    if not isinstance(names, list | tuple) or not names:
        raise ConfigError(field, given, said)
    for name in names:
        if name not in allowed:
            raise ConfigError(field, name, said)
    return tuple(name for name in allowed if name in names)
