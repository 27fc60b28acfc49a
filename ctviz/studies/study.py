"""The record of a study: what is trained and measured, how it is told, and how its numbers are written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from ctviz import prose
from ctviz.catalogue.metrics import Metric
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.studies.draw import MAX_SEEDS, Draw, Panel
from ctviz.studies.summary import Mean
from ctviz.training.arm import Arm

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["gains", "epochs", "lines", "dots", "doses"]
"""How a study is drawn: gains against the share of mature searches, lines over epochs or over the dose, a dot for each
draw, or gains against the dose of each kind of harm."""


@dataclass(frozen=True)
class StudyMetric(Metric):
    """A metric that a study may be drawn by; ``log`` for a logarithmic axis.

    One called ``gain_NAME`` is how much less of NAME there is than in the conventional model, in % of that.
    """

    log: bool = False

    @classmethod
    def of(cls, metric: Metric, **more: Any) -> Self:
        """A metric of a snapshot, named with its symbol."""
        known = {part.name: getattr(metric, part.name) for part in fields(metric)}
        return cls(**{**known, "title": f"{metric.title} ({metric.symbol})", **more})

    @property
    def gain(self) -> bool:
        return self.name.startswith("gain_")

    @property
    def share(self) -> bool:
        return self.unit == "%" and not self.gain

    @property
    def column(self) -> str:
        """The metric of the table that it is made of."""
        return self.name.removeprefix("gain_")


@dataclass(frozen=True)
class Finding:
    """What the numbers say: a headline, a sentence for each panel, and on which panels the failure shows."""

    headline: str
    sentences: tuple[str, ...]
    shows: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeepLink:
    """A way to see it: a page of the app, what waits there, and the experiment it opens with."""

    page: Literal["boundaries", "trajectories", "actionability"]
    label: str
    query: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Study:
    """Variants × seeds, how they are measured, and how what they show is told: one file each.

    ``panels`` are its data sets, with their variants; ``metrics``, out of those of a run and of ``measures``, are kept
    in the tidy table. ``finding`` computes its sentences from that table and one of ``shown``; no claim stands
    elsewhere.
    """

    name: str
    title: str
    question: str
    expected: str
    advice: str
    kind: Kind
    panels: tuple[Panel, ...]
    measures: tuple[str, ...]
    metrics: tuple[str, ...]
    shown: tuple[StudyMetric, ...]  # to choose from in the picture, the first by default
    finding: Callable[[pd.DataFrame, StudyMetric], Finding]
    links: tuple[DeepLink, ...]
    seeds: int = 8
    every_epoch: bool = False
    dose: str = ""
    """What the dose of a variant is, in words."""

    def metric(self, name: str | None = None) -> StudyMetric:
        """One of ``shown``, by default the first."""
        for metric in self.shown:
            if name in (None, metric.name):
                return metric
        raise ConfigError("metric", name, f"one of {', '.join(metric.name for metric in self.shown)}")

    def panel(self, name: str) -> Panel:
        return next(panel for panel in self.panels if panel.name == name)

    @property
    def settings(self) -> dict[str, Any]:
        """The experiment of every stack, by its panel; a draw sets the seeds of the data and of the arms."""
        return {
            panel.name + (f" {place}" if place else ""): json.loads(stack.experiment.to_json())
            for panel in self.panels
            for place, stack in enumerate(panel.stacks)
        }

    def all_draws(self, seeds: int | None = None) -> tuple[Draw, ...]:
        """All draws of all panels, a draw of each panel before the next."""
        return self._usual_draws if seeds is None else self._draws(seeds)

    @cached_property
    def _usual_draws(self) -> tuple[Draw, ...]:
        """Kept, with the keys that they have worked out: a page asks for them at each run."""
        return self._draws(self.seeds)

    def _draws(self, wanted: int) -> tuple[Draw, ...]:
        if not 1 <= wanted <= MAX_SEEDS:
            raise ConfigError("seeds", wanted, f"1 to {MAX_SEEDS}")
        return tuple(
            draw
            for seed in range(wanted)
            for panel in self.panels
            if seed < panel.most_draws
            for draw in panel.draws(seed, self.measures, self.metrics, every_epoch=self.every_epoch)
        )


Told = tuple[tuple[str, ...], str]
"""What is told of a panel: the groups that it belongs to, such as ``lost``, and its sentence."""


def by_panel(
    panels: Sequence[Panel], table: pd.DataFrame, tell: Callable[[Panel, pd.DataFrame], Told | None]
) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Tell each measured panel of its own rows: group → titles of its panels (none: an empty list), and the sentences.

    ``tell`` returns None for a panel of which nothing can be told.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    sentences = []
    for panel in panels:
        own = table[table["panel"] == panel.name]
        told = tell(panel, own) if len(own) else None
        if told is not None:
            sentences.append(told[1])
            for group in told[0]:
                groups[group].append(panel.title)
    return groups, tuple(sentences)


number = partial(prose.number, group=",", exponents=False, missing="unknown")
"""Two significant digits: ``0.43``, ``12``, ``3,400``."""

percent = partial(prose.decimal, digits=0, unit=" %", missing="unknown")
"""Whole per cent of a number in per cent."""


def interval(found: Mean, unit: str = "") -> str:
    """``35 % (30 to 41 %)``, or without a unit ``3.5 (2.9 to 4.1)``; without an interval for one draw."""
    said = percent if unit == "%" else number
    if not np.isfinite(found.low):
        return said(found.value)
    return f"{said(found.value)} ({said(found.low).removesuffix(' %')} to {said(found.high)})"


def stack(base: Experiment, changes: dict[str, object], arms: Sequence[Arm]) -> Experiment:
    """An experiment of these arms, without fields and paths."""
    plain = {"evaluation.field": 0, "evaluation.paths": 0, "evaluation.also": (), "evaluation.factuals": 200}
    return base.replace({**plain, **changes, "arms": arms})
