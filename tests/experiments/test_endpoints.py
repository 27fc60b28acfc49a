"""Endpoint metrics against the metrics of the evaluation and against loops, with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ctviz import ConfigError, SearchSettings
from ctviz.evaluation.plausibility import ReferenceSamples
from ctviz.experiments import endpoints as module
from ctviz.experiments.endpoints import ENDPOINT_METRICS
from ctviz.experiments.run import Training
from tests.experiments.traces import EXPERIMENT, LOCKED, SETTINGS, alone, linear, run, traced
from tests.reference import plausibility as slow

M = 4


def measured(trace=None):
    return run()[0].endpoints(trace or traced())


def test_the_numbers_are_those_of_loops():
    trace, found = traced(), measured()
    X, y = (part.numpy() for part in run()[0].data.validation)
    scene = Training(EXPERIMENT, device="cpu").scene
    shown, labels = scene.points, scene.labels
    final, factuals, targets = trace.final.astype(float), trace.factuals.astype(float), trace.targets
    assert set(found.metrics) == set(found.differences) == set(ENDPOINT_METRICS)
    for arm in range(M):
        judged = trace.predicted[arm] != targets
        valid = judged & (trace.predicted_final[arm] == targets)
        distances = [slow.implausibility(x, X[y == t]) for x, t in zip(final[arm], targets, strict=True)]
        nearest = [slow.nearest(x, shown[labels == t]) for x, t in zip(final[arm], targets, strict=True)]
        expected = {
            "ip": np.mean(np.array(distances)[judged]),
            "ip_star": slow.ip_star(final[arm], targets.tolist(), judged, X, y, 0.5),
            "nearest": np.mean(np.array(nearest)[judged]),
            "cost": slow.cost(factuals, final[arm], valid),
            "validity": valid.sum() / judged.sum(),
            "redundancy": slow.redundancy(factuals, final[arm], valid),
            "mature": trace.mature[arm][judged].mean(),
        }
        assert found.judged[arm] == judged.sum() > 5
        for name, value in expected.items():
            assert found.metrics[name].value[arm] == pytest.approx(value, abs=1e-9), name


def test_locked_searches_change_half_of_the_features():
    assert measured().metrics["redundancy"].value[LOCKED] == 0.5


def test_intervals_lie_around_the_numbers_and_shrink_with_the_level():
    narrow, wide = (run()[0].endpoints(traced(), level) for level in (0.5, 0.99))
    for name in ENDPOINT_METRICS:
        inner, outer = narrow.metrics[name], wide.metrics[name]
        assert (outer.low <= inner.low).all() and (inner.high <= outer.high).all()
        assert ((outer.low <= inner.value + 1e-12) & (inner.value <= outer.high + 1e-12)).all(), name
    assert (wide.metrics["ip"].high > wide.metrics["ip"].low).all()
    assert wide.level == 0.99


def test_differences_are_to_the_first_arm_where_both_count():
    found, trace = measured(), traced()
    judged = trace.predicted != trace.targets
    valid = judged & (trace.predicted_final == trace.targets)
    moved = np.abs(trace.final.astype(float) - trace.factuals)
    per_row = {
        "cost": (moved.sum(-1), valid),
        "redundancy": ((moved == 0).mean(-1), valid),
        "validity": (valid.astype(float), judged),
        "mature": (trace.mature.astype(float), judged),
    }
    assert any(not np.array_equal(counted[0], counted[arm]) for _, counted in per_row.values() for arm in range(1, 4))
    for name, (values, counted) in per_row.items():
        for arm in range(1, len(values)):
            both = counted[0] & counted[arm]
            expected = (values[arm] - values[0])[both].mean()
            assert found.differences[name].value[arm] == pytest.approx(expected), name
    for name in ENDPOINT_METRICS:
        assert np.isnan(found.differences[name].value[0]) and not found.differences[name].significant[0]
    assert found.differences["redundancy"].significant[LOCKED]  # one half against nothing


def test_an_arm_that_is_the_first_again_differs_by_exactly_nothing():
    explorer = alone()
    pair = type(explorer)(explorer.experiment.replace({"arms": "full,copy"}))
    X, _ = pair.pick("random", 12)
    twice = linear(3.0, arms=2)
    trace = pair.trace(twice, X, pair.default_targets(X, twice), SETTINGS)
    difference = pair.endpoints(trace).differences["ip"]
    assert (difference.value[1], difference.low[1], difference.high[1]) == (0, 0, 0) and not difference.significant[1]


def test_factuals_that_are_in_the_target_class_do_not_count():
    explorer = alone()
    X = np.float32([[-0.5, 0], [-0.6, 0.1], [-0.7, 0], [0.5, 0]])
    trace = explorer.trace(linear(3.0), X, [1, 1, 1, 1], SETTINGS)
    found = explorer.endpoints(trace)
    assert found.judged.tolist() == [3] and found.counted.tolist() == [[True, True, True, False]]
    ends, samples = found.projected(0, 1, 0)
    np.testing.assert_array_equal(ends, trace.final[0, :3, 0])
    X_all, y_all = explorer.data.validation
    np.testing.assert_allclose(np.sort(samples), np.sort(X_all[y_all == 1, 0].numpy()))


def test_fewer_than_two_have_no_numbers():
    explorer = alone(locked=["x1"])
    X = np.float32([[-0.5, 0], [-0.6, 0.1], [-0.7, 0]])
    found = explorer.endpoints(explorer.trace(linear(3.0), X, [1, 1, 1], SETTINGS))
    assert found.metrics["validity"].value[0] == 0 and found.metrics["mature"].value[0] == 0
    for name in ("cost", "redundancy"):
        assert np.isnan([found.metrics[name].value[0], found.metrics[name].low[0]]).all()
    single = explorer.endpoints(explorer.trace(linear(3.0), X[:1], [1], SETTINGS))
    assert all(np.isnan(single.metrics[name].value[0]) for name in ENDPOINT_METRICS)


def test_several_counterfactuals_of_a_factual_are_drawn_together():
    """Copies of a factual's counterfactual must not make the interval narrower, as if they were news."""
    explorer, snapshots = run()
    X, _ = explorer.pick("random", 15)
    targets = explorer.default_targets(X, snapshots[-1])
    same = {**SETTINGS.model_dump(), "lambda_diversity": 0.0}
    one = explorer.trace(snapshots[-1], X, targets, SearchSettings(**{**same, "generator": "dice", "per_factual": 1}))
    many = explorer.trace(snapshots[-1], X, targets, SearchSettings(**{**same, "generator": "dice", "per_factual": 5}))
    np.testing.assert_allclose(many.final[:, ::5], one.final, atol=1e-4)
    np.testing.assert_allclose(many.final, many.final[:, many.group * 5], atol=1e-4)
    mine, theirs = (explorer.endpoints(trace) for trace in (many, one))
    for name in ("ip", "cost", "mature"):
        np.testing.assert_allclose(mine.metrics[name].low, theirs.metrics[name].low, atol=1e-3)
        np.testing.assert_allclose(mine.metrics[name].high, theirs.metrics[name].high, atol=1e-3)
    assert (mine.judged == 5 * theirs.judged).all()
    samples = ReferenceSamples.of(*explorer.data.validation, 2)
    judged = torch.from_numpy(many.predicted != many.targets)
    expected = samples.ip_star(torch.from_numpy(many.final.copy()), torch.from_numpy(many.targets), judged)
    np.testing.assert_allclose(mine.metrics["ip_star"].value, expected, atol=1e-9)


def test_the_same_trace_has_the_same_intervals():
    first, second = measured(), measured()
    for name in ENDPOINT_METRICS:
        np.testing.assert_array_equal(first.metrics[name].low, second.metrics[name].low)


def test_more_factuals_than_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_FACTUALS", len(traced()) - 1)
    with pytest.raises(ConfigError, match="factuals is"):
        measured()


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="level"):
        run()[0].endpoints(traced(), 1.0)
