"""The interface of an engine, which runs tasks and reports each one that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from ctviz.experiments.engines.task import Task
from ctviz.experiments.store import Store


@dataclass(frozen=True)
class TaskResult:
    """The result of a task: ``message`` is empty if the task is in the store, else a sentence that says why it is
    not."""

    task: Task
    message: str
    seconds: float  # since it was started

    @property
    def done(self) -> bool:
        return not self.message


class Engine(Interface):
    """Runs tasks; their runs and reports are in ``store`` by the time their results are yielded.

    A task that fails is reported by its result and does not stop the others. Once ``cancelled()`` is true, the iterator
    ends soon, without results for the remaining tasks; finished ones stay in the store. The same holds when the
    iterator is closed.
    """

    def run(self, tasks: Sequence[Task], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult]:
        """Results in the order in which the tasks end."""
        ...
