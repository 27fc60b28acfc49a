"""How every study is carried out: sweeps, Table 1, limits, the draws of a lock.

A study is variants × seeds, measured by a protocol: many tasks and one result. It is a generator of ``Step``: tasks
that the store lacks, which may depend on results of the steps before. What it returns is put together from the store.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from ctviz.errors import CtvizError
from ctviz.experiments.engines.base import (
    Engine,
    OnProgress,
    TaskResult,
    check_all_done,
    execute,
    never_cancelled,
    no_progress,
)
from ctviz.experiments.engines.choice import opened
from ctviz.experiments.store import Store

R = TypeVar("R")


@dataclass(frozen=True)
class Step:
    """Tasks that can be run together and are not in the store.

    ``total`` counts the units of the step with those that are done, ``units`` those of a task; ``part`` says in words
    what is done, where a study has several steps.
    """

    tasks: Sequence[Any]
    total: int
    part: str = ""
    units: Callable[[Any], int] = lambda task: 1


Steps = Generator[Step, list[TaskResult[Any]], R]
"""The steps of a study: after each it is sent how the tasks have ended, fewer than there were if it is cancelled."""


def carry_out(
    steps: Steps[R],
    store: Store,
    engine: str | Engine = "local",
    workers: int | None = None,
    address: str | None = None,
    *,
    progress: OnProgress = no_progress,
    on_result: Callable[[TaskResult[Any]], None] = lambda outcome: None,
    cancelled: Callable[[], bool] = never_cancelled,
) -> R:
    """The result of a study, once an engine has run its steps.

    Args:
        steps: of the study.
        store: where tasks leave their results.
        engine: "local", "ray", or anything with the ``run`` of an ``Engine``.
        workers: processes; by default one for each processor.
        address: of a Ray cluster.
        progress: called with the units of a step that are done, their total, and the step's ``part`` if it has one;
            its exceptions end the work.
        on_result: called with each task that has ended.
        cancelled: called often; whether to stop. Finished results are kept.

    Raises:
        ConfigError: an engine or settings of it that there are not.
    """
    outcomes: Any = None  # a generator is begun so
    with opened(engine, workers, address) as ready, closing(steps):
        while True:
            try:
                step = steps.send(outcomes)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            part = (step.part,) if step.part else ()
            outcomes = execute(
                step.tasks, store, ready, progress=lambda done, total, part=part: progress(done, total, *part),
                total=step.total, units=step.units, on_result=on_result, cancelled=cancelled,
            )  # fmt: skip


def from_first(step: Step, steps: Steps[R]) -> Steps[R]:
    """A study that has given its first step already, from that step on."""
    with closing(steps):
        while True:
            outcomes = yield step
            try:
                step = steps.send(outcomes)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]


class Cancelled(CtvizError):  # noqa: N818 (says what it means)
    """The work was cancelled; finished results stay in the store."""


def all_done(tasks: Sequence[Any], total: int, part: str = "") -> Steps[None]:
    """A step whose tasks must all end in the store, where what follows needs them.

    Raises:
        Cancelled: the work was cancelled. StoreError: the first reason why a task failed.
    """
    outcomes = yield Step(tasks, total, part)
    if len(outcomes) < len(tasks):
        raise Cancelled("Stopped; what is done is kept, and the same command goes on from there.")
    check_all_done(outcomes)


def is_stored(steps: Steps[Any]) -> bool:
    """Whether a study lacks nothing, without running anything; steps that depend on a missing one are not looked at."""
    try:
        step = next(steps)
        while not step.tasks:
            step = steps.send([])
    except StopIteration:
        return True
    finally:
        steps.close()
    return False
