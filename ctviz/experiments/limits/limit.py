"""The declaration of a limit: its question, its experiments, its metrics, and its finding."""

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
"""Part of every draw's key; raised whenever the same experiment is measured differently than before."""

MAX_SEEDS = 100

Kind = Literal["gains", "epochs", "dots", "doses"]
"""The kind of picture: gains against the share of mature searches, lines over epochs, a dot for each draw, or gains
against the dose of each kind of disturbance."""


@dataclass(frozen=True)
class Variant:
    """One variant of a panel: its name, its arm and its dose (NaN: none).

    Two variants may share an arm, such as the undisturbed search, which every kind of disturbance includes.
    """

    name: str
    arm: str
    dose: float = float("nan")


@dataclass(frozen=True)
class LimitPanel:
    """One data set of a limit: an experiment, whose seeds are set by the draw, and the variants among its arms."""

    name: str
    title: str
    experiment: Experiment
    variants: tuple[Variant, ...]
    most_draws: int = MAX_SEEDS
    """Most draws of this panel; for panels whose draws take minutes."""

    def at(self, seed: int) -> Experiment:
        """The experiment of one draw: data, initial weights and order of the batches all use this seed."""
        arms = [{**arm.model_dump(), "seed": seed} for arm in self.experiment.arms]
        data = {**self.experiment.data.model_dump(), "seed": seed}
        return Experiment(**{**self.experiment.model_dump(), "data": data, "arms": arms})


@dataclass(frozen=True)
class PanelDraw:
    """One draw of one panel: the unit of work, trained as one stack."""

    panel: LimitPanel
    seed: int
    experiment: Experiment
    measures: tuple[str, ...]
    metrics: tuple[str, ...]
    every_epoch: bool

    @property
    def key(self) -> str:
        """16 hexadecimal digits that identify the experiment, its metrics and its names."""
        named = [(v.name, v.arm, repr(v.dose)) for v in self.panel.variants]
        text = f"{MEASURES_VERSION}:{self.experiment.key}:{self.measures}:{self.metrics}:{self.every_epoch}:{named}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class LimitMetric:
    """A metric that a limit can show; ``unit`` "%" for shares and gains, ``log`` for a logarithmic axis.

    ``gain``: the reduction of ``column`` relative to the conventional model, in %.
    """

    name: str
    title: str
    help: str
    unit: str = ""
    log: bool = False
    gain: bool = False

    @property
    def column(self) -> str:
        """The metric in the table behind it."""
        return self.name.removeprefix("gain_")


@dataclass(frozen=True)
class LimitFinding:
    """What the numbers show: a headline, a sentence for each panel, and the panels on which the failure occurs."""

    headline: str
    sentences: tuple[str, ...]
    shows: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeepLink:
    """A link into the app: a page, a description, and the experiment that the page opens with."""

    page: Literal["boundaries", "trajectories", "actionability"]
    label: str
    query: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Limit:
    """An expected failure, as an experiment that shows whether it occurs.

    ``finding`` computes its sentences from a table and one of the metrics in ``shown``; no other text makes a claim.
    """

    name: str
    title: str
    question: str
    expected: str
    advice: str
    kind: Kind
    panels: tuple[LimitPanel, ...]
    measures: tuple[str, ...]
    metrics: tuple[str, ...]  # kept in the table
    shown: tuple[LimitMetric, ...]  # to choose from in the picture, the first by default
    finding: Callable[[pd.DataFrame, LimitMetric], LimitFinding]
    links: tuple[DeepLink, ...]
    seeds: int = 8
    every_epoch: bool = False

    def metric(self, name: str | None = None) -> LimitMetric:
        """One of ``shown``, by default the first."""
        for metric in self.shown:
            if name in (None, metric.name):
                return metric
        raise ConfigError("metric", name, f"one of {', '.join(metric.name for metric in self.shown)}")

    def panel(self, name: str) -> LimitPanel:
        return next(panel for panel in self.panels if panel.name == name)

    def all_draws(self, seeds: int | None = None) -> tuple[PanelDraw, ...]:
        """All draws of all panels, a draw of each panel before the next."""
        wanted = self.seeds if seeds is None else seeds
        if not 1 <= wanted <= MAX_SEEDS:
            raise ConfigError("seeds", wanted, f"1 to {MAX_SEEDS}")
        return tuple(
            PanelDraw(panel, seed, panel.at(seed), self.measures, self.metrics, self.every_epoch)
            for seed in range(wanted)
            for panel in self.panels
            if seed < panel.most_draws
        )


def stack(base: Experiment, changes: dict[str, object], arms: Sequence[Arm]) -> Experiment:
    """An experiment of these arms, without fields and paths."""
    plain = {"evaluation.field": 0, "evaluation.paths": 0, "evaluation.also": (), "evaluation.factuals": 200}
    changed = base.replace({**plain, **changes})
    return Experiment(**{**changed.model_dump(), "arms": [arm.model_dump() for arm in arms]})
