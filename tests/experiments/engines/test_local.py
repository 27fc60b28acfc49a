"""The local engine: worker processes that are killed, tasks that fail, sweeps that are stopped."""

import os
import signal
import threading

import pytest

from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.engines.local import JobEngine, LocalEngine
from ctviz.experiments.engines.task import Task, is_done
from ctviz.experiments.store import Store
from ctviz.jobs import JobStatus
from ctviz.studies.sweeps.plan import plan
from tests.fake_jobs import FakeJobs
from tests.studies.sweeps.small import small
from tests.waiting import until


def never():
    return False


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture(scope="module")
def engine():
    with LocalEngine(workers=2) as engine:
        engine.warm()
        yield engine


def tasks_of(store, **grid):
    grid = {name.replace("__", "."): values for name, values in grid.items()}
    return plan(small({"lambda_div": (0.1,), **grid}), store).tasks


def kill_once(engine, store, task):
    """Kill the worker that trains a task; call the result to learn whether it was killed."""
    ended, killed = threading.Event(), []

    def watch():
        while not store.follow(task.run):
            if ended.wait(0.01):
                return
        for slot in engine.jobs._started:
            if slot.job is not None and slot.job.key == task.key:
                for pid in list(slot._executor._processes):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()

    def end():
        ended.set()
        thread.join()
        return bool(killed)

    return end


def test_tasks_end_in_the_store_as_they_do_in_this_process(engine, store, tmp_path):
    tasks = tasks_of(store, training__n_ce=(10, 20, 30))
    outcomes = list(engine.run(tasks, store, never))
    assert sorted(outcome.task.key for outcome in outcomes) == sorted(task.key for task in tasks)
    assert all(outcome.done and outcome.seconds > 0 for outcome in outcomes)
    assert all(is_done(task, store) for task in tasks)
    here = Store(tmp_path / "here")
    assert all(outcome.done for outcome in LocalEngine(workers=1).run(tasks, here, never))
    for task in tasks:
        one, other = (each.snapshot(task.run, 3).weights for each in (store, here))
        assert all((one[name] == other[name]).all() for name in one)


def test_a_killed_worker_is_no_loss(engine, store):
    tasks = tasks_of(store, training__epochs=(3, 300))
    killed = kill_once(engine, store, tasks[1])
    outcomes = list(engine.run(tasks, store, never))
    assert killed()
    assert [outcome.message for outcome in outcomes] == ["", ""]
    assert all(is_done(task, store) for task in tasks)


def test_a_cancelled_run_ends_soon_and_says_nothing_of_what_is_left(engine, store):
    tasks = tasks_of(store, training__epochs=(9998, 9999))
    seen = list(engine.run(tasks, store, lambda: any(store.follow(task.run) for task in tasks)))
    assert seen == []
    assert all(store.status(task.run).state != "running" for task in tasks)


# -- in this process --------------------------------------------------------------------------------------


def test_closing_the_iterator_ends_the_work_and_begins_nothing_more(store):
    tasks, jobs = tasks_of(store, training__epochs=(1, 2, 3)), FakeJobs()
    iterator = JobEngine(jobs, lanes=2).run(tasks, store, never)

    def end_one():
        until(lambda: len(jobs.submitted) == 2)
        jobs.end(jobs.submitted[0])

    threading.Thread(target=end_one, daemon=True).start()
    assert next(iterator).task.key == jobs.submitted[0]
    until(lambda: len(jobs.submitted) == 3)
    iterator.close()
    assert sorted(jobs.cancelled) == sorted(jobs.submitted[1:])


def test_what_is_in_the_store_is_no_job_and_what_somebody_else_stops_is_said(store):
    first, second = tasks_of(store, training__epochs=(1, 2))
    first.compute(store, "cpu", never)
    jobs = FakeJobs(begins=JobStatus("", "cancelled"))
    found = {each.task.key: each.message for each in JobEngine(jobs, lanes=1).run((first, second), store, never)}
    assert jobs.submitted == [second.key]
    assert found == {first.key: "", second.key: "This part was stopped by somebody else who asked for the same."}


def test_a_task_that_fails_stops_no_other(store, monkeypatch):
    tasks, original = tasks_of(store, training__n_ce=(10, 20)), Task.compute

    def failing(task, *args):
        if task.key == tasks[0].key:
            raise StoreError("No space is left.")
        original(task, *args)

    monkeypatch.setattr(Task, "compute", failing)
    outcomes = [(o.task.key, o.message) for o in LocalEngine(workers=1).run(tasks, store, never)]
    assert outcomes == [(tasks[0].key, "No space is left."), (tasks[1].key, "")]


def test_an_unexpected_error_is_a_sentence(store, monkeypatch):
    def failing(*_):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(Task, "compute", failing)
    outcome = next(iter(LocalEngine(workers=1).run(tasks_of(store), store, never)))
    assert outcome.message == "Unexpected error: ZeroDivisionError: by nothing"


def test_as_many_workers_as_processors():
    assert LocalEngine().workers >= 1
    for wrong in (0, -1, 5000):
        with pytest.raises(ConfigError, match="allowed: 1 to 1024"):
            LocalEngine(wrong)
