"""What explorers of all kinds of data share, on data in a plane; that of images is tested on digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ctviz import AttributionSettings, Experiment
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.attribution import integrated_gradients
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.images.explorer import ImageExplorer
from ctviz.models.stack import Stack
from tests.experiments.traces import BOUNDED, EXPERIMENT, LOCKED, run

M = len(EXPERIMENT.arms)


def modules() -> list[torch.nn.Sequential]:
    stack = Stack.from_weights(run()[1][-1].weights, EXPERIMENT.model)
    return [stack.module(arm) for arm in range(M)]


def test_probabilities_are_those_of_the_modules() -> None:
    explorer, snapshots = run()
    X, _ = explorer.pick("random", 7)
    with torch.no_grad():
        expected = [module(torch.from_numpy(X)).softmax(-1).numpy() for module in modules()]
    np.testing.assert_allclose(explorer.probabilities(snapshots[-1], X), expected, atol=1e-6)


def test_attributions_of_columns_are_those_of_the_modules_and_of_a_history_its_last() -> None:
    explorer, snapshots = run()
    X, _ = explorer.pick("random", 4)
    found = explorer.attribute(snapshots[-1], X, AttributionSettings(seed=3))
    assert found.values.shape == (M, 4, 2) and (found.baselines == found.baselines[0]).all()
    for arm, module in enumerate(modules()):
        classes, baselines = torch.from_numpy(found.classes[arm]), torch.from_numpy(found.baselines)
        expected = integrated_gradients(module, torch.from_numpy(X), classes, baselines)
        np.testing.assert_allclose(found.values[arm], expected.values, atol=1e-5)
    history = explorer.attribute_history(snapshots, X[0], AttributionSettings(seed=3))
    np.testing.assert_allclose(history.values[-1], found.values[:, 0], atol=1e-6)


def test_an_attack_goes_no_farther_than_its_strength_nor_out_of_the_domain() -> None:
    explorer, snapshots = run()
    X, y = explorer.pick("random", 20)
    found = explorer.fool(snapshots[-1], X, y, [0.0, 0.4], "pgd")
    lower, upper = (end.numpy() for end in explorer.domain)
    assert (found.points[:, 0] == X).all()
    assert np.abs(found.points[:, 1] - X).max() <= 0.4 + 1e-6
    assert (found.points >= lower).all() and (found.points <= upper).all()
    own = found.probabilities[..., np.arange(20), y]  # m n b
    assert (own[:, 1].mean(axis=-1) < own[:, 0].mean(axis=-1)).all()


def test_robustness_is_the_share_that_is_still_right() -> None:
    explorer, snapshots = run()
    found = explorer.robustness(snapshots[-1], [0.0, 0.3], samples=len(explorer.data.test[1]))
    X, y = explorer.data.test
    with torch.no_grad():
        right = [float((module(X).argmax(-1) == y).double().mean()) for module in modules()]
    assert found.accuracy.value[:, 0] == pytest.approx(right)
    assert (found.accuracy.value[:, 1] <= found.accuracy.value[:, 0]).all()
    assert np.isnan(found.difference.value[0]).all()


def test_locked_columns_are_those_of_the_arm() -> None:
    explorer, _ = run()
    assert explorer.locked_of(LOCKED).tolist() == explorer.locked_of("locked").tolist() == [False, True]
    assert not explorer.locked_of(BOUNDED).any()


def test_each_kind_of_data_has_its_own_explorer() -> None:
    with pytest.raises(ConfigError, match="images are read by ImageExplorer"):
        Explorer(Experiment.preset("mnist"))
    with pytest.raises(ConfigError, match="data in a plane are read by Explorer"):
        ImageExplorer(EXPERIMENT)


def test_a_mistake_names_what_the_samples_are() -> None:
    explorer, snapshots = run()
    with pytest.raises(DataError, match="factuals have shape"):
        explorer.probabilities(snapshots[-1], np.zeros((1, 3)))
    with pytest.raises(DataError, match="The factual"):
        explorer.attribute_history(snapshots, np.zeros((2, 2)))
    with pytest.raises(ConfigError, match="no pictures"):
        explorer.attribute(snapshots[-1], np.zeros((1, 2)), AttributionSettings(baseline="blurred"))
