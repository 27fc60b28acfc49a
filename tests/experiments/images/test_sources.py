"""What an explorer of images asks with: which pictures it takes from where, whose locks hold, how long steps are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from ctviz import AttributionSettings, ConfigError, SearchSettings
from ctviz.evaluation.attribution import attribute
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.models.stack import Stack
from tests.experiments.pictures import EXPERIMENT, FULL, GRID, D, K, M, run

LOCKED = np.r_[0:140, 644:784]


def test_the_mean_digit_is_that_of_the_training_digits():
    explorer, snapshots = run()
    found = explorer.attribute(snapshots[-1], explorer.pick("random", 3).X, AttributionSettings(baseline="mean"))
    mean = explorer.data.train[0].double().mean(dim=0).numpy()
    np.testing.assert_allclose(found.baselines, np.broadcast_to(mean, (3, D)), atol=1e-6)
    others = [part[0].double().mean(dim=0).numpy() for part in (explorer.data.test, explorer.data.validation)]
    assert all(np.abs(mean - other).max() > 0.01 for other in others), "else this would say nothing"


def test_gradient_shap_draws_from_the_training_digits():
    explorer, snapshots = run()
    picked = explorer.pick("random", 3)
    settings = AttributionSettings(method="gradient_shap", steps=5)
    found = explorer.attribute(snapshots[-1], picked.X, settings, classes=1)
    stack = Stack.from_weights(snapshots[-1].weights, EXPERIMENT.model, GRID)

    def of(background):
        order = torch.randperm(len(background), generator=torch.Generator().manual_seed(0))[:1000]
        return attribute(stack, torch.from_numpy(picked.X), 1, settings, GRID, background[order]).values.numpy()

    np.testing.assert_allclose(found.values, of(explorer.data.train[0]), atol=1e-6)
    assert not np.allclose(found.values, of(explorer.data.test[0]), atol=1e-3)


@pytest.mark.parametrize(("when", "holds"), [("always", True), ("searching", True), ("training", False)])
def test_locks_hold_where_they_are_for_advice(when, holds):
    explorer = ImageExplorer(EXPERIMENT.replace({"arms.full.lock_when": when}))
    picked = explorer.pick("random", 4)
    settings = SearchSettings(generator="eccco", tau=0.5, steps=6, step_size=1.5)
    trace = explorer.counterfactuals(run()[1][-1], picked.X, (picked.y + 1) % K, settings)
    moved = (trace.points[FULL] != picked.X[:, None])[..., LOCKED].any()
    assert moved == (not holds)


def test_steps_of_an_attack_are_long_enough_for_it():
    """A model that takes a digit for a 0 once it is bright enough: short steps, 40 of 0.01, would not get there."""
    explorer, snapshots = run()
    weights = {name: np.zeros_like(array) for name, array in snapshots[-1].weights.items()}
    weights["0.weight"][:, 0] = 1 / D  # one unit: 1 + mean pixel, 0 to 2
    weights["0.bias"][:, 0] = 1
    weights["1.weight"][:, 0, 0] = 1
    weights["1.bias"][:] = -100
    weights["1.bias"][:, 0], weights["1.bias"][:, 1] = 0, 0.8
    snapshot = dataclasses.replace(snapshots[-1], weights=weights)
    ones = (explorer.data.test[1] == 1).double().mean().item()
    accuracy = {a: explorer.robustness(snapshot, [0.0, 1.0], a).accuracy.value for a in ("fgsm", "pgd")}
    assert (accuracy["pgd"][:, 0] > 0.9 * ones).all()
    np.testing.assert_allclose(accuracy["pgd"][:, 1], np.zeros(M), atol=0.01)
    np.testing.assert_allclose(accuracy["pgd"], accuracy["fgsm"], atol=1e-9)


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_robustness_to_no_strength_is_refused(attack):
    explorer, snapshots = run()
    with pytest.raises(ConfigError, match="epsilons"):
        explorer.robustness(snapshots[-1], [], attack)


@pytest.mark.parametrize("kind", ["random", "hard", "class3"])
@pytest.mark.parametrize("count", [2.5, 2.0, "3", None, True])
def test_counts_that_are_none_are_refused(kind, count):
    explorer, snapshots = run()
    with pytest.raises(ConfigError, match="count"):
        explorer.pick(kind, count, snapshot=snapshots[-1])


def test_a_count_may_be_of_numpy():
    assert len(run()[0].pick("random", np.int64(3))) == 3
