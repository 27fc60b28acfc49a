"""Sweeps that were started from the page: their portions as jobs, in turns, beside what other people train.

A sweep is many portions of some seconds each. They are handed to the workers one at a time for each lane, and there is
a lane less than there are workers, so that a run that somebody trains elsewhere never waits behind a whole sweep. What
is done lies in the store; this only remembers what is on its way.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import streamlit as st

from ctviz.errors import CtvizError, JobError
from ctviz.experiments.engines.base import Outcome
from ctviz.experiments.engines.portion import Portion, is_done
from ctviz.experiments.engines.work import work_portion
from ctviz.experiments.store import Store
from ctviz.experiments.sweeps.catalogue import keep_sweep
from ctviz.experiments.sweeps.plan import Plan
from ctviz.experiments.sweeps.results import collect
from ctviz.experiments.sweeps.settings import Sweep
from ctviz.experiments.sweeps.tables import keep_table
from ctviz.jobs import JobManager
from ctviz.progress import duration
from ctviz.ui.service import Service, service
from ctviz.ui.sharing import Gate

State = Literal["running", "done", "failed", "cancelled"]

MOST_AT_ONCE = 4
"""Sweeps under way on one server; each further one would only wait."""

TRIES = 2
"""How often a portion is begun whose worker was killed."""

MOST_REMEMBERED = 50

PAUSE = 0.1
"""Seconds between two looks at a job."""

NEARLY = 0.9
"""Most that a portion counts for before it has ended, however long it takes."""


@dataclass(frozen=True)
class HowFar:
    """Where a sweep stands: models of it that are done, of those that it was started for, after ``seconds``."""

    state: State
    done: int
    models: int
    seconds: float
    message: str = ""
    expected: float = 0.0  # seconds in all, as estimated before it began
    begun: float = 0.0  # models' worth of work that is likely done on those under way

    @property
    def live(self) -> bool:
        return self.state == "running"

    @property
    def share(self) -> float:
        return min((self.done + self.begun) / self.models, 1.0) if self.models else 1.0

    def words(self) -> str:
        """For a person: how many models, and how long it will take."""
        said = f"{self.done} of {self.models} models are trained and evaluated"
        if not self.live:
            return said
        if self.done < self.models and self.begun:
            said += ", others are under way"
        # What has been measured counts the more, the more of it there is.
        measured = self.seconds * (1 - self.share) / self.share if self.share else 0.0
        left = self.share * measured + (1 - self.share) * max(self.expected - self.seconds, 1.0)
        return f"{said}, about {duration(left)} left"


@dataclass
class _Task:
    sweep: Sweep
    owner: str
    waiting: deque[Portion]
    brings: dict[str, int]  # key of a portion → models of the sweep in it
    expected: float
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    done: int = 0
    live: dict[str, tuple[Portion, float]] = field(default_factory=dict)  # key → portion, when it was begun
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def key(self) -> str:
        return self.sweep.key

    @property
    def models(self) -> int:
        return sum(self.brings.values())


def to_do(planned: Plan) -> dict[str, int]:
    """Key of a portion → how many models of the sweep it brings; what it holds besides is not counted."""
    return {portion.key: planned.waiting(portion) for portion in planned.portions}


class Runner:
    """The sweeps of a server, by their keys; safe to call from any thread."""

    def __init__(self, store: Store, jobs: JobManager, lanes: int | None = None) -> None:
        slots = getattr(jobs, "slots", 1)
        self._store, self._jobs = store, jobs
        self._lanes = max(1, slots - 1) if lanes is None else lanes
        self._gate = Gate(self._lanes)  # first come, first served: sweeps take turns
        self._tasks: OrderedDict[str, _Task] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, planned: Plan, owner: str) -> None:
        """Remembers a sweep and begins it; one that is under way is left alone.

        Args:
            planned: the sweep, and what it lacks.
            owner: the session that asks: it may have one under way.

        Raises:
            JobError: another one of this session is under way, or too many of all.
            StoreError: the disk does not take it.
        """
        key, portions = planned.sweep.key, planned.portions
        with self._lock:
            running = [task for task in self._tasks.values() if task.ended is None]
            if any(task.key == key for task in running):
                return
            if any(task.owner == owner for task in running):
                raise JobError("Another sweep of yours is under way: one at a time. Stop it, or wait for its end.")
            if len(running) >= MOST_AT_ONCE:
                raise JobError(f"{MOST_AT_ONCE} sweeps are under way here, as many as fit. Wait for one to end.")
            keep_sweep(planned.sweep, self._store)
            brings = to_do(planned)
            expected = planned.seconds / max(1, min(self._lanes, len(portions)))
            task = _Task(planned.sweep, owner, deque(portions), brings, expected)
            self._tasks.pop(key, None)
            self._tasks[key] = task
            for old in [name for name, task in self._tasks.items() if task.ended][:-MOST_REMEMBERED]:
                del self._tasks[old]
        threading.Thread(target=self._run, args=(task,), name="ctviz-sweep", daemon=True).start()

    def how_far(self, key: str) -> HowFar | None:
        """Where a sweep stands that was started on this server; None if it was not."""
        with self._lock:
            task = self._tasks.get(key)
        if task is None:
            return None
        with task.lock:
            live, done = list(task.live.values()), task.done
            message = " ".join(dict.fromkeys(outcome.message for outcome in task.outcomes if outcome.message))
        seconds = (task.ended or time.monotonic()) - task.began
        if task.ended is None:
            begun = sum(self._begun(task, portion, since) for portion, since in live)
            return HowFar("running", done, task.models, seconds, message, task.expected, begun)
        state: State = "cancelled" if task.stopped.is_set() else "failed" if message else "done"
        return HowFar(state, done, task.models, seconds, message)

    def _begun(self, task: _Task, portion: Portion, since: float) -> float:
        """How many models a portion that is under way counts for, by the time that it was expected to take."""
        models = task.brings[portion.key]
        expected = task.expected * self._lanes * models / max(task.models, 1)
        return models * min(NEARLY, (time.monotonic() - since) / max(expected, 0.1))

    def outcomes(self, key: str) -> tuple[Outcome, ...]:
        """How the portions of a sweep have ended so far."""
        with self._lock:
            task = self._tasks.get(key)
        return tuple(task.outcomes) if task is not None else ()

    def running(self) -> frozenset[str]:
        """All sweeps that are under way."""
        with self._lock:
            return frozenset(task.key for task in self._tasks.values() if task.ended is None)

    def running_of(self, owner: str) -> str | None:
        """The sweep of a session that is under way."""
        with self._lock:
            return next((t.key for t in self._tasks.values() if t.ended is None and t.owner == owner), None)

    def cancel(self, key: str) -> None:
        """Stops a sweep; what is done by now stays in the store."""
        with self._lock:
            task = self._tasks.get(key)
        if task is None or task.ended is not None:
            return
        task.stopped.set()
        with task.lock:
            task.waiting.clear()
            live = list(task.live)
        for portion in live:
            self._jobs.cancel(portion)

    # -- in threads of its own -------------------------------------------------------------------------

    def _run(self, task: _Task) -> None:
        lanes = [threading.Thread(target=self._lane, args=(task,), daemon=True) for _ in range(self._lanes)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        try:
            if not task.stopped.is_set() and not any(outcome.message for outcome in task.outcomes):
                with contextlib.suppress(CtvizError):  # then it is put together from the reports each time
                    result = collect(task.sweep, self._store)
                    if result.done:
                        keep_table(task.sweep, result.table, self._store)
        finally:  # whatever happens, nobody waits for it any longer
            task.ended = time.monotonic()

    def _lane(self, task: _Task) -> None:
        while (portion := _next(task)) is not None:
            with self._gate:
                began = time.monotonic()
                with task.lock:
                    task.live[portion.key] = portion, began
                message = "" if task.stopped.is_set() else self._attempt(task, portion)
            with task.lock:
                task.live.pop(portion.key, None)
                if task.stopped.is_set():
                    return
                task.outcomes.append(Outcome(portion, message, time.monotonic() - began))
                task.done += 0 if message else task.brings[portion.key]

    def _attempt(self, task: _Task, portion: Portion) -> str:
        """The same, whatever goes wrong: a lane that broke off would leave the rest of the sweep to nobody."""
        try:
            return self._carry_out(task, portion)
        except Exception as error:
            return f"Unexpected error: {type(error).__name__}: {error}"

    def _carry_out(self, task: _Task, portion: Portion) -> str:
        """Why a portion is not in the store; empty if it is, or nobody waits for it any more."""
        message = ""
        for _ in range(TRIES):
            try:
                if is_done(portion, self._store):
                    return ""
                self._jobs.submit(portion.key, work_portion, portion.to_json(), str(self._store.root), "auto")
            except JobError:  # the server ends
                task.stopped.set()
                return ""
            except CtvizError as error:
                return str(error)
            message = self._wait(task, portion)
            if not message or task.stopped.is_set():
                return ""
        return message

    def _wait(self, task: _Task, portion: Portion) -> str:
        while True:
            job = self._jobs.status(portion.key)
            if job is None:
                return "This part of the sweep was lost on the way; start the sweep again."
            if job.state == "done":
                return ""
            if job.state == "failed":
                return job.message
            if job.state == "cancelled":
                return "This part of the sweep was stopped by somebody else who asked for the same."
            if task.stopped.is_set():
                self._jobs.cancel(portion.key)
            time.sleep(PAUSE)


def _next(task: _Task) -> Portion | None:
    with task.lock:
        if task.stopped.is_set() or not task.waiting:
            return None
        return task.waiting.popleft()


@st.cache_resource(show_spinner=False)
def _runner(_of: Callable[[], Service]) -> Runner:
    shared = _of()
    return Runner(shared.store, shared.jobs)


def runner() -> Runner:
    """The server's one."""
    return _runner(service)
