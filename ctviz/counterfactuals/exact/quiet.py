"""Silence for C code that prints to standard output past Python's own streams.

The solver HiGHS prints some lines whatever its options say. It does so through the C library's ``stdout``, which is
another stream than ``sys.stdout``: so while a solve lasts, that one leads nowhere, and what Python's threads print
arrives. Elsewhere than on Linux and macOS nothing is silenced.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_STDOUT = {"linux": "stdout", "darwin": "__stdoutp"}
"""Name of the C library's variable that holds the stream."""

_lock = threading.Lock()
_users = 0
_before: int | None = None


@contextmanager
def without_c_output() -> Iterator[None]:
    """While any thread is inside, C code that prints to ``stdout`` prints nowhere."""
    global _users, _before
    with _lock:
        stream = _stream()
        if stream is not None:
            if not _users:
                variable, nowhere = stream
                _before, variable.value = variable.value, nowhere
            _users += 1
    try:
        yield
    finally:
        with _lock:
            if stream is not None:
                _users -= 1
                if not _users:
                    stream[0].value = _before


@cache
def _stream() -> tuple[ctypes.c_void_p, int] | None:
    """The variable that holds the C library's ``stdout``, and a stream that leads nowhere; None where it is unknown."""
    name = _STDOUT.get(sys.platform)
    if name is None:
        return None
    try:
        library = ctypes.CDLL(None)
        variable = ctypes.c_void_p.in_dll(library, name)
        library.fopen.restype = ctypes.c_void_p
        nowhere = library.fopen(os.devnull.encode(), b"w")
    except (OSError, ValueError, AttributeError):
        return None
    return (variable, nowhere) if nowhere else None
