"""What pages know of sweeps: which there are, and the results of each as far as they have got."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from ctviz.cache import Cache
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.store import Store
from ctviz.experiments.sweeps.declaration import Sweep
from ctviz.experiments.sweeps.results import SweepResult, collect
from ctviz.ui.kit.service import service

REST = 10.0
"""Seconds between two looks at the store for a sweep of which this server has heard nothing new: another process may be
at it."""

MOST = 24
"""Results kept; those used least recently go first."""


MOST_TEXTS = 64
"""Sentences kept, with the results that they are about."""


@dataclass
class _Known:
    result: SweepResult
    looked: float
    token: tuple[str, int]  # what was told of it then
    complete: bool

    def holds(self, token: tuple[str, int]) -> bool:
        """Whether there can be no more of it by now."""
        return self.complete or (self.token == token and time.monotonic() - self.looked < REST)


class Results:
    """The results of sweeps, for all sessions; who asks for one waits for nobody who asks for another."""

    def __init__(self, store: Store) -> None:
        self._store, self._known = store, Cache(MOST, at_once=None)

    def get(self, sweep: Sweep, state: str = "", outcomes: Sequence[TaskResult] = ()) -> SweepResult:
        """What is stored of a sweep by now.

        Args:
            sweep: whose results.
            state: where it stands on this server; when that changes, the store is looked at again.
            outcomes: how its parts have ended, to say why some failed.

        Raises:
            CtvizError: it cannot be read.
        """
        token = (state, len(outcomes))

        def read() -> _Known:
            result = collect(sweep, self._store, outcomes)
            complete = state != "running" and result.done and len(result.across) > 0
            return _Known(result, time.monotonic(), token, complete)

        return self._known.get(sweep.key, read, valid=lambda known: known.holds(token)).result


@st.cache_resource(show_spinner=False)
def known() -> Results:
    """The server's one."""
    return Results(service().store)


@st.cache_resource(show_spinner=False)
def texts() -> Cache:
    """Sentences about results, each made once: they go over all cells several times."""
    return Cache(MOST_TEXTS)
