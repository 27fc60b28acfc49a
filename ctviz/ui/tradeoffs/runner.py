"""Sweeps that were started from the page: their tasks as jobs, in turns, beside what other people train.

A sweep is many tasks of some seconds each. They are handed to the workers one at a time for each lane, and there is
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

from ctviz.cache import Gate
from ctviz.errors import CtvizError, JobError
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.engines.task import Task, is_done
from ctviz.experiments.engines.work import task_job
from ctviz.experiments.store import Store
from ctviz.experiments.sweeps.catalogue import keep_sweep
from ctviz.experiments.sweeps.cost import task_cost
from ctviz.experiments.sweeps.declaration import Sweep
from ctviz.experiments.sweeps.plan import Plan
from ctviz.experiments.sweeps.results import collect
from ctviz.experiments.sweeps.tables import keep_table
from ctviz.jobs import JobManager
from ctviz.progress import duration
from ctviz.ui.kit.service import Service, service

State = Literal["running", "done", "failed", "cancelled"]

MOST_AT_ONCE = 4
"""Sweeps under way on one server; each further one would only wait."""

TRIES = 2
"""How often a task is begun whose worker was killed."""

MOST_REMEMBERED = 50

PAUSE = 0.1
"""Seconds between two looks at a job."""

NEARLY = 0.9
"""Most that a task counts for before it has ended, however long it takes."""


@dataclass(frozen=True)
class SweepProgress:
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
class _SweepRun:
    sweep: Sweep
    owner: str
    waiting: deque[Task]
    models_in: dict[str, int]  # key of a task → models of the sweep in it
    expected: float
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    done: int = 0
    live: dict[str, tuple[Task, float]] = field(default_factory=dict)  # key → task, when it was begun
    outcomes: list[TaskResult] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def key(self) -> str:
        return self.sweep.key

    @property
    def models(self) -> int:
        return sum(self.models_in.values())


def to_do(planned: Plan) -> dict[str, int]:
    """Key of a task → how many models of the sweep are in it; others in it are not counted."""
    return {task.key: planned.waiting(task) for task in planned.tasks}


class Runner:
    """The sweeps of a server, by their keys; safe to call from any thread."""

    def __init__(self, store: Store, jobs: JobManager, lanes: int | None = None) -> None:
        slots = getattr(jobs, "slots", 1)
        self._store, self._jobs = store, jobs
        self._lanes = max(1, slots - 1) if lanes is None else lanes
        self._gate = Gate(self._lanes)  # first come, first served: sweeps take turns
        self._runs: OrderedDict[str, _SweepRun] = OrderedDict()
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
        key, tasks = planned.sweep.key, planned.tasks
        with self._lock:
            running = [sweep_run for sweep_run in self._runs.values() if sweep_run.ended is None]
            if any(sweep_run.key == key for sweep_run in running):
                return
            if any(sweep_run.owner == owner for sweep_run in running):
                raise JobError("Another sweep of yours is under way: one at a time. Stop it, or wait for its end.")
            if len(running) >= MOST_AT_ONCE:
                raise JobError(f"{MOST_AT_ONCE} sweeps are under way here, as many as fit. Wait for one to end.")
            keep_sweep(planned.sweep, self._store)
            models_in = to_do(planned)
            expected = planned.seconds / max(1, min(self._lanes, len(tasks)))
            sweep_run = _SweepRun(planned.sweep, owner, deque(tasks), models_in, expected)
            self._runs.pop(key, None)
            self._runs[key] = sweep_run
            for old in [name for name, sweep_run in self._runs.items() if sweep_run.ended][:-MOST_REMEMBERED]:
                del self._runs[old]
        threading.Thread(target=self._run, args=(sweep_run,), name="ctviz-sweep", daemon=True).start()

    def progress(self, key: str) -> SweepProgress | None:
        """Where a sweep stands that was started on this server; None if it was not."""
        with self._lock:
            sweep_run = self._runs.get(key)
        if sweep_run is None:
            return None
        with sweep_run.lock:
            live, done = list(sweep_run.live.values()), sweep_run.done
            message = " ".join(dict.fromkeys(outcome.message for outcome in sweep_run.outcomes if outcome.message))
        seconds = (sweep_run.ended or time.monotonic()) - sweep_run.began
        if sweep_run.ended is None:
            begun = sum(self._begun(sweep_run, task, since) for task, since in live)
            return SweepProgress("running", done, sweep_run.models, seconds, message, sweep_run.expected, begun)
        state: State = "cancelled" if sweep_run.stopped.is_set() else "failed" if message else "done"
        return SweepProgress(state, done, sweep_run.models, seconds, message)

    def _begun(self, sweep_run: _SweepRun, task: Task, since: float) -> float:
        """How many models a task that is under way counts for, by the time that it was expected to take."""
        models = sweep_run.models_in[task.key]
        expected = sweep_run.expected * self._lanes * models / max(sweep_run.models, 1)
        return models * min(NEARLY, (time.monotonic() - since) / max(expected, 0.1))

    def outcomes(self, key: str) -> tuple[TaskResult, ...]:
        """How the tasks of a sweep have ended so far."""
        with self._lock:
            sweep_run = self._runs.get(key)
        return tuple(sweep_run.outcomes) if sweep_run is not None else ()

    def running(self) -> frozenset[str]:
        """All sweeps that are under way."""
        with self._lock:
            return frozenset(sweep_run.key for sweep_run in self._runs.values() if sweep_run.ended is None)

    def running_of(self, owner: str) -> str | None:
        """The sweep of a session that is under way."""
        with self._lock:
            return next((t.key for t in self._runs.values() if t.ended is None and t.owner == owner), None)

    def cancel(self, key: str) -> None:
        """Stops a sweep; what is done by now stays in the store."""
        with self._lock:
            sweep_run = self._runs.get(key)
        if sweep_run is None or sweep_run.ended is not None:
            return
        sweep_run.stopped.set()
        with sweep_run.lock:
            sweep_run.waiting.clear()
            live = list(sweep_run.live)
        for task in live:
            self._jobs.cancel(task)

    # -- in threads of its own -------------------------------------------------------------------------

    def _run(self, sweep_run: _SweepRun) -> None:
        lanes = [threading.Thread(target=self._lane, args=(sweep_run,), daemon=True) for _ in range(self._lanes)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        try:
            if not sweep_run.stopped.is_set() and not any(outcome.message for outcome in sweep_run.outcomes):
                with contextlib.suppress(CtvizError):  # then it is put together from the reports each time
                    result = collect(sweep_run.sweep, self._store)
                    if result.done:
                        keep_table(sweep_run.sweep, result.table, self._store)
        finally:  # whatever happens, nobody waits for it any longer
            sweep_run.ended = time.monotonic()

    def _lane(self, sweep_run: _SweepRun) -> None:
        while (task := _next(sweep_run)) is not None:
            with self._gate:
                began = time.monotonic()
                with sweep_run.lock:
                    sweep_run.live[task.key] = task, began
                message = "" if sweep_run.stopped.is_set() else self._attempt(sweep_run, task)
            with sweep_run.lock:
                sweep_run.live.pop(task.key, None)
                if sweep_run.stopped.is_set():
                    return
                sweep_run.outcomes.append(TaskResult(task, message, time.monotonic() - began))
                sweep_run.done += 0 if message else sweep_run.models_in[task.key]

    def _attempt(self, sweep_run: _SweepRun, task: Task) -> str:
        """The same, whatever goes wrong: a lane that broke off would leave the rest of the sweep to nobody."""
        try:
            return self._carry_out(sweep_run, task)
        except Exception as error:
            return f"Unexpected error: {type(error).__name__}: {error}"

    def _carry_out(self, sweep_run: _SweepRun, task: Task) -> str:
        """Why a task is not in the store; empty if it is, or nobody waits for it any more."""
        message = ""
        for _ in range(TRIES):
            try:
                if is_done(task, self._store):
                    return ""
                self._jobs.submit(
                    task.key, task_job, task.to_json(), str(self._store.root), "auto", seconds=task_cost(task).seconds
                )
            except JobError:  # the server ends
                sweep_run.stopped.set()
                return ""
            except CtvizError as error:
                return str(error)
            message = self._wait(sweep_run, task)
            if not message or sweep_run.stopped.is_set():
                return ""
        return message

    def _wait(self, sweep_run: _SweepRun, task: Task) -> str:
        while True:
            job = self._jobs.status(task.key)
            if job is None:
                return "This part of the sweep was lost on the way; start the sweep again."
            if job.state == "done":
                return ""
            if job.state == "failed":
                return job.message
            if job.state == "cancelled":
                return "This part of the sweep was stopped by somebody else who asked for the same."
            if sweep_run.stopped.is_set():
                self._jobs.cancel(task.key)
            time.sleep(PAUSE)


def _next(sweep_run: _SweepRun) -> Task | None:
    with sweep_run.lock:
        if sweep_run.stopped.is_set() or not sweep_run.waiting:
            return None
        return sweep_run.waiting.popleft()


@st.cache_resource(show_spinner=False)
def _runner(_of: Callable[[], Service]) -> Runner:
    shared = _of()
    return Runner(shared.store, shared.jobs)


def runner() -> Runner:
    """The server's one."""
    return _runner(service)
