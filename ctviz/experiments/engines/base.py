"""What an engine is: something that carries tasks out and says of each when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from ctviz.experiments.engines.task import Task
from ctviz.experiments.store import Store


@dataclass(frozen=True)
class TaskResult:
    """A task that has ended: ``message`` is empty where it is in the store, else a sentence why it is not."""

    task: Task
    message: str
    seconds: float  # from when it was begun

    @property
    def done(self) -> bool:
        return not self.message


class Engine(Interface):
    """Carries tasks out, so that their runs and reports are in ``store`` when it says that they have ended.

    One that fails is told by its outcome and stops no other. Once ``cancelled()`` is true the iterator ends soon,
    without outcomes for what was left; what is done by then stays in the store. So it does when the iterator is closed.
    """

    def run(self, tasks: Sequence[Task], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult]:
        """Outcomes in the order in which the tasks end."""
        ...
