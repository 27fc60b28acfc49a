"""The searches of the browser against those of the explorer, and what the browser is sent for them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence

import numpy as np
import pytest

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.experiments.config import Experiment
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures.stage import live_search as module
from ctviz.figures.stage.live_search import live_search, pack_models
from ctviz.models.stack import Stack
from tests.experiments.traces import EXPERIMENT, LOCKED, SETTINGS, run
from tests.figures.node import run_module

SEARCH = """
import { masked, Models, search } from "PLAYER/search.js";
const bytes = Uint8Array.from(Buffer.from(given.weights, "base64"));
const models = new Models(given.meta, new Float32Array(bytes.buffer));
const nets = models.at(models.nearest(given.epoch));
const found = given.starts.map((start, i) => nets.map((net, arm) => {
  const { points, ...rest } = search(net, Float64Array.from(start), given.targets[i], given.rules, arm);
  const shielded = masked(given.neighbours[i], points.at(-1), given.rules.masks, arm);
  return { ...rest, shielded, points: points.map((point) => [...point]), predicted: net.predict(start) };
}));
console.log(JSON.stringify(found));
"""

TOLERANCE = 1e-4
"""Of the extent. The browser computes in float64, Python in float32."""


def agree(explorer: Explorer, snapshots: Sequence[Snapshot], settings: SearchSettings, starts: np.ndarray) -> None:
    """Holds the browser's searches with the models of the last snapshot to the explorer's."""
    last = snapshots[-1]
    targets = explorer.default_targets(starts, last)
    trace = explorer.trace(last, starts, targets, settings)
    packed = pack_models("run", snapshots, explorer.experiment.model)
    asked = live_search(explorer, settings, None, last.epoch)
    assert asked is not None
    found = run_module(
        SEARCH,
        {
            "meta": packed.meta,
            "weights": base64.b64encode(zlib.decompress(packed.payload)).decode(),
            "rules": json.loads(json.dumps(asked.rules, allow_nan=False)),
            "starts": starts.astype(float).tolist(),
            "targets": targets.tolist(),
            "neighbours": trace.neighbours[0].astype(float).tolist(),
            "epoch": last.epoch,
        },
    )
    lower, upper = explorer.data.schema.bounds()
    for b, of_arms in enumerate(found):
        for arm, one in enumerate(of_arms):
            where = (settings.generator, arm, b)
            steps = int(trace.steps[arm, b])
            assert (one["steps"], one["mature"]) == (steps, bool(trace.mature[arm, b])), where
            assert (one["nascent"], one["predicted"]) == (trace.nascent[arm, b], trace.predicted[arm, b]), where
            if one["mature"]:
                assert (np.abs(one["shielded"] - trace.shielded[arm, b]) / (upper - lower)).max() < TOLERANCE, where
            points = np.array(one["points"])
            apart = np.abs(points - trace.points[arm, b, : steps + 1]) / (upper - lower)
            assert apart.max() < TOLERANCE, where
            for name, close in (("probability", 1e-4), ("energy", 2e-3), ("distance", 1e-3)):
                np.testing.assert_allclose(one[name], getattr(trace, name)[arm, b, : steps + 1], rtol=close, atol=close)
            for feature in np.flatnonzero(~explorer.constraints.may_rise[arm, :, 0].numpy()):
                assert (points[:, feature] <= starts[b, feature]).all(), where
            for feature in np.flatnonzero(~explorer.constraints.may_fall[arm, :, 0].numpy()):
                assert (points[:, feature] >= starts[b, feature]).all(), where


def starts_of(explorer: Explorer, count: int = 12) -> np.ndarray:
    """Places all over the plane, some of them outside of ranges."""
    lower, upper = explorer.data.schema.bounds()
    return np.random.default_rng(5).uniform(lower, upper, (count, 2)).astype(np.float32)


@pytest.mark.parametrize("generator", ["generic", "eccco"])
@pytest.mark.parametrize("more", [{}, {"step_bound": 0.02, "steps": 120}, {"lambda_cost": 0.2, "tau": 0.95}])
def test_the_browser_searches_like_the_explorer_also_under_locks_directions_and_ranges(generator, more):
    explorer, snapshots = run()
    settings = SearchSettings(**{**SETTINGS.model_dump(), "generator": generator, **more})
    agree(explorer, snapshots, settings, starts_of(explorer))


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "softplus"])
def test_networks_of_any_depth_and_activation_and_three_classes(activation):
    experiment = EXPERIMENT.replace(
        {"data.name": "blobs", "data.classes": 3, "model.hidden": [7, 5], "model.activation": activation}
    )
    explorer = Explorer(experiment)
    weights = Stack.initialise(experiment.model, 2, 3, [3, 4, 5, 6]).weights()
    weights = {name: 3 * array for name, array in weights.items()}  # no longer undecided everywhere
    made = Snapshot(epoch=0, seconds=0.0, metrics={}, weights=weights, field=None, paths=None)
    settings = SearchSettings(**{**SETTINGS.model_dump(), "step_size": 0.05})
    agree(explorer, [made], settings, starts_of(explorer, 6))


def test_what_is_locked_does_not_move_in_the_browser():
    explorer, _ = run()
    rules = live_search(explorer, SETTINGS, 1, 0).rules
    assert [rules["rise"][LOCKED], rules["fall"][LOCKED]] == [[True, False], [True, False]]
    assert rules["target"] == 1 and rules["longest"] is None
    bounded = live_search(explorer, SETTINGS.model_copy(update={"step_bound": 0.1}), None, 0).rules
    assert bounded["longest"] == pytest.approx(0.1 * explorer.reference_data.spread())


def test_the_browser_knows_the_sample_that_a_search_is_compared_with_and_the_arms_that_are_shown():
    explorer, snapshots = run()
    rules = live_search(explorer, SETTINGS, None, 0).rules
    for target in (0, 1):
        trace = explorer.trace(snapshots[-1], [[0.0, 0.3]], [target], SETTINGS)
        assert rules["neighbours"][target] == trace.neighbours[0, 0].tolist()
    some = live_search(explorer, SETTINGS, None, 0, [LOCKED, 0]).rules
    for name in ("lower", "upper", "rise", "fall"):
        assert some[name] == [rules[name][LOCKED], rules[name][0]]
        assert some["masks"][name] == [rules["masks"][name][LOCKED], rules["masks"][name][0]]


def test_what_the_browser_cannot_search_is_left_to_the_server():
    explorer, _ = run()
    for change in ({"generator": "dice"}, {"generator": "revise"}, {"gradient_noise": 0.5}, {"polish": "on"}):
        assert live_search(explorer, SETTINGS.model_copy(update=change), None, 0) is None, change


def test_models_are_thinned_to_a_bound_and_the_newest_is_kept(monkeypatch):
    _, snapshots = run()
    each = sum(array.nbytes for array in snapshots[0].weights.values())
    assert pack_models("key", snapshots, EXPERIMENT.model).meta["epochs"] == [0, 1, 2, 3]
    for most, kept in ((3, [0, 2, 3]), (2, [0, 3]), (1, [3]), (0, [3])):
        monkeypatch.setattr(module, "MODEL_BYTES", most * each)
        packed = pack_models("key", snapshots, EXPERIMENT.model)
        assert packed.meta["epochs"] == kept
        assert len(zlib.decompress(packed.payload)) == len(kept) * each
        assert packed.meta["bytes"] == len(packed.payload)
    assert (packed.meta["arms"], packed.meta["sizes"]) == (4, [2, 8, 2])


def test_shipped_runs_send_the_models_of_all_their_epochs():
    for name in ("loans", "moons", "circles", "objectives", "figure1"):
        experiment = Experiment.preset(name)
        each = 4 * len(experiment.arms) * (2 * 32 + 32 + 32 * 2 + 2)
        assert each * (experiment.training.epochs // experiment.evaluation.every + 1) <= module.MODEL_BYTES, name
