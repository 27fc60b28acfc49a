"""The local engine: worker processes that are killed, tasks that fail, sweeps that are stopped."""

import os
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import ClassVar

import pytest

from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.engines import local
from ctviz.experiments.engines.local import STOPPED, LocalEngine
from ctviz.experiments.engines.task import is_done
from ctviz.experiments.store import Store
from ctviz.experiments.sweeps.plan import plan
from tests.experiments.sweeps.small import small
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


def kill_once(slot, store, task):
    """Kill the worker of a slot once it trains a task; call the result to learn whether it was killed."""
    ended, killed = threading.Event(), []

    def watch():
        while not store.follow(task.run):
            if ended.wait(0.01):
                return
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


class Here:
    """A slot whose worker is a thread: it dies of each task of ``deadly``, and is busy with one of ``endless``."""

    deadly: ClassVar[set[str]] = set()
    endless: ClassVar[set[str]] = set()

    def __init__(self):
        self.pool, self.futures, self.killed = ThreadPoolExecutor(1), [], False

    def submit(self, function, text, where, device, flag):
        assert not self.killed
        if text in self.deadly:
            future = Future()
            future.set_exception(BrokenProcessPool())
        elif text in self.endless:
            future = self.pool.submit(until, Path(flag).exists, "a flag to stop")
        else:
            future = self.pool.submit(function, text, where, device, flag)
        self.futures.append(future)
        return future

    def kill(self):
        self.killed = True
        self.pool.shutdown()


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
    killed = kill_once(engine._slots[0], store, tasks[1])  # the last slot takes the first task
    outcomes = list(engine.run(tasks, store, never))
    assert killed()
    assert [outcome.message for outcome in outcomes] == ["", ""]
    assert all(is_done(task, store) for task in tasks)


def test_a_cancelled_run_ends_soon_and_says_nothing_of_what_is_left(engine, store):
    tasks = tasks_of(store, training__epochs=(9998, 9999))
    seen = list(engine.run(tasks, store, lambda: any(store.follow(task.run) for task in tasks)))
    assert seen == []
    assert all(store.status(task.run).state != "running" for task in tasks)
    assert all(slot._executor is None for slot in engine._slots)


# -- in this process --------------------------------------------------------------------------------------


@pytest.fixture
def threads(monkeypatch):
    monkeypatch.setattr(local, "_Worker", Here)
    monkeypatch.setattr(Here, "deadly", set())
    monkeypatch.setattr(Here, "endless", set())
    with LocalEngine(workers=2) as engine:
        yield engine


def test_a_task_that_loses_its_worker_twice_is_given_up(threads, store):
    first, deadly, last = tasks_of(store, training__epochs=(1, 2, 3))
    Here.deadly.add(deadly.to_json())
    outcomes = {outcome.task.key: outcome.message for outcome in threads.run((first, deadly, last), store, never)}
    assert outcomes == {first.key: "", deadly.key: STOPPED, last.key: ""}
    assert sum(isinstance(f.exception(), BrokenProcessPool) for slot in threads._slots for f in slot.futures) == 2


def test_closing_the_iterator_ends_the_work(threads, store):
    short, endless, other = tasks_of(store, training__epochs=(1, 2, 3))
    Here.endless.add(endless.to_json())
    iterator = threads.run((short, endless, other), store, never)
    assert next(iterator).task == short
    slots = threads._slots
    iterator.close()
    assert [slot.killed for slot in slots] == [True, True]
    assert [future.exception() for slot in slots for future in slot.futures] == [None, None]
    assert [is_done(task, store) for task in (short, endless, other)] == [True, False, False]


def test_a_task_that_fails_stops_no_other(store, monkeypatch):
    tasks, original = tasks_of(store, training__n_ce=(10, 20)), local.carry_out

    def failing(task, *args):
        if task.key == tasks[0].key:
            raise StoreError("No space is left.")
        original(task, *args)

    monkeypatch.setattr(local, "carry_out", failing)
    outcomes = [(o.task.key, o.message) for o in LocalEngine(workers=1).run(tasks, store, never)]
    assert outcomes == [(tasks[0].key, "No space is left."), (tasks[1].key, "")]


def test_an_unexpected_error_is_a_sentence(store, monkeypatch):
    def failing(*_):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(local, "carry_out", failing)
    outcome = next(iter(LocalEngine(workers=1).run(tasks_of(store), store, never)))
    assert outcome.message == "Unexpected error: ZeroDivisionError: by nothing"


def test_as_many_workers_as_processors():
    assert LocalEngine().workers >= 1
    for wrong in (0, -1, 5000):
        with pytest.raises(ConfigError, match="allowed: 1 to 1024"):
            LocalEngine(wrong)
