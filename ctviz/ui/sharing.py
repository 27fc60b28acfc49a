"""What all sessions of a server share: work that is done once for all of them, and never too much of it at once."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

AT_ONCE = 2
"""Searches and pictures that are made at the same time; each keeps one processor busy."""


class Gate:
    """Lets so many in at once, in the order in which they came: nobody waits while later ones pass."""

    def __init__(self, at_once: int) -> None:
        self._free, self._waiting, self._lock = at_once, deque[threading.Event](), threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # the place is handed on, and never free in between
            else:
                self._free += 1


class Kept:
    """Things made once for each key and kept, up to a size; what is asked for while it is made is waited for."""

    def __init__(self, most: int, size: Callable[[Any], int] = lambda thing: 1, at_once: int = 1) -> None:
        self._most, self._size = most, size
        self._things: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        self._gate = Gate(at_once)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` returns, from where it is kept if it is; what it raises is raised and not kept."""
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
                found: T = self._things[key]
                return found
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._things:
                    found = self._things[key]
                    return found  # noqa: RET504 - the name carries the type
            try:
                with self._gate:
                    thing = make()
                self._keep(key, thing)
                return thing
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def _keep(self, key: Hashable, thing: Any) -> None:
        with self._lock:
            self._things[key] = thing
            while len(self._things) > 1 and sum(map(self._size, self._things.values())) > self._most:
                self._things.popitem(last=False)

    def __len__(self) -> int:
        return len(self._things)
