"""The settings of the comparison, and the experiments and protocols that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from pydantic import Field, field_validator

from ctviz.data.image_sets import IMAGES
from ctviz.data.tables.settings import TABLES
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.presets import READABLE_SEARCH
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


@dataclass(frozen=True)
class Extent:
    """How much is computed of a data set, at most, for all methods alike.

    Attributes:
        draws: of the final models; those on which settings are chosen are ``selecting``.
        every: 1 where all tries of a method are made, 2 where every second one is.
        epochs, rounds, selection_rounds: of ``Verdict``.
        locked: whether costs under the lock are compared.
        changes: of the experiment.
        careful: the careful search.
    """

    draws: int = 100
    selecting: int = SELECTING
    every: int = 1
    epochs: int = 10_000
    rounds: int = 10_000
    selection_rounds: int = 10_000
    locked: bool = True
    changes: Mapping[str, Any] = field(default_factory=dict)
    careful: Mapping[str, Any] = field(default_factory=lambda: CAREFUL)


EXTENTS: Mapping[str, Extent] = MappingProxyType(
    {
        "mnist": Extent(
            draws=5, selecting=1, every=2, epochs=20, rounds=20, selection_rounds=5, locked=False,
            changes={
                "data.n_train": 2000, "data.n_test": 2000, "training.batch": 100, "training.n_ce": 1000,
            },
            careful={**READABLE_SEARCH, "lambda_egy": (READABLE_SEARCH["lambda_egy"],)},
        )
    }
)  # fmt: skip
"""Data of which less is computed: a draw of all methods on the digits of Table 1 would take an hour. Their careful
search is the one that the page Digits opens with, which goes on until a model is sure; short steps reach no digit that
anybody can read."""


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

    def selecting(self, data: str) -> range:
        """Draws on which the settings of a data set are chosen."""
        return range(min(self.draws, extent(data).selecting))

    def seeds(self, data: str) -> range:
        """Draws of the final models of a data set."""
        return range(min(self.draws, extent(data).draws))

    def tries(self, method: RivalMethod, data: str) -> tuple[Mapping[str, Any], ...]:
        """The tries of a method on a data set."""
        return method.tries[:: extent(data).every]

    @property
    def locks(self) -> tuple[str, ...]:
        """Data whose costs under the lock are compared."""
        return tuple(data for data in self.data if extent(data).locked)

    def table(self, *data: str) -> Scouting:
        """Table 1 of data sets of the same extent, whose data, schedules, locks and protocols these are."""
        most = extent(data[0])
        bounded = {name: min(getattr(self, name), getattr(most, name)) for name in BOUNDED}
        return Scouting(data=data, seeds=len(self.seeds(data[0])), factuals=self.factuals, level=self.level, **bounded)

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
        table = self.table(data)
        scheduled = {name: value for name, value in changes[0].items() if name.startswith(SCHEDULE)}
        if "training.epochs" in scheduled:  # of the usual 100
            scheduled["training.epochs"] = max(1, round(scheduled["training.epochs"] * table.epochs / 100))
        epochs = {"evaluation.every": scheduled["training.epochs"]} if "training.epochs" in scheduled else {}
        return table.experiment(data, seed, arms).replace({**extent(data).changes, **scheduled, **epochs})

    # -- protocols ----------------------------------------------------------------------------------------

    def on_validation(self, method: RivalMethod, data: str, search: Search) -> Protocol:
        """How tries are compared."""
        also = ("median",) if data in TABLES else ()
        return _searched(self.table(data).on_validation(data), search, method, data).change({"also": also})

    def on_test(self, method: RivalMethod, data: str, search: Search) -> Protocol:
        """How the chosen settings are: the paper's protocol; attacks once."""
        usual = self.table(data).on_test(data)
        also = tuple(extra for extra in usual.also if search == "paper" or extra != "robustness")
        attacks = usual.attacks[-1:] if search == "paper" else ()
        more = ("nearest_sample", "reader") if data in IMAGES else ("nearest_sample",)
        return _searched(usual, search, method, data).change({"also": (*also, *more), "attacks": attacks})

    def on_test_locked(self, method: RivalMethod, data: str, search: Search) -> Protocol:
        """The same under the lock, at the paper's lower τ."""
        return _searched(self.table(data).on_test_locked(data).change({"also": ()}), search, method, data)


class Scouting(Reproduction):
    """Table 1 with as many draws of tables and digits as are asked for."""

    def draws(self, data: str) -> int:
        return self.seeds


BOUNDED = ("epochs", "rounds", "selection_rounds")
"""Settings that an extent bounds."""


def extent(data: str) -> Extent:
    """How much is computed of a data set."""
    return EXTENTS.get(data, Extent())


def _searched(protocol: Protocol, search: Search, method: RivalMethod, data: str) -> Protocol:
    own = {"generator": method.generator} if method.generator else {}
    return protocol.change({**(extent(data).careful if search == "careful" else {}), **own})


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
