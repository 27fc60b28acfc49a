"""Memory that the C library keeps though nothing uses it any more, given back to the system.

Searches, tables and pictures of thirty people come and go; what they leave is free, but in pieces between others, so
that glibc holds it until it is asked. Elsewhere than on Linux nothing happens.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from functools import cache

PAUSE = 5.0
"""Seconds between two looks."""

WORKED = 1.0
"""Seconds on processors after which the process may hold free memory that is worth the look through it."""


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's ``malloc_trim``; None where there is none."""
    if sys.platform != "linux":
        return None
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library
        return None
    return found


def give_back() -> bool:
    """Gives free memory back; whether there was any."""
    trim = _trim()
    return trim is not None and bool(trim(0))


def keep_giving_back() -> None:
    """Does so now and then, as long as the process lives and works."""

    def work() -> None:
        worked = time.process_time()
        while True:
            time.sleep(PAUSE)
            if time.process_time() - worked >= WORKED:
                give_back()
                worked = time.process_time()

    if _trim() is not None:
        threading.Thread(target=work, name="ctviz-memory", daemon=True).start()
