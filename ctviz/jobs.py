"""Background jobs, shared by all sessions of a server: a queue and a bounded pool of worker processes.

A job is a function that returns nothing: it writes its results elsewhere (a store), so that a page switch, a reload or
a crash loses nothing. Each worker has an executor of its own, so that killing one does not affect the others.
"""

from __future__ import annotations

import bisect
import contextlib
import importlib
import itertools
import logging
import logging.handlers
import os
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from loky import cpu_count
from loky.process_executor import ShutdownExecutorError

from ctviz.errors import CtvizError, JobError
from ctviz.imports import leave_matplotlib_out
from ctviz.workers import at_exit, begin, crash_message, start_worker

logging.getLogger("ctviz.jobs").addHandler(logging.NullHandler())  # a library prints nothing by itself

State = Literal["queued", "running", "done", "failed", "cancelled"]

GRACE = 0.6
"""Seconds that a cancelled job has to stop by itself before its worker is killed."""

NICENESS = 10
"""How much higher the nice value of a worker is than that of the server: pages answer before trainings go on."""

STOPPED = "The worker process was stopped from outside."
NOT_STARTED = "No worker process could be started."

_SCRATCH = "ctviz-jobs-"
_MAX_REMEMBERED = 1000
_MAX_SLOTS = 4


@dataclass(frozen=True)
class JobStatus:
    """Status of a job; ``position`` in the queue counts from 1, ``started`` in seconds since 1970."""

    key: str
    state: State
    position: int = 0
    message: str = ""
    started: float | None = None


class CancelFlag:
    """The last argument of every job: the job calls it now and then, and returns soon once it is true."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.seen = False

    def __call__(self) -> bool:
        self.seen = self.seen or os.path.exists(self._path)  # noqa: PTH110 (called in every step; this is the fast way)
        return self.seen


# -- in the worker process ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _JobResult:
    state: State
    message: str = ""
    trace: str = ""


_startup_error: BaseException | None = None


def _prepare(parent: int, log: str | None, modules: tuple[str, ...], initializer: Callable[[], None] | None) -> None:
    """Prepare a worker: it ends with its parent, and has imported what its jobs need."""
    global _startup_error
    begin(parent, log)
    with contextlib.suppress(AttributeError, OSError):  # Windows has no such thing
        os.nice(NICENESS)
    leave_matplotlib_out()
    try:
        for module in modules:
            importlib.import_module(module)
        if initializer is not None:
            initializer()
    except Exception as error:  # the next job reports it, instead of a worker that ends silently
        _startup_error = error


def _run_call(begun: str, call: tuple[Callable[..., None], tuple[Any, ...]], cancelled: CancelFlag) -> _JobResult:
    with contextlib.suppress(OSError):
        Path(begun).touch()
    try:
        if _startup_error is not None:
            raise _startup_error
        function, args = call
        function(*args, cancelled)
    except BaseException as error:
        if cancelled.seen:
            return _JobResult("cancelled")
        if isinstance(error, CtvizError):
            return _JobResult("failed", str(error))
        return _unexpected(error)
    return _JobResult("cancelled" if cancelled.seen else "done")


def _unexpected(error: BaseException) -> _JobResult:
    trace = "".join(traceback.format_exception(error))
    return _JobResult("failed", f"Unexpected error: {type(error).__name__}: {error}", trace)


def _noop() -> None:
    """The task that warms up a worker."""


# -- in the server ------------------------------------------------------------------------------------


class Job:
    """One submitted job, running or ended."""

    def __init__(
        self,
        manager: JobManager,
        key: str,
        number: int,
        seconds: float,
        tries: int,
        function: Callable[..., None],
        args: Any,
    ) -> None:
        self.key = key
        self.tries = tries
        self.due = time.monotonic() + seconds  # when it would have ended, had it begun at once
        self.call: tuple[Callable[..., None], tuple[Any, ...]] | None = (function, args)
        self.state: State = "queued"
        self.message = ""
        self.started: float | None = None
        self.flag = manager.folder / f"{number}.cancel"
        self.begun = manager.folder / f"{number}.begun"
        self.cancelling = False
        self.wake = threading.Event()  # set when it has ended or is to be cancelled
        self.over = threading.Event()
        self._manager = manager

    @property
    def status(self) -> JobStatus:
        return self._manager.status_of(self)

    def cancel(self) -> None:
        """Stop the job, as ``JobManager.cancel`` does."""
        self._manager.cancel_job(self)

    def wait(self, timeout: float | None = None) -> JobStatus:
        """The status once the job has ended, or after ``timeout`` seconds."""
        self.over.wait(timeout)
        return self.status


class JobManager:
    """A queue of jobs and its workers; safe to call from any thread.

    Small jobs go first, and none waits for ever: of two, the one begins first that would have ended first, had each
    begun when it was asked for. Jobs of the same length begin in the order in which they were asked for.

    Args:
        slots: the most workers at a time; by default as many as there are processors, at most four.
        initializer: called once in every new worker, after ``modules`` were imported there.
        modules: names of modules that every worker imports before its first job.
        log: a file for the tracebacks of unexpected errors, kept below 2 MB; by default they go to the logger
            ``ctviz.jobs``. A page never shows them. Crashes go to ``crashes.log`` beside it.
        env: variables set in the environment of the workers.
    """

    def __init__(
        self,
        slots: int | None = None,
        *,
        initializer: Callable[[], None] | None = None,
        modules: tuple[str, ...] = (),
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.slots = max(1, slots if slots is not None else min(_MAX_SLOTS, cpu_count()))
        _remove_stale_scratch()
        self._scratch = tempfile.TemporaryDirectory(prefix=f"{_SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True)
        self.folder = Path(self._scratch.name)
        self.closed = False
        self.logger = _logger(log)
        self.prepare = (os.getpid(), log and str(log.with_name("crashes.log")), modules, initializer)
        self.env = env
        self._changed = threading.Condition()
        self._queue: list[Job] = []  # by when they are due
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count()
        self._started: list[_Slot] = []

    def warm(self, workers: int | None = None, timeout: float | None = 0) -> bool:
        """Start so many workers, or all, so that jobs begin at once; returns whether they are ready within ``timeout``
        seconds."""
        with self._changed:
            self._check_open()
            while len(self._started) < (self.slots if workers is None else min(workers, self.slots)):
                self._start_slot()
            started = list(self._started)
        deadline = None if timeout is None else time.monotonic() + timeout
        return all(s.ready.wait(None if deadline is None else max(0, deadline - time.monotonic())) for s in started)

    def submit(self, key: str, function: Callable[..., None], *args: Any, seconds: float = 0.0, tries: int = 1) -> Job:
        """Queue ``function(*args, cancelled)``, where ``cancelled()`` says whether the job is to stop.

        A job that is queued or running under this key is returned instead. One that has ended, or is about to be
        cancelled, may be submitted again. ``function`` and ``args`` must be picklable. ``seconds``: how long it is
        expected to take, for its place in the queue. ``tries``: how often it is begun if its worker dies.
        """
        with self._changed:
            self._check_open()
            job = self._jobs.get(key)
            if job is not None and job.state in ("queued", "running") and not job.cancelling:
                return job
            job = Job(self, key, next(self._numbers), seconds, tries, function, args)
            self._jobs.pop(key, None)
            self._jobs[key] = job
            bisect.insort(self._queue, job, key=lambda waiting: waiting.due)
            running = sum(slot.job is not None for slot in self._started)
            if len(self._started) < min(self.slots, running + len(self._queue)):
                self._start_slot()
            self._forget_oldest()
            self._changed.notify_all()
            return job

    def status(self, key: str) -> JobStatus | None:
        """Status of the latest job under this key; None if there was none."""
        with self._changed:
            job = self._jobs.get(key)
            return None if job is None else self.status_of(job)

    def cancel(self, key: str) -> None:
        """Stop the job under this key; nothing happens if there is none or it has ended.

        One in the queue is dropped at once. A running one is asked to stop and, if it has not after
        ``GRACE`` seconds, its worker is killed.
        """
        with self._changed:
            job = self._jobs.get(key)
        if job is not None:
            self.cancel_job(job)

    def shutdown(self) -> None:
        """Cancel everything and end all workers; they are gone when it returns."""
        with self._changed:
            if self.closed:
                return
            self.closed = True
            jobs, slots = list(self._jobs.values()), list(self._started)
            self._changed.notify_all()
        for job in jobs:
            self.cancel_job(job)
        deadline = time.monotonic() + GRACE
        for slot in slots:
            slot.join(max(0, deadline - time.monotonic()))
        for slot in slots:
            slot.kill()
        for slot in slots:
            slot.join(5)
        self._scratch.cleanup()

    def __enter__(self) -> JobManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    # -- for jobs and slots ------------------------------------------------------------------------

    def status_of(self, job: Job) -> JobStatus:
        with self._changed:
            position = self._queue.index(job) + 1 if job in self._queue else 0
            message = "Stopping." if job.cancelling and job.state == "running" else job.message
            return JobStatus(job.key, job.state, position, message, job.started)

    def cancel_job(self, job: Job) -> None:
        with self._changed:
            if job in self._queue:
                self._queue.remove(job)
                self._end(job, _JobResult("cancelled"))
            elif job.state == "running" and not job.cancelling:
                job.cancelling = True
                with contextlib.suppress(OSError):  # then the worker is killed
                    job.flag.touch()
                job.wake.set()

    def take(self, slot: _Slot) -> Job | None:
        """The next job for a slot, once there is one; None when the slot is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._queue)
            if self.closed:
                return None
            job = self._queue.pop(0)
            job.state, job.started = "running", time.time()
            slot.job = job
            return job

    def ended(self, slot: _Slot, job: Job, outcome: _JobResult) -> None:
        if outcome.trace:
            self.logger.error("job %s: %s\n%s", job.key, outcome.message, outcome.trace)
        with self._changed:
            slot.job = None
            self._end(job, outcome)

    def _end(self, job: Job, outcome: _JobResult) -> None:
        job.state, job.message = outcome.state, outcome.message
        job.call = None
        for path in (job.flag, job.begun):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        job.over.set()

    def _start_slot(self) -> None:
        slot = _Slot(self)
        self._started.append(slot)
        slot.start()

    def _forget_oldest(self) -> None:
        spare = len(self._jobs) - _MAX_REMEMBERED
        if spare > 0:
            over = [key for key, job in self._jobs.items() if job.over.is_set()]
            for key in over[:spare]:
                del self._jobs[key]

    def _check_open(self) -> None:
        if self.closed:
            raise JobError("The server is shutting down; no job can be started.")


class _Slot(threading.Thread):
    """A thread that hands one job after the other to one worker process, and restarts the worker when it has died."""

    def __init__(self, manager: JobManager) -> None:
        super().__init__(name="ctviz-slot", daemon=True)
        self.job: Job | None = None
        self.ready = threading.Event()
        self._manager = manager
        self._guard = threading.Lock()
        self._executor: Any = None

    def run(self) -> None:
        self._renew()
        self.ready.set()
        while (job := self._manager.take(self)) is not None:
            outcome = self._run_job(job)
            self._manager.ended(self, job, outcome)
            if self._executor is None:
                self._renew()
        self.kill()

    def kill(self) -> None:
        """Kill the worker, whatever it is doing."""
        with self._guard:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)

    def _renew(self, job: Job | None = None) -> Any:
        """A new worker with its imports done; None if none can be started, or ``job`` was cancelled meanwhile."""
        try:
            with self._guard:
                if self._manager.closed:
                    return None
                executor = start_worker(_prepare, *self._manager.prepare, env=self._manager.env)
                self._executor = executor
            warmed = executor.submit(_noop)
            at_exit(self._manager.shutdown)
            if job is None or _wait(job, warmed):
                warmed.result()
                return executor
        except Exception as error:  # whatever the system refuses; the slot lives on and tries again
            if not self._manager.closed:
                self._manager.logger.error("A worker process could not be started: %r", error)
        self.kill()
        return None

    def _run_job(self, job: Job) -> _JobResult:
        ended, begun = STOPPED, 0
        for _ in range(job.tries + 1):  # the worker may have died while it was idle
            executor = self._executor or self._renew(job)
            if executor is not None:
                try:
                    future = executor.submit(_run_call, str(job.begun), job.call, CancelFlag(str(job.flag)))
                    if _wait(job, future) or wait([future], timeout=GRACE).done:
                        outcome: _JobResult = future.result()
                        return outcome
                except (BrokenProcessPool, ShutdownExecutorError) as error:
                    ended = crash_message(error, STOPPED)
                except Exception as error:  # the job could not be sent to the worker
                    return _unexpected(error)
                self.kill()
            if job.cancelling:
                return _JobResult("cancelled")
            if job.begun.exists():
                begun += 1
                if begun == job.tries:
                    break
                job.begun.unlink()
        return _JobResult("failed", ended if begun else NOT_STARTED)


def _remove_stale_scratch() -> None:
    """Remove the scratch folders of managers whose process was killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*-*"):
        owner = folder.name.removeprefix(_SCRATCH).partition("-")[0]
        if owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # the process exists and belongs to another user
    return True


def _wait(job: Job, future: Any) -> bool:
    """Whether ``future`` is done; returns early once the job is to be cancelled."""
    future.add_done_callback(lambda _: job.wake.set())
    while not future.done() and not job.cancelling:
        job.wake.wait()
        job.wake.clear()
    return bool(future.done())


def _logger(path: Path | None) -> logging.Logger:
    logger = logging.getLogger("ctviz.jobs")
    if path is not None:
        logger = logging.Logger("ctviz.jobs")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = logging.handlers.RotatingFileHandler(
                path, maxBytes=1 << 20, backupCount=1, encoding="utf-8", delay=True
            )
            handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
            logger.addHandler(handler)
    return logger
