"""About how long a reproduction takes."""

from __future__ import annotations

from ctviz.experiments.engines.cost import Estimate, slowdown, task_cost
from ctviz.experiments.engines.task import Task
from ctviz.experiments.store import Store
from ctviz.studies.reproduce.judged import tasks_of
from ctviz.studies.reproduce.reproduction import Reproduction
from ctviz.studies.reproduce.searched import searches_of
from ctviz.studies.reproduce.table1 import computing
from ctviz.studies.reproduce.work import Work, is_complete
from ctviz.studies.steps import is_stored


def estimate(reproduction: Reproduction, store: Store, workers: int = 1) -> Estimate:
    """Estimated time to compute what is not stored yet, with ``workers`` workers; 0 seconds if nothing is missing.

    The chosen cells and draws are not known in advance; all of them cost about the same.
    """
    if is_stored(computing(Work(reproduction, store))):
        return Estimate(seconds=0.0)
    return Estimate(seconds=_missing_seconds(reproduction, store) / max(1, workers))


def _missing_seconds(reproduction: Reproduction, store: Store) -> float:
    scale, cell = slowdown(store), reproduction.cells[0]
    seconds = 0.0
    for data in reproduction.data:
        chosen, seeds = reproduction.selecting(data), range(reproduction.draws(data))
        on_validation, locked = reproduction.on_validation(data), reproduction.on_validation_locked(data)
        tasks = [Task(reproduction.selection(data, seed), on_validation) for seed in chosen]
        tasks += [Task(reproduction.scouting(data, seed), locked) for seed in seeds]
        tasks += [Task(reproduction.locked_selection(data, seed), locked) for seed in chosen]
        finals = [reproduction.final(data, seed, cell, cell) for seed in seeds]
        tasks += [Task(final, reproduction.on_test(data)) for final in finals]
        on_test = reproduction.on_test_locked(data)
        tasks += [Task(reproduction.locked_final(data, seed, cell, cell), on_test) for seed in seeds]
        seconds += sum(task_cost(task, scale).seconds for task in tasks if not is_complete(task, store))
        again = searches_of(reproduction, data, [one for one in finals if reproduction.is_whole(data, one.seed)])
        judged = tasks_of(reproduction, data, [reproduction.judging(data, seed, cell, cell) for seed in seeds])
        trained = {one.key for one in finals}
        seconds += sum(
            task_cost(task, scale, trained=task.run in trained).seconds
            for task in (*again, *judged)
            if not is_complete(task, store)
        )
    return seconds
