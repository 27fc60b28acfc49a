"""The record of a limit: its question, its settings as experiments, what is measured, and what is found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.training.arm import Arm

if TYPE_CHECKING:
    import pandas as pd

MEASURES_VERSION = 1
"""Part of every stand's key; raised when the same experiment would be measured differently than before."""

MOST_SEEDS = 100

Kind = Literal["gains", "epochs", "dots", "doses"]
"""How a limit is drawn: gains against the share of mature searches, lines over epochs, a dot for each draw, or gains
against the dose of each kind of harm."""


@dataclass(frozen=True)
class Variant:
    """One line of a study: which arm of the panel it is, under which name, at which dose (NaN: none).

    Two variants may share an arm, such as the undisturbed search from which every kind of harm starts.
    """

    name: str
    arm: str
    dose: float = float("nan")


@dataclass(frozen=True)
class Panel:
    """One data set of a limit: an experiment, whose seeds are those of the draw, and the variants among its arms."""

    name: str
    title: str
    experiment: Experiment
    variants: tuple[Variant, ...]
    most_draws: int = MOST_SEEDS
    """Where a draw takes minutes, no more than so many are made."""

    def at(self, seed: int) -> Experiment:
        """The experiment of one draw: data, first weights and order of the batches all from this seed."""
        arms = [{**arm.model_dump(), "seed": seed} for arm in self.experiment.arms]
        data = {**self.experiment.data.model_dump(), "seed": seed}
        return Experiment(**{**self.experiment.model_dump(), "data": data, "arms": arms})


@dataclass(frozen=True)
class Stand:
    """One draw of one panel: the unit of work, trained as one stack."""

    panel: Panel
    seed: int
    experiment: Experiment
    measures: tuple[str, ...]
    metrics: tuple[str, ...]
    every_epoch: bool

    @property
    def key(self) -> str:
        """16 hexadecimal digits: the experiment, what is measured, and how it is called."""
        named = [(v.name, v.arm, repr(v.dose)) for v in self.panel.variants]
        text = f"{MEASURES_VERSION}:{self.experiment.key}:{self.measures}:{self.metrics}:{self.every_epoch}:{named}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Metric:
    """What a limit may be drawn by; ``unit`` "%" for shares and gains, ``log`` for a logarithmic axis.

    ``gain``: shown is how much less of ``column`` there is than in the conventional model, in % of that.
    """

    name: str
    title: str
    help: str
    unit: str = ""
    log: bool = False
    gain: bool = False

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
class Limit:
    """A failure that was to be expected, as an experiment that shows whether it happens.

    ``finding`` computes its sentences from a table and the name of one of ``shown``; no claim stands elsewhere.
    """

    name: str
    title: str
    question: str
    expected: str
    advice: str
    kind: Kind
    panels: tuple[Panel, ...]
    measures: tuple[str, ...]
    metrics: tuple[str, ...]  # kept in the table
    shown: tuple[Metric, ...]  # to choose from in the picture, the first by default
    finding: Callable[[pd.DataFrame, Metric], Finding]
    links: tuple[DeepLink, ...]
    seeds: int = 8
    every_epoch: bool = False

    def metric(self, name: str | None = None) -> Metric:
        """One of ``shown``, by default the first."""
        for metric in self.shown:
            if name in (None, metric.name):
                return metric
        raise ConfigError("metric", name, f"one of {', '.join(metric.name for metric in self.shown)}")

    def panel(self, name: str) -> Panel:
        return next(panel for panel in self.panels if panel.name == name)

    def stands(self, seeds: int | None = None) -> tuple[Stand, ...]:
        """All draws of all panels, a draw of each panel before the next."""
        wanted = self.seeds if seeds is None else seeds
        if not 1 <= wanted <= MOST_SEEDS:
            raise ConfigError("seeds", wanted, f"1 to {MOST_SEEDS}")
        return tuple(
            Stand(panel, seed, panel.at(seed), self.measures, self.metrics, self.every_epoch)
            for seed in range(wanted)
            for panel in self.panels
            if seed < panel.most_draws
        )


def stack(base: Experiment, changes: dict[str, object], arms: Sequence[Arm]) -> Experiment:
    """An experiment of these arms, without the pictures that nobody looks at."""
    plain = {"evaluation.field": 0, "evaluation.paths": 0, "evaluation.also": (), "evaluation.factuals": 200}
    changed = base.replace({**plain, **changes})
    return Experiment(**{**changed.model_dump(), "arms": [arm.model_dump() for arm in arms]})
