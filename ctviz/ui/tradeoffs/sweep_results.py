"""The results of sweeps by now, kept for all sessions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from ctviz.cache import Cache
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.store import Store
from ctviz.figures.checked import Drawings
from ctviz.figures.tradeoffs.cells import keep_cells
from ctviz.studies.sweeps.declaration import Sweep
from ctviz.studies.sweeps.results import SweepResult, collect
from ctviz.ui.kit.runner import Runner
from ctviz.ui.kit.service import service
from ctviz.ui.tradeoffs.bounds import within_sight

REST = 10.0
"""Seconds between two looks at the store for a sweep of which this server has heard nothing new: another process may be
at it."""

MAX_RESULTS = 24
"""Results kept; those used least recently go first."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """The results of a sweep, and what has been told and drawn of them, for all sessions: both go over all cells."""

    result: SweepResult
    told: Cache = field(default_factory=lambda: Cache(16))
    drawings: Drawings = field(default_factory=lambda: Drawings(16))


@dataclass
class _Kept:
    loaded: Loaded
    looked: float
    token: tuple[str, int]  # what was told of it then
    complete: bool

    def holds(self, token: tuple[str, int]) -> bool:
        """Whether there can be no more of it by now."""
        return self.complete or (self.token == token and time.monotonic() - self.looked < REST)


class Results:
    """The results of sweeps, for all sessions; who asks for one waits for nobody who asks for another."""

    def __init__(self, store: Store) -> None:
        self._store, self._kept = store, Cache(MAX_RESULTS, at_once=None)

    def get(self, sweep: Sweep, state: str = "", outcomes: Sequence[TaskResult[Any]] = ()) -> Loaded:
        """What is stored of a sweep by now.

        Args:
            sweep: whose results.
            state: where it stands on this server; when that changes, the store is looked at again.
            outcomes: how its parts have ended, to say why some failed.

        Raises:
            CtvizError: it cannot be read.
        """
        token = (state, len(outcomes))

        def read() -> _Kept:
            result = collect(sweep, self._store, outcomes)
            keep_cells(result.across)
            complete = state != "running" and result.done and len(result.across) > 0
            return _Kept(Loaded(result), time.monotonic(), token, complete)

        return self._kept.get(sweep.key, read, valid=lambda kept: kept.holds(token)).loaded


@st.cache_resource(show_spinner=False)
def _results() -> Results:
    """The server's one."""
    return Results(service().store)


def results_of(sweep: Sweep, sweeps: Runner) -> Loaded:
    """What is stored of a sweep by now.

    Raises:
        CtvizError: it cannot be read, or has more models than can be shown.
    """
    within_sight(sweep)
    progress = sweeps.progress(sweep.key)
    return _results().get(sweep, progress.state if progress is not None else "", sweeps.outcomes(sweep.key))
