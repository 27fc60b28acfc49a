"""Sweeps under way: in turns, one for each session, stopped at once, and never lost without a word."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from ctviz.errors import JobError
from ctviz.experiments.store import Store
from ctviz.experiments.sweeps.catalogue import list_sweeps
from ctviz.experiments.sweeps.plan import plan
from ctviz.jobs import JobStatus
from ctviz.ui.tradeoffs.runner import MOST_AT_ONCE, TRIES, Runner, SweepProgress
from tests.experiments.sweeps.small import base, small
from tests.waiting import until


class Jobs:
    """Jobs that end when they are told to; at most ``slots`` at once is what the runner has to see to."""

    def __init__(self, slots: int = 3, state: str = "") -> None:
        self.slots, self.always = slots, state
        self.states: dict[str, str] = {}
        self.order: list[str] = []
        self.most = 0
        self.lock = threading.Lock()

    def submit(self, key, *_, seconds):
        with self.lock:
            self.order.append(key)
            self.states[key] = self.always or "running"
            self.most = max(self.most, sum(state == "running" for state in self.states.values()))

    def status(self, key):
        with self.lock:
            return JobStatus(key, self.states[key], message="It broke." if self.states[key] == "failed" else "")

    def cancel(self, key):
        self.end(key, "cancelled")

    def end(self, key, state="done"):
        with self.lock:
            self.states[key] = state


@pytest.fixture
def world(tmp_path):
    store = Store(tmp_path)
    # Two grounds and two seeds: so many stacks, of models that differ from sweep to sweep.
    plans = [
        plan(small({"training.epochs": (2, 3), "lambda_div": (0.1, 1.0)}, base=base(data__seed=draw)), store)
        for draw in range(MOST_AT_ONCE + 1)
    ]
    return SimpleNamespace(store=store, plans=plans, sweep=plans[0].sweep)


def test_tasks_of_two_sweeps_take_turns_and_leave_a_worker_free(world) -> None:
    jobs = Jobs(slots=2)
    runner = Runner(world.store, jobs)
    first, second = world.plans[:2]
    of = {task.key: 0 for task in first.tasks} | {task.key: 1 for task in second.tasks}
    assert len(of) == 4
    runner.start(first, "a")
    until(lambda: jobs.order)
    runner.start(second, "b")
    for done in range(4):
        until(lambda done=done: len(jobs.order) == done + 1)
        until(lambda done=done: len(runner._gate._waiting) == (done < 3), "the other sweep at the gate")
        jobs.end(jobs.order[-1])
    until(lambda: not runner.progress(first.sweep.key).live and not runner.progress(second.sweep.key).live)
    assert [of[key] for key in jobs.order] == [0, 1, 0, 1]
    assert jobs.most == 1
    assert runner.progress(first.sweep.key).state == "done"


def test_a_session_has_one_sweep_under_way_and_a_server_a_few(world) -> None:
    runner = Runner(world.store, Jobs())
    for number in range(MOST_AT_ONCE):
        runner.start(world.plans[number], f"visitor {number}")
    runner.start(world.plans[0], "visitor 0")  # the same again is the same
    with pytest.raises(JobError, match="one at a time"):
        runner.start(world.plans[-1], "visitor 0")
    with pytest.raises(JobError, match=f"^{MOST_AT_ONCE} sweeps are under way here"):
        runner.start(world.plans[-1], "visitor 9")
    begun = {planned.sweep.key for planned in world.plans[:-1]}
    assert runner.running() == begun
    assert {info.key for info in list_sweeps(world.store)} == begun  # what is refused is not remembered
    assert runner.running_of("visitor 1") == world.plans[1].sweep.key
    for planned in world.plans:
        runner.cancel(planned.sweep.key)
    until(lambda: not runner.running())
    runner.start(world.plans[-1], "visitor 0")
    runner.cancel(world.plans[-1].sweep.key)


def test_a_sweep_that_is_stopped_begins_nothing_more(world) -> None:
    jobs = Jobs(slots=2)
    runner = Runner(world.store, jobs)
    runner.start(world.plans[0], "a")
    until(lambda: jobs.order)
    runner.cancel(world.sweep.key)
    until(lambda: not runner.progress(world.sweep.key).live)
    assert len(jobs.order) == 1
    assert jobs.states[jobs.order[0]] == "cancelled"
    assert runner.progress(world.sweep.key).state == "cancelled"
    assert runner.progress(world.sweep.key).message == ""


def test_a_task_that_fails_is_tried_again_and_then_told(world) -> None:
    jobs = Jobs(state="failed")
    runner = Runner(world.store, jobs)
    runner.start(world.plans[0], "a")
    until(lambda: not runner.progress(world.sweep.key).live)
    far = runner.progress(world.sweep.key)
    assert (far.state, far.message, far.done) == ("failed", "It broke.", 0)
    assert len(jobs.order) == TRIES * len(world.plans[0].tasks)
    assert {outcome.message for outcome in runner.outcomes(world.sweep.key)} == {"It broke."}


def test_an_error_that_nobody_foresaw_ends_a_task_and_not_the_sweep(world, monkeypatch) -> None:
    class Broken(Jobs):
        def submit(self, key, *rest, seconds):
            super().submit(key, *rest, seconds=seconds)
            raise RuntimeError("no such thing")

    jobs = Broken(slots=2)
    runner = Runner(world.store, jobs)
    runner.start(world.plans[0], "a")
    until(lambda: not runner.progress(world.sweep.key).live)
    assert len(set(jobs.order)) == len(world.plans[0].tasks) == 2
    assert "RuntimeError: no such thing" in runner.progress(world.sweep.key).message
    # Nor does one in the end, when the results are put together.
    monkeypatch.setattr("ctviz.ui.tradeoffs.runner.collect", lambda *_: 1 / 0)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    other = Runner(world.store, Jobs(state="done"))
    other.start(world.plans[0], "a")
    until(lambda: not other.progress(world.sweep.key).live)


def test_nothing_is_known_of_a_sweep_that_was_not_started_here(world) -> None:
    runner = Runner(world.store, Jobs())
    assert runner.progress("0" * 16) is None
    assert runner.outcomes("0" * 16) == ()
    runner.cancel("0" * 16)


def test_how_long_it_takes_goes_by_the_estimate_at_first_and_by_what_was_measured_later() -> None:
    assert SweepProgress("running", 0, 10, 0.0, expected=60).words().endswith("about 60 s left")
    assert SweepProgress("running", 9, 10, 90.0, expected=10).words().endswith("about 9 s left")
    assert SweepProgress("done", 10, 10, 90.0).words() == "10 of 10 models are trained and evaluated"
