"""Proofs in the background, for all sessions: two at once, in a class one, in the order in which they were asked for.

A session wants the proofs of what it looks at, as long as it looks. What nobody wants any more is left out, or stopped:
the exact search runs in worker processes of its own, small ones without torch, which can be killed at any time, and
whose memory is not the server's. What has been proved is kept, for all sessions, within the one bound of what pages
keep, and so is the answer to each question: the proof of the first plan is not made again for that of all.
"""

from __future__ import annotations

import operator
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy.typing as npt
import streamlit as st

from ctviz.cache import Cache
from ctviz.counterfactuals.exact.cheapest import Answer, Question, Solver, solve
from ctviz.errors import CtvizError
from ctviz.experiments.advice import AdvisedPlan, ModelAdvice
from ctviz.jobs import NICENESS
from ctviz.ui.kit.frame import log
from ctviz.ui.kit.kept import KEPT
from ctviz.ui.kit.rights import class_address
from ctviz.worker_pool import WorkerPool
from ctviz.workers import at_exit

AT_ONCE = 2
"""Proofs that are searched at the same time; each keeps one processor busy."""

IN_A_CLASS = 1
"""The same where thirty people press at once: what they wait for is the pages."""

SECONDS = 15.0
"""That the proof of one plan is given."""

WHILE_OTHERS_WAIT = 4.0
"""The same where somebody else waits for a proof: what is known by then stays, and says so."""

LOOKS = 20.0
"""Seconds without a look after which a session wants nothing any more: its tab was closed, or shows another page."""

MOST_SESSIONS = 200
"""Sessions of which is remembered what they want."""

SAME = 1e-4
"""Share of an effort within which two are the same: what the exact search calls optimal."""


@dataclass(frozen=True)
class Failure:
    """Why a proof ended without a result, in a sentence."""

    words: str


@dataclass(frozen=True)
class Task:
    """A proof.

    Attributes:
        key: names it.
        make: what computes it, with a solver of the exact search and the seconds for each plan.
        question: names what it has in common with others, whose answers it takes over.
    """

    key: Hashable
    make: Callable[[Solver, float], ModelAdvice]
    question: Hashable = None


class StoppedError(Exception):
    """Nobody wants a proof any more."""


class Proofs:
    """Proofs of all sessions; safe for threads.

    Args:
        at_once: how many are searched at the same time.
        start: starts a thread that runs what it is given.
        clock: tells the seconds.
    """

    def __init__(
        self,
        at_once: int = AT_ONCE,
        start: Callable[[Callable[[], None]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._done = Cache(KEPT, size=_size)
        self._answers = Cache(KEPT, size=lambda answer: 4096)
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Hashable, Task] = OrderedDict()
        self._running: set[Hashable] = set()
        self._wanted: OrderedDict[str, frozenset[Hashable]] = OrderedDict()
        self._looked: dict[str, float] = {}
        self._free, self._start, self._clock = at_once, start or _thread, clock
        self._idle: list[WorkerPool] = []
        self._ended = False

    def want(self, session: str, tasks: Sequence[Task]) -> None:
        """Notes that a session wants these and nothing else; what failed is tried again for whoever comes anew."""
        with self._lock:
            before = self._wanted.get(session, frozenset())
            for task in tasks:
                if task.key not in before and isinstance(self._done.peek(task.key), Failure):
                    self._done.put(task.key, None)
            self._wanted[session] = frozenset(task.key for task in tasks)
            self._wanted.move_to_end(session)
            self._looked[session] = self._clock()
            self._forget()
            for task in tasks:
                if self._done.peek(task.key) is None and task.key not in self._running:
                    self._waiting.setdefault(task.key, task)
            starts = min(self._free, len(self._waiting))
            self._free -= starts
        for _ in range(starts):
            self._start(self._work)

    def result(self, key: Hashable) -> ModelAdvice | Failure | None:
        """What was found; None while it is under way, or where nobody asked."""
        found: ModelAdvice | Failure | None = self._done.peek(key)
        return found

    def look(self, session: str) -> None:
        """Notes that a session still looks at what it wants."""
        with self._lock:
            if session in self._wanted:
                self._looked[session] = self._clock()

    def place(self, key: Hashable) -> int | None:
        """How many are before it: 0 where it is being searched; None where it neither waits nor runs."""
        with self._lock:
            if key in self._running:
                return 0
            return list(self._waiting).index(key) + 1 if key in self._waiting else None

    def end(self) -> None:
        """Drops what waits and stops what runs."""
        with self._lock:
            self._ended = True
            self._waiting.clear()

    def _work(self) -> None:
        """Searches what waits, one after the other, until nothing does."""
        while True:
            with self._lock:
                self._forget()
                if not self._waiting:
                    self._free += 1
                    return
                key, task = self._waiting.popitem(last=False)
                self._running.add(key)
                hurry = any(keys & self._waiting.keys() and key not in keys for keys in self._wanted.values())
            found = _result(task, self._solver(task), WHILE_OTHERS_WAIT if hurry else SECONDS)
            if found is not None:
                self._done.put(key, found)
            with self._lock:
                self._running.discard(key)
                if found is None and not self._ended and self._is_wanted(key):  # again, since it was stopped
                    self._waiting.setdefault(key, task)

    def _solver(self, task: Task) -> Solver:
        """Answers questions in a worker process, which is killed when nobody wants the proof any more."""

        def stopped() -> bool:
            with self._lock:
                self._forget()
                return self._ended or not self._is_wanted(task.key)

        def solver(question: Question, seconds: float, known: npt.ArrayLike | None) -> Answer:
            name = task.question, question.excluded, question.counted, question.caps
            before: tuple[float, Answer] | None = self._answers.peek(name)
            if before is not None and (before[0] >= seconds or before[1].status in ("optimal", "none")):
                return before[1]
            with self._lock:
                pool = self._idle.pop() if self._idle else WorkerPool(solve, 1)
            try:
                found: dict[int, Answer] = dict(pool.map(operator.call, [(question, seconds, known)], stopped))
            finally:
                with self._lock:
                    self._idle.append(pool)
            if not found:
                raise StoppedError
            if task.question is not None:
                self._answers.put(name, (seconds, found[0]))
            return found[0]

        return solver

    def _forget(self) -> None:
        """Drops the wishes of sessions that do not look any more, and what waits for nobody else."""
        now = self._clock()
        gone = [who for who in self._wanted if now - self._looked[who] > LOOKS]
        for who in [*gone, *[who for who in self._wanted if who not in gone][:-MOST_SESSIONS]]:
            del self._wanted[who], self._looked[who]
        for key in [key for key in self._waiting if not self._is_wanted(key)]:
            del self._waiting[key]

    def _is_wanted(self, key: Hashable) -> bool:
        return any(key in keys for keys in self._wanted.values())


def _result(task: Task, solver: Solver, seconds: float) -> ModelAdvice | Failure | None:
    """What a proof finds; None where nobody wants it any more."""
    try:
        return task.make(solver, seconds)
    except StoppedError:
        return None
    except CtvizError as error:
        return Failure(str(error))
    except Exception:
        log().exception("A proof failed")
        return Failure("The proof ended with an error, which was written to the app's log.")


def _thread(work: Callable[[], None]) -> None:
    """Starts a thread that gives way to those that answer people, as workers do, where the system knows how."""

    def yielding() -> None:
        if sys.platform == "linux":  # elsewhere it would be that of the whole process
            os.nice(NICENESS)
        work()

    threading.Thread(target=yielding, name="ctviz-proof", daemon=True).start()


def _size(found: ModelAdvice | Failure) -> int:
    return 4096 if isinstance(found, Failure) else size_of(found)


def size_of(advice: ModelAdvice) -> int:
    """Bytes that what one model asks takes, roughly."""
    return 4096 + 8192 * (len(advice.plans) + 1)


@st.cache_resource(show_spinner=False)
def proofs() -> Proofs:
    """The server's one."""
    made = Proofs(at_once=IN_A_CLASS if class_address() else AT_ONCE)
    at_exit(made.end)
    return made


# -- what is proved of the plans that are shown ------------------------------------------------------------


def with_proof(shown: ModelAdvice, proved: ModelAdvice | None) -> ModelAdvice:
    """The plans that are shown, with as much of the proof as holds for them.

    The first plan is measured by the bound of the cheapest one. A later one was searched among plans that differ from
    those before it, so that a proof holds for it only where these are the same. Where no plan was found, whatever the
    proof found is shown.
    """
    if proved is None:
        return shown
    if not shown.plans:
        return proved
    plans, alike = [], True
    for at, plan in enumerate(shown.plans):
        other = proved.plans[at] if at < len(proved.plans) else None
        if alike and other is not None:
            plan = _bounded(plan, other)
        plans.append(plan)
        alike = alike and other is not None and same_plan(plan, other)
    complete = proved.complete and alike and len(plans) == len(proved.plans)
    return replace(shown, plans=tuple(plans), complete=complete, limit=proved.limit, unfit=proved.unfit)


def _bounded(plan: AdvisedPlan, proved: AdvisedPlan) -> AdvisedPlan:
    """A plan with the bound of a proof for the same question."""
    if proved.proof == "none asked":
        return plan
    least = proved.proof == "optimal" and plan.effort <= proved.effort * (1 + SAME)
    return replace(plan, proof="optimal" if least else "feasible", bound=min(proved.bound, plan.effort))


def same_plan(plan: AdvisedPlan, other: AdvisedPlan) -> bool:
    """Whether two plans ask for the same."""
    return bool((plan.columns == other.columns).all())


def cheaper(shown: ModelAdvice, proved: ModelAdvice | None) -> bool:
    """Whether the proof has found a plan that takes less effort than the first one that is shown."""
    if proved is None or not shown.plans or not proved.plans:
        return False
    return proved.plans[0].effort < shown.plans[0].effort * (1 - SAME)
