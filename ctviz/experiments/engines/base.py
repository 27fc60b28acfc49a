"""What engines run, and their interface: each task leaves its results in a store, and its end is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import Kind


class AnyTask(Protocol):
    """A unit of work of an engine, as text and by its results: a stored run, unless ``run`` is None, and a result of
    the kind ``results`` under the key ``result_key``."""

    @property
    def key(self) -> str:
        """16 hexadecimal digits; equal tasks have equal keys on every machine."""
        ...

    @property
    def run(self) -> str | None: ...

    @property
    def results(self) -> Kind[Any]: ...

    @property
    def result_key(self) -> str: ...

    @property
    def seconds(self) -> float:
        """About how long it takes with one thread."""
        ...

    def to_json(self) -> str:
        """The task as text, which ``tasks.read_task`` reads."""
        ...

    def compute(self, store: Store, device: str, cancelled: Callable[[], bool]) -> None:
        """Leave the results in the store, unless they are there.

        Raises:
            CtvizError: they cannot be computed or stored; finished parts stay in the store.
        """
        ...


T = TypeVar("T", bound=AnyTask)


def is_done(task: AnyTask, store: Store) -> bool:
    """Whether the store holds the task's results."""
    trained = task.run is None or store.status(task.run).state == "done"
    return trained and task.results.has(store, task.result_key)


@dataclass(frozen=True)
class TaskResult(Generic[T]):
    """The result of a task: ``message`` is empty if the task is in the store, else a sentence that says why it is
    not."""

    task: T
    message: str
    seconds: float  # since it was started

    @property
    def done(self) -> bool:
        return not self.message


class Engine(Protocol):
    """Runs tasks; their results are in ``store`` by the time their ends are yielded.

    A task that fails is reported by its result and does not stop the others. Once ``cancelled()`` is true, the iterator
    ends soon, without results for the remaining tasks; finished ones stay in the store. The same holds when the
    iterator is closed.
    """

    def run(self, tasks: Sequence[T], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult[T]]:
        """Results in the order in which the tasks end."""
        ...


OnProgress = Callable[..., None]
"""Called with the number of units that are done, and their total; and with what is done, where a study has several
steps."""


def no_progress(done: int, total: int, part: str = "") -> None:
    """Ignores progress."""


def never_cancelled() -> bool:
    """Never cancels."""
    return False


def execute(
    tasks: Sequence[T],
    store: Store,
    engine: Engine,
    *,
    progress: OnProgress = no_progress,
    total: int | None = None,
    units: Callable[[T], int] = lambda task: 1,
    on_result: Callable[[TaskResult[T]], None] = lambda outcome: None,
    cancelled: Callable[[], bool] = never_cancelled,
) -> list[TaskResult[T]]:
    """Run tasks by an engine; whatever ends this early, an error or an interrupt, ends the work too.

    Args:
        progress: called with the units that are done and their total.
        total: of the units, with those that were done before; by default those of the tasks.
        units: of a task.
        on_result: called with each task that has ended.
        cancelled: called often; whether to stop. Finished results are kept.
    """
    left = sum(map(units, tasks))
    total = left if total is None else total
    outcomes: list[TaskResult[T]] = []
    progress(total - left, total)
    # Iterators of engines are generators.
    with closing(cast(Any, engine.run(tasks, store, cancelled) if tasks else _nothing())) as ends:
        for outcome in ends:
            outcomes.append(outcome)
            left -= units(outcome.task)
            progress(total - left, total)
            on_result(outcome)
    return outcomes


def _nothing() -> Iterator[TaskResult[T]]:
    yield from ()


def check_all_done(outcomes: Sequence[TaskResult[T]]) -> None:
    """``StoreError`` with the first reason why a task is not in the store."""
    for outcome in outcomes:
        if outcome.message:
            raise StoreError(outcome.message)


def attempt(task: AnyTask, store: Store, device: str, cancelled: Callable[[], bool]) -> str:
    """Compute a task; returns why it is not in the store, as a sentence, or "" if it is."""
    try:
        task.compute(store, device, cancelled)
    except CtvizError as error:
        return str(error)
    except MemoryError:
        return "There is not enough memory for this stack."
    except Exception as error:
        return f"Unexpected error: {type(error).__name__}: {error}"
    return ""
