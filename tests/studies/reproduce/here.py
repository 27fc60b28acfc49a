"""An engine without other processes, which notes what it is given."""

from collections.abc import Callable, Iterator, Sequence

from ctviz.experiments.engines.base import TaskResult, attempt
from ctviz.experiments.engines.task import Task
from ctviz.experiments.store import Store


class Here:
    """Carries tasks out one after the other, in this process."""

    def __init__(self) -> None:
        self.given: list[Task] = []

    def run(self, tasks: Sequence[Task], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult]:
        for task in tasks:
            self.given.append(task)
            yield TaskResult(task, attempt(task, store, "cpu", cancelled), 0.0)
