"""Advice for everyone in the background: of stored runs by worker processes, of a table of one's own in this process.

The parts of a stored run go into the store. A table that somebody has uploaded is not written to the disk, so neither
are its plans: they are made here, by one thread, and kept in memory as long as its models are. The server's runner
(``kit.runner``) cannot do that: its tasks are done by other processes, and their results lie in the store.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import streamlit as st

from ctviz.errors import CtvizError, JobError
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.everyone import advise_everyone, draw
from ctviz.experiments.population import MOST_PEOPLE, Population, PopulationSettings
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
from ctviz.ui.kit.runner import State, StudyProgress, runner
from ctviz.ui.kit.service import service
from ctviz.ui.recourse.ground import Ground

MOST_REMEMBERED = 8
"""Answers of this process that are kept for the models of one table."""

WORDS = "people are advised"


@dataclass(frozen=True)
class Work:
    """What is under way, or has ended, for a question.

    ``polished``: whether everybody has a plan by now, so that only proofs are missing. ``result``: of this process.
    """

    progress: StudyProgress
    polished: bool
    cancel: Callable[[], None]
    result: Population | None = None


@dataclass(frozen=True, eq=False)
class AskedOfEveryone:
    """A question about everyone, on the ground of the page."""

    ground: Ground
    settings: PopulationSettings

    @cached_property
    def key(self) -> str:
        """Names the question, whatever is proved, and with it the work on it: one for all sessions."""
        return f"everyone-{whole_key(self.ground.adviser, self.settings)}"

    @cached_property
    def tasks(self) -> list[PopulationTask]:
        """The parts of it, whether or not they are in the store."""
        adviser = self.ground.adviser
        return tasks_of(adviser, self.settings, draw(adviser, self.settings))

    @property
    def stored(self) -> bool:
        """Whether the run is in the store, where workers find it."""
        return service().store.status(self.ground.experiment.key).state == "done"

    def proving_all(self) -> AskedOfEveryone:
        """The same with proofs of all."""
        return replace(self, settings=self.settings.model_copy(update={"proofs": 2 * MOST_PEOPLE}))

    def seconds(self) -> float:
        """About how long it takes with one thread, for people of whom nothing is stored."""
        n = min(self.settings.people, len(self.ground.refused))
        plans, proofs = 2 * n, 2 * min(self.settings.proofs, n)
        return plans * PLAN_SECONDS[False] + proofs * PLAN_SECONDS[True]

    def begin(self) -> None:
        """Begins it in the background, unless it is under way.

        Raises:
            JobError: too much is under way. StoreError: the disk does not take it.
        """
        if not self.stored:
            _here().begin(self)
            return
        runner().start(self.key, self._steps(), WORDS, owner=self.key)

    def _steps(self) -> Steps[object]:
        """All that is left as one step, plans before proofs; then all of it."""
        store = service().store
        missing = [task for task in self.tasks if not PARTS.has(store, task.key)]
        people = sum(task.span.people for task in missing)
        yield Step(missing, people, units=lambda task: task.span.people)
        return stored_population(self.ground.adviser, self.settings, store)


def work_of(asked: AskedOfEveryone) -> Work | None:
    """What is under way for a question, or has ended; None if it was not begun here."""
    if not asked.stored:
        return _here().work(asked)
    progress = runner().progress(asked.key)
    if progress is None:
        return None
    store = service().store
    polished = all(PARTS.has(store, task.key) for task in asked.tasks if not task.span.proved)
    return Work(progress, polished, lambda: runner().cancel(asked.key))


# -- in this process ---------------------------------------------------------------------------------------


class _StoppedError(Exception):
    """Somebody has stopped the work."""


@dataclass
class _Thread:
    """The work on one question, by a thread of this process."""

    expected: float
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    done: int = 0
    units: int = 0
    message: str = ""
    result: Population | None = None
    stopped: threading.Event = field(default_factory=threading.Event)

    def follow(self, done: int, total: int) -> None:
        """Notes how far it is; ends it where somebody has stopped it."""
        self.done, self.units = done, total
        if self.stopped.is_set():
            raise _StoppedError

    @property
    def progress(self) -> StudyProgress:
        seconds = (self.ended or time.monotonic()) - self.began
        state: State = "running"
        if self.ended is not None:
            state = "cancelled" if self.stopped.is_set() else "failed" if self.message else "done"
        return StudyProgress(state, self.done, self.units, seconds, self.message, self.expected, what=WORDS)


class Here:
    """Work on questions by threads of this process, one at a time; safe to call from any thread.

    It holds nobody's models: when they are dropped, so are the answers on them, and work on them stops.
    """

    def __init__(self) -> None:
        self._works: weakref.WeakKeyDictionary[Adviser, OrderedDict[str, _Thread]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def begin(self, asked: AskedOfEveryone) -> None:
        """Begins it, unless it is under way; ``JobError`` where something else is."""
        with self._lock:
            works = self._works.setdefault(asked.ground.adviser, OrderedDict())
            if asked.key in works and works[asked.key].ended is None:
                return
            if any(work.ended is None for known in self._works.values() for work in known.values()):
                raise JobError("Everyone is being advised by other models right now. Wait for its end, or stop it.")
            work = _Thread(asked.seconds())
            before = works.pop(asked.key, None)
            work.result = before.result if before else None
            works[asked.key] = work
            while len(works) > MOST_REMEMBERED:
                works.popitem(last=False)
        weakref.finalize(asked.ground, work.stopped.set)  # the thread holds the adviser, but not the ground
        args = work, asked.ground.adviser, asked.settings
        threading.Thread(target=self._run, args=args, name="ctviz-everyone", daemon=True).start()

    def work(self, asked: AskedOfEveryone) -> Work | None:
        """What is under way for a question, or has ended."""
        with self._lock:
            works = self._works.get(asked.ground.adviser)
            found = None if works is None else works.get(asked.key)
        if found is None:
            return None
        return Work(found.progress, found.result is not None, found.stopped.set, found.result)

    def _run(self, work: _Thread, adviser: Adviser, settings: PopulationSettings) -> None:
        try:
            if work.result is None:
                quick = settings.model_copy(update={"proofs": 0})
                work.result = advise_everyone(adviser, quick, work.follow)
            if settings.proofs:
                work.result = advise_everyone(adviser, settings, work.follow)
        except _StoppedError:
            pass
        except CtvizError as error:
            work.message = str(error)
        except Exception:
            log().exception("Advice for everyone failed")
            work.message = "Something went wrong here; what happened was written to the log."
        finally:
            work.ended = time.monotonic()


@st.cache_resource(show_spinner=False)
def _here() -> Here:
    return Here()
