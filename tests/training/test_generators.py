"""Counterfactual training with every generator, end to end on a small run."""

from __future__ import annotations

import functools
from typing import get_args

import numpy as np
import pytest

from ctviz.counterfactuals.search_settings import TrainingGeneratorName
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import Training
from ctviz.experiments.snapshot import Snapshot

pytestmark = pytest.mark.usefixtures("hasty_autoencoders")

GENERATORS = get_args(TrainingGeneratorName)

SMALL = Experiment.preset("moons").replace(
    {
        "data.n_train": 300,
        "data.n_validation": 100,
        "data.n_test": 100,
        "training.epochs": 12,
        "training.batch": 20,
        "training.n_ce": 60,
        "training.lr": 0.02,
        "arms.*.tau": 0.6,
        "evaluation.every": 6,
        "evaluation.factuals": 30,
        "evaluation.paths": 20,
        "evaluation.steps": 20,
        "evaluation.tau": 0.6,
        "evaluation.field": 0,
    }
)


def train(generator: str, **changes: object) -> tuple[Training, list[Snapshot]]:
    given = {"arms.*.generator": generator, "evaluation.generator": generator, **changes}
    training = Training(SMALL.replace(given), device="cpu")
    return training, list(training)


trained = functools.cache(train)
"""Once for all tests of a generator."""


@pytest.mark.parametrize("generator", GENERATORS)
def test_it_trains_with_finite_weights_and_finds_counterfactuals(generator: str) -> None:
    training, snapshots = trained(generator)
    last = snapshots[-1]
    for values in last.weights.values():
        assert np.isfinite(values).all()
    assert last.metrics["skipped"].tolist() == [0, 0]
    assert last.metrics["validation_accuracy"][1] > 0.8
    assert last.metrics["mature"][1] > 0.5
    for name in ("loss_div", "loss_adv", "loss_reg", "steps", "cost", "ip", "validity"):
        assert np.isfinite(last.metrics[name][1]), name
    assert last.metrics["validity"][1] > 0.5
    assert not np.array_equal(last.weights["0.weight"][0], last.weights["0.weight"][1])  # it learns from them
    assert all(row["cost"] is not None for row in training.summary())


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_same_experiment_gives_the_same_bits(generator: str) -> None:
    (_, one), (_, other) = trained(generator), train(generator)
    for a, b in zip(one, other, strict=True):
        assert a.weights.keys() == b.weights.keys()
        assert all(np.array_equal(a.weights[name], b.weights[name]) for name in a.weights)
        assert all(np.array_equal(a.metrics[name], b.metrics[name], equal_nan=True) for name in a.metrics)
        assert a.paths is not None and b.paths is not None and np.array_equal(a.paths.points, b.paths.points)


@pytest.mark.parametrize("generator", GENERATORS)
def test_locks_hold_in_training_with_every_generator(generator: str) -> None:
    """A lock on x1 in advice: no path moves along it; and training under it gives another model than without."""
    _, free = trained(generator)
    _, locked = train(generator, **{"arms.full.locked": [0]})
    paths = locked[-1].paths
    assert paths is not None and (paths.points[1, :, :, 0] == paths.points[1, :, :1, 0]).all()
    assert not np.array_equal(free[-1].weights["0.weight"][1], locked[-1].weights["0.weight"][1])


def test_all_generators_train_side_by_side_as_they_do_alone() -> None:
    names = [f"by {name}" for name in GENERATORS]
    changes = {f"arms.by {name}.generator": name for name in GENERATORS}
    together = SMALL.replace({"arms": ",".join(names), **changes, "arms.*.tau": 0.6, "training.epochs": 2})
    *_, last = Training(together, device="cpu")
    for i, name in enumerate(GENERATORS):
        alone = SMALL.replace({"arms": "full", "arms.full.generator": name, "training.epochs": 2})
        *_, own = Training(alone, device="cpu")
        np.testing.assert_allclose(last.weights["0.weight"][i], own.weights["0.weight"][0], rtol=1e-3, atol=1e-4)
        assert last.metrics["mature"][i] == pytest.approx(own.metrics["mature"][0], abs=0.02)
