"""Worker processes, for the app's jobs and for sweeps on this machine.

They are started by loky and never forked: a fork of a process that has used numerical libraries can deadlock.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import resource_tracker as tracker_of_python
from typing import Any

from loky import ProcessPoolExecutor
from loky.backend import resource_tracker as tracker_of_loky
from loky.backend.context import LokyContext
from loky.backend.process import LokyProcess

from ctviz.imports import standard_library_first

_SAFE = "PYTHONSAFEPATH"
_CRASH = re.compile(r"SIG(?:ABRT|BUS|FPE|ILL|SEGV)")
_guard = threading.Lock()


def start_worker(
    prepare: Callable[..., None], *args: Any, timeout: float | None = None, env: Mapping[str, str] | None = None
) -> ProcessPoolExecutor:
    """An executor with one worker, which first calls ``prepare(*args)``; that function must call ``begin``.

    Args:
        timeout: seconds after which a worker without work ends; None for never.
        env: variables set in its environment.
    """
    # Semaphores have tracker processes, which start with the first semaphore and stay: loky's and Python's.
    with _guard, _not_from_the_current_folder():
        tracker_of_loky.ensure_running()
        tracker_of_python.ensure_running()
    return ProcessPoolExecutor(
        1, timeout=timeout, context=_Context(), initializer=prepare, initargs=args, env=dict(env or {})
    )


def begin(parent: int, log: str | None = None) -> None:
    """Set up a worker: it ignores Ctrl-C in the terminal, ends soon after its parent, and logs crashes to ``log``."""
    # Ctrl+C reaches the whole process group; the parent decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, args=(parent,), daemon=True).start()
    with contextlib.suppress(OSError, RuntimeError):  # the folder cannot be written, or there is no standard error
        if log is None:
            faulthandler.enable()
        else:
            file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)  # open to the end
            faulthandler.enable(file)


def at_exit(end: Callable[[], None]) -> None:
    """Call a method when the interpreter ends, if its object lives then; to be asked for after every start of a worker.

    loky waits for running work in a hook of the same kind, which it registers again with every executor, and the last
    one registered is called first. An ``atexit`` function would come after all of them.
    """
    reference = weakref.WeakMethod(end)

    def call() -> None:
        living = reference()
        if living is not None:
            living()

    with contextlib.suppress(RuntimeError):  # the interpreter is ending already
        threading._register_atexit(call)  # type: ignore[attr-defined]


def crash_message(error: BaseException | None, otherwise: str) -> str:
    """A sentence about a worker that has ended: that it crashed, or ``otherwise``."""
    found = _CRASH.search(str(error))
    return f"The worker process crashed ({found[0]})." if found else otherwise


def _follow_parent(parent: int) -> None:
    """End this process soon after its parent, even if the parent was killed by ``kill -9``."""
    while os.getppid() == parent:
        time.sleep(0.25)
    os._exit(1)


@contextlib.contextmanager
def _not_from_the_current_folder() -> Iterator[None]:
    """Within this context, a Python that is started does not look for modules in the current folder."""
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        del os.environ[_SAFE]
        if before is not None:
            os.environ[_SAFE] = before


class _LibraryFirst:
    """When unpickled, puts Python's own library first in the module path, for all that is unpickled after it."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return standard_library_first, ()


class _Process(LokyProcess):  # type: ignore[misc]  # loky has no types
    """A worker that finds Python's own modules even if a folder in the path has modules of the same names.

    It does not look into the current folder when it starts. Then loky gives it the module path of its parent, which may
    have such a folder: a notebook's, or the one that Streamlit adds.
    """

    def __init__(self, *args: Any, env: Mapping[str, str] | None = None, **options: Any) -> None:
        self._library_first = _LibraryFirst()  # before all else that is unpickled, such as ``prepare``
        super().__init__(*args, env={**(env or {}), _SAFE: "1"}, **options)


class _Context(LokyContext):  # type: ignore[misc]  # loky has no types
    Process = _Process
