"""Tasks in worker processes of this machine, one thread each."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from loky import ProcessPoolExecutor, cpu_count
from loky.process_executor import ShutdownExecutorError

from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.engines.task import Task, run_task
from ctviz.experiments.store import Store
from ctviz.workers import begin, crash_message, start_worker

STOPPED = "The worker process was stopped from outside, twice."

PAUSE = 0.1
"""Seconds between two checks whether to stop."""

_IDLE = 60
_BROKEN = (BrokenProcessPool, ShutdownExecutorError)


class LocalEngine:
    """Worker processes of this machine, each with one thread; a task whose worker is killed is retried once.

    A single worker is this process itself. Workers are kept for a minute after a run, so that the next one begins at
    once; ``close``, or leaving the context, ends them.

    Args:
        workers: their number; by default one for each processor.
        device: where to train, "cpu", "cuda" or "auto".
    """

    def __init__(self, workers: int | None = None, device: str = "cpu") -> None:
        if workers is not None and not 1 <= workers <= 1024:
            raise ConfigError("workers", workers, "1 to 1024")
        self.workers = workers or cpu_count()
        self.device = device
        self._slots: list[_Worker] = []

    def warm(self) -> None:
        """Start all workers and wait until their imports are done."""
        for future in [slot.submit(_noop) for slot in self._ready(self.workers)]:
            future.result()

    def run(self, tasks: Sequence[Task], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult]:
        """Results in the order in which the tasks end."""
        if min(self.workers, len(tasks)) <= 1:
            return self._here(tasks, store, cancelled)
        return self._beside(tasks, store, cancelled)

    def close(self) -> None:
        """Kill the workers, whatever they are doing."""
        for slot in self._slots:
            slot.kill()
        self._slots = []

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ready(self, count: int) -> list[_Worker]:
        while len(self._slots) < count:
            self._slots.append(_Worker())
        return self._slots[:count]

    def _here(self, tasks: Sequence[Task], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult]:
        for task in tasks:
            began = time.perf_counter()
            message = _attempt(task, store, self.device, cancelled)
            if cancelled():
                return
            yield TaskResult(task, message, time.perf_counter() - began)

    def _beside(self, tasks: Sequence[Task], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult]:
        idle = self._ready(min(self.workers, len(tasks)))
        waiting = deque(_Attempts(task) for task in tasks)
        running: dict[Future[str], tuple[_Worker, _Attempts]] = {}
        with tempfile.TemporaryDirectory(prefix="ctviz-sweep-") as scratch:
            flag = Path(scratch) / "cancel"
            where = str(store.root), str(store.presets) if store.presets else None, store.cap_bytes
            try:
                while (waiting or running) and not cancelled():
                    while idle and waiting:
                        slot, queued = idle.pop(), waiting.popleft()
                        queued.attempts += 1
                        queued.began = queued.began or time.perf_counter()
                        call = queued.task.to_json(), where, self.device, str(flag)
                        running[slot.submit(_in_worker, *call)] = slot, queued
                    for future in wait(running, timeout=PAUSE, return_when=FIRST_COMPLETED).done:
                        slot, queued = running.pop(future)
                        idle.append(slot)
                        message = _message(future)
                        if message is None and queued.attempts < 2:
                            waiting.appendleft(queued)
                            continue
                        yield queued.outcome(crash_message(future.exception(), STOPPED) if message is None else message)
            finally:
                if running:
                    flag.touch()
                    wait(running, timeout=2 * PAUSE)
                    self.close()


@dataclass
class _Attempts:
    task: Task
    attempts: int = 0
    began: float = 0.0

    def outcome(self, message: str) -> TaskResult:
        return TaskResult(self.task, message, time.perf_counter() - self.began)


class _Worker:
    """One worker process, restarted when it has died; it has an executor of its own, so that its death does not affect
    others."""

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, function: Callable[..., str], *args: object) -> Future[str]:
        for _ in range(2):  # the worker may have died while it was idle
            if self._executor is None:
                self._executor = start_worker(_prepare, os.getpid(), timeout=_IDLE, env={"OMP_NUM_THREADS": "1"})
            with contextlib.suppress(*_BROKEN):
                future: Future[str] = self._executor.submit(function, *args)
                return future
            self.kill()
        raise CtvizError("No worker process could be started.")

    def kill(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)


def _message(future: Future[str]) -> str | None:
    """The worker's message; None if it died."""
    try:
        return future.result()
    except _BROKEN:
        return None


# -- in the worker ------------------------------------------------------------------------------------


def _prepare(parent: int) -> None:
    begin(parent)
    import torch

    torch.set_num_threads(1)


def _noop() -> str:
    """The task that warms up a worker."""
    return ""


def _in_worker(text: str, where: tuple[str, str | None, int], device: str, flag: str) -> str:
    root, presets, cap = where
    store = Store(Path(root), Path(presets) if presets else None, cap)
    stop = Path(flag)
    return _attempt(Task.from_json(text), store, device, stop.exists)


def _attempt(task: Task, store: Store, device: str, cancelled: Callable[[], bool]) -> str:
    """Run a task; returns why it is not in the store, as a sentence, or "" if it is."""
    try:
        run_task(task, store, device, cancelled)
    except CtvizError as error:
        return str(error)
    except MemoryError:
        return "There is not enough memory for this stack."
    except Exception as error:
        return f"Unexpected error: {type(error).__name__}: {error}"
    return ""
