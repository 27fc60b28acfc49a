"""How much rests on which feature: linear models in closed form, and what the intervals say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ctviz import ConfigError
from ctviz.evaluation.attribution import uniform_baselines
from ctviz.experiments.explorer import Explorer
from tests.experiments.traces import LOCKED, alone, linear, run, snapshot

WEIGHTS = np.array([1.5, -0.5])


def two_arms():
    """The first arm looks at both features, the second at the first one alone."""
    explorer = Explorer(alone().experiment.replace({"arms": "full,blind", "arms.blind.locked": ["x2"]}))
    weight = np.zeros((2, 2, 2))
    weight[0, 1] = WEIGHTS
    weight[1, 1, 0] = 2.0
    return explorer, snapshot([(weight, np.zeros((2, 2)))])


def test_of_linear_models_in_closed_form():
    explorer, state = two_arms()
    found = explorer.sensitivity(state, 0.9, seed=3)
    X = explorer.data.test[0].double().numpy()
    g = WEIGHTS * (X - uniform_baselines(len(X), 2, 3).double().numpy())
    predicted = X @ WEIGHTS > 0  # only then is the logit that of class 1; that of class 0 is constant
    size = np.abs(g)[predicted]
    np.testing.assert_allclose(found.share.value[0], (size / size.sum(1, keepdims=True)).mean(0), atol=1e-4)
    spread = np.abs(size[:, :1] - size[:, 1:])
    np.testing.assert_allclose(found.standardised.value[0], (size / spread).mean(0), rtol=1e-2)
    np.testing.assert_allclose(found.share.value[1], [1, 0], atol=1e-6)
    np.testing.assert_allclose(found.standardised.value[1], [1, 0], atol=1e-6)
    assert found.error < 1e-5 and found.samples == len(X)
    assert found.locked.tolist() == [[False, False], [False, True]]
    assert found.arms == ("full", "blind") and found.features == ("x1", "x2")


def test_the_difference_of_an_arm_that_ignores_a_feature_is_significant():
    explorer, state = two_arms()
    found = explorer.sensitivity(state)
    assert found.share_difference.significant.tolist() == [[False, False], [True, True]]
    np.testing.assert_allclose(found.share_difference.value[1], found.share.value[1] - found.share.value[0])
    assert (found.share.low[0] < found.share.value[0]).all() and (found.share.value[0] < found.share.high[0]).all()


@pytest.mark.usefixtures("two_threads")
def test_shares_add_up_and_are_the_same_every_time():
    explorer, snapshots = run()
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    found, again = explorer.sensitivity(snapshots[-1]), explorer.sensitivity(snapshots[-1])
    np.testing.assert_allclose(found.share.value.sum(-1), 1)
    np.testing.assert_array_equal(found.share.low, again.share.low)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    assert found.locked[LOCKED].tolist() == [False, True] and not found.locked[0].any()
    assert found.error < 0.02


def test_a_model_that_looks_at_nothing_has_no_shares():
    found = alone().sensitivity(linear(0.0))
    assert np.isnan(found.share.value).all() and np.isnan(found.share.high).all() and not found.share.significant.any()


def test_a_level_that_is_none_is_refused():
    explorer, snapshots = run()
    with pytest.raises(ConfigError, match="level"):
        explorer.sensitivity(snapshots[-1], level=99)
