"""Stacks of convolutional networks against networks of torch's own layers, one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from captum.attr import DeepLift
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ctviz.bench.measure import threads
from ctviz.counterfactuals import search as fast_search
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.descent import WORKING_SET
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import Feature, Schema
from ctviz.errors import ConfigError
from ctviz.models.activations import ACTIVATIONS
from ctviz.models.model_settings import ModelSettings
from ctviz.models.sizes import parameters
from ctviz.models.stack import Stack, predict, with_ones

TIGHT = {"rtol": 1e-11, "atol": 1e-13}
M, K, B = 3, 4, 11
Grid = tuple[int, int]

NETWORKS = {
    "one layer": ((9, 8), ModelSettings(channels=(2,), hidden=(6,))),
    "two": ((16, 18), ModelSettings(channels=(3, 2), hidden=(5,))),
    "a row and a column left over": ((19, 17), ModelSettings(channels=(2, 3), hidden=())),
    "three": ((36, 36), ModelSettings(channels=(1, 2, 1), hidden=(3, 4))),
}
MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
}
every_network = pytest.mark.parametrize(("grid", "model"), NETWORKS.values(), ids=NETWORKS)
every_activation = pytest.mark.parametrize("activation", list(ACTIVATIONS))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threads(1):
        yield


def stack(grid: Grid, model: ModelSettings, m: int = M) -> Stack:
    """Models of different seeds in double precision, with weights large enough to reach every part of an activation."""
    made = Stack.initialise(model, math.prod(grid), K, range(m), grid=grid).to(torch.float64)
    made.flat.mul_(2)
    return made


def samples(models: Stack, b: int = B) -> Tensor:
    return torch.randn(models.m, b, models.d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_torch(models: Stack, grid: Grid, model: ModelSettings, arm: int) -> nn.Sequential:
    """The same network, of torch's own layers alone."""
    rows, columns = grid
    modules: list[nn.Module] = [nn.Unflatten(1, (1, rows, columns))]
    for a, b in pairwise((1, *model.channels)):
        modules += [nn.Conv2d(a, b, 5), MODULES[model.activation](), nn.AvgPool2d(2)]
        rows, columns = (rows - 4) // 2, (columns - 4) // 2
    modules += [nn.Flatten()]
    for a, b in pairwise((rows * columns * model.channels[-1], *model.hidden, K)):
        modules += [nn.Linear(a, b), MODULES[model.activation]()]
    network = nn.Sequential(*modules[:-1]).double()
    parts = [part[arm] for layer in models.layers for part in (layer[:, :, :-1], layer[:, :, -1])]
    with torch.no_grad():
        for parameter, values in zip(network.parameters(), parts, strict=True):
            parameter.copy_(values.reshape(parameter.shape))
    return network


def side_by_side(models: Stack, x: Tensor) -> Tensor:
    """Logits (m b k) by each model's module."""
    with torch.no_grad():
        return torch.stack([models.module(i)(x[i]) for i in range(models.m)])


def compare(grid: Grid, model: ModelSettings, b: int = B) -> None:
    models = stack(grid, model)
    x = samples(models, b)
    upstream = torch.randn(M, K, b, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    run, columns = models.run(b), with_ones(x)
    logits = run.forward(columns).clone()
    into = models.split(torch.full_like(models.flat, torch.nan))
    run.weight_gradient(upstream, columns, into)
    toward_input = run.input_gradient(upstream)
    leaf, flat = x.clone().requires_grad_(), models.flat.clone().requires_grad_()
    by_autograd = Stack(models.architecture, flat, M)(leaf)
    leaf_gradient, flat_gradient = torch.autograd.grad((by_autograd.mT * upstream).sum(), (leaf, flat))
    torch.testing.assert_close(torch.cat([layer.reshape(-1) for layer in into]), flat_gradient, **TIGHT)
    for arm in range(M):
        network, own = by_torch(models, grid, model, arm), x[arm].clone().requires_grad_()
        expected = network(own)
        (expected.T * upstream[arm]).sum().backward()
        torch.testing.assert_close(logits[arm].T, expected.detach(), **TIGHT)
        torch.testing.assert_close(by_autograd[arm], expected, **TIGHT)
        torch.testing.assert_close(models.module(arm)(x[arm]), expected, **TIGHT)
        torch.testing.assert_close(toward_input[arm].T, own.grad, **TIGHT)
        torch.testing.assert_close(leaf_gradient[arm], own.grad, **TIGHT)
        mine = [part[arm] for layer in into for part in (layer[:, :, :-1], layer[:, :, -1])]
        for found, parameter in zip(mine, network.parameters(), strict=True):
            torch.testing.assert_close(found, parameter.grad.view_as(found), **TIGHT)


@every_network
def test_logits_and_derivatives_are_those_of_torch(grid: Grid, model: ModelSettings) -> None:
    compare(grid, model)


@every_activation
def test_they_are_for_every_activation(activation: str) -> None:
    compare((12, 11), ModelSettings(channels=(2,), hidden=(5,), activation=activation))


def test_they_are_for_a_single_sample() -> None:
    compare(*NETWORKS["two"], b=1)


def test_they_are_when_done_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    grid, model = NETWORKS["two"]
    monkeypatch.setattr("ctviz.models.convolutional.WORKING_SET", 4 * stack(grid, model).widest)  # 4 + 4 + 3 samples
    compare(grid, model)


def test_buffers_may_be_used_again_for_another_batch_and_other_weights() -> None:
    models = stack(*NETWORKS["two"])
    run, first = models.run(B), samples(models)
    for x in (first, 5 * first, first):
        models.flat.mul_(1.1)
        torch.testing.assert_close(run.forward(with_ones(x)).mT, side_by_side(models, x), **TIGHT)


def test_no_samples_have_no_logits() -> None:
    models = stack(*NETWORKS["two"])
    nobody = torch.zeros(M, 0, models.d, dtype=torch.float64, requires_grad=True)
    logits = models(nobody)
    assert logits.shape == (M, 0, K)
    assert torch.autograd.grad(logits.sum(), nobody)[0].shape == nobody.shape


def test_a_pass_takes_columns_that_lie_apart() -> None:
    """A training gives it one batch out of the tensor of all."""
    models = stack(*NETWORKS["two"])
    all_batches = torch.stack([with_ones(samples(models)), 2 * with_ones(samples(models))], dim=2)
    x = all_batches.unbind(2)[0]
    assert not x.is_contiguous()
    torch.testing.assert_close(models.run(B).forward(x).mT, side_by_side(models, samples(models)), **TIGHT)


def test_a_model_s_bits_do_not_depend_on_the_models_beside_it() -> None:
    """Nor on how often it is asked."""
    grid, model = (28, 28), ModelSettings(channels=(2, 3), hidden=(8,))
    together = Stack.initialise(model, 784, 10, range(3), grid=grid)
    x, upstream = torch.rand(3, 300, 784) * 2 - 1, torch.randn(3, 10, 300)
    outcomes = []
    for models, rows in ((together, [0, 1, 2]), (together, [0, 1, 2]), (together.take([1]), [1])):
        run, columns = models.run(300), with_ones(x[rows])
        logits = run.forward(columns).clone()
        into = models.split(torch.empty_like(models.flat))
        run.weight_gradient(upstream[rows], columns, into)
        one = rows.index(1)
        outcomes.append([logits[one], run.input_gradient(upstream[rows])[one], *(layer[one] for layer in into)])
    for parts in zip(*outcomes, strict=True):
        assert torch.equal(parts[0], parts[1]) and torch.equal(parts[0], parts[2])


def test_no_buffer_holds_more_for_a_sample_than_is_said() -> None:
    """A search makes its chunks by it."""
    models, held = stack((28, 28), ModelSettings(channels=(6, 16)), m=1), []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            held.extend([result.numel()] if isinstance(result, Tensor) else [])
            return result

    b = 50
    x, upstream = with_ones(samples(models, b)), torch.ones(1, K, b, dtype=torch.float64)
    with Watch():
        run = models.run(b)
        run.forward(x)
        run.input_gradient(upstream)
    assert models.widest == 37 * 144  # 6 × 6 pixels and a one for each of 12 × 12 patches
    assert max(held) == b * models.widest
    assert WORKING_SET // models.widest > 100


# -- weights -------------------------------------------------------------------------------------------------------


@every_network
def test_weights_round_trip_bit_for_bit(grid: Grid, model: ModelSettings) -> None:
    models = Stack.initialise(model, math.prod(grid), K, [4, 5], grid=grid)
    named = models.weights()
    assert named["0.weight"].shape == (2, model.channels[0], 25) and named["0.bias"].shape == (2, model.channels[0])
    again = Stack.from_weights(named, model, grid)
    assert torch.equal(again.flat, models.flat) and again.architecture == models.architecture and again.m == 2
    assert (again.d, again.k) == (math.prod(grid), K)
    assert parameters(model, math.prod(grid), K, grid) == models.flat.numel() / 2
    assert parameters(model, math.prod(grid), K, grid) == sum(p.numel() for p in models.module(0).parameters())


def test_take_to_and_owners_mean_what_they_do_for_dense_models() -> None:
    models = stack(*NETWORKS["two"])
    x = samples(models)
    taken = models.take([2, 0])
    torch.testing.assert_close(taken(x[[2, 0]]), models(x)[[2, 0]], **TIGHT)
    taken.flat.zero_()
    assert models.flat.abs().min() > 0
    copy = models.to(torch.float32)
    assert copy.dtype == torch.float32 and copy.d == models.d
    for i in range(M):
        marked = models.split((models.owners() == i).double())
        assert all((layer[i] == 1).all() and (layer.sum(dim=0) == 1).all() for layer in marked)


@pytest.mark.parametrize("initial", ["fan_in", "glorot"])
def test_first_weights_fill_the_interval_of_a_convolution(initial: str) -> None:
    model = ModelSettings(channels=(30, 20), hidden=(10,), initial=initial)
    models = Stack.initialise(model, 784, 10, [0, 1, 0], grid=(28, 28))
    fans = ((25, 30 * 25), (30 * 25, 20 * 25), (16 * 20, 10), (10, 10))
    for layer, (fan_in, fan_out) in zip(models.layers, fans, strict=True):
        bound = 1 / math.sqrt(fan_in) if initial == "fan_in" else math.sqrt(6 / (fan_in + fan_out))
        weights, bias = layer[:, :, :-1], layer[:, :, -1]
        assert 0.95 * bound < weights.abs().max() <= bound
        assert (bias == 0).all() if initial == "glorot" else bias.abs().max() > 0
        assert torch.equal(layer[0], layer[2]) and not torch.equal(layer[0], layer[1])


@pytest.mark.parametrize(
    ("d", "grid", "channels", "words"),
    [
        (2, None, (3,), "none, for this data set has no pictures"),
        (784, None, (3,), "no pictures"),
        (784, (28, 27), (3,), "no pictures"),
        (25, (5, 5), (3,), "at most 0 of them for pictures of 5 × 5 pixels"),
        (6 * 40, (6, 40), (3, 3), "at most 1"),
        (784, (28, 28), (3, 3, 3), "at most 2"),
    ],
)
def test_pictures_that_are_none_or_too_small_are_refused(
    d: int, grid: Grid | None, channels: tuple[int, ...], words: str
) -> None:
    model = ModelSettings(channels=channels)
    for ask in (lambda: Stack.initialise(model, d, 2, [0], grid=grid), lambda: parameters(model, d, 2, grid)):
        with pytest.raises(ConfigError, match=words) as caught:
            ask()
        assert caught.value.field == "channels" and caught.value.value == channels


# -- modules ---------------------------------------------------------------------------------------------------------


def test_taking_a_module_out_leaves_the_random_stream_of_torch_alone() -> None:
    models = stack(*NETWORKS["two"])
    before = torch.get_rng_state()
    module = models.module(0)
    assert torch.equal(torch.get_rng_state(), before)
    assert type(module) is nn.Sequential and all(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
@every_activation
def test_deep_lift_explains_a_module(activation: str) -> None:
    grid, model = (9, 8), ModelSettings(channels=(2,), hidden=(6,), activation=activation)
    models = stack(grid, model)
    module, x, baseline = models.module(1), samples(models)[1], torch.zeros(B, 72, dtype=torch.float64)
    given_to = DeepLift(module).attribute(x.requires_grad_(), baseline, target=2)
    # Its rules split the difference of the logit from the baseline's among the pixels, exactly.
    difference = (module(x) - module(baseline))[:, 2].detach()
    torch.testing.assert_close(given_to.sum(dim=1).detach(), difference, rtol=1e-6, atol=1e-6)


# -- search ----------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(
    locked=st.sets(st.integers(0, 143), max_size=100),
    seed=st.integers(0, 100),
    step_size=st.floats(0.1, 20),
    initial=st.sampled_from(["fan_in", "glorot"]),
)
def test_a_search_leaves_locked_pixels_bit_for_bit(locked: set[int], seed: int, step_size: float, initial: str) -> None:
    grid, b = (12, 12), 9
    schema = Schema(features=tuple(Feature(name=f"p{i}", domain=(-1, 1)) for i in range(144)), grid=grid)
    held = schema.constrain(locked=tuple(sorted(locked)))
    model = ModelSettings(channels=(2,), hidden=(5,), initial=initial)
    models = Stack.initialise(model, 144, 3, [seed, seed + 1], grid=grid)
    factuals = torch.rand(2, 144, b, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    targets = (predict(models(factuals.mT).mT) + 1) % 3
    wanted = SearchSettings(tau=0.9, steps=6, step_size=step_size)
    found = fast_search.search(
        fast_search.SearchRequest(models, factuals, targets, [wanted] * 2, Constraints.of([held, schema], factuals))
    )
    still = sorted(locked)
    assert torch.equal(found.final[0, still], factuals[0, still])
    assert torch.equal(found.nascent[0, still], factuals[0, still])
    assert (found.final.abs() <= 1).all()
    assert (found.final[1] != factuals[1]).any()
    assert len(locked) == 144 or (found.final[0] != factuals[0]).any()
