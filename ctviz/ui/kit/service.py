"""What all sessions share: the store, the jobs, the runs that have been read; and what may be asked of them."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import pkgutil
import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

import streamlit as st
import torch

from ctviz import ui
from ctviz.data.catalogue import FEATURE_NAMES, AnyData, load
from ctviz.data.display import DisplayScale
from ctviz.data.kinds import kind_of_data
from ctviz.data.schema import Schema, ends_of
from ctviz.data.tables.settings import TableSettings
from ctviz.data.tables.shipped import user_folder
from ctviz.errors import ConfigError, CtvizError, DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.cost import about_seconds as about_seconds
from ctviz.experiments.in_memory import TrainingState, TrainingStatus
from ctviz.experiments.run import check_size, picture_bytes, run_job
from ctviz.experiments.store import Store, open_store
from ctviz.figures.stage.recording import span_of
from ctviz.jobs import JobManager
from ctviz.training.arm import Purpose
from ctviz.ui.kit import memory, rights
from ctviz.ui.kit.run_view import RunView, RunViews

SEARCHES_AT_ONCE = 2
"""Searches and pictures that are made at the same time; each keeps one processor busy."""

MOST_WANTED = 1000
"""Runs of which is remembered who asked for them."""

MOST_PICTURES = 192 * 2**20
"""Bytes of fields and paths that a browser is asked to hold of one run."""


AT_EASE = 4
"""Sessions that may watch runs at the usual pace."""

SLOWEST = 12.0
"""Times longer than usual that a session waits at most between two looks."""

WATCHES = 15.0
"""Seconds for which a session that has looked counts as watching."""


@dataclass(frozen=True)
class RunState(TrainingStatus):
    """Where a run is, whoever computes it; ``ours`` if this server can cancel it, ``preset`` if it ships."""

    ours: bool = False
    preset: bool = False


class WantedRuns:
    """Which sessions have asked for which runs; safe to call from any thread."""

    def __init__(self) -> None:
        self._askers: OrderedDict[str, set[str]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, key: str, session: str, *, alone: bool) -> str | None:
        """Notes that a session asks for a run; if ``alone``, instead of the one before, which is returned."""
        with self._lock:
            before = next((k for k, askers in self._askers.items() if k != key and session in askers), None)
            if alone and before is not None:
                self._askers[before].discard(session)
            self._askers.setdefault(key, set()).add(session)
            self._askers.move_to_end(key)
            while len(self._askers) > MOST_WANTED:
                self._askers.popitem(last=False)
            return before if alone else None

    def askers(self, key: str) -> set[str]:
        with self._lock:
            return set(self._askers.get(key, ()))

    def forget(self, key: str) -> None:
        with self._lock:
            self._askers.pop(key, None)


class Watchers:
    """Which sessions watch which runs that grow; safe to call from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._looked: dict[str, tuple[float, str]] = {}  # session -> when, and at which run

    def note(self, session: str, key: str) -> None:
        """Notes that a session looks at a run."""
        with self._lock:
            now = self._clock()
            self._looked = {who: look for who, look in self._looked.items() if now - look[0] < WATCHES}
            self._looked[session] = now, key

    def slower(self) -> float:
        """How many times longer than usual a session is to wait between two looks: where many watch, each looks less
        often, so that together they leave the processors to those who do something."""
        with self._lock:
            return min(max(len(self._looked) / AT_EASE, 1.0), SLOWEST)

    def of(self, key: str) -> set[str]:
        """The sessions that watch a run."""
        with self._lock:
            now = self._clock()
            return {who for who, (when, seen) in self._looked.items() if seen == key and now - when < WATCHES}


def session() -> str:
    """Names the session among those of the server."""
    name: str = st.session_state.setdefault("session-name", uuid.uuid4().hex)
    return name


@dataclass(frozen=True)
class Service:
    """The one store and the one pool of workers of a server."""

    store: Store
    jobs: JobManager
    run_views: RunViews
    wanted: WantedRuns = field(default_factory=lambda: WantedRuns())
    watchers: Watchers = field(default_factory=lambda: Watchers())

    def state(self, key: str) -> RunState:
        """Where a run is: what the store says, and what the queue of this server adds to it."""
        run, job = self.store.status(key), self.jobs.status(key)
        state: TrainingState = run.state
        message, position = run.message, 0
        if run.state != "done" and job is not None:
            if job.state in ("queued", "running"):
                state, position = job.state, job.position
            elif job.state in ("failed", "cancelled") and run.state != "running":
                state, message = job.state, job.message or message
        if state == "done":
            self.run_views.expect(key, run.epochs_done)
        ours = job is not None and job.state in ("queued", "running")
        seconds = max(run.updated - run.started, 0.0)
        return RunState(state, run.epochs_done, run.epochs, seconds, position, message, ours, run.preset)

    def run_view(self, key: str) -> RunView | None:
        return self.run_views.get(key)

    def watch(self, key: str) -> float:
        """Notes that this session watches a run that grows, and returns how many times longer than usual it is to wait
        until it looks again."""
        self.watchers.note(session(), key)
        return self.watchers.slower()

    def train(self, experiment: Experiment) -> bool:
        """Asks for a run; asked for twice, it is computed once. Small ones go first.

        A student has one at a time: the next takes the place of the one before, unless others wait for that too or
        watch it. Returns whether it was stopped.

        Raises:
            NotAllowedError: it is too large for a student.
        """
        key, seconds = experiment.key, about_seconds(experiment)
        if reason := rights.too_large(seconds):
            raise rights.NotAllowedError(reason)
        before = self.wanted.ask(key, session(), alone=not rights.is_teacher())
        stops = before is not None and self.state(before).live and not self._others(before)
        if before is not None and stops:
            self.jobs.cancel(before)
        self.jobs.submit(key, run_job, experiment.to_json(), str(self.store.root), "auto", seconds=seconds)
        return stops

    def _others(self, key: str) -> set[str]:
        """The other sessions that wait for a run or watch it."""
        return (self.wanted.askers(key) | self.watchers.of(key)) - {session()}

    def cancel(self, key: str) -> None:
        """Stops a run.

        Raises:
            NotAllowedError: a student may stop none but their own, and that only if nobody else waits for it.
        """
        if reason := self.reason_not_to_cancel(key):
            raise rights.NotAllowedError(reason)
        self.wanted.forget(key)
        self.jobs.cancel(key)

    def reason_not_to_cancel(self, key: str) -> str | None:
        """Why this session may not stop a run, in a sentence; None if it may."""
        return None if self.wanted.askers(key) == {session()} else rights.refusal("cancel")


@st.cache_resource(show_spinner=False)
def service() -> Service:
    """The server's one service, made when the first page asks for it."""
    return make()


def make() -> Service:
    """Opens the store and starts a worker, so that the first press on Train does not wait for it.

    Others start when there is work for them: all at once, they would keep the first page waiting for a processor.
    """
    store = open_store()
    # One thread for each worker: there are as many workers as processors.
    one_thread = functools.partial(torch.set_num_threads, 1)
    # Besides what a run imports, what it imports late.
    modules = (run_job.__module__, "captum.robust")
    jobs = JobManager(initializer=one_thread, modules=modules, log=store.root / "logs" / "jobs.log")
    jobs.warm(1)
    if rights.class_address() is not None:
        threading.Thread(target=_prepare_pages, name="ctviz-pages", daemon=True).start()
    # What is loaded by now stays: without it in the collector's way, a rerun costs half.
    gc.collect()
    gc.freeze()
    memory.keep_giving_back()
    return Service(store, jobs, RunViews(store))


def _prepare_pages() -> None:
    """Imports what the pages need before a class opens them, and has them compute what everybody will ask for: thirty
    first visits at once would each wait for it. A module of a page may have a function ``prepare`` for that."""
    found = pkgutil.walk_packages(ui.__path__, f"{ui.__name__}.")
    names = [module.name for module in found if module.name != f"{ui.__name__}.launch"]
    modules = [importlib.import_module(name) for name in names]
    gc.collect()
    gc.freeze()
    for module in modules:
        if hasattr(module, "prepare"):
            with contextlib.suppress(CtvizError):  # who opens the page is told
                module.prepare()


def reason_not_to_train(
    experiment: Experiment, features: Sequence[str] = FEATURE_NAMES, scales: Sequence[DisplayScale] = ()
) -> str | None:
    """Why this page cannot show a run of an experiment, in a sentence; None if it can.

    Args:
        experiment: the settings that would be trained.
        features: what the page calls the two features of a plane.
        scales: how people read them there; by default as they are.
    """
    wanted = picture_bytes(experiment)
    if wanted > MOST_PICTURES:
        return (
            f"The pictures of this run would take {wanted / 2**20:,.0f} MB; allowed: at most {MOST_PICTURES >> 20} MB. "
            "Raise “Epochs between pictures” or lower “Resolution of the picture” under Measuring."
        )
    if experiment.evaluation.field == 0 and kind_of_data(experiment.data).drawn:
        return (
            "Without a probability field there is nothing to show; raise “Resolution of the picture” under Measuring."
        )
    try:
        check_size(experiment)
        if isinstance(experiment.data, TableSettings) and not experiment.data.info.ships:
            user_folder(experiment.data.info)
        # Ranges alone depend on the samples; whatever else an arm forbids was checked with the experiment.
        for arm in (arm for arm in experiment.arms if arm.ranges):
            for purpose in get_args(Purpose):
                arm.constraints_for(schema_of(experiment.data), purpose)
    except ConfigError as error:
        own = _no_such_values(experiment, features, scales) if scales else ""
        return own or str(ConfigError(error.field, error.value, _renamed(error.allowed, features)))
    except DataError as error:  # no folder is named for data that do not ship
        return str(error)
    return None


def _no_such_values(experiment: Experiment, features: Sequence[str], scales: Sequence[DisplayScale]) -> str:
    """That the data have nothing in a range, in people's units; empty where that is not what is wrong."""
    lower, upper = (ends.tolist() for ends in schema_of(experiment.data).bounds())
    for ref, low, high in (entry for arm in experiment.arms for entry in arm.ranges):
        at = FEATURE_NAMES.index(ref) if isinstance(ref, str) else ref
        first, last = ends_of(low, high)
        if first > upper[at] or last < lower[at]:
            name, reach = features[at], span_of(lower[at], upper[at], scales[at])
            return (
                f"The allowed range, {span_of(low, high, scales[at])}, is no {name} of these data: theirs is {reach}."
            )
    return ""


def _renamed(sentence: str, features: Sequence[str]) -> str:
    """A sentence with the page's names in the place of the columns' own."""
    called = dict(zip(FEATURE_NAMES, features, strict=True))
    return re.sub(rf"\b({'|'.join(FEATURE_NAMES)})\b", lambda found: called[found[0]], sentence)


@functools.lru_cache(32)
def schema_of(data: AnyData) -> Schema:
    """The features of a data set with their domains, for all pages: what ranges have to leave something of."""
    return load(data).schema
