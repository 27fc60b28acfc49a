"""Tasks carried out by an engine, and the reports they leave in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.engines.base import Engine
from ctviz.experiments.engines.task import Task, is_done
from ctviz.experiments.evaluate import stored_report
from ctviz.experiments.reports import Report
from ctviz.experiments.reproduce.reproduction import Reproduction
from ctviz.experiments.store import Store

OnTask = Callable[[int, int, str], None]
"""Called with the tasks that have ended, their number and what is being done."""


def no_progress(done: int, total: int, doing: str) -> None:
    """Nobody wants to know."""


def never_cancelled() -> bool:
    """It is not to be stopped."""
    return False


class Cancelled(CtvizError):  # noqa: N818 (says what it means)
    """The work was stopped; what is done stays in the store."""


def is_complete(task: Task, store: Store) -> bool:
    """Whether the store holds both the task's run, which is looked at again, and a report that can be read."""
    return is_done(task, store) and stored_report(task.run, task.protocol, store) is not None


@dataclass(frozen=True)
class Work:
    """What is reproduced, where it is kept, and who carries it out."""

    reproduction: Reproduction
    store: Store
    engine: Engine
    progress: OnTask = no_progress
    cancelled: Callable[[], bool] = never_cancelled

    def reports(self, tasks: Sequence[Task], doing: str) -> list[Report]:
        """The reports of tasks, in their order; what the store holds by now is not computed again.

        Raises:
            CtvizError: the first reason why a task could not be carried out; the work was stopped (``Cancelled``).
        """
        waiting = [task for task in tasks if not is_complete(task, self.store)]
        done, total = len(tasks) - len(waiting), len(tasks)
        self.progress(done, total, doing)
        failed = []
        for ended in self.engine.run(waiting, self.store, self.cancelled) if waiting else ():
            done += 1
            self.progress(done, total, doing)
            if ended.message:
                failed.append(ended.message)
        if self.cancelled():
            raise Cancelled("Stopped; what is done is kept, and the same command goes on from there.")
        if failed:
            raise StoreError(failed[0])
        return [self._report(task) for task in tasks]

    def _report(self, task: Task) -> Report:
        found = stored_report(task.experiment.key, task.protocol, self.store)
        if found is None:
            raise StoreError(f"The evaluation of run {task.experiment.key} is not in the store; try again.")
        return found.with_references(dict(task.references))
