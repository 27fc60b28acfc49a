"""What the stage is sent is what the run holds, byte by byte; what cannot be drawn is refused with a sentence."""

import json
import zlib
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from ctviz.data.display import DisplayScale
from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.figures.stage.energy import EnergySource, energy_header, pack_energies, stretch_of
from ctviz.figures.stage.recording import MAGIC, arm_labels, message, pack, unpack
from tests.figures import fake
from tests.figures.node import run_module

SCENE = fake.scene(n=50, b=7)
SNAPSHOTS = fake.snapshots(SCENE, m=3, epochs=5, g=9, steps=12)
LABELS = fake.labels(3)
SOURCE = EnergySource(lambda shown, target: fake.energies(SCENE, list(shown), target, epochs=5), usual=1)


def sent(recording, **state):
    return unpack(message(recording, **state))


def test_fields_come_back_exactly():
    _, arrays = sent(pack(SCENE, LABELS, SNAPSHOTS))
    expected = np.stack([s.field for s in SNAPSHOTS])
    np.testing.assert_array_equal(arrays["fields"].reshape(expected.shape), expected)


def test_fields_that_fall_and_rise_come_back_exactly():
    rng = np.random.default_rng(0)
    wild = [replace(s, field=rng.integers(0, 256, s.field.shape, dtype=np.uint8)) for s in SNAPSHOTS]
    _, arrays = sent(pack(SCENE, LABELS, wild))
    np.testing.assert_array_equal(arrays["fields"], np.stack([s.field for s in wild]).ravel())


def test_every_path_comes_back_up_to_its_last_step():
    _, arrays = sent(pack(SCENE, LABELS, SNAPSHOTS))
    points = arrays["paths"].reshape(-1, 2)
    steps = arrays["steps"].reshape(len(SNAPSHOTS), 3, 7)
    at = 0
    for e, snapshot in enumerate(SNAPSHOTS):
        for arm in range(3):
            for b in range(7):
                taken = int(snapshot.paths.steps[arm, b])
                assert steps[e, arm, b] == taken
                np.testing.assert_array_equal(points[at : at + taken + 1], snapshot.paths.points[arm, b, : taken + 1])
                at += taken + 1
    assert at == len(points)
    np.testing.assert_array_equal(arrays["mature"], np.stack([s.paths.mature for s in SNAPSHOTS]).ravel())
    np.testing.assert_array_equal(arrays["nascent"], np.stack([s.paths.nascent for s in SNAPSHOTS]).ravel())


def test_a_first_stretch_brings_the_scene_and_a_later_one_does_not():
    header, arrays = sent(pack(SCENE, LABELS, SNAPSHOTS[:2]))
    scene = header["recording"]["scene"]
    assert scene["classes"] == list(SCENE.classes)
    assert scene["arms"][0] == {"name": "vanilla", "title": "Conventional", "role": "conventional"}
    placed = SCENE.dequantise(arrays["points"].reshape(-1, 2))
    np.testing.assert_allclose(placed, SCENE.points, atol=float((SCENE.upper - SCENE.lower).max()) / 65535)
    header, arrays = sent(pack(SCENE, LABELS, SNAPSHOTS[2:], after=1))
    assert "scene" not in header["recording"] and "points" not in arrays
    assert header["recording"]["after"] == 1 and header["recording"]["epochs"] == [2, 3, 4, 5]


def test_sixteen_bit_arrays_lie_aligned():
    recording = pack(SCENE, LABELS, SNAPSHOTS)
    types = [kind for _, kind, _ in recording.meta["sections"]]
    assert types == sorted(types, key=lambda kind: kind != "uint16")


def test_a_figure_that_does_not_apply_is_null():
    gone = [replace(s, metrics={**s.metrics, "ip": np.array([np.nan, np.inf, 1.23456])}) for s in SNAPSHOTS]
    header, _ = sent(pack(SCENE, LABELS, gone))
    assert header["recording"]["metrics"]["ip"][0] == [None, None, 1.235]


def test_a_message_without_a_recording_is_its_header():
    header, arrays = sent(None, key="a", live=True)
    assert header == {"key": "a", "live": True, "recording": None} and arrays == {}


def test_runs_without_field_or_paths_can_be_packed():
    bare = [replace(s, field=None, paths=None) for s in SNAPSHOTS]
    header, arrays = sent(pack(SCENE, LABELS, bare))
    assert header["recording"]["dims"] == {"m": 3, "c": 0, "g": 0, "b": 0}
    assert set(arrays) == {"points", "factuals", "labels", "targets", "starts"}


def test_energies_come_back_exactly_wherever_they_travel():
    field = fake.energies(SCENE, SNAPSHOTS, 1, epochs=5)
    wild = replace(field, levels=np.random.default_rng(0).integers(0, 256, field.levels.shape, dtype=np.uint8))
    for energy, recording in product((field, wild), (None, pack(SCENE, LABELS, SNAPSHOTS))):
        packed = pack_energies(energy, after=-1)
        header, arrays = unpack(message(recording, packed.payload, b"a trace", energy=energy_header(SOURCE, packed)))
        np.testing.assert_array_equal(arrays["energies"], energy.levels.ravel())
        if recording:
            np.testing.assert_array_equal(arrays["fields"], np.stack([s.field for s in SNAPSHOTS]).ravel())
        stretch = header["energy"]["stretch"]
        assert header["energy"]["usual"] == 1 and stretch["class"] == 1 and stretch["epochs"] == [0, 1, 2, 3, 4, 5]
        assert stretch["dims"] == {"m": 3, "g": 9} and stretch["span"] == [-4.0, 6.0]
        assert stretch["real"][2] == [2.0, 3.0, 4.0] and stretch["ends"][2] == [4.5, 5.5, 6.5]


def test_energies_travel_as_differences_over_the_epochs():
    field = fake.energies(SCENE, SNAPSHOTS, 1, epochs=5)
    stored = np.frombuffer(zlib.decompress(pack_energies(field).payload), np.uint8).reshape(field.levels.shape)
    np.testing.assert_array_equal(stored[0], field.levels[0])
    np.testing.assert_array_equal(stored[1:], np.diff(field.levels.astype(int), axis=0) % 256)


def test_a_mean_that_is_missing_is_null_and_no_energies_are_none():
    field = fake.energies(SCENE, SNAPSHOTS[:1], 1)
    field.means.ends[0, 1] = np.nan
    assert pack_energies(field).meta["ends"] == [[2.5, None, 4.5]]
    assert energy_header(None, None) is None and energy_header(SOURCE, None) == {"usual": 1, "stretch": None}


def test_energies_of_a_long_run_come_in_stretches_that_join():
    size, after, seen = SNAPSHOTS[0].field.nbytes, -1, []
    while (packed := stretch_of(SOURCE, SNAPSHOTS[after + 1 :], 1, after, most=2 * size - 1)) is not None:
        assert packed.meta["after"] == after and packed.target == 1
        seen.append(packed.meta["epochs"])
        after = packed.last
    assert seen == [[0, 1], [2, 3], [4, 5]]


def test_the_header_is_strict_json_and_the_payload_deflated():
    raw = message(pack(SCENE, LABELS, SNAPSHOTS), key="k")
    length = int.from_bytes(raw[4:8], "little")
    assert raw[:4] == MAGIC
    header = json.loads(raw[8 : 8 + length], parse_constant=pytest.fail)
    sizes = [size * np.dtype(kind).itemsize for _, kind, size in header["recording"]["sections"]]
    assert len(zlib.decompress(raw[8 + length :])) == sum(sizes)


@pytest.mark.parametrize(
    ("scene", "labels", "snapshots", "after", "words"),
    [
        (SCENE, LABELS, [], -1, "at least one snapshot"),
        (SCENE, LABELS, SNAPSHOTS, 0, "ascend"),
        (SCENE, LABELS, [SNAPSHOTS[1], SNAPSHOTS[0]], -1, "ascend"),
        (SCENE, LABELS[:2], SNAPSHOTS, -1, "2 labels for the 3 arms"),
        (replace(SCENE, features=("a", "b", "c")), LABELS, SNAPSHOTS, -1, "two features"),
        (SCENE, LABELS, [SNAPSHOTS[0], replace(SNAPSHOTS[1], field=None)], -1, "have a field"),
        (SCENE, LABELS, [SNAPSHOTS[0], replace(SNAPSHOTS[1], paths=None)], -1, "have a paths"),
    ],
    ids=["none", "overlap", "backwards", "labels", "features", "fields", "paths"],
)
def test_what_cannot_be_drawn_is_refused(scene, labels, snapshots, after, words):
    with pytest.raises(DataError, match=words):
        pack(scene, labels, snapshots, after)


@pytest.mark.parametrize("raw", [b"", b"CTV1", b"CTV2\0\0\0\0{}", b"<html>" * 9])
def test_foreign_bytes_are_refused(raw):
    with pytest.raises(DataError, match="no message"):
        unpack(raw)


def test_arms_are_headed_in_plain_words():
    assert [label.title for label in arm_labels(Experiment())] == ["Conventional", "Counterfactual training"]
    four = arm_labels(Experiment().replace({"arms": "vanilla,adversarial,energy,full"}))
    assert [label.role for label in four] == ["conventional"] + 3 * ["counterfactual"]
    assert four[0].title == "Conventional"
    assert four[1].title == "Counterfactual training: adversarial"
    assert len({label.title for label in four}) == 4


WRITE = """
const { axisWords, written } = await import("PLAYER/numbers.js");
const { scene, values } = given;
console.log(JSON.stringify([values.map(([f, x]) => written(scene, f, x)), [0, 1].map((f) => axisWords(scene, f)),
  written({}, 0, 0.123), axisWords({ features: ["x1"] }, 0, "locked")]));
"""


def test_the_browser_writes_numbers_in_people_s_units_as_python_does():
    scales = (
        DisplayScale(prefix="$", offset=5000, scale=5000, step=100),
        DisplayScale(unit="years", offset=55, scale=10, step=1),
    )
    on = replace(SCENE, features=("debt", "age"), display=scales)
    scene = pack(on, LABELS, SNAPSHOTS).meta["scene"]
    rng = np.random.default_rng(0)
    values = [(f, float(x)) for f in (0, 1) for x in (0.0, -1.0001, -5.4, *rng.normal(0, 4, 60))]
    texts, axes, plain, locked = run_module(WRITE, {"scene": scene, "values": values})
    assert texts == [scales[f].text(x) for f, x in values]
    low, high = (scales[1].text(float(ends[1])) for ends in (on.lower, on.upper))
    assert axes[1] == f"age, {low} to {high} years →" and axes[0].startswith("debt, ")
    assert (plain, locked) == ("0.12", "x1 locked →")
    assert pack(SCENE, LABELS, SNAPSHOTS).meta["scene"]["display"] == [], "numbers as they are"
