"""The searches of all sessions: one explorer per run, results kept, and never more at once than the computer bears.

A search takes some ten milliseconds, so pages wait for it; what thirty people ask for at once goes one after the
other, and what one of them has asked for is there for all the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import streamlit as st

from ctviz.cache import Cache
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.experiments.config import Experiment
from ctviz.experiments.endpoints import Endpoints
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.snapshot import evenly_spaced
from ctviz.experiments.store import Store
from ctviz.experiments.trace import Trace
from ctviz.experiments.vae import vae_for
from ctviz.models.vae import Vae
from ctviz.ui.kit.kept import KEPT
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.service import SEARCHES_AT_ONCE, service

E = TypeVar("E")
T = TypeVar("T")

MOST_EXPLORERS = 8
"""Runs whose data are kept at hand."""

MOST_EPOCHS = 201
"""Epochs over which one point's searches are shown; of longer runs, every so many."""

POINT = "point"
"""The choice of one point of the plane to search from."""

RANDOM, CLASS = "random", "class"
"""The choices of samples to search from: of any class, or of the class whose number follows."""

LEVEL = 0.99
"""Of all intervals."""


@dataclass(frozen=True)
class Question:
    """What is searched: two that are equal have the same answer."""

    attempt: str  # at the run
    epoch: int  # that the models are of
    throughout: bool  # whether also those of all epochs before it are searched
    pick: str
    at: tuple[float, float] | None
    count: int
    target: int | None
    settings: SearchSettings

    @property
    def key(self) -> str:
        """Names the answer wherever it is kept, also in the browser."""
        where = f"{self.at}" if self.pick == POINT else f"{self.pick} {self.count}"
        when = f"to {self.epoch}" if self.throughout else f"at {self.epoch}"
        return f"{self.attempt} {when} {where} {self.target} {self.settings.model_dump_json()}"


@dataclass(frozen=True)
class Answer:
    """The searches of many factuals at one epoch, or of one factual at many; the true classes where they are known."""

    traces: tuple[Trace, ...]
    labels: npt.NDArray[np.int64] | None  # of the factuals as they were picked

    def at(self, epoch: int) -> Trace:
        """The searches of an epoch, or of the last one before it that was searched."""
        return next((trace for trace in reversed(self.traces) if trace.epoch <= epoch), self.traces[0])


def nbytes(record: Any) -> int:
    """Bytes of the arrays of a record, and of the records inside of it."""
    if isinstance(record, np.ndarray):
        return record.nbytes
    if isinstance(record, tuple | list):
        return sum(map(nbytes, record))
    if is_dataclass(record):
        return sum(nbytes(getattr(record, field.name)) for field in fields(record))
    return 0


class Explorers(Generic[E]):
    """One explorer for each run, and its answers, for all sessions; the least recently used go first.

    Args:
        make: makes the explorer of an experiment, given what makes an autoencoder.
        store: where autoencoders are kept.
        most: explorers that are kept.
    """

    def __init__(self, make: Callable[[Experiment, Callable[[int], Vae]], E], store: Store, most: int) -> None:
        self._make, self._store, self._explorers = make, store, Cache(most)
        self._answers = Cache(KEPT, size=lambda answer: 4096 + nbytes(answer), at_once=SEARCHES_AT_ONCE)

    def explorer(self, experiment: Experiment) -> E:
        """The one explorer of a run.

        Raises:
            DataError: its data cannot be read.
        """
        data, store = experiment.data, self._store
        return self._explorers.get(
            experiment.key, lambda: self._make(experiment, lambda latent: vae_for(data, latent, store))
        )

    def ask(self, experiment: Experiment, question: Hashable, answer: Callable[[E], T]) -> T:
        """The answer to a question about a run, computed once."""
        explorer = self.explorer(experiment)
        return self._answers.get(question, lambda: answer(explorer))


class Searches(Explorers[Explorer]):
    """The searches of runs in a plane."""

    def __init__(self, store: Store) -> None:
        super().__init__(Explorer, store, MOST_EXPLORERS)

    def answer(self, run_view: RunView, asked: Question) -> Answer:
        """The searches that were asked for.

        Raises:
            CtvizError: settings or factuals that cannot be searched.
        """
        return self.ask(run_view.experiment, asked, lambda explorer: _search(explorer, run_view, asked))

    def endpoints(self, run_view: RunView, asked: Question, trace: Trace) -> Endpoints:
        """How the searches of one epoch ended, with intervals."""
        question = (asked, trace.epoch, "endpoints")
        return self.ask(run_view.experiment, question, lambda explorer: explorer.endpoints(trace, LEVEL))


def _search(explorer: Explorer, run_view: RunView, asked: Question) -> Answer:
    snapshot = run_view.at(asked.epoch)
    if asked.pick == POINT:
        point = np.array([asked.at], dtype=np.float32)
        target = int(explorer.default_targets(point, snapshot, asked.target)[0])
        before = [s for s in run_view.snapshots if s.epoch <= asked.epoch]
        over = evenly_spaced(before, MOST_EPOCHS) if asked.throughout else [snapshot]
        return Answer(tuple(explorer.history(over, point[0], target, asked.settings)), None)
    # Samples of any class are those of the run's own measures, in their order: one run, one number on all pages.
    seed = run_view.experiment.data.seed if asked.pick == RANDOM else 0
    factuals, labels = explorer.pick(asked.pick, asked.count, seed)
    targets = explorer.default_targets(factuals, snapshot, asked.target)
    return Answer((explorer.trace(snapshot, factuals, targets, asked.settings),), labels)


@st.cache_resource(show_spinner=False)
def searches() -> Searches:
    """The server's one."""
    return Searches(service().store)
