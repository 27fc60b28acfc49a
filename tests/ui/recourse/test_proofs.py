"""Proofs in the background: their order, what is dropped, how much of a proof holds for the plans that are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ctviz.counterfactuals.exact.cheapest import Answer, Question, Solver, solve
from ctviz.counterfactuals.exact.network import Network
from ctviz.errors import DataError
from ctviz.experiments.advice import AdvisedPlan, ModelAdvice
from ctviz.jobs import NICENESS
from ctviz.ui.recourse import proofs as proving
from ctviz.ui.recourse.proofs import Failure, Proofs, Task, cheaper, proofs, with_proof
from tests.counterfactuals.lattices import box_lattice
from tests.waiting import until


def plan(columns: float, effort: float, bound: float = 0.0, proof: str = "none asked") -> AdvisedPlan:
    return AdvisedPlan(
        changes=(), columns=np.array([columns], dtype=np.float32), person={}, effort=effort, score=0.7, threshold=0.5,
        proof=proof, bound=bound, distance=1.0, nearest={}, closer_than=0.5,
    )  # fmt: skip


def advice(*plans: AdvisedPlan, complete: bool = False) -> ModelAdvice:
    outcome = "advised" if plans else "unknown"
    return ModelAdvice("full", True, 0.3, 0.5, outcome, plans=plans, complete=complete)


NONE = replace(advice(), outcome="none", complete=True)


class Threads:
    """Threads that run when the test says so."""

    def __init__(self) -> None:
        self.works: list[Callable[[], None]] = []

    def run(self) -> None:
        while self.works:
            self.works.pop(0)()


def task(name: str, made: list[str]) -> Task:
    def make(*_: object) -> ModelAdvice:
        made.append(name)
        return advice(plan(0, 1))

    return Task(name, make)


def test_proofs_come_in_the_order_in_which_they_were_asked_for_and_once_for_all_sessions() -> None:
    threads, made = Threads(), []
    proofs = Proofs(at_once=1, start=threads.works.append)
    proofs.want("ann", [task("a", made), task("b", made)])
    proofs.want("bob", [task("b", made), task("c", made)])
    assert [proofs.place(name) for name in "abc"] == [1, 2, 3]
    threads.run()
    assert made == ["a", "b", "c"] and proofs.place("a") is None and proofs.result("c") is not None
    proofs.want("cleo", [task("a", made)])
    threads.run()
    assert made == ["a", "b", "c"]


def test_what_no_session_wants_any_more_is_dropped() -> None:
    threads, made = Threads(), []
    proofs = Proofs(at_once=1, start=threads.works.append)
    proofs.want("ann", [task("a", made), task("b", made)])
    proofs.want("bob", [task("b", made)])
    proofs.want("ann", [task("c", made)])
    threads.run()
    assert made == ["b", "c"] and proofs.result("a") is None and proofs.place("a") is None


def test_no_more_threads_are_started_than_may_search_at_once() -> None:
    threads, made = Threads(), []
    proofs = Proofs(at_once=2, start=threads.works.append)
    proofs.want("ann", [task(name, made) for name in "abcd"])
    assert len(threads.works) == 2
    threads.run()
    proofs.want("ann", [task("e", made)])
    assert len(threads.works) == 1
    threads.run()
    assert sorted(made) == list("abcde")


def test_an_error_of_a_proof_is_a_sentence_and_is_tried_again_for_who_comes_anew() -> None:
    tried = []

    def fail(*_: object) -> ModelAdvice:
        tried.append(1)
        raise DataError("This person has no value.")

    proofs = Proofs(start=lambda work: work())
    for session, times in (("ann", 1), ("ann", 1), ("bob", 2)):
        proofs.want(session, [Task("a", fail)])
        assert proofs.result("a") == Failure("This person has no value.") and len(tried) == times


def test_the_end_drops_what_waits() -> None:
    threads, made = Threads(), []
    proofs = Proofs(start=threads.works.append)
    proofs.want("ann", [task("a", made)])
    proofs.end()
    threads.run()
    assert not made


@pytest.fixture
def solving(monkeypatch) -> list[Callable[[], None]]:
    """What happens while a question is solved, one after the other; the solver looks once afterwards whether to stop,
    and finds the time that it was given."""
    during: list[Callable[[], None]] = []

    class Pool:
        def __init__(self, *_: object) -> None: ...

        def map(self, function: object, items: list[tuple[Question, float, None]], cancelled: Callable[[], bool]):
            during.pop(0)()
            if not cancelled():
                yield 0, Answer("optimal" if items[0][1] > 10 else "feasible", None, items[0][1], 0.0)

    monkeypatch.setattr(proving, "WorkerPool", Pool)
    return during


def solved(name: str, question: str = "") -> Task:
    """A proof whose effort is the bound of the answer."""

    def make(solver: Solver, seconds: float) -> ModelAdvice:
        asked = Question(None, None, 1, 0.5)  # type: ignore[arg-type]  # nobody looks into it
        return advice(plan(0, solver(asked, seconds, None).bound))

    return Task(name, make, question or name)


def test_a_proof_stops_when_nobody_wants_it_any_more(solving) -> None:
    threads, now = Threads(), [0.0]
    proofs = Proofs(at_once=1, start=threads.works.append, clock=lambda: now[0])
    proofs.want("ann", [solved("a"), solved("b"), solved("c")])
    proofs.want("bob", [solved("b")])

    def another_person() -> None:
        proofs.want("ann", [solved("c")])

    def tab_closed() -> None:
        now[0] = proving.LOOKS + 1
        proofs.look("bob")

    solving += [another_person, tab_closed]
    threads.run()
    assert proofs.result("a") is None and proofs.result("b") is not None
    assert proofs.result("c") is None and proofs.place("c") is None, "ann looks no more"


def test_a_proof_that_is_wanted_again_while_it_stops_is_made() -> None:
    threads, tries = Threads(), []
    proofs = Proofs(at_once=1, start=threads.works.append)

    def make(*_: object) -> ModelAdvice:
        tries.append(1)
        if len(tries) == 1:
            proofs.want("ann", [Task("a", make)])
            raise proving.StoppedError
        return NONE

    proofs.want("ann", [Task("a", make)])
    threads.run()
    assert proofs.result("a") is NONE and len(tries) == 2


def test_while_others_wait_a_proof_is_shorter(solving) -> None:
    threads = Threads()
    proofs = Proofs(at_once=1, start=threads.works.append)
    proofs.want("ann", [solved("a"), solved("b")])
    proofs.want("bob", [solved("c")])
    solving += [lambda: None] * 3
    threads.run()
    efforts = [proofs.result(name).plans[0].effort for name in "abc"]
    assert efforts == [proving.WHILE_OTHERS_WAIT, proving.WHILE_OTHERS_WAIT, proving.SECONDS]


def test_a_question_that_is_answered_is_not_solved_again_unless_there_is_more_time(solving) -> None:
    threads = Threads()
    proofs = Proofs(at_once=1, start=threads.works.append)
    solving += [lambda: None] * 3
    proofs.want("ann", [solved("first", "x"), solved("whole", "x")])
    threads.run()
    assert proofs.result("whole") is not None and len(solving) == 2
    proofs.want("ann", [solved("hurried", "y")])
    proofs.want("bob", [solved("longer", "y")])
    threads.run()
    assert [proofs.result(name).plans[0].effort for name in ("hurried", "longer")] == [4.0, 15.0]


def test_a_worker_process_answers_as_this_one_does() -> None:
    network = Network(((np.array([[1.0, 1.0]]), np.array([-1.0])), (np.array([[0.0], [1.0]]), np.array([1.0, 0.0]))))
    question = Question(network, box_lattice(np.zeros(2, dtype=np.float32), [-1, -1], [1.5, 3]), 1, 0.5)
    found: list[Answer] = []

    def make(solver: Solver, seconds: float) -> ModelAdvice:
        found.append(solver(question, seconds, None))
        return NONE

    proofs = Proofs(start=lambda work: work(), clock=lambda: 0.0)
    proofs.want("ann", [Task("a", make)])
    proofs.end()
    expected = solve(question, 10, None)
    assert (found[0].status, found[0].bound, found[0].plan.effort) == ("optimal", expected.bound, expected.plan.effort)


# -- how much holds ---------------------------------------------------------------------------------------


def test_the_same_plan_is_proved() -> None:
    shown, proved = (
        advice(plan(1, 2.0), plan(2, 3.0)),
        advice(plan(1, 2.0, 2.0, "optimal"), plan(2, 3.0, 2.9, "feasible")),
    )
    first, second = with_proof(shown, proved).plans
    assert (first.proof, first.bound) == ("optimal", 2.0)
    assert (second.proof, second.bound) == ("feasible", 2.9)


def test_another_plan_for_as_much_effort_proves_the_first_one_and_no_later_one() -> None:
    shown, proved = (
        advice(plan(1, 2.0), plan(2, 3.0)),
        advice(plan(5, 2.0, 2.0, "optimal"), plan(2, 3.0, 3.0, "optimal")),
    )
    first, second = with_proof(shown, proved).plans
    assert first.proof == "optimal" and second.proof == "none asked"


def test_a_cheaper_plan_bounds_what_is_shown_and_does_not_replace_it() -> None:
    shown, proved = advice(plan(1, 2.0)), advice(plan(5, 1.0, 1.0, "optimal"))
    (first,) = with_proof(shown, proved).plans
    assert first.columns == 1 and first.proof == "feasible" and first.gap == pytest.approx(0.5)
    assert cheaper(shown, proved) and not cheaper(shown, advice(plan(1, 2.0 - 1e-6)))


@pytest.mark.parametrize("proved", [NONE, advice(plan(1, 1.0, 1.0, "optimal"))])
def test_where_no_plan_was_found_the_proof_is_shown(proved: ModelAdvice) -> None:
    assert with_proof(advice(), proved) is proved
    assert with_proof(advice(), None).outcome == "unknown" and not cheaper(advice(), proved)


def test_that_there_is_no_further_plan_holds_for_the_same_plans_alone() -> None:
    proved = advice(plan(1, 2.0, 2.0, "optimal"), complete=True)
    assert with_proof(advice(plan(1, 2.0)), proved).complete
    assert not with_proof(advice(plan(3, 2.0)), proved).complete
    assert not with_proof(advice(plan(1, 2.0), plan(2, 3.0)), proved).complete


@pytest.mark.skipif(sys.platform != "linux", reason="a priority is that of the whole process there")
def test_proofs_give_way_to_those_that_answer_people() -> None:
    found: list[int] = []
    proofs, own = Proofs(), os.nice(0)

    def make(*_: object) -> ModelAdvice:
        found.append(os.nice(0))
        return NONE

    proofs.want("ann", [Task("a", make)])
    until(lambda: proofs.result("a") is not None)
    assert found == [min(own + NICENESS, 19)]
    assert os.nice(0) == own, "other threads stay as they are"


@pytest.mark.parametrize(("address", "at_once"), [("", 2), ("http://192.168.1.2:8501", 1)])
def test_in_a_class_proofs_leave_a_processor_to_the_pages(monkeypatch, address: str, at_once: int) -> None:
    monkeypatch.setenv("CTVIZ_CLASS", address)
    proofs.clear()
    assert proofs()._free == at_once
    proofs.clear()
