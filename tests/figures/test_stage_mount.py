"""What the browser says is believed only as far as it makes sense."""

import math

import pytest

from ctviz.ui.kit import player
from ctviz.ui.kit.player import (
    CHUNK_BYTES,
    PathsState,
    StageState,
    _next_stretch,
    _note_energy_need,
    _note_need,
    _paths_state,
    _state,
)  # fmt: skip
from tests.figures import fake

INITIAL = StageState(epoch=7, speed=2.0, layers=("points",), layer="energy", energy_class=0)
VIEW = {
    "key": "run", "epoch": 12, "playing": True, "speed": 4, "loop": True, "layers": ["contours", "points"],
    "probe": [0.5, -1], "layer": "energy", "energy_class": 1,
}  # fmt: skip


def test_a_view_becomes_a_state():
    expected = StageState(12, True, 4.0, True, ("points", "contours"), (0.5, -1.0), "energy", 1)
    assert _state(VIEW, "run", INITIAL) == expected
    assert _state({**VIEW, "epoch": None}, "run", INITIAL).epoch is None
    assert _state({**VIEW, "energy_class": None}, "run", INITIAL).energy_class is None
    assert _state({**VIEW, "energy_class": 2}, "run", INITIAL, k=3).energy_class == 2


@pytest.mark.parametrize("view", [None, "no", [], {}, {**VIEW, "key": "other"}])
def test_a_view_of_nothing_or_of_another_run_changes_nothing(view):
    assert _state(view, "run", INITIAL) == INITIAL


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("epoch", -1, 7), ("epoch", "9", 7), ("epoch", True, 7), ("epoch", 1.5, 7),
        ("speed", 3, 2.0), ("speed", "1", 2.0), ("speed", None, 2.0), ("speed", [1], 2.0),
        ("playing", "yes", False), ("loop", 1, False),
        ("layers", "points", ("points",)), ("layers", ["points", "else"], ("points",)), ("layers", [], ()),
        ("layer", "else", "energy"), ("layer", None, "energy"), ("energy_class", 2, 0), ("energy_class", -1, 0),
        ("energy_class", True, 0), ("energy_class", "1", 0),
        ("probe", [1], None), ("probe", [1, math.inf], None), ("probe", ["1", 2], None), ("probe", {"x": 1}, None),
    ],
)  # fmt: skip
def test_nonsense_is_left_out(field, value, expected):
    assert getattr(_state({**VIEW, field: value}, "run", INITIAL), field) == expected


TRACKS = {"key": "run", "epoch": 3, "step": 4, "selected": 2, "playing": False, "speed": 2, "layers": ["paths"]}


def test_a_view_of_the_searches_becomes_a_state_and_events_are_told_once():
    state = _paths_state({"view": TRACKS, "at": [0.5, -1]}, "run", PathsState())
    assert state == PathsState(3, 4, (0.5, -1.0), None, False, 2.0, False, ("paths",))
    later = _paths_state({"view": TRACKS}, "run", PathsState())
    assert later.at is None and later.selected == 2
    ended = _paths_state({"view": {**TRACKS, "step": None, "epoch": None}}, "run", PathsState(epoch=1, step=1))
    assert ended.step is None and ended.epoch is None


def test_a_click_counts_before_any_view_was_told():
    state = _paths_state({"view": None, "at": [1, 2]}, "run", PathsState(epoch=5))
    assert state == PathsState(5, at=(1.0, 2.0))


@pytest.mark.parametrize("value", ["3", -1, True, 2.5, [1]])
def test_a_step_or_a_factual_that_makes_no_sense_is_none(value):
    state = _paths_state({"view": {**TRACKS, "step": value, "selected": value}}, "run", PathsState())
    assert state.step is None and state.selected is None


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        ({"key": "run", "from": 3}, 2),
        ({"key": "run", "from": 0}, -1),
        ({"key": "run", "from": 99}, 10),
        ({"key": "run", "from": -5}, 10),
        ({"key": "run", "from": "0"}, 10),
        ({"key": "foreign", "from": 0}, 10),
        ({"key": ["run"], "from": 0}, 10),
        ("run", 10),
        (None, 10),
    ],
)
def test_what_the_stage_lacks_is_sent_again(need, expected):
    sent = {"run": 10}
    _note_need(need, sent)
    assert sent == {"run": expected}


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        ({"key": "run", "from": 9, "energy": [1, 3]}, 2),
        ({"key": "run", "from": 9, "energy": [1, 99]}, 10),
        ({"key": "run", "from": 9, "energy": [0, 3]}, 10),
        ({"key": "other", "from": 9, "energy": [1, 3]}, 10),
        ({"key": "run", "from": 9, "energy": [1, -3]}, 10),
        ({"key": "run", "from": 9, "energy": [[1], 3]}, 10),
        ({"key": "run", "from": 9, "energy": "13"}, 10),
        ({"key": "run", "from": 9}, 10),
        (None, 10),
    ],
)
def test_energies_that_the_stage_lacks_are_sent_again(need, expected):
    sent = {("run", 1): 10}
    _note_energy_need(need, sent)
    assert sent == {("run", 1): expected}


def test_a_long_run_comes_in_stretches_that_join(monkeypatch):
    scene = fake.scene(n=20, b=3)
    g, most = 100, CHUNK_BYTES // 16
    monkeypatch.setattr(player, "CHUNK_BYTES", most)
    snapshots = fake.snapshots(scene, m=2, epochs=40, g=g, steps=5)
    read = []

    def since(epoch):
        for snapshot in snapshots[epoch:]:
            read.append(snapshot.epoch)
            yield snapshot

    recording, more = _next_stretch(scene, fake.LABELS, since, -1)
    assert more and 0 < len(recording.epochs) < 41
    assert len(recording.epochs) - 1 <= most / (2 * g * g) <= len(recording.epochs)
    assert len(read) <= len(recording.epochs) + 1  # no more is read than is sent
    rest, more = _next_stretch(scene, fake.LABELS, since, recording.epochs[-1])
    while more:
        recording, more = _next_stretch(scene, fake.LABELS, since, rest.epochs[-1])
        rest = recording
    assert rest.epochs[-1] == 40
    assert _next_stretch(scene, fake.LABELS, since, 40) == (None, False)
