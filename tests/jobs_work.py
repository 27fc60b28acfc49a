"""Work for the tests of jobs, where a worker process can import it; and a server to be stopped."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path

import ctviz
from ctviz.errors import DataError
from tests.waiting import until

VALUE = "as imported"


def note(path, text):
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def write(path, text, cancelled):
    note(path, text)


def pid(path, cancelled):
    note(path, os.getpid())


def nice(path, cancelled):
    note(path, os.nice(0))


def value(path, cancelled):
    note(path, VALUE)


def where(path, cancelled):
    note(path, ctviz.__file__)


def crash(cancelled):
    faulthandler._sigsegv()


def kill_itself(cancelled):
    os.kill(os.getpid(), signal.SIGKILL)


def note_and_die(path, cancelled):
    note(path, "begun")
    kill_itself(cancelled)


def wait_for(gate, path, text, cancelled):
    """Note when it begins and when it ends, which is when the gate is there."""
    note(path, f"+{text}")
    until(Path(gate).exists)
    note(path, f"-{text}")


def polite(path, cancelled):
    note(path, os.getpid())
    until(cancelled)
    note(path, "stopped by itself")


def stubborn(path, cancelled):
    note(path, os.getpid())
    while True:
        time.sleep(0.01)


def polite_with_error(path, cancelled):
    polite(path, cancelled)
    raise RuntimeError("while stopping")


class OddError(Exception):
    """Cannot be pickled."""

    def __init__(self, a, b):
        super().__init__(a)
        self.handler = lambda: b


def fail(kind, cancelled):
    if kind == "ours":
        raise DataError("The data is odd.")
    if kind == "odd":
        raise OddError("odd one", 2)
    if kind == "exit":
        sys.exit(3)
    raise ZeroDivisionError("a secret detail")


def set_value():
    global VALUE
    VALUE = "by the initializer"


def refuse():
    raise ImportError("no such library")


def alive(number):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def serve(path, how):
    """A server with a running and a stubborn job, that ends, or waits to be ended."""
    from ctviz.jobs import JobManager

    manager = JobManager(2)
    for name in ("a", "b"):
        manager.submit(name, stubborn, f"{path}/{name}")
    until(lambda: all(Path(path, name).exists() and Path(path, name).stat().st_size for name in "ab"))
    print("serving", flush=True)
    # A signal that comes just before a read would be noticed only after it.
    while how == "wait":
        time.sleep(0.01)


if __name__ == "__main__":
    # A shell has what it starts in the background ignore Ctrl-C, and children inherit that: tests run there too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    serve(*sys.argv[1:])
