"""A pool of worker processes that all hold one object, and call a function of it on one item after the other.

A job of the queue (``jobs``) is long, belongs to the whole server, and leaves its results in a store. An item of a pool
takes seconds at most and returns its result to the one caller; what all items need, such as models, goes to each
worker once and stays there.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from loky.process_executor import ShutdownExecutorError

from ctviz.errors import JobError
from ctviz.jobs import NICENESS, STOPPED
from ctviz.workers import at_exit, begin, crash_message, start_worker

Result = TypeVar("Result")

IDLE = 60.0
"""Seconds after which a worker without work ends; the next item starts another one."""

PAUSE = 0.1
"""Seconds between two looks at whether to stop."""

TRIES = 2
"""How often an item is begun whose worker is killed."""

# -- in the worker process ---------------------------------------------------------------------------

_held: Any = None


def _prepare(parent: int, held: Any) -> None:
    global _held
    begin(parent)
    with contextlib.suppress(AttributeError, OSError):  # Windows has no such thing
        os.nice(NICENESS)
    _held = held


def _call(function: Callable[..., Result], item: tuple[Any, ...]) -> Result:
    return function(_held, *item)


# -- in the process of the caller --------------------------------------------------------------------


class WorkerPool:
    """Some worker processes, each with one thread and a copy of ``held``; for one ``map`` at a time.

    They start with the first item and end with ``close``, with this process, or after ``IDLE`` seconds without work.
    """

    def __init__(self, held: Any, workers: int) -> None:
        self.workers = workers
        self._held, self._closed = held, threading.Event()
        self._executors: list[Any] = [None] * workers

    def map(
        self, function: Callable[..., Result], items: Sequence[tuple[Any, ...]], cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, Result]]:
        """``function(held, *item)`` of every item, with its position, as they end.

        ``function``, items and results must be picklable. Once ``cancelled()`` is true, the iterator ends soon; then,
        and where it is closed, workers that are at work are killed.

        Raises:
            JobError: an item whose worker was killed twice; whatever the function raises. What has ended before was
                yielded.
        """
        waiting, tries = deque(range(len(items))), [0] * len(items)
        running: dict[Future[Result], tuple[int, int]] = {}  # worker, position
        free = list(range(self.workers))
        try:
            while waiting or running:
                if cancelled() or self._closed.is_set():
                    return
                while free and waiting:
                    worker, at = free.pop(), waiting.popleft()
                    running[self._submit(worker, function, items[at])] = worker, at
                ended, _ = wait(running, timeout=PAUSE, return_when=FIRST_COMPLETED)
                for future in sorted(ended, key=lambda one: running[one][1]):
                    worker, at = running.pop(future)
                    free.append(worker)
                    try:
                        result = future.result()
                    except (BrokenProcessPool, ShutdownExecutorError) as error:
                        self._kill(worker)
                        if self._closed.is_set():
                            return
                        tries[at] += 1
                        if tries[at] == TRIES:
                            raise JobError(crash_message(error, STOPPED)) from None
                        waiting.appendleft(at)
                        continue
                    yield at, result
        finally:
            for worker, _ in running.values():
                self._kill(worker)

    def close(self) -> None:
        """End all workers, whatever they are doing; a ``map`` that is under way ends, and later ones yield nothing."""
        self._closed.set()
        for worker in range(self.workers):
            self._kill(worker)

    def _submit(self, worker: int, function: Callable[..., Result], item: tuple[Any, ...]) -> Future[Result]:
        try:
            future: Future[Result] = self._executor(worker).submit(_call, function, item)
        except (BrokenProcessPool, ShutdownExecutorError):  # it was killed while it had no work
            self._kill(worker)
            future = self._executor(worker).submit(_call, function, item)
        return future

    def _executor(self, worker: int) -> Any:
        if self._executors[worker] is None:
            env = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            self._executors[worker] = start_worker(_prepare, os.getpid(), self._held, timeout=IDLE, env=env)
            at_exit(self.close)
        return self._executors[worker]

    def _kill(self, worker: int) -> None:
        executor, self._executors[worker] = self._executors[worker], None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)
