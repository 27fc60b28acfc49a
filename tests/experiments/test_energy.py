"""The energy of a class: −logit, on the grid of the fields, and on average where the divergence compares."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.errors import ConfigError, DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.energy import (
    ERROR,
    LIMIT,
    energies_at,
    energy_field,
    levels_of,
    mean_energies,
)
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.run import Training
from ctviz.models.stack import Stack

THREE = Experiment.preset("blobs").replace(
    {
        "data.classes": 3, "data.n_train": 120, "data.n_validation": 60, "data.n_test": 30, "training.epochs": 3,
        "training.n_ce": 30, "training.lr": 0.03, "evaluation.field": 7, "evaluation.paths": 20,
        "evaluation.factuals": 30, "evaluation.steps": 12, "evaluation.tau": 0.6, "arms": "vanilla,full",
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def run():
    training = Training(THREE, "cpu")
    return training.scene, list(training)


def modules(snapshot):
    stack = Stack.from_weights(snapshot.weights, THREE.model)
    return [stack.module(arm) for arm in range(len(THREE.arms))]


def slow_energy(module, point, target: int) -> float:
    """One point through the model as torch runs it."""
    with torch.no_grad():
        return -float(module(torch.tensor([[float(v) for v in point]]))[0, target])


def test_the_field_is_the_negative_logit_of_the_class_at_every_node(run) -> None:
    scene, snapshots = run
    field = energy_field(snapshots, THREE, scene, 2)
    assert field.levels.shape == (4, 2, 7, 7) and field.means.epochs == (0, 1, 2, 3)
    axes = [np.linspace(scene.lower[i], scene.upper[i], 7, dtype=np.float32) for i in (0, 1)]
    for e, snapshot in enumerate(snapshots):
        for arm, module in enumerate(modules(snapshot)):
            slow = np.array([[slow_energy(module, (x1, x2), 2) for x1 in axes[0]] for x2 in axes[1]])
            found = energies_at(field.levels[e, arm])
            assert (np.abs(found - slow) <= ERROR * np.sqrt(1 + slow**2) + 1e-4).all()
    assert np.ptp(field.levels) > 20, "a field that tells nothing"


@pytest.mark.parametrize("target", [0, 1, 2])
def test_the_means_are_those_of_samples_and_mature_ends(run, target: int) -> None:
    scene, snapshots = run
    means = mean_energies(snapshots, THREE, scene, target)
    wanted = [b for b in range(len(scene.targets)) if scene.targets[b] == target]
    assert means.searches == len(wanted) > 0
    counted = 0
    for e, snapshot in enumerate(snapshots):
        for arm, module in enumerate(modules(snapshot)):
            own = [p for p, label in zip(scene.points, scene.labels, strict=True) if label == target]
            real = [slow_energy(module, point, target) for point in own]
            assert means.real[e, arm] == pytest.approx(sum(real) / len(real), abs=1e-4)
            ends, all_ends = [], []
            for b in wanted:
                last = int(snapshot.paths.steps[arm, b])
                end = slow_energy(module, scene.dequantise(snapshot.paths.points[arm, b, last]), target)
                all_ends.append(end)
                if snapshot.paths.mature[arm, b]:
                    ends.append(end)
            counted += len(ends)
            assert means.mature[e, arm] == len(ends)
            if ends:
                assert means.ends[e, arm] == pytest.approx(sum(ends) / len(ends), abs=1e-4)
                gap = sum(ends) / len(ends) - sum(real) / len(real)
                assert means.gap[e, arm] == pytest.approx(gap, abs=2e-4)
            else:
                assert math.isnan(means.ends[e, arm]) and math.isnan(means.gap[e, arm])
            assert means.low[e, arm] == pytest.approx(np.quantile(real + all_ends, 0.02), abs=1e-4)
            assert means.high[e, arm] == pytest.approx(np.quantile(real + all_ends, 0.98), abs=1e-4)
    assert counted > 0, "no counterfactual that matured"


def test_the_means_of_some_arms_are_those_at_the_ends_of_searches_that_are_given(run) -> None:
    scene, snapshots = run
    explorer, some = Explorer(THREE), snapshots[1:]
    factuals, _ = explorer.pick("class0", 6)
    settings = SearchSettings(generator="generic", tau=0.6, steps=12)
    whole = explorer.traces(some, factuals, [2] * 6, settings)
    full = [replace(t, **{name: getattr(t, name)[[1]] for name in ("energy", "mature", "steps")}) for t in whole]
    field = energy_field(some, THREE, scene, 2, [1], full)
    means = field.means
    assert field.levels.shape == (3, 1, 7, 7) and means.searches == 6
    assert np.array_equal(field.levels[:, 0], energy_field(some, THREE, scene, 2).levels[:, 1])
    assert np.array_equal(means.real[:, 0], mean_energies(some, THREE, scene, 2).real[:, 1])
    recorded = mean_energies(some, THREE, scene, 2, [1])
    assert np.array_equal(recorded.ends, mean_energies(some, THREE, scene, 2).ends[:, [1]], equal_nan=True)
    for e, snapshot in enumerate(some):
        ends = [slow_energy(modules(snapshot)[1], whole[e].points[1, b, whole[e].steps[1, b]], 2) for b in range(6)]
        assert means.ends[e, 0] == pytest.approx(sum(ends) / 6, abs=1e-4), "arrived or not"
        assert means.mature[e, 0] == whole[e].mature[1].sum()


def test_the_span_of_a_run_is_that_of_its_stretches(run) -> None:
    """So colours stay comparable while a run grows, however it is cut."""
    scene, snapshots = run
    low, high = energy_field(snapshots, THREE, scene, 1).span
    spans = [energy_field(part, THREE, scene, 1).span for part in (snapshots[:1], snapshots[1:3], snapshots[3:])]
    assert (low, high) == (min(span[0] for span in spans), max(span[1] for span in spans))
    means = mean_energies(snapshots, THREE, scene, 1)
    assert low == means.low.min() and high >= means.high.max()


def test_what_was_not_recorded_is_not_a_number(run) -> None:
    scene, snapshots = run
    bare = replace(scene, points=scene.points[scene.labels != 1], labels=scene.labels[scene.labels != 1])
    means = mean_energies([replace(snapshots[-1], paths=None)], THREE, bare, 1)
    assert np.isnan(means.real).all() and np.isnan(means.ends).all() and not means.mature.any()
    assert energy_field([replace(snapshots[-1], paths=None)], THREE, bare, 1).span[0] < 0


def test_the_usual_class_is_that_of_most_searches(run) -> None:
    scene, _ = run
    assert replace(scene, targets=np.array([2, 0, 2], dtype=np.uint8)).usual_target == 2
    assert replace(scene, targets=np.array([], dtype=np.uint8)).usual_target == 1


@pytest.mark.parametrize("target", [-1, 3])
def test_a_target_that_is_no_class_is_refused(run, target: int) -> None:
    scene, snapshots = run
    with pytest.raises(ConfigError, match="a class from 0 to 2"):
        energy_field(snapshots, THREE, scene, target)


def test_no_snapshot_no_field_and_another_run_are_refused(run) -> None:
    scene, snapshots = run
    with pytest.raises(DataError, match="at least one snapshot"):
        energy_field([], THREE, scene, 1)
    with pytest.raises(DataError, match="recorded no field"):
        energy_field([replace(snapshots[0], field=None)], THREE, scene, 1)
    with pytest.raises(DataError, match="another run"):
        energy_field(snapshots, THREE.replace({"seed": 5}), scene, 1)


# -- levels --------------------------------------------------------------------------------------------------------


@given(st.floats(-LIMIT, LIMIT))
def test_a_level_is_wrong_by_no_more_than_is_said(energy: float) -> None:
    assert abs(float(energies_at(levels_of(energy))) - energy) <= ERROR * math.sqrt(1 + energy**2)


@given(st.floats(), st.floats())
def test_levels_rise_with_energies(first: float, second: float) -> None:
    if first <= second:
        assert levels_of(first) <= levels_of(second)


def test_levels_beyond_the_limits_are_the_ends() -> None:
    found = levels_of([-math.inf, -2 * LIMIT, -LIMIT, LIMIT, 3 * LIMIT, math.inf, math.nan])
    assert found.tolist() == [0, 0, 0, 255, 255, 255, 255]
    assert (levels_of(energies_at(np.arange(256))) == np.arange(256)).all()
