"""What is measured on Actionability: how a group of people, and one person, fare with each model under its locks."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st
import torch

from ctviz.cache import Cache
from ctviz.errors import DataError
from ctviz.evaluation.bootstrap import Bootstrap, Interval
from ctviz.evaluation.ends import measured
from ctviz.evaluation.leak import leak
from ctviz.evaluation.tilt import tilt_between
from ctviz.experiments.config import Experiment
from ctviz.experiments.endpoints import ends_of
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.outcome import OUTCOMES
from ctviz.experiments.snapshot import Snapshot, stack_of
from ctviz.experiments.trace import Trace
from ctviz.figures.advice import Span
from ctviz.studies.lock_draws import LEVEL, advise, effort_of, settings_of
from ctviz.ui.actionability.panel import PARTS
from ctviz.ui.kit.feature_names import wished_class
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import searches
from ctviz.ui.kit.service import service

PAUSE = 0.1
"""Seconds after each epoch that is measured beforehand, which belong to who opens a page meanwhile."""

MOST_KEPT = 1000
"""Epochs of runs and people whose numbers are kept."""


@dataclass(frozen=True)
class Numbers:
    """What is known of every model at one epoch (m each)."""

    asked: tuple[int, ...]  # how many of the group the model refuses
    outcomes: tuple[dict[str, int], ...]  # what came of their searches
    effort: tuple[Span, ...]  # ℓ1 distance of those who get advice
    differs: npt.NDArray[np.bool_]  # m m: whether two efforts differ beyond chance
    near: tuple[Span, ...]  # ℓ2 distance from the advice to the nearest real sample of the wished class
    apart: npt.NDArray[np.bool_]  # m m: whether two of these differ beyond chance
    average: tuple[Span, ...]  # mean ℓ1 distance from the advice to all real samples of that class (IP)
    averages_apart: npt.NDArray[np.bool_]  # m m: whether two of these differ beyond chance
    changed: tuple[tuple[Span, ...], ...]  # m d: share of the advice that changes a feature
    share: tuple[tuple[Span, ...], ...]  # m d: share of the attribution
    lean: tuple[tuple[Span, ...], ...]  # m d: its difference to the first arm; NaN for that
    leak: tuple[tuple[float, ...], ...]  # m d: correlation of the decision with a feature within classes
    tilt: tuple[float, ...]  # degrees: 0 where x2 alone decides, 90 where x1 alone does

    def got(self, arm: int) -> int:
        """How many of those whom an arm refuses get advice from it."""
        return self.outcomes[arm].get("mature", 0)


def numbers_of(run_view: RunView, snapshot: Snapshot) -> Numbers:
    """The numbers of one epoch of a run, measured when they are first asked for."""
    return _kept().get(
        (run_view.attempt, snapshot.epoch),
        lambda: measure(searches().explorer(run_view.experiment), snapshot, wished_class(run_view.scene)),
    )


def prepare() -> None:
    """Measures the shipped runs of the page at all of their epochs, before a class looks at them: each epoch takes a
    tenth of a second, and thirty people who move the slider would wait for each other."""
    for preset in dict.fromkeys(name for part in PARTS.values() for name in (part.first, part.preset)):
        run_view = service().run_view(Experiment.preset(preset).key)
        if run_view is None:
            continue
        for snapshot in list(run_view.snapshots):
            numbers_of(run_view, snapshot)
            time.sleep(PAUSE)


def advice_for(run_view: RunView, snapshot: Snapshot, person: tuple[float, float]) -> Trace:
    """The search of every model for one person."""
    target = wished_class(run_view.scene)
    return _kept().get(
        (run_view.attempt, snapshot.epoch, person),
        lambda: (
            searches()
            .explorer(run_view.experiment)
            .trace(snapshot, [person], [target], settings_of(run_view.experiment))
        ),
    )


def measure(explorer: Explorer, snapshot: Snapshot, wished: int) -> Numbers:
    """Searches advice for up to 100 validation samples of the other classes, and attributes the answers."""
    trace = advise(explorer, snapshot, wished)
    refused = trace.predicted != wished  # m b
    arrived, effort, differs = effort_of(trace, wished)
    ends = ends_of(trace)
    moved = ~explorer.features.unchanged(ends.change)  # m b f
    bootstrap = Bootstrap.of(arrived.shape[1])
    changed = bootstrap.mean(moved.mT, arrived.unsqueeze(1)).interval(LEVEL)
    near = bootstrap.mean(torch.from_numpy(trace.gap), arrived)
    average = bootstrap.mean(measured(ends, explorer.comparison, ("ip",))["ip"], arrived)
    sensitivity = explorer.sensitivity(snapshot, LEVEL)
    return Numbers(
        asked=tuple(int(count) for count in refused.sum(1)),
        outcomes=tuple(_counts(trace.outcome[arm][refused[arm]]) for arm in range(trace.m)),
        effort=_spans(effort.interval(LEVEL)),
        differs=differs.numpy(),
        near=_spans(near.interval(LEVEL)),
        apart=near.differs(LEVEL).numpy(),
        average=_spans(average.interval(LEVEL)),
        averages_apart=average.differs(LEVEL).numpy(),
        changed=tuple(_spans(_row(changed, arm)) for arm in range(trace.m)),
        share=tuple(_spans(_row(sensitivity.share, arm)) for arm in range(trace.m)),
        lean=tuple(_spans(_row(sensitivity.share_difference, arm)) for arm in range(trace.m)),
        leak=_leaks(explorer, snapshot, wished),
        tilt=_tilt(explorer, snapshot, wished),
    )


def _tilt(explorer: Explorer, snapshot: Snapshot, wished: int) -> tuple[float, ...]:
    """The angle of each boundary between the wished class and the first of the others."""
    other = next(c for c in range(explorer.data.k) if c != wished)
    try:
        found = tilt_between(stack_of([snapshot], explorer.experiment), explorer.data, (other, wished))
        return tuple(float(angle) for angle in found)
    except DataError:  # classes around one centre have no boundary between them
        return (float("nan"),) * len(explorer.experiment.arms)


def _leaks(explorer: Explorer, snapshot: Snapshot, wished: int) -> tuple[tuple[float, ...], ...]:
    """How far each model's decisions go along with each feature, on test data."""
    other = next(c for c in range(explorer.data.k) if c != wished)
    stack = stack_of([snapshot], explorer.experiment)
    by_feature = [leak(stack, *explorer.data.test, feature, (wished, other)) for feature in range(explorer.data.d)]
    return tuple(tuple(map(float, row)) for row in torch.stack(by_feature, dim=1))


def _counts(outcomes: npt.NDArray[np.int64]) -> dict[str, int]:
    return {name: int((outcomes == index).sum()) for index, name in enumerate(OUTCOMES)}


def _row(interval: Interval, arm: int) -> Interval:
    return Interval(interval.value[arm], interval.low[arm], interval.high[arm])


def _spans(interval: Interval) -> tuple[Span, ...]:
    ends = zip(interval.value, interval.low, interval.high, strict=True)
    return tuple(Span(float(value), float(low), float(high)) for value, low, high in ends)


@st.cache_resource(show_spinner=False)
def _kept() -> Cache:
    """What has been measured, for all sessions."""
    return Cache(MOST_KEPT, at_once=2)
