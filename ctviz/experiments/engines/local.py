"""Tasks as jobs in worker processes of this machine."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType

from loky import cpu_count

from ctviz.cache import Gate
from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.engines.base import AnyTask, T, TaskResult, attempt, is_done
from ctviz.experiments.engines.tasks import task_job
from ctviz.experiments.store import Store
from ctviz.jobs import Job, JobManager

PAUSE = 0.1
"""Seconds between two checks whether to stop."""

TRIES = 2
"""How often a task is begun whose worker is killed."""


class JobEngine:
    """Runs tasks as jobs of a manager that others use too: at most ``lanes`` at a time, over all runs of this engine,
    which take turns."""

    def __init__(self, jobs: JobManager, lanes: int, device: str = "auto") -> None:
        self._jobs, self.lanes, self._device = jobs, lanes, device
        self._gate = Gate(lanes)  # first come, first served

    def run(self, tasks: Sequence[T], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult[T]]:
        """Results in the order in which the tasks end."""
        waiting, ended = deque(tasks), SimpleQueue[TaskResult[T]]()
        live = _LiveJobs()

        def lane() -> None:
            with contextlib.suppress(IndexError):  # another lane has taken the last one
                while waiting and not live.stopped:
                    with self._gate:
                        ended.put(self._result(waiting.popleft(), store, live))

        for _ in range(min(self.lanes, len(tasks))):
            threading.Thread(target=lane, name="ctviz-lane", daemon=True).start()
        try:
            for _ in tasks:
                outcome = None
                while outcome is None:
                    if cancelled():
                        return
                    with contextlib.suppress(Empty):
                        outcome = ended.get(timeout=PAUSE)
                yield outcome
        finally:
            live.stop()

    def _result(self, task: T, store: Store, live: _LiveJobs) -> TaskResult[T]:
        """Whatever goes wrong: a lane that broke off would leave its tasks to nobody."""
        began = time.monotonic()
        try:
            message = self._message(task, store, live)
        except CtvizError as error:
            message = str(error)
        except Exception as error:
            message = f"Unexpected error: {type(error).__name__}: {error}"
        return TaskResult(task, message, time.monotonic() - began)

    def _message(self, task: AnyTask, store: Store, live: _LiveJobs) -> str:
        """Why a task is not in the store; empty if it is."""
        if is_done(task, store):
            return ""
        call = task_job, task.to_json(), store, self._device
        with live.begun(lambda: self._jobs.submit(task.key, *call, seconds=task.seconds, tries=TRIES)) as job:
            status = job.wait() if job else None
        if status is None or status.state == "cancelled":
            return "This part was stopped by somebody else who asked for the same."
        return status.message if status.state == "failed" else ""


class _LiveJobs:
    """The jobs of one run that have not ended; none is begun once it is stopped."""

    def __init__(self) -> None:
        self.stopped = False
        self._jobs: set[Job] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def begun(self, submit: Callable[[], Job]) -> Iterator[Job | None]:
        with self._lock:
            job = None if self.stopped else submit()
            self._jobs |= {job} if job else set()
        try:
            yield job
        finally:
            with self._lock:
                self._jobs -= {job} if job else set()

    def stop(self) -> None:
        """Cancel all jobs, and wait until they have ended."""
        with self._lock:
            self.stopped = True
            jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        for job in jobs:
            job.wait()


class LocalEngine:
    """Worker processes of this machine, each with one thread; a task whose worker is killed is begun once more.

    A single worker, or a single task, is this process itself. Workers are kept for the next run; ``close``, leaving the
    context, or the end of this process ends them.

    Args:
        workers: their number; by default one for each processor.
        device: where to train, "cpu", "cuda" or "auto".
        address: none; it is for ray.
    """

    def __init__(self, workers: int | None = None, device: str = "cpu", address: str | None = None) -> None:
        if address is not None:
            raise ConfigError("address", address, "none for the local engine; it is for ray")
        if workers is not None and not 1 <= workers <= 1024:
            raise ConfigError("workers", workers, "1 to 1024")
        self.workers = workers or cpu_count()
        self.device = device
        self.jobs: JobManager | None = None
        """Its workers, once some were needed."""

    def warm(self) -> None:
        """Start all workers and wait until their imports are done."""
        self._ready().warm(timeout=None)

    def run(self, tasks: Sequence[T], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult[T]]:
        """Results in the order in which the tasks end."""
        if min(self.workers, len(tasks)) <= 1:
            return self._here(tasks, store, cancelled)
        return JobEngine(self._ready(), self.workers, self.device).run(tasks, store, cancelled)

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        if self.jobs is not None:
            self.jobs.shutdown()
        self.jobs = None

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ready(self) -> JobManager:
        if self.jobs is None:
            self.jobs = JobManager(
                self.workers, initializer=_one_thread, modules=("ctviz.experiments.engines.task",),
                env={"OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        return self.jobs

    def _here(self, tasks: Sequence[T], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult[T]]:
        for task in tasks:
            began = time.perf_counter()
            message = attempt(task, store, self.device, cancelled)
            if cancelled():
                return
            yield TaskResult(task, message, time.perf_counter() - began)


def _one_thread() -> None:
    """One for each worker: there are as many workers as processors."""
    import torch

    torch.set_num_threads(1)
