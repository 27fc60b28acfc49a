"""Tasks of a reproduction, and their reports in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from ctviz.errors import StoreError
from ctviz.experiments.engines.task import Task, is_done
from ctviz.experiments.evaluate import stored_report
from ctviz.experiments.reports import Report
from ctviz.experiments.store import Store
from ctviz.studies.reproduce.reproduction import Reproduction
from ctviz.studies.steps import Steps, all_done


def is_complete(task: Task, store: Store) -> bool:
    """Whether the store holds the task's run, which is needed again, and a readable report."""
    return is_done(task, store) and stored_report(task.run, task.protocol, store) is not None


@dataclass(frozen=True)
class Work:
    """A reproduction and its store; ``so_far``: of what is missing nothing is computed, and fewer draws are told of."""

    reproduction: Reproduction
    store: Store
    so_far: bool = False

    def first_done(self, tasks: Sequence[Task]) -> list[Task]:
        """The tasks of a study's draws, in their order; so far, those before the first that is missing."""
        return list(takewhile(lambda task: is_complete(task, self.store), tasks)) if self.so_far else list(tasks)

    def reports(self, tasks: Sequence[Task], part: str) -> Steps[list[Report]]:
        """A step: the reports of tasks, in their order.

        Raises:
            CtvizError: the first reason why a task failed, or the work was cancelled.
        """
        yield from all_done([task for task in tasks if not is_complete(task, self.store)], len(tasks), part)
        return [self._report(task) for task in tasks]

    def _report(self, task: Task) -> Report:
        found = stored_report(task.experiment.key, task.protocol, self.store)
        if found is None:
            raise StoreError(f"The evaluation of run {task.experiment.key} is not in the store; try again.")
        return found.with_references(dict(task.references))
