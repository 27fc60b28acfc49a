"""What the browser is sent of the searches is what was searched."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.outcome import OUTCOMES
from ctviz.experiments.trace import Trace
from ctviz.figures.stage.recording import arm_labels, limits_of, message, pack, unpack
from ctviz.figures.stage.trace import Lock, PackedTrace, lines_meta, locks_meta, locks_of, pack_trace
from ctviz.figures.theme import arm_styles
from ctviz.training.arm import Arm
from tests.figures import fake

SCENE = fake.scene(n=30, b=4)
M, B, T = 2, 3, 5


def unpack_trace(packed: PackedTrace) -> dict[str, np.ndarray]:
    """The arrays of packed traces, flat: what the browser makes of them."""
    raw, at = zlib.decompress(packed.payload), 0
    arrays = {}
    for name, dtype, size in packed.meta["sections"]:
        arrays[name] = np.frombuffer(raw, dtype, size, at)
        at += arrays[name].nbytes
    return arrays


def made_up(epoch: int = 0, seed: int = 0, b: int = B) -> Trace:
    """A trace of nobody's search; its factuals do not depend on the epoch."""
    rng = np.random.default_rng([seed, epoch])
    factuals = np.random.default_rng(seed).uniform(SCENE.lower, SCENE.upper, (b, 2)).astype(np.float32)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    def somewhere(*shape: int) -> np.ndarray:
        return rng.uniform(SCENE.lower, SCENE.upper, (*shape, 2)).astype(np.float32)

    steps = rng.integers(0, T + 1, (M, b))
    points = somewhere(M, b, T + 1)
    points[:, :, 0] = factuals
    return Trace(
        epoch=epoch, settings=SearchSettings(), factuals=factuals, targets=np.ones(b, np.int64),
        group=np.arange(b), outside=np.zeros(b, bool), excluded=np.zeros((M, b), bool), points=points, steps=steps,
        nascent=steps // 2, mature=rng.random((M, b)) < 0.5, probability=rng.random((M, b, T + 1)).astype(np.float32),
        energy=floats(M, b, T + 1), distance=np.abs(floats(M, b, T + 1)), predicted=rng.integers(0, 2, (M, b)),
        predicted_final=rng.integers(0, 2, (M, b)), neighbours=somewhere(M, b), shielded=somewhere(M, b),
        nearest=somewhere(M, b),
        neighbour_energy=floats(M, b), divergence=floats(M, b), nascent_logits=floats(M, b, 2),
        reachable=np.where(rng.random((M, b)) < 0.5, np.nan, 0.3).astype(np.float32),
        outcome=rng.integers(0, len(OUTCOMES), (M, b)),
    )  # fmt: skip


TRACES = [made_up(0), made_up(2), made_up(7)]


def test_every_path_arrives_with_all_that_is_told_along_it():
    packed = pack_trace("key", TRACES, SCENE)
    arrays = unpack_trace(packed)
    assert packed.meta["epochs"] == [0, 2, 7] and packed.meta["dims"] == {"m": M, "b": B}
    assert packed.meta["bytes"] == len(packed.payload) and packed.meta["outcomes"] == list(OUTCOMES)
    points = SCENE.dequantise(arrays["points"].reshape(-1, 2))
    at = 0
    half = (SCENE.upper - SCENE.lower) / 65535
    for trace in TRACES:
        for arm in range(M):
            for column in range(B):
                n = trace.steps[arm, column] + 1
                assert (np.abs(points[at : at + n] - trace.points[arm, column, :n]) <= half).all()
                np.testing.assert_array_equal(arrays["energy"][at : at + n], trace.energy[arm, column, :n])
                np.testing.assert_array_equal(arrays["distance"][at : at + n], trace.distance[arm, column, :n])
                sent = arrays["probability"][at : at + n] / 65535
                np.testing.assert_allclose(sent, trace.probability[arm, column, :n], atol=1 / 65535)
                at += n
    assert at == len(points)


@pytest.mark.parametrize("name", ["steps", "nascent", "mature", "outcome", "predicted", "divergence", "reachable"])
def test_what_is_known_of_each_search_arrives(name):
    arrays = unpack_trace(pack_trace("key", TRACES, SCENE))
    expected = np.stack([getattr(trace, name) for trace in TRACES])
    np.testing.assert_array_equal(arrays[name].reshape(3, M, B), expected)


@pytest.mark.parametrize("name", ["neighbours", "shielded", "nearest"])
def test_neighbours_arrive_where_they_are(name):
    arrays = unpack_trace(pack_trace("key", TRACES, SCENE))
    expected = np.stack([getattr(trace, name) for trace in TRACES])
    np.testing.assert_array_equal(arrays[name].reshape(expected.shape), SCENE.quantise(expected))


def test_several_counterfactuals_of_a_factual_are_one_group():
    trace = replace(TRACES[0], group=np.array([0, 0, 1]))
    packed = pack_trace("key", [trace], SCENE)
    assert packed.meta["groups"] == 2
    np.testing.assert_array_equal(unpack_trace(packed)["group"], [0, 0, 1])


def test_a_model_that_has_blown_up_is_sent_in_numbers():
    broken = TRACES[0].energy.copy()
    broken[:] = np.nan
    broken[..., 1] = -np.inf
    arrays = unpack_trace(pack_trace("key", [replace(TRACES[0], energy=broken)], SCENE))
    assert np.isfinite(arrays["energy"]).all()


def test_arrays_of_wide_numbers_come_first_so_that_all_are_aligned():
    sections = pack_trace("key", [made_up(b=5)], SCENE).meta["sections"]
    at = 0
    for _, dtype, size in sections:
        width = np.dtype(dtype).itemsize
        assert at % width == 0
        at += width * size


@pytest.mark.parametrize("traces", [[], [made_up(b=0)]])
def test_nothing_searched_is_nothing_sent(traces):
    assert pack_trace("key", traces, SCENE) is None


@pytest.mark.parametrize(
    "traces",
    [
        [made_up(3), made_up(3)],
        [made_up(1), made_up(0)],
        [made_up(0), made_up(1, seed=1)],
        [made_up(0), made_up(1, b=4)],
    ],
)
def test_traces_that_do_not_belong_together_are_refused(traces):
    with pytest.raises(DataError):
        pack_trace("key", traces, SCENE)


def test_the_trace_lies_behind_the_recording():
    recording = pack(SCENE, fake.LABELS, fake.snapshots(SCENE, epochs=2, g=6, steps=3))
    packed = pack_trace("key", TRACES, SCENE)
    raw = message(recording, packed.payload, key="run", trace=packed.meta)
    header, arrays = unpack(raw)
    assert header["trace"]["bytes"] == len(packed.payload) and raw.endswith(packed.payload)
    without, same = unpack(message(recording, key="run"))
    assert "trace" not in without
    for name in same:
        np.testing.assert_array_equal(arrays[name], same[name])


def test_lines_look_as_in_the_other_charts_of_the_app():
    experiment = Experiment().replace({"arms": "vanilla,adversarial,energy,full"})
    for chosen in (experiment, Experiment()):
        expected = [{"short": style.short, "dash": style.dash} for style in arm_styles(chosen)]
        assert lines_meta(arm_labels(chosen)) == expected


def test_locks_are_drawn_where_they_hold_for_advice():
    arm = Arm(name="a", locked=(0,), increase_only=("x2",), ranges=((1, -1.0, 2.0),))
    features = ("debt", "age")
    expected = (Lock(0, "locked"), Lock(1, "up"), Lock(1, "range", -1.0, 2.0))
    assert locks_of(arm, features) == expected
    one_end = Arm.variant("full", ranges=((1, None, 2.0),))
    assert locks_of(one_end, features) == (Lock(1, "range", None, 2.0),)
    assert limits_of(one_end, features) == f"{features[1]} at most 2"
    assert limits_of(Arm.variant("full", ranges=((0, -3, None),)), features) == f"{features[0]} at least −3"
    assert locks_of(arm.model_copy(update={"lock_when": "searching"}), features) == expected
    for when in ("training", "never"):
        assert locks_of(arm.model_copy(update={"lock_when": when}), features) == ()
    assert locks_of(Arm(name="b", decrease_only=("age",)), features) == (Lock(1, "down"),)


def test_locks_are_those_of_every_arm_or_of_none():
    assert locks_meta((), fake.LABELS) == [[], []]
    lock = Lock(0, "range", -1.0, 1.0)
    assert locks_meta([(), (lock,)], fake.LABELS)[1] == [{"feature": 0, "kind": "range", "low": -1.0, "high": 1.0}]
    with pytest.raises(DataError, match="1 of the 2"):
        locks_meta([(lock,)], fake.LABELS)
