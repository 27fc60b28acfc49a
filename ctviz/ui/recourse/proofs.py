"""Proofs in the background, for all sessions: two at once, in a class one, in the order in which they were asked for.

A session wants the proofs of what it looks at. Those that nobody wants any more by the time their turn comes are left
out; what has been proved is kept, for all sessions, within the one bound of what pages keep.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from ctviz.cache import Cache
from ctviz.errors import CtvizError
from ctviz.experiments.advice import AdvisedPlan, ModelAdvice
from ctviz.jobs import NICENESS
from ctviz.ui.kit.frame import log
from ctviz.ui.kit.kept import KEPT
from ctviz.ui.kit.rights import class_address

AT_ONCE = 2
"""Proofs that are searched at the same time; each keeps one processor busy."""

IN_A_CLASS = 1
"""The same where thirty people press at once: what they wait for is the pages."""

LAST = 2.0
"""Seconds that a server which ends waits for proofs."""

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
    """A proof: what names it, and what computes it."""

    key: Hashable
    make: Callable[[], ModelAdvice]


class Proofs:
    """Proofs of all sessions; safe for threads.

    Args:
        at_once: how many are searched at the same time.
        start: starts a thread that runs what it is given.
    """

    def __init__(self, at_once: int = AT_ONCE, start: Callable[[Callable[[], None]], None] | None = None) -> None:
        self._done = Cache(KEPT, size=_size)
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._waiting: OrderedDict[Hashable, Task] = OrderedDict()
        self._running: set[Hashable] = set()
        self._wanted: OrderedDict[str, frozenset[Hashable]] = OrderedDict()
        self._free, self._start = at_once, start or _thread

    def want(self, session: str, tasks: Sequence[Task]) -> None:
        """Notes that a session wants these, and nothing else any more."""
        with self._lock:
            self._wanted[session] = frozenset(task.key for task in tasks)
            self._wanted.move_to_end(session)
            while len(self._wanted) > MOST_SESSIONS:
                self._wanted.popitem(last=False)
            wanted = set().union(*self._wanted.values())
            for key in [key for key in self._waiting if key not in wanted]:
                del self._waiting[key]
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

    def place(self, key: Hashable) -> int | None:
        """How many are before it: 0 where it is being searched; None where it neither waits nor runs."""
        with self._lock:
            if key in self._running:
                return 0
            return list(self._waiting).index(key) + 1 if key in self._waiting else None

    def end(self, seconds: float) -> None:
        """Drops what waits, and gives what runs some seconds to end.

        A thread that is inside the solver when Python ends takes the process down with it.
        """
        with self._idle:
            self._waiting.clear()
            self._idle.wait_for(lambda: not self._running, seconds)

    def _work(self) -> None:
        """Searches what waits, one after the other, until nothing does."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._free += 1
                    return
                key, task = self._waiting.popitem(last=False)
                self._running.add(key)
            found = _result(task)
            self._done.put(key, found)
            with self._idle:
                self._running.discard(key)
                self._idle.notify_all()


def _result(task: Task) -> ModelAdvice | Failure:
    try:
        return task.make()
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
    atexit.register(made.end, LAST)
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
