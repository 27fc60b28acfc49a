"""Tasks that an engine runs, and their reports in the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.engines.base import Engine, check_all_done, execute, never_cancelled
from ctviz.experiments.engines.task import Task, is_done
from ctviz.experiments.evaluate import stored_report
from ctviz.experiments.reports import Report
from ctviz.experiments.reproduce.reproduction import Reproduction
from ctviz.experiments.store import Store

OnTask = Callable[[int, int, str], None]
"""Called with the number of tasks that have ended, their total, and a description of the work."""


def no_progress(done: int, total: int, doing: str) -> None:
    """Ignores progress."""


class Cancelled(CtvizError):  # noqa: N818 (says what it means)
    """The work was cancelled; finished results stay in the store."""


def is_complete(task: Task, store: Store) -> bool:
    """Whether the store holds the task's run, which is needed again, and a readable report."""
    return is_done(task, store) and stored_report(task.run, task.protocol, store) is not None


@dataclass(frozen=True)
class Work:
    """A reproduction, its store, and the engine that runs it."""

    reproduction: Reproduction
    store: Store
    engine: Engine
    progress: OnTask = no_progress
    cancelled: Callable[[], bool] = never_cancelled

    def reports(self, tasks: Sequence[Task], doing: str) -> list[Report]:
        """The reports of tasks, in their order; results in the store are not computed again.

        Raises:
            CtvizError: the first reason why a task failed, or the work was cancelled (``Cancelled``).
        """
        waiting = [task for task in tasks if not is_complete(task, self.store)]
        outcomes = execute(
            waiting,
            self.store,
            self.engine,
            progress=lambda done, total: self.progress(done, total, doing),
            total=len(tasks),
            cancelled=self.cancelled,
        )
        if self.cancelled():
            raise Cancelled("Stopped; what is done is kept, and the same command goes on from there.")
        check_all_done(outcomes)
        return [self._report(task) for task in tasks]

    def _report(self, task: Task) -> Report:
        found = stored_report(task.experiment.key, task.protocol, self.store)
        if found is None:
            raise StoreError(f"The evaluation of run {task.experiment.key} is not in the store; try again.")
        return found.with_references(dict(task.references))
