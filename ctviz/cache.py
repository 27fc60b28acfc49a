"""Bounded caches that threads share: each value is made once, and the least recently used go first."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Gate:
    """Lets in at most ``at_once`` threads, in the order in which they came."""

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


class Budget:
    """One bound for several caches: what was used least recently goes first, in whichever of them it is.

    Args:
        capacity: the largest sum of the sizes of all their values.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity, self._uses = capacity, itertools.count()
        self._caches: weakref.WeakSet[Cache] = weakref.WeakSet()
        self.lock = threading.RLock()

    def join(self, cache: Cache) -> None:
        """Counts what a cache holds."""
        with self.lock:
            self._caches.add(cache)

    def use(self) -> int:
        """The number of a use: higher than that of all before."""
        return next(self._uses)

    @property
    def total(self) -> int:
        """The sum of all sizes."""
        with self.lock:
            return sum(cache.total for cache in self._caches)

    def settle(self) -> None:
        """Drops values until the rest fits; each cache keeps the one that it used last."""
        with self.lock:
            while self.total > self._capacity:
                found = [cache for cache in self._caches if len(cache) > 1]
                if not found:
                    return
                min(found, key=lambda cache: cache.oldest).drop_oldest()


class Cache:
    """Values by key, ``capacity`` in all; a value that is larger alone stays until another one comes.

    Args:
        capacity: the largest sum of sizes, or the bound that the cache shares with others.
        size: of a value, in the unit of the capacity; by default each counts as 1.
        grows: whether sizes may change while values are kept; then all are asked for at each ``put``.
        at_once: how many values are made at the same time, whatever their keys; None for no limit.
    """

    def __init__(
        self,
        capacity: int | Budget,
        size: Callable[[Any], int] = lambda value: 1,
        at_once: int | None = 1,
        *,
        grows: bool = False,
    ) -> None:
        self._budget = capacity if isinstance(capacity, Budget) else Budget(capacity)
        self._size, self._grows = size, grows
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self._used: dict[Hashable, int] = {}
        self.total = 0
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = self._budget.lock
        self._budget.join(self)
        self._gate = None if at_once is None else Gate(at_once)

    def get(self, key: Hashable, make: Callable[[], T], valid: Callable[[T], bool] = lambda value: True) -> T:
        """The value of a key: the one that is kept if it is ``valid``, else what ``make`` returns.

        Threads that ask for a key while its value is being made wait for it. None is not kept, nor is an error.
        """
        found: T | None = self.peek(key)
        if found is not None and valid(found):
            return found
        with self._lock:
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            try:
                found = self.peek(key)
                if found is not None and valid(found):
                    return found
                if self._gate is None:
                    value = make()
                else:
                    with self._gate:
                        value = make()
                self.put(key, value)
                return value
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def peek(self, key: Hashable) -> Any:
        """The value that is kept for a key; None if there is none."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                self._used[key] = self._budget.use()
            return self._values.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Keeps a value; None removes what is kept."""
        with self._lock:
            self._drop(key)
            if value is None:
                return
            self._values[key] = value
            self._used[key] = self._budget.use()
            if self._grows:
                self._sizes = {name: self._size(kept) for name, kept in self._values.items()}
                self.total = sum(self._sizes.values())
            else:
                self._sizes[key] = self._size(value)
                self.total += self._sizes[key]
            self._budget.settle()

    @property
    def oldest(self) -> int:
        """The use of the value that was used least recently."""
        return self._used[next(iter(self._values))]

    def drop_oldest(self) -> None:
        """Drops the value that was used least recently."""
        with self._lock:
            self._drop(next(iter(self._values)))

    def _drop(self, key: Hashable) -> None:
        self._values.pop(key, None)
        self._used.pop(key, None)
        self.total -= self._sizes.pop(key, 0)

    def __len__(self) -> int:
        return len(self._values)
