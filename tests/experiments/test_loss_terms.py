"""What a model is penalised for: the numbers of a model made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ctviz import ConfigError
from ctviz.experiments.explorer import Explorer
from tests.experiments.traces import FULL, SETTINGS, VANILLA, alone, linear, run, traced


def test_a_linear_model_by_hand():
    explorer = alone(lambda_div=0.5, lambda_adv=0.25, lambda_reg=0.1)
    trace = explorer.trace(linear(2.0, bias=-1.0), [[0.0, 0.0]], [1], SETTINGS)
    assert trace.mature[0, 0]
    x, neighbour, small = trace.final[0, 0, 0], trace.neighbours[0, 0, 0], trace.points[0, 0, trace.nascent[0, 0], 0]
    terms = explorer.loss_terms(trace, 0, 0, label=0)
    near, far = -(2 * neighbour - 1), -(2 * x - 1)
    assert terms.energy_neighbour == pytest.approx(near, abs=1e-5)
    assert terms.energy_counterfactual == pytest.approx(far, abs=1e-5)
    assert terms.divergence == pytest.approx(near - far, abs=1e-5)
    assert terms.sign == np.sign(near - far)
    assert terms.ridge == pytest.approx(near**2 + far**2, abs=1e-4)
    assert terms.adversarial == pytest.approx(math.log(1 + math.exp(2 * small - 1)), abs=1e-5)
    total = 0.5 * (near - far) + 0.25 * terms.adversarial + 0.1 * (near**2 + far**2)
    assert terms.total == pytest.approx(total, abs=1e-4)
    assert (terms.label, terms.guessed, terms.target, terms.replaced) == (0, False, 1, ())


def test_without_a_label_it_takes_the_prediction_and_says_so():
    explorer = alone()
    trace = explorer.trace(linear(2.0, bias=-1.0), [[0.0, 0.0], [2.0, 0.0]], [1, 0], SETTINGS)
    for i, predicted in enumerate((0, 1)):
        terms = explorer.loss_terms(trace, 0, i)
        assert (terms.label, terms.guessed) == (predicted, True)
        assert terms.adversarial == explorer.loss_terms(trace, 0, i, label=predicted).adversarial


def test_a_search_that_failed_has_the_neighbour_in_its_place():
    explorer = alone(locked=["x1"])
    trace = explorer.trace(linear(2.0), [[-0.5, 0.0]], [1], SETTINGS)
    terms = explorer.loss_terms(trace, 0, 0)
    assert not terms.mature and terms.divergence == 0 and terms.sign == 0
    assert terms.ridge == pytest.approx(2 * (2 * trace.neighbours[0, 0, 0]) ** 2, rel=1e-5)
    assert terms.shielded == terms.neighbour and terms.replaced == ()


def test_the_shield_names_the_columns_that_it_has_replaced():
    explorer = alone(locked=["x2"])
    trace = explorer.trace(linear(2.0), [[-0.2, 0.3]], [1], SETTINGS)
    terms = explorer.loss_terms(trace, 0, 0)
    assert terms.mature and terms.replaced == (1,)
    assert terms.shielded == (terms.neighbour[0], pytest.approx(0.3))


def test_a_vanilla_arm_has_no_weights():
    explorer, _ = run()
    terms = explorer.loss_terms(traced(), VANILLA, 0)
    assert terms.total == 0
    assert explorer.loss_terms(traced(), FULL, 0).total != 0


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_that_is_no_class_is_refused(label):
    explorer: Explorer = run()[0]
    with pytest.raises(ConfigError, match="label"):
        explorer.loss_terms(traced(), 0, 0, label)
