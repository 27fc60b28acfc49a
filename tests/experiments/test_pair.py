"""Two arms out of a stack are drawn from their weights as if they had been trained by themselves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.energy import energy_field
from ctviz.experiments.pair import pair
from ctviz.experiments.run import train
from ctviz.training.arm import Arm

SMALL = {"training.epochs": 2, "data.n_train": 300, "data.n_validation": 60, "training.n_ce": 30}
PICTURED = {"evaluation.field": 12, "evaluation.paths": 5, "evaluation.factuals": 20, "evaluation.steps": 8}
NAMES = ("plain", "other")


@pytest.fixture(scope="module")
def stacked():
    arms = [
        Arm.variant("plain", lambda_div=0.0, lambda_adv=0.0, lambda_reg=0.0, seed=3),
        Arm.variant("one", seed=3),
        Arm.variant("other", lambda_div=1.0, seed=3),
    ]
    experiment = Experiment.preset("moons").replace(
        {**SMALL, "arms": arms, "evaluation.field": 0, "evaluation.paths": 0, "evaluation.every": 2}
    )
    return experiment, list(train(experiment))[-1]


@pytest.fixture(scope="module")
def two():
    arms = [
        Arm.variant("vanilla"),
        Arm.variant("full", lambda_div=1.0),
    ]
    return Experiment.preset("moons").replace({**SMALL, **PICTURED, "arms": arms, "seed": 3})


def test_the_two_are_drawn_as_if_they_had_been_trained_by_themselves(stacked, two) -> None:
    made = pair(two, *stacked, NAMES)
    alone = list(train(two))[-1]
    assert made.experiment == two
    assert made.snapshot.epoch == alone.epoch == 2
    # A stack of another size adds up in another order.
    np.testing.assert_allclose(made.snapshot.weights["0.weight"], alone.weights["0.weight"], atol=1e-4)
    assert np.abs(made.snapshot.field.astype(int) - alone.field.astype(int)).max() <= 2
    assert made.snapshot.paths.points.shape == alone.paths.points.shape
    for name in ("ip", "cost", "validation_accuracy", "mature"):
        np.testing.assert_allclose(made.snapshot.metrics[name], alone.metrics[name], rtol=0.02, atol=0.02)
    assert np.isfinite(made.snapshot.metrics["mature"][1])
    energies, own = (energy_field([s], two, made.scene, 1) for s in (made.snapshot, alone))
    np.testing.assert_allclose(energies.means.real, own.means.real, rtol=0.02, atol=0.02)


def test_a_model_that_is_not_there_and_one_without_numbers_are_said(stacked, two) -> None:
    stack, last = stacked
    with pytest.raises(DataError, match="no model 'gone'"):
        pair(two, stack, last, ("plain", "gone"))
    weights = {name: values.copy() for name, values in last.weights.items()}
    weights["1.bias"][2, 0] = np.nan
    with pytest.raises(DataError, match="diverged"):
        pair(two, stack, dataclasses.replace(last, weights=weights), NAMES)
