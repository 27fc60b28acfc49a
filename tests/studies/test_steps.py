"""Studies are carried out step by step, and what one step needs of another is in the store by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import Kind
from ctviz.studies.steps import Cancelled, Step, all_done, carry_out, from_first, is_stored

NOTES = Kind("note", folder="notes", encode=str.encode, decode=bytes.decode, old_name="{key}.txt")


@dataclass(frozen=True)
class Note:
    """A task that writes its own name."""

    key: str

    run: ClassVar[None] = None
    results: ClassVar[Kind[str]] = NOTES
    seconds: ClassVar[float] = 0.0

    @property
    def result_key(self) -> str:
        return self.key

    def to_json(self) -> str:
        return self.key

    def compute(self, store, device, cancelled) -> None:
        NOTES.keep(store, self.key, self.key)


class Engine:
    """Computes in this process, except what it is told to refuse; notes what it is given."""

    def __init__(self, refuse: str = "") -> None:
        self.given: list[str] = []
        self.refuse = refuse

    def run(self, tasks, store, cancelled):
        for task in tasks:
            if cancelled():
                return
            self.given.append(task.key)
            if task.key != self.refuse:
                task.compute(store, "cpu", cancelled)
            yield TaskResult(task, "The disk is full." if task.key == self.refuse else "", 0.0)


def missing(store: Store, *names: str) -> list[Note]:
    return [Note(name) for name in names if not NOTES.has(store, name)]


def story(store: Store):
    """Two steps: the second depends on what the first wrote."""
    yield from all_done(missing(store, "a", "b"), 2, "first")
    longer = NOTES.read(store, "a") + NOTES.read(store, "b")
    yield from all_done(missing(store, longer), 1, "second")
    return NOTES.read(store, longer)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path)


def test_steps_follow_each_other_and_what_is_done_is_not_done_again(store: Store) -> None:
    engine, told = Engine(), []
    Note("b").compute(store, "cpu", lambda: False)
    assert not is_stored(story(store))
    assert carry_out(story(store), store, engine, progress=lambda *said: told.append(said)) == "ab"
    assert engine.given == ["a", "ab"]
    assert told == [(1, 2, "first"), (2, 2, "first"), (0, 1, "second"), (1, 1, "second")]
    assert is_stored(story(store))
    assert carry_out(story(store), store, again := Engine()) == "ab" and again.given == []


def test_what_fails_ends_the_study_with_its_reason(store: Store) -> None:
    engine, ended = Engine(refuse="a"), []
    with pytest.raises(StoreError, match=r"The disk is full\."):
        carry_out(story(store), store, engine, on_result=ended.append)
    assert [(outcome.task.key, outcome.done) for outcome in ended] == [("a", False), ("b", True)]
    assert not NOTES.has(store, "ab")


def test_stopped_it_says_that_what_is_done_is_kept(store: Store) -> None:
    engine = Engine()
    with pytest.raises(Cancelled, match="what is done is kept"):
        carry_out(story(store), store, engine, cancelled=lambda: bool(engine.given))
    assert NOTES.has(store, "a") and not NOTES.has(store, "b")


def test_a_study_may_make_do_with_what_has_ended(store: Store) -> None:
    """As sweeps do: what failed is part of their result."""

    def tolerant():
        outcomes = yield Step([Note("a"), Note("b")], 6, units=lambda task: 3)
        return [outcome.task.key for outcome in outcomes if outcome.done]

    told: list[tuple[int, int]] = []
    assert carry_out(tolerant(), store, Engine(refuse="a"), progress=lambda *said: told.append(said)) == ["b"]
    assert told == [(0, 6), (3, 6), (6, 6)]  # without a part, none is told


def test_a_study_whose_first_step_was_asked_for_goes_on_from_there(store: Store) -> None:
    steps, engine = story(store), Engine()
    first = next(steps)
    assert [task.key for task in first.tasks] == ["a", "b"] and not engine.given
    assert carry_out(from_first(first, steps), store, engine) == "ab"
    assert engine.given == ["a", "b", "ab"]


def test_an_engine_that_there_is_not_is_refused_before_a_step_is_begun(store: Store) -> None:
    def never():
        raise AssertionError
        yield

    with pytest.raises(ConfigError, match="engine is 'steam'"):
        carry_out(never(), store, "steam")


def test_an_error_on_the_way_is_not_taken_for_the_end(store: Store) -> None:
    def broken(*said) -> None:
        raise StopIteration("no end")

    with pytest.raises(StopIteration, match="no end"):
        carry_out(story(store), store, Engine(), progress=broken)
