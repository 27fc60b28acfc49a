"""An engine without other processes, which notes what it is given."""

from collections.abc import Callable, Iterator, Sequence

from ctviz.errors import CtvizError
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.engines.task import Task, run_task
from ctviz.experiments.store import Store


class Here:
    """Carries tasks out one after the other, in this process."""

    def __init__(self) -> None:
        self.given: list[Task] = []

    def run(self, tasks: Sequence[Task], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult]:
        for task in tasks:
            self.given.append(task)
            message = ""
            try:
                run_task(task, store, "cpu", cancelled)
            except CtvizError as error:
                message = str(error)
            yield TaskResult(task, message, 0.0)
