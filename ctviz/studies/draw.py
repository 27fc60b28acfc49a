"""A draw of a study: the unit of work, trained and measured as one stack."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.cost import about_seconds
from ctviz.experiments.snapshot import METRICS, Snapshot
from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import Kind
from ctviz.experiments.store.frames import from_parquet, to_parquet
from ctviz.isolation import isolated
from ctviz.studies.task import StudyTask

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("panel", "variant", "dose", "seed", "epoch", "metric", "value")

MEASURES_VERSION = 1
"""Part of every draw's key; raised whenever the same experiment is measured differently than before."""

MAX_SEEDS = 100

MAX_ROWS = 1 << 20
"""Most rows in a file of results; a larger one is not read."""


def _to_bytes(table: pd.DataFrame) -> bytes:
    """As small as it gets."""
    return to_parquet(table, ("panel", "variant", "metric"), compression_level=19)


def _from_bytes(content: bytes) -> pd.DataFrame:
    names = dict.fromkeys(("panel", "variant", "metric"), str)
    numbers = {"dose": float, "value": float, "seed": int, "epoch": int}
    return from_parquet(content, COLUMNS, MAX_ROWS).astype({**names, **numbers})


DRAWS = Kind(
    "draw of a limit",
    folder="limits",
    encode=_to_bytes,
    decode=_from_bytes,
    old_name="{key}.parquet",
    max_bytes=1 << 24,
    max_files=2000,
    room=lambda store: 1 << 27,
)
"""Rows of the measured draws in a store, by the key of the draw."""


@dataclass(frozen=True)
class Variant:
    """One variant of a panel: its name, its arm and its dose (NaN: none).

    Two variants may share an arm, such as the undisturbed search, which every kind of disturbance includes.
    """

    name: str
    arm: str
    dose: float = float("nan")


@dataclass(frozen=True)
class Panel:
    """One data set of a study: an experiment, whose seeds are set by the draw, and the variants among its arms."""

    name: str
    title: str
    experiment: Experiment
    variants: tuple[Variant, ...]
    most_draws: int = MAX_SEEDS
    """Most draws of this panel; for panels whose draws take minutes."""

    others: tuple[tuple[Experiment, tuple[Variant, ...]], ...] = ()
    """Further stacks, of variants whose data, model or schedule differ; each has a conventional variant of its own."""

    @property
    def stacks(self) -> tuple[Panel, ...]:
        """A panel for each of its stacks."""
        whole = ((self.experiment, self.variants), *self.others)
        return tuple(replace(self, experiment=each, variants=variants, others=()) for each, variants in whole)

    @property
    def names(self) -> tuple[str, ...]:
        """What its variants are called; those that differ in their dose alone share a name."""
        return tuple(dict.fromkeys(variant.name for stack in self.stacks for variant in stack.variants))

    def at(self, seed: int) -> Experiment:
        """The experiment of one draw: data, initial weights and order of the batches all use this seed."""
        return self.experiment.replace({"data.seed": seed, "arms.*.seed": seed})

    def draws(
        self, seed: int, measures: tuple[str, ...], metrics: tuple[str, ...], *, every_epoch: bool
    ) -> tuple[Draw, ...]:
        """One draw of each of its stacks."""
        return tuple(
            Draw(stack, seed, stack.at(seed), measures, metrics, every_epoch, place if self.others else None)
            for place, stack in enumerate(self.stacks)
        )


@dataclass(frozen=True)
class Draw(StudyTask["pd.DataFrame"]):
    """One draw of one panel: the unit of work, trained as one stack."""

    panel: Panel
    seed: int
    experiment: Experiment
    measures: tuple[str, ...]
    metrics: tuple[str, ...]
    every_epoch: bool
    place: int | None = None
    """Which of the panel's stacks it is; None if there is only one."""

    called: ClassVar[str] = "draw"
    results: ClassVar[Kind[pd.DataFrame]] = DRAWS

    @property
    def name(self) -> str:
        """Names it among the draws of its study: ``moons 3``."""
        return f"{self.panel.name} {self.seed}" + ("" if self.place is None else f" {self.place}")

    def rows_of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Its own rows of a study's table."""
        own = table[(table["panel"] == self.panel.name) & (table["seed"] == self.seed)]
        if self.place is None:
            return own
        doses = {(v.name, repr(v.dose)) for v in self.panel.variants}
        pairs = zip(own["variant"].tolist(), own["dose"].tolist(), strict=True)
        return own[[(name, repr(dose)) in doses for name, dose in pairs]]

    @property
    def named(self) -> str:
        """The experiment, its metrics and its names."""
        variants = [(v.name, v.arm, repr(v.dose)) for v in self.panel.variants]
        measured = f"{self.measures}:{self.metrics}:{self.every_epoch}"
        return f"{MEASURES_VERSION}:{self.experiment.key}:{measured}:{variants}"

    @property
    def seconds(self) -> float:
        """About how long it takes with one thread; short steps take as long as everything else."""
        return about_seconds(self.experiment) * (2 if "fine" in self.measures else 1)

    @property
    def values(self) -> dict[str, Any]:
        experiments = {"experiment": self.experiment, "base": self.panel.experiment}
        values = {name: one.model_dump(mode="json") for name, one in experiments.items()}
        variants = [(v.name, v.arm, None if math.isnan(v.dose) else v.dose) for v in self.panel.variants]
        panel = {"name": self.panel.name, "title": self.panel.title, "variants": variants}
        facts = {name: getattr(self, name) for name in ("seed", "measures", "metrics", "every_epoch", "place")}
        return {**values, **facts, "panel": panel}

    @classmethod
    def from_values(cls, values: Any) -> Draw:
        """Inverse of ``values``."""
        named = values["panel"]
        variants = tuple(
            Variant(name, arm, math.nan if dose is None else dose) for name, arm, dose in named["variants"]
        )
        panel = Panel(named["name"], named["title"], Experiment.from_mapping(values["base"]), variants)
        return cls(
            panel, int(values["seed"]), Experiment.from_mapping(values["experiment"]),
            tuple(values["measures"]), tuple(values["metrics"]), bool(values["every_epoch"]), values["place"],
        )  # fmt: skip

    def measured(self, store: Store, cancelled: Callable[[], bool]) -> pd.DataFrame | None:
        return measure_draw(self, cancelled)


def measure_draw(draw: Draw, cancelled: Callable[[], bool] = lambda: False) -> pd.DataFrame | None:
    """Train and measure one draw: one row for each variant, epoch and metric; None if it was cancelled."""
    import pandas as pd

    from ctviz.experiments.run import Training
    from ctviz.studies.measures import MEASURES, MeasureContext

    training = Training(draw.experiment, "cpu")
    context = MeasureContext.of(draw.experiment, training.data, training.stack.flat)
    total = draw.experiment.training.epochs
    rows: list[tuple[str, float, int, str, float]] = []
    trained: list[Snapshot] = []
    for snapshot in training:
        if cancelled():
            return None
        if snapshot.epoch > 0:
            trained.append(snapshot)
        if not draw.every_epoch and snapshot.epoch < total:
            continue
        values = {name: snapshot.metrics[name] for name in METRICS}
        with isolated():
            for name in draw.measures:
                values |= MEASURES[name](context, training.stack)
        if snapshot.epoch == total:
            values |= _over_epochs(trained)
        rows += _rows(draw, snapshot.epoch, values)
    table = pd.DataFrame(rows, columns=["variant", "dose", "epoch", "metric", "value"])
    return table.assign(panel=draw.panel.name, seed=draw.seed)[list(COLUMNS)].astype({"value": np.float32})


def _over_epochs(trained: Sequence[Snapshot]) -> dict[str, Any]:
    """trained_mature and all_skipped, (m): a mean and a sum over the epochs that were recorded."""
    mature = np.stack([snapshot.metrics["mature"] for snapshot in trained])  # e m
    known = np.isfinite(mature)
    total = np.where(known, mature, 0).sum(axis=0)
    mean = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
    return {"trained_mature": mean, "all_skipped": sum(snapshot.metrics["skipped"] for snapshot in trained)}


def _rows(draw: Draw, epoch: int, values: dict[str, Any]) -> Iterator[tuple[str, float, int, str, float]]:
    places = {arm.name: i for i, arm in enumerate(draw.experiment.arms)}
    for variant in draw.panel.variants:
        for name in draw.metrics:
            if name in values and np.isfinite(value := float(values[name][places[variant.arm]])):
                yield variant.name, variant.dose, epoch, name, value
