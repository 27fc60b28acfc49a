"""Advice for everyone in the background, by the server's runner of studies (``kit.runner``) and worker processes.

The parts of a stored run go into the store. A table that somebody has uploaded is not written to the disk, so neither
are its plans: an engine of its own hands its models to workers, and keeps what they send in memory as long as the
models are there.
"""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.engines.base import T, TaskResult
from ctviz.experiments.everyone import advised, assembled, draw
from ctviz.experiments.population import MOST_PEOPLE, Drawn, Part, Population, PopulationSettings, Span
from ctviz.experiments.store import Store
from ctviz.studies.population import (
    PARTS,
    PLAN_SECONDS,
    PopulationTask,
    stored_population,
    tasks_of,
    whole_key,
)
from ctviz.studies.steps import Step, Steps
from ctviz.ui.kit.frame import log
from ctviz.ui.kit.runner import StudyProgress, runner
from ctviz.ui.kit.service import service
from ctviz.ui.recourse.context import AdviceContext

MOST_REMEMBERED = 8
"""Answers that are kept for the models of one table of one's own."""

WORKERS = 2
"""Processes that advise on a table of one's own; each holds its models."""

WORDS = "people are advised"


@dataclass(frozen=True)
class Work:
    """What is under way, or has ended, for a question.

    ``polished``: whether everybody has a plan by now, so that only proofs are missing. ``result``: where it is in
    memory, and not in the store.
    """

    progress: StudyProgress
    polished: bool
    cancel: Callable[[], None]
    result: Population | None = None


@dataclass(frozen=True, eq=False)
class AskedOfEveryone:
    """A question about everyone, asked of the models of the page."""

    context: AdviceContext
    settings: PopulationSettings

    @cached_property
    def key(self) -> str:
        """Names the question, whatever is proved, and with it the work on it: one for all sessions."""
        return f"everyone-{whole_key(self.context.adviser, self.settings)}"

    @cached_property
    def tasks(self) -> list[PopulationTask]:
        """The parts of it, whether or not they are in the store."""
        adviser = self.context.adviser
        return tasks_of(adviser, self.settings, draw(adviser, self.settings))

    @property
    def stored(self) -> bool:
        """Whether the run is in the store, where workers find it."""
        keys = self.context.adviser.run.key.split("+")
        return all(service().store.status(key).state == "done" for key in keys)

    def proving_all(self) -> AskedOfEveryone:
        """The same with proofs of all."""
        return replace(self, settings=self.settings.model_copy(update={"proofs": 2 * MOST_PEOPLE}))

    def seconds(self) -> float:
        """About how long it takes with one thread, for people of whom nothing is stored."""
        n = min(self.settings.people, len(self.context.refused))
        plans, proofs = 2 * n, 2 * min(self.settings.proofs, n)
        return plans * PLAN_SECONDS[False] + proofs * PLAN_SECONDS[True]

    def begin(self) -> None:
        """Begins it in the background, unless it is under way.

        Raises:
            JobError: too much is under way. StoreError: the disk does not take it.
        """
        if self.stored:
            runner().start(self.key, self._steps(), WORDS, owner=self.key)
            return
        missing = [task for task in self.tasks if task.key not in _kept(self).parts]
        runner().start(self.key, self._own_steps(missing), WORDS, owner=self.key, engine=OwnWorkers(self))
        weakref.finalize(self.context, runner().cancel, self.key)  # the engine holds the models, but not the context

    def _steps(self) -> Steps[object]:
        """All that is left as one step, plans before proofs; then all of it."""
        store = service().store
        missing = [task for task in self.tasks if not PARTS.has(store, task.key)]
        people = sum(task.span.people for task in missing)
        yield Step(missing, people, units=lambda task: task.span.people)
        return stored_population(self.context.adviser, self.settings, store)

    @staticmethod
    def _own_steps(tasks: Sequence[PopulationTask]) -> Steps[None]:
        """All of it as one step; what comes of it is with its engine."""
        yield Step(tasks, sum(task.span.people for task in tasks), units=lambda task: task.span.people)


def work_of(asked: AskedOfEveryone) -> Work | None:
    """What is under way for a question, or has ended; None if it was not begun here."""
    progress = runner().progress(asked.key)
    if progress is None:
        return None
    if not asked.stored:
        result = _kept(asked).answer
        return Work(progress, result is not None, lambda: runner().cancel(asked.key), result)
    store = service().store
    polished = all(PARTS.has(store, task.key) for task in asked.tasks if not task.span.proved)
    return Work(progress, polished, lambda: runner().cancel(asked.key))


# -- of a table of one's own -----------------------------------------------------------------------------


@dataclass
class _Kept:
    """What is known of a question: its parts by the keys of their tasks, and the answer once everybody has a plan."""

    parts: dict[str, tuple[Span, Part]] = field(default_factory=dict)
    answer: Population | None = None


@st.cache_resource(show_spinner=False)
def _all_kept() -> weakref.WeakKeyDictionary[Adviser, OrderedDict[str, _Kept]]:
    """By the models that were asked: when these are dropped, so is what they answered."""
    return weakref.WeakKeyDictionary()


def _kept(asked: AskedOfEveryone) -> _Kept:
    own = _all_kept().setdefault(asked.context.adviser, OrderedDict())
    found = own.setdefault(asked.key, _Kept())
    own.move_to_end(asked.key)
    while len(own) > MOST_REMEMBERED:
        own.popitem(last=False)
    return found


class OwnWorkers:
    """An engine for the parts of a question on one's own table: its models go to worker processes, the plans come back,
    and nothing is written."""

    lanes = 1

    def __init__(self, asked: AskedOfEveryone) -> None:
        self._adviser, self._settings, self._kept = asked.context.adviser, asked.settings, _kept(asked)
        self._polished = [task.key for task in asked.tasks if not task.span.proved]

    def run(self, tasks: Sequence[T], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult[T]]:
        """The parts in their order, up to the first that fails; the answer is put together when everybody has a plan,
        and at the end."""
        drawn = draw(self._adviser, self._settings)
        for task in tasks:
            began, message = time.monotonic(), ""
            try:
                self._make(cast(PopulationTask, task), drawn, cancelled, last=task is tasks[-1])
            except CtvizError as error:
                message = str(error)
            except Exception:
                log().exception("Advice for everyone failed")
                message = "Something went wrong here; what happened was written to the log."
            if cancelled():
                return
            yield TaskResult(task, message, time.monotonic() - began)
            if message:
                return

    def _make(self, task: PopulationTask, drawn: Drawn, cancelled: Callable[[], bool], *, last: bool) -> None:
        adviser, settings, kept = self._adviser, self._settings, self._kept
        kept.parts[task.key] = task.span, advised(adviser, settings, drawn, task.span, WORKERS, cancelled)
        whole = all(key in kept.parts for key in self._polished)
        if whole and (kept.answer is None or last):
            kept.answer = assembled(adviser, settings, drawn, kept.parts.values())
