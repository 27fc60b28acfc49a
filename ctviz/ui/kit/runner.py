"""Studies that were started from a page, such as sweeps, limits and advice for everyone: their tasks as jobs, in turns,
beside what other people train.

A study is many tasks of some seconds each. They are handed to the workers one at a time for each lane, and there is
a lane less than there are workers, so that a run that somebody trains elsewhere never waits behind a whole study. What
is done lies in the store; this only remembers what is on its way.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import streamlit as st

from ctviz.errors import CtvizError, JobError
from ctviz.experiments.engines.base import Engine, TaskResult
from ctviz.experiments.engines.local import JobEngine
from ctviz.experiments.store import Store
from ctviz.jobs import JobManager
from ctviz.progress import duration
from ctviz.studies.steps import Step, Steps, carry_out, from_first
from ctviz.ui.kit.service import Service, service

State = Literal["running", "done", "failed", "cancelled"]

MOST_AT_ONCE = 4
"""Studies under way on one server; each further one would only wait."""

MOST_REMEMBERED = 50

NEARLY = 0.9
"""Most that a task counts for before it has ended, however long it takes."""


class RunnerEngine(Engine, Protocol):
    """An engine that says how many tasks it runs at the same time."""

    @property
    def lanes(self) -> int: ...


@dataclass(frozen=True)
class StudyProgress:
    """Where a study stands: units of it that are done, of those that it was started for, after ``seconds``."""

    state: State
    done: int
    units: int
    seconds: float
    message: str = ""
    expected: float = 0.0  # seconds in all, as estimated before it began
    begun: float = 0.0  # units' worth of work that is likely done on those under way
    what: str = "models are trained and evaluated"

    @property
    def live(self) -> bool:
        return self.state == "running"

    @property
    def share(self) -> float:
        return min((self.done + self.begun) / self.units, 1.0) if self.units else 1.0

    def words(self) -> str:
        """For a person: how many units, and how long it will take."""
        said = f"{self.done} of {self.units} {self.what}"
        if not self.live:
            return said
        if self.done < self.units and self.begun:
            said += ", others are under way"
        # What has been measured counts the more, the more of it there is.
        measured = self.seconds * (1 - self.share) / self.share if self.share else 0.0
        left = self.share * measured + (1 - self.share) * max(self.expected - self.seconds, 1.0)
        return f"{said}, about {duration(left)} left"


@dataclass
class _StudyRun:
    key: str
    steps: Steps[Any]
    step: Step
    words: str
    owner: str
    expected: float
    engine: RunnerEngine
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    outcomes: list[TaskResult[Any]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    @functools.cached_property
    def units_of(self) -> dict[str, int]:
        """What each task counts, by its key."""
        return {task.key: self.step.units(task) for task in self.step.tasks}

    @property
    def units(self) -> int:
        return sum(self.units_of.values())

    @property
    def done(self) -> int:
        return sum(self.units_of[outcome.task.key] for outcome in list(self.outcomes) if outcome.done)

    @property
    def message(self) -> str:
        return " ".join(dict.fromkeys(outcome.message for outcome in list(self.outcomes) if outcome.message))


class Runner:
    """The studies under way on a server, by their keys; safe to call from any thread."""

    def __init__(self, store: Store, jobs: JobManager) -> None:
        self._store, self._jobs = store, jobs
        self._engine = JobEngine(jobs, max(1, jobs.slots - 1))
        self._runs: OrderedDict[str, _StudyRun] = OrderedDict()
        self._lock = threading.Lock()

    def start(
        self,
        key: str,
        steps: Steps[Any],
        words: str,
        owner: str,
        seconds: float | None = None,
        engine: RunnerEngine | None = None,
    ) -> None:
        """Begins a study of one step; one that is under way is left alone.

        Args:
            key: names it.
            steps: of the study; its first one is asked for only once it is accepted.
            words: what its units are, and what becomes of them: ``models are trained``.
            owner: who asks, such as a session: it may have one under way.
            seconds: about how long all of it takes with one worker; by default what its tasks say.
            engine: who carries it out; by default the workers of the server.

        Raises:
            JobError: another one of this owner is under way, or too many of all.
            StoreError: the disk does not take it.
        """
        with self._lock:
            running = [run for run in self._runs.values() if run.ended is None]
            if any(run.key == key for run in running):
                return
            if any(run.owner == owner for run in running):
                raise JobError("Another sweep of yours is under way: one at a time. Stop it, or wait for its end.")
            if len(running) >= MOST_AT_ONCE:
                raise JobError(
                    f"{MOST_AT_ONCE} large computations are under way here, as many as fit. Wait for one to end."
                )
            step = next(steps)
            whole = sum(task.seconds for task in step.tasks) if seconds is None else seconds
            own = engine or self._engine
            expected = whole / max(1, min(own.lanes, len(step.tasks)))
            run = _StudyRun(key, steps, step, words, owner, expected, own)
            self._runs.pop(key, None)
            self._runs[key] = run
            for old in [other for other, one in self._runs.items() if one.ended][:-MOST_REMEMBERED]:
                del self._runs[old]
        threading.Thread(target=self._run, args=(run,), name="ctviz-study", daemon=True).start()

    def progress(self, key: str) -> StudyProgress | None:
        """Where a study stands that was started on this server; None if it was not."""
        run = self._find(key)
        if run is None:
            return None
        ended, message = run.ended, run.message
        seconds = (ended or time.monotonic()) - run.began
        state: State = "running"
        if ended is not None:
            state = "cancelled" if run.stopped.is_set() else "failed" if message else "done"
        begun = 0.0 if ended else self._begun(run)
        return StudyProgress(state, run.done, run.units, seconds, message, run.expected, begun, run.words)

    def _begun(self, run: _StudyRun) -> float:
        """How many units the tasks under way count for, by the time that they were expected to take."""
        total, over = 0.0, {outcome.task.key for outcome in list(run.outcomes)}
        for task in run.step.tasks:
            job = None if task.key in over else self._jobs.status(task.key)
            if job is not None and job.state == "running":
                units = run.units_of[task.key]
                expected = run.expected * run.engine.lanes * units / max(run.units, 1)
                since = time.time() - (job.started or time.time())
                total += units * min(NEARLY, since / max(expected, 0.1))
        return total

    def outcomes(self, key: str) -> tuple[TaskResult[Any], ...]:
        """How the tasks of a study have ended so far."""
        run = self._find(key)
        return tuple(run.outcomes) if run is not None else ()

    def running(self) -> frozenset[str]:
        """All studies that are under way."""
        with self._lock:
            return frozenset(key for key, run in self._runs.items() if run.ended is None)

    def running_of(self, owner: str) -> str | None:
        """The study of an owner that is under way."""
        with self._lock:
            return next((key for key, run in self._runs.items() if run.ended is None and run.owner == owner), None)

    def cancel(self, key: str) -> None:
        """Stops a study; what is done by now stays in the store."""
        run = self._find(key)
        if run is not None and run.ended is None:
            run.stopped.set()

    def _find(self, key: str) -> _StudyRun | None:
        with self._lock:
            return self._runs.get(key)

    def _run(self, run: _StudyRun) -> None:
        """In a thread of its own."""
        try:
            with contextlib.suppress(CtvizError):  # told by the tasks; else it is put together from its parts each time
                carry_out(
                    from_first(run.step, run.steps), self._store, run.engine,
                    on_result=run.outcomes.append, cancelled=run.stopped.is_set,
                )  # fmt: skip
        finally:  # whatever happens, nobody waits for it any longer
            run.ended = time.monotonic()
            run.engine = self._engine  # another one may hold much


@st.cache_resource(show_spinner=False)
def _runner(_of: Callable[[], Service]) -> Runner:
    shared = _of()
    return Runner(shared.store, shared.jobs)


def runner() -> Runner:
    """The server's one."""
    return _runner(service)
