"""Integrated gradients against closed forms, a hand-written Riemann sum, and the axioms that they keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.attribution import integrated_gradients, share, standardised, uniform_baselines
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from tests.reference import bootstrap as slow

M, B, D, K = 3, 5, 2, 3


def stack(hidden=(6,), activation="tanh"):
    settings = ModelSettings(hidden=hidden, activation=activation)
    return Stack.initialise(settings, D, K, range(M)).to(torch.float64)


def inputs(seed=0):
    chance = torch.Generator().manual_seed(seed)
    X = torch.randn(M, B, D, generator=chance, dtype=torch.float64) * 2
    return X, torch.randint(0, K, (M, B), generator=chance), uniform_baselines(B, D).double()


def test_of_a_linear_model_they_are_weight_times_distance():
    X, y, start = inputs()
    linear = stack(hidden=())
    found = integrated_gradients(linear, X, y, start)
    weights = linear.layers[0][..., :-1]  # m k d
    expected = weights[torch.arange(M).unsqueeze(1), y] * (X - start)
    torch.testing.assert_close(found.values, expected, atol=1e-6, rtol=1e-6)
    assert found.error.abs().max() < 1e-6


@pytest.mark.parametrize("output", ["logit", "probability"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_they_are_the_riemann_sum(output, activation):
    X, y, start = inputs()
    model = stack(activation=activation)
    found = integrated_gradients(model, X, y, start, steps=400 if activation == "relu" else 50, output=output)
    for arm in range(M):
        for i in range(2):
            function = output_of(model.module(arm), int(y[arm, i]), output)
            expected = slow.integrated_gradients(function, X[arm, i].numpy(), start[i].numpy(), nodes=300)
            np.testing.assert_allclose(found.values[arm, i].numpy(), expected, atol=3e-3)


def output_of(module, target, output):
    def function(points):
        with torch.no_grad():
            logits = module(torch.from_numpy(points))
        return (logits if output == "logit" else logits.softmax(-1))[:, target].numpy()

    return function


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_they_add_up_to_the_change_of_the_output(output):
    X, y, start = inputs()
    model = stack()
    found = integrated_gradients(model, X, y, start, output=output)
    z, z0 = (model(x) if output == "logit" else model(x).softmax(-1) for x in (X, start.expand_as(X)))
    change = (z - z0).gather(-1, y.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(found.values.sum(-1) - change, found.error, atol=1e-12, rtol=0)
    assert found.error.abs().max() < 1e-5
    with pytest.warns(UserWarning, match="Take more steps"):
        coarse = integrated_gradients(model, X, y, start, steps=1, output=output)
    assert coarse.error.abs().max() > 100 * found.error.abs().max()


def test_a_feature_that_the_model_ignores_or_that_stays_has_none():
    X, y, start = inputs()
    model = stack()
    model.layers[0][0, :, 0] = 0
    X[1, :, 1] = start[:, 1]
    found = integrated_gradients(model, X, y, start).values
    assert (found[0, :, 0] == 0).all() and (found[1, :, 1] == 0).all()
    assert (found[2] != 0).all()


def test_a_stack_gives_each_model_what_it_gets_alone():
    X, y, start = inputs()
    model = stack()
    together = integrated_gradients(model, X, y, start)
    for arm in range(M):
        alone = integrated_gradients(model.module(arm), X[arm], y[arm], start)
        torch.testing.assert_close(alone.values, together.values[arm], atol=1e-12, rtol=1e-12)
        torch.testing.assert_close(alone.error, together.error[arm], atol=1e-12, rtol=1e-12)


def test_parts_of_the_rule_add_up_to_the_whole(monkeypatch):
    X, y, start = inputs()
    whole = integrated_gradients(stack(), X, y, start)
    monkeypatch.setattr("ctviz.evaluation.methods.CHUNK", M * B * 7 + 3)
    torch.testing.assert_close(integrated_gradients(stack(), X, y, start).values, whole.values)


def test_by_default_the_predicted_class_and_uniform_baselines():
    X, _, _ = inputs()
    model = nn.Sequential(nn.Linear(D, 4), nn.ReLU(), nn.Linear(4, K)).double()
    found = integrated_gradients(model, X[0])
    expected = integrated_gradients(model, X[0], model(X[0]).argmax(-1), uniform_baselines(B, D))
    torch.testing.assert_close(found.values, expected.values)
    assert not found.values.requires_grad and all(p.grad is None for p in model.parameters())


def test_baselines_lie_in_the_cube_and_are_the_same_every_time():
    before = torch.get_rng_state()
    start = uniform_baselines(1000, D, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert start.abs().max() <= 1 and start.min() < -0.9 and start.max() > 0.9
    assert torch.equal(start, uniform_baselines(1000, D, seed=4))
    assert not torch.equal(start, uniform_baselines(1000, D, seed=5))


def test_no_samples_have_no_attributions():
    found = integrated_gradients(stack(), torch.zeros(M, 0, D).double())
    assert found.values.shape == (M, 0, D) and found.error.shape == (M, 0)


# -- shares and standardising ------------------------------------------------------------------------


def test_two_features_by_hand():
    g = torch.tensor([[3.0, -1.0], [0.0, -2.0], [1.0, -1.0], [0.0, 0.0]])
    np.testing.assert_allclose(share(g), [[0.75, 0.25], [0, 1], [0.5, 0.5], [np.nan, np.nan]])
    np.testing.assert_allclose(standardised(g), [[1.5, 0.5], [0, 1], [np.nan, np.nan], [np.nan, np.nan]])


def test_more_features_by_hand():
    np.testing.assert_allclose(standardised(torch.tensor([[5.0, -1.0, 3.0]])), [[1, 0, 0.5]])
    assert standardised(torch.full((1, 3), 2.0)).isnan().all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6))
def test_shares_add_up_to_one_and_do_not_depend_on_the_unit(values):
    g = torch.tensor([values], dtype=torch.float64)
    found = share(g)
    if g.abs().sum() > 0:
        assert float(found.sum()) == pytest.approx(1) and (found >= 0).all()
        torch.testing.assert_close(share(-g * 4), found)
    else:
        assert found.isnan().all()


# -- bad input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, -3, 10_001])
def test_a_rule_without_steps_is_refused(steps):
    with pytest.raises(ConfigError, match="steps"):
        integrated_gradients(stack(), *inputs(), steps=steps)


def test_an_unknown_output_is_refused():
    with pytest.raises(ConfigError, match="logit or probability"):
        integrated_gradients(stack(), *inputs(), output="energy")


@pytest.mark.parametrize(
    ("X", "y", "start"),
    [
        (torch.zeros(D), None, None),
        (torch.zeros(M, B, D), torch.zeros(B + 1).long(), None),
        (torch.zeros(M, B, D), torch.zeros(M, B).long(), torch.zeros(B, D + 1)),
    ],
    ids=["one sample", "classes", "baselines"],
)
def test_shapes_that_do_not_fit_are_refused(X, y, start):
    with pytest.raises(DataError, match="shape"):
        integrated_gradients(stack().to(torch.float32), X, y, start)


def test_what_was_made_in_inference_mode_is_taken():
    X, y, start = inputs()
    with torch.inference_mode():
        inside = [part.clone() for part in (X, y, start)]
    assert torch.equal(integrated_gradients(stack(), *inside).values, integrated_gradients(stack(), X, y, start).values)


def test_a_module_that_is_no_classifier_of_such_samples_is_refused():
    with pytest.raises(DataError, match="3 columns"):
        integrated_gradients(nn.Linear(D, K), torch.zeros(B, 3))
    with pytest.raises(DataError, match="not finite"):
        integrated_gradients(nn.Linear(D, K), [[math.nan] * D])


def test_gradients_flow_where_they_are_switched_off():
    X, y, start = inputs()
    with torch.no_grad():
        found = integrated_gradients(stack(), X, y, start)
    assert math.isfinite(float(found.values.sum())) and (found.values != 0).any()


def test_classes_may_be_given_in_any_way():
    model = stack().to(torch.float32).module(0)
    X = inputs()[0][0].float()
    expected = integrated_gradients(model, X, torch.tensor([1, 0, 2, 1, 0])).values
    for classes in ([1, 0, 2, 1, 0], np.array([1, 0, 2, 1, 0], dtype=np.int8)):
        assert torch.equal(integrated_gradients(model, X, classes).values, expected)
    assert torch.equal(integrated_gradients(model, X, 2).values, integrated_gradients(model, X, [2] * B).values)
    for wrong in (K, -1):
        with pytest.raises(ConfigError, match="classes"):
            integrated_gradients(model, X, wrong)
