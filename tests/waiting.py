"""Waiting for what is sure to come: for a state, with one limit that a busy machine does not reach."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

PATIENCE = 300.0
"""Seconds after which a test gives up; on an idle machine all that is waited for takes a few."""


def until(condition: Callable[[], object], what: str = "it", pause: float = 0.01) -> None:
    """Poll until a condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen in {PATIENCE:.0f} s")
        time.sleep(pause)


def served(url: str, process: subprocess.Popen, log: Path) -> bytes:
    """What a server that has been started answers, once it does; its ``log`` if it ends before."""
    found = []

    def answered() -> bool:
        assert process.poll() is None, f"the server ended:\n{log.read_text(errors='replace', encoding='utf-8')[-4000:]}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                found.append(answer.read())
        except OSError:
            return False
        return True

    until(answered, f"an answer of {url}", pause=0.1)
    return found[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
