"""m models as one against the same models one by one, and hand-written derivatives against autograd."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from ctviz.errors import ConfigError, DataError
from ctviz.models.activations import ACTIVATIONS
from ctviz.models.model_settings import ModelSettings
from ctviz.models.sizes import parameters
from ctviz.models.stack import Stack, predict, with_ones

TIGHT = {"rtol": 1e-11, "atol": 1e-13}
DEPTHS = {"linear": (), "one hidden layer": (7,), "two": (5, 6), "three": (4, 1, 3)}


def stack(hidden: tuple[int, ...] = (7,), activation: str = "relu", m: int = 3, d: int = 3, k: int = 4) -> Stack:
    """Models of different seeds in double precision, with weights large enough to reach every part of an activation."""
    made = Stack.initialise(ModelSettings(hidden=hidden, activation=activation), d, k, range(m)).to(torch.float64)
    made.flat.mul_(3)
    return made


def samples(m: int, d: int, b: int = 11) -> Tensor:
    return 2 * torch.randn(m, b, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


every_activation = pytest.mark.parametrize("activation", list(ACTIVATIONS))
every_depth = pytest.mark.parametrize("hidden", DEPTHS.values(), ids=DEPTHS)
every_m = pytest.mark.parametrize("m", [1, 2, 4], ids=lambda m: f"m={m}")


@every_activation
@every_depth
@every_m
def test_a_stack_is_its_models_side_by_side(hidden: tuple[int, ...], activation: str, m: int) -> None:
    models, x = stack(hidden, activation, m), samples(m, 3)
    logits = models(x)
    assert logits.shape == (m, 11, 4)
    for i in range(m):
        by_hand = x[i]
        for j, layer in enumerate(models.layers):
            by_hand = ACTIVATIONS[activation].module()(by_hand) if j else by_hand
            by_hand = by_hand @ layer[i, :, :-1].T + layer[i, :, -1]
        torch.testing.assert_close(logits[i], by_hand, **TIGHT)
    torch.testing.assert_close(models.run(11).forward(with_ones(x)).mT, logits, **TIGHT)


@every_activation
@every_depth
@every_m
def test_the_written_out_derivatives_are_those_of_autograd(hidden: tuple[int, ...], activation: str, m: int) -> None:
    models, x = stack(hidden, activation, m), samples(m, 3)
    upstream = torch.randn(m, 4, 11, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    run = models.run(11)

    run.forward(with_ones(x))
    into = models.split(torch.full_like(models.flat, torch.nan))
    run.weight_gradient(upstream.clone(), with_ones(x), into)
    run.forward(with_ones(x))
    toward_input = run.input_gradient(upstream.clone())

    flat, x_leaf = models.flat.clone().requires_grad_(), x.clone().requires_grad_()
    logits = Stack(models.architecture, flat, m)(x_leaf)
    by_weights, by_input = torch.autograd.grad((logits.mT * upstream).sum(), (flat, x_leaf))
    torch.testing.assert_close(torch.cat([layer.reshape(-1) for layer in into]), by_weights, **TIGHT)
    torch.testing.assert_close(toward_input.mT, by_input, **TIGHT)


def test_buffers_may_be_used_again_for_another_batch() -> None:
    models = stack()
    run, first, second = models.run(11), samples(3, 3), 5 * samples(3, 3)
    for x in (first, second, first):
        torch.testing.assert_close(run.forward(with_ones(x)).mT, models(x), **TIGHT)


@every_activation
def test_derivatives_stay_finite_for_inputs_far_out(activation: str) -> None:
    models = Stack.initialise(ModelSettings(hidden=(8,), activation=activation), 2, 2, [0])
    x = torch.tensor([[[1e4, -1e4], [-1e4, 1e4], [0.0, 0.0]]])
    run = models.run(3)
    assert run.forward(with_ones(x)).isfinite().all()
    assert run.input_gradient(torch.ones(1, 2, 3)).isfinite().all()


# -- weights -------------------------------------------------------------------------------------------


@every_depth
def test_weights_round_trip_bit_for_bit(hidden: tuple[int, ...]) -> None:
    settings = ModelSettings(hidden=hidden, activation="tanh")
    models = Stack.initialise(settings, 2, 3, [4, 5])
    named = models.weights()
    sizes = [2, *hidden, 3]
    assert list(named) == [f"{i}.{part}" for i in range(len(sizes) - 1) for part in ("weight", "bias")]
    assert [array.shape for array in named.values()] == [
        shape for a, b in itertools.pairwise(sizes) for shape in ((2, b, a), (2, b))
    ]
    again = Stack.from_weights(named, settings)
    assert torch.equal(again.flat, models.flat) and again.architecture == models.architecture and again.m == 2


def test_weights_of_other_sizes_than_the_settings_have_are_refused() -> None:
    named = Stack.initialise(ModelSettings(hidden=(5,)), 2, 3, [0]).weights()
    with pytest.raises(DataError, match=r"5 × 2, 3 × 5.*4 × 2, 3 × 4"):
        Stack.from_weights(named, ModelSettings(hidden=(4,)))
    with pytest.raises(ConfigError, match="no pictures"):
        Stack.from_weights(named, ModelSettings(hidden=(5,), channels=(2,)))


@every_depth
def test_the_number_of_parameters_is_that_of_one_model(hidden: tuple[int, ...]) -> None:
    settings = ModelSettings(hidden=hidden)
    assert parameters(settings, 3, 4) == Stack.initialise(settings, 3, 4, [0, 1]).flat.numel() / 2


def test_weights_are_copies() -> None:
    models = Stack.initialise(ModelSettings(), 2, 2, [0])
    named, before = models.weights(), models.flat.clone()
    for array in named.values():
        array += 1
    assert torch.equal(models.flat, before)


def test_models_of_the_same_seed_start_alike_wherever_they_stand() -> None:
    settings = ModelSettings(hidden=(5, 4))
    models = Stack.initialise(settings, 2, 3, [7, 3, 7])
    alone = Stack.initialise(settings, 2, 3, [7])
    for layer, single in zip(models.layers, alone.layers, strict=True):
        assert torch.equal(layer[0], layer[2]) and torch.equal(layer[0], single[0])
        assert not torch.equal(layer[0], layer[1])


def test_initial_weights_fill_their_interval() -> None:
    models = Stack.initialise(ModelSettings(hidden=(200, 150)), 9, 5, [0, 1])
    for layer, fan_in in zip(models.layers, (9, 200, 150), strict=True):
        bound = 1 / math.sqrt(fan_in)
        assert layer.abs().max() <= bound
        assert layer.max() > 0.98 * bound and layer.min() < -0.98 * bound
        assert abs(float(layer.mean())) < 0.05 * bound
        assert float(layer.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)  # that of a uniform


def test_glorot_weights_fill_their_interval_over_biases_of_zero() -> None:
    models = Stack.initialise(ModelSettings(hidden=(200, 150), initial="glorot"), 9, 5, [0, 1])
    for layer, (fan_in, fan_out) in zip(models.layers, itertools.pairwise((9, 200, 150, 5)), strict=True):
        bound = math.sqrt(6 / (fan_in + fan_out))
        weights = layer[:, :, :-1]
        assert (layer[:, :, -1] == 0).all() and weights.abs().max() <= bound
        assert weights.max() > 0.98 * bound and weights.min() < -0.98 * bound
        assert float(weights.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert not torch.equal(layer[0], layer[1])


def test_first_weights_are_those_that_stored_runs_started_from() -> None:
    models = Stack.initialise(ModelSettings(hidden=(2,)), 2, 2, [0])
    generator = torch.Generator().manual_seed(0)
    for layer, (out, inputs) in zip(models.layers, ((2, 2), (2, 2)), strict=True):
        bound = 1 / math.sqrt(inputs)
        drawn = torch.empty(out, inputs + 1).uniform_(-bound, bound, generator=generator)
        assert torch.equal(layer[0], drawn)


def test_layers_are_views_of_the_flat_vector() -> None:
    models = stack()
    models.flat.zero_()
    assert all((layer == 0).all() for layer in models.layers)


def test_every_parameter_has_its_owner() -> None:
    models = stack((5, 6), m=3)
    owners = models.owners()
    for i in range(3):
        marked = models.split((owners == i).double())
        assert all((layer[i] == 1).all() for layer in marked)
        assert all((layer.sum(dim=0) == 1).all() for layer in marked)


# -- copies --------------------------------------------------------------------------------------------


def test_take_picks_models_in_the_order_asked_for_and_copies_them() -> None:
    models, x = stack(m=4), samples(4, 3)
    taken = models.take([2, 0])
    torch.testing.assert_close(taken(x[[2, 0]]), models(x)[[2, 0]], **TIGHT)
    taken.flat.zero_()
    assert models.flat.abs().min() > 0


def test_to_makes_a_copy_even_where_nothing_changes() -> None:
    models = Stack.initialise(ModelSettings(), 2, 2, [0])
    for copy in (models.to(torch.float32), models.to("cpu"), models.to(torch.float64)):
        copy.flat.zero_()
        assert models.flat.abs().max() > 0
    assert models.to(torch.float64).dtype == torch.float64 and models.dtype == torch.float32


@every_activation
@every_depth
def test_a_model_comes_out_as_a_plain_module(hidden: tuple[int, ...], activation: str) -> None:
    models = stack(hidden, activation).to(torch.float32)
    x = samples(3, 3).float()
    for i in range(3):
        module = models.module(i)
        assert type(module) is nn.Sequential and all(p.requires_grad for p in module.parameters())
        torch.testing.assert_close(module(x[i]), models(x)[i])
    before = models.flat.clone()
    with torch.no_grad():
        for parameter in models.module(0).parameters():
            parameter.zero_()
    assert torch.equal(models.flat, before)


def test_taking_a_module_out_leaves_the_random_stream_of_torch_alone() -> None:
    models = stack()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    models.module(0)
    assert torch.equal(torch.rand(3), expected)


def test_captum_explains_a_module() -> None:
    module = stack((8, 4), d=2, k=3).to(torch.float32).module(1)
    x, baseline = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)), torch.zeros(6, 2)
    given = IntegratedGradients(module).attribute(x, baselines=baseline, target=2, n_steps=400)
    # Completeness: the attributions of a sample add up to the difference of its logit from the baseline's.
    difference = (module(x) - module(baseline))[:, 2]
    torch.testing.assert_close(given.sum(dim=1).float(), difference.detach(), rtol=0.02, atol=0.02)


# -- helpers -------------------------------------------------------------------------------------------


def test_with_ones_turns_samples_into_columns_over_a_row_of_ones() -> None:
    x = samples(2, 3, b=5)
    columns = with_ones(x)
    assert columns.shape == (2, 4, 5)
    assert torch.equal(columns[:, :3], x.mT) and (columns[:, 3] == 1).all()


def test_predict_is_argmax_and_takes_the_first_of_equals() -> None:
    logits = torch.randint(0, 3, (4, 5, 200), generator=torch.Generator().manual_seed(0)).double()  # many ties
    first = torch.tensor([[next(c for c in range(5) if z[c] == max(z)) for z in arm.T.tolist()] for arm in logits])
    assert torch.equal(predict(logits), first)
    distinct = torch.randn(4, 5, 3, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(predict(distinct), distinct.argmax(dim=1))
