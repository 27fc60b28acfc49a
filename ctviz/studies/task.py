"""What the tasks of studies share that keep no models: one result each, under a key of their own."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import Kind

R = TypeVar("R")


class StudyTask(ABC, Generic[R]):
    """A unit of work of an engine (``engines.base.AnyTask``) with a result of type R.

    A kind of task says what it is called in ``engines.tasks.TASKS``, how its results are kept, and has ``seconds``
    and a ``from_values``, the inverse of ``values``.
    """

    called: ClassVar[str]
    results: ClassVar[Kind[Any]]
    run: ClassVar[None] = None  # it keeps no models

    @property
    @abstractmethod
    def named(self) -> str:
        """All that its result depends on, as a text."""

    @property
    @abstractmethod
    def values(self) -> dict[str, Any]:
        """The task as JSON."""

    @abstractmethod
    def measured(self, store: Store, cancelled: Callable[[], bool]) -> R | None:
        """Its result, computed on the processor; None if it was cancelled."""

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits; equal tasks have equal keys on every machine."""
        return hashlib.sha256(self.named.encode()).hexdigest()[:16]

    @property
    def result_key(self) -> str:
        return self.key

    def to_json(self) -> str:
        """The task as text, to be sent to another process or machine."""
        return json.dumps({self.called: self.values}, allow_nan=False)

    def compute(self, store: Store, device: str, cancelled: Callable[[], bool]) -> None:
        """Compute it unless its result is stored; nothing is kept if it is cancelled."""
        if self.stored(store) is None and (found := self.measured(store, cancelled)) is not None:
            self.results.keep(store, self.key, found)

    def stored(self, store: Store) -> R | None:
        """What the store holds of it; a damaged file is removed, to be computed again."""
        return self.results.read(store, self.key)
