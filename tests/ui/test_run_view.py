"""Runs as pages read them: grown in place, begun anew with a new attempt, thinned for the curves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ctviz.experiments.config import Experiment
from ctviz.experiments.store import Store
from ctviz.ui.kit import run_view as module
from ctviz.ui.kit.run_view import RunView, RunViews
from ctviz.ui.kit.service import Service
from tests.figures import fake

TINY = Experiment.preset("moons").replace(
    {"training.epochs": 6, "evaluation.field": 8, "evaluation.paths": 3, "evaluation.steps": 4}
)
ON = fake.scene(b=3, n=30)
FILM = fake.snapshots(ON, 2, 6, 8, 4)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    return Store(tmp_path)


def test_nothing_is_there_before_the_first_snapshot(store: Store) -> None:
    run_views = RunViews(store)
    assert run_views.get(TINY.key) is None
    with store.writer(TINY, "cpu") as writer:
        assert run_views.get(TINY.key) is None
        writer.scene(ON)
        assert run_views.get(TINY.key) is None
        writer.append(FILM[0])
        assert run_views.get(TINY.key).last == 0
        writer.cancel()


def test_a_run_grows_in_place_and_is_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_views, read = RunViews(store), []
    original = store.snapshots
    monkeypatch.setattr(store, "snapshots", lambda key, start=0: read.append(start) or original(key, start))
    with store.writer(TINY, "cpu") as writer:
        writer.scene(ON)
        for snapshot in FILM:
            writer.append(snapshot)
            run_view = run_views.get(TINY.key)
            assert run_view.last == snapshot.epoch
        writer.finish({})
    assert read == list(range(7))
    assert run_views.get(TINY.key) is run_view
    assert read == list(range(7)), "a run that is complete is not read again"


def test_who_is_told_that_a_run_is_done_sees_its_last_epoch_however_soon(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 1e9)  # between two looks
    store = Store(tmp_path)
    service = Service(store, SimpleNamespace(status=lambda key: None), RunViews(store))
    with store.writer(TINY, "cpu") as writer:
        writer.scene(ON)
        for snapshot in FILM[:-1]:
            writer.append(snapshot)
        assert service.state(TINY.key).live
        assert service.run_view(TINY.key).last == FILM[-2].epoch
        writer.append(FILM[-1])
        writer.finish({})
    assert not service.state(TINY.key).live
    assert service.run_view(TINY.key).last == FILM[-1].epoch


def test_a_new_attempt_begins_anew(store: Store) -> None:
    run_views, attempts = RunViews(store), set()
    for count in (4, 2):
        with store.writer(TINY, "cpu") as writer:
            writer.scene(ON)
            for snapshot in FILM[:count]:
                writer.append(snapshot)
            assert len(run_views.get(TINY.key).snapshots) == count
            attempts.add(run_views.get(TINY.key).attempt)
            writer.cancel()
    assert len(attempts) == 2, "or the stage would keep what it holds of the first"


def test_a_run_that_is_deleted_is_gone(store: Store) -> None:
    run_views = RunViews(store)
    with store.writer(TINY, "cpu") as writer:
        writer.scene(ON)
        writer.append(FILM[0])
        writer.cancel()
    assert run_views.get(TINY.key)
    store.delete(TINY.key)
    assert run_views.get(TINY.key) is None


def test_memory_is_bounded_by_dropping_what_was_used_least_recently(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 3 * len(FILM) * 8 * 8)
    run_views = RunViews(store)
    keys = []
    for seed in range(3):
        experiment = TINY.replace({"seed": seed})
        keys.append(experiment.key)
        with store.writer(experiment, "cpu") as writer:
            writer.scene(ON)
            for snapshot in FILM:
                writer.append(snapshot)
            writer.finish({})
        run_views.get(experiment.key)
    assert list(run_views._run_views._values) == keys[-1:]


def whole() -> RunView:
    return RunView(TINY, ON, 0.0, list(FILM))


def test_since_and_at() -> None:
    run_view = whole()
    run_view.snapshots = run_view.snapshots[::2]
    assert [s.epoch for s in run_view.since(3)] == [4, 6]
    assert [s.epoch for s in run_view.since(-1)] == [0, 2, 4, 6]
    assert run_view.since(7) == []
    assert [run_view.at(epoch).epoch for epoch in (0, 1, 2, 99, None)] == [0, 0, 2, 6, 6]


def test_history_has_a_row_per_snapshot() -> None:
    epochs, values = whole().history()
    assert epochs.tolist() == list(range(7))
    assert values["ip"].shape == (7, 2)
    np.testing.assert_array_equal(values["ip"][3], FILM[3].metrics["ip"])


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7, 50])
def test_a_long_history_is_thinned_to_its_ends(count: int) -> None:
    epochs, values = whole().history(count)
    assert len(epochs) <= count
    assert (epochs[0], epochs[-1]) == (0, 6)
    assert len(values["ip"]) == len(epochs)
