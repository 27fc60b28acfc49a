"""Sweeps under way: in turns, one for each session, stopped at once, and never lost without a word."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from ctviz.errors import JobError
from ctviz.experiments.store import Store
from ctviz.jobs import JobStatus
from ctviz.studies.steps import Step, Steps
from ctviz.studies.sweeps.catalogue import list_sweeps
from ctviz.studies.sweeps.plan import Plan, plan
from ctviz.studies.sweeps.sweep import steps_of
from ctviz.ui.kit.runner import MOST_AT_ONCE, Runner, StudyProgress
from tests.fake_jobs import FakeJobs
from tests.studies.sweeps.small import base, small
from tests.waiting import until


@pytest.fixture
def world(tmp_path):
    store = Store(tmp_path)
    # Two grounds and two seeds: so many stacks, of models that differ from sweep to sweep.
    plans = [
        plan(small({"training.epochs": (2, 3), "lambda_div": (0.1, 1.0)}, base=base(data__seed=draw)), store)
        for draw in range(MOST_AT_ONCE + 1)
    ]

    def start(runner: Runner, number: int, owner: str) -> None:
        found = plans[number]
        runner.start(found.sweep.key, steps_of(found, store), "models are trained", owner)

    keys = [found.sweep.key for found in plans]
    return SimpleNamespace(store=store, plans=plans, start=start, keys=keys, key=keys[0])


def broken_in_the_end(found: Plan) -> Steps[float]:
    """A study whose result cannot be put together."""
    yield Step(found.tasks, found.models)
    raise ZeroDivisionError


def test_tasks_of_two_sweeps_take_turns_and_leave_a_worker_free(world) -> None:
    jobs = FakeJobs(slots=2)
    runner = Runner(world.store, jobs)
    first, second = world.plans[:2]
    of = {task.key: 0 for task in first.tasks} | {task.key: 1 for task in second.tasks}
    assert len(of) == 4
    world.start(runner, 0, "a")
    until(lambda: jobs.submitted)
    world.start(runner, 1, "b")
    for done in range(4):
        until(lambda done=done: len(jobs.submitted) == done + 1)
        until(lambda done=done: len(runner._engine._gate._waiting) == (done < 3), "the other sweep at the gate")
        jobs.end(jobs.submitted[-1])
    until(lambda: not runner.progress(world.key).live and not runner.progress(world.keys[1]).live)
    assert [of[key] for key in jobs.submitted] == [0, 1, 0, 1]
    assert jobs.most == 1
    assert runner.progress(world.key).state == "done"


def test_a_session_has_one_sweep_under_way_and_a_server_a_few(world) -> None:
    runner = Runner(world.store, FakeJobs(slots=3))
    for number in range(MOST_AT_ONCE):
        world.start(runner, number, f"visitor {number}")
    world.start(runner, 0, "visitor 0")  # the same again is the same
    with pytest.raises(JobError, match="one at a time"):
        world.start(runner, -1, "visitor 0")
    with pytest.raises(JobError, match=f"^{MOST_AT_ONCE} large computations are under way here"):
        world.start(runner, -1, "visitor 9")
    begun = set(world.keys[:-1])
    assert runner.running() == begun
    assert {info.key for info in list_sweeps(world.store)} == begun  # what is refused is not remembered
    assert runner.running_of("visitor 1") == world.keys[1]
    for key in world.keys:
        runner.cancel(key)
    until(lambda: not runner.running())
    world.start(runner, -1, "visitor 0")
    runner.cancel(world.keys[-1])


def test_a_sweep_that_is_stopped_begins_nothing_more(world) -> None:
    jobs = FakeJobs(slots=2)
    runner = Runner(world.store, jobs)
    world.start(runner, 0, "a")
    until(lambda: jobs.submitted)
    runner.cancel(world.key)
    until(lambda: not runner.progress(world.key).live)
    assert len(jobs.submitted) == 1
    assert jobs.cancelled == jobs.submitted
    assert runner.progress(world.key).state == "cancelled"
    assert runner.progress(world.key).message == ""


def test_a_task_that_fails_is_told_and_stops_no_other(world, monkeypatch) -> None:
    jobs = FakeJobs(slots=2, begins=JobStatus("", "failed", message="It broke."))
    runner = Runner(world.store, jobs)
    world.start(runner, 0, "a")
    until(lambda: not runner.progress(world.key).live)
    far = runner.progress(world.key)
    assert (far.state, far.message, far.done) == ("failed", "It broke.", 0)
    assert len(jobs.submitted) == len(world.plans[0].tasks) == 2
    assert {outcome.message for outcome in runner.outcomes(world.key)} == {"It broke."}
    # Nor does an error in the end, when the results are put together, leave anybody waiting.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    other = Runner(world.store, FakeJobs(begins=JobStatus("", "done")))
    other.start(world.key, broken_in_the_end(world.plans[0]), "models are trained", "a")
    until(lambda: not other.progress(world.key).live)
    assert other.progress(world.key).state == "done"


def test_nothing_is_known_of_a_sweep_that_was_not_started_here(world) -> None:
    runner = Runner(world.store, FakeJobs(slots=3))
    assert runner.progress("0" * 16) is None
    assert runner.outcomes("0" * 16) == ()
    runner.cancel("0" * 16)


def test_how_long_it_takes_goes_by_the_estimate_at_first_and_by_what_was_measured_later() -> None:
    assert StudyProgress("running", 0, 10, 0.0, expected=60).words().endswith("about 60 s left")
    assert StudyProgress("running", 9, 10, 90.0, expected=10).words().endswith("about 9 s left")
    assert StudyProgress("done", 10, 10, 90.0).words() == "10 of 10 models are trained and evaluated"
