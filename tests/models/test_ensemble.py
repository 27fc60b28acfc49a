"""Ensembles in a stack against their members one by one, as plain modules of torch with autograd."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.exact.conversion import networks_of
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import Feature, Schema
from ctviz.errors import ConfigError, DataError
from ctviz.models.ensemble import EnsembleStack
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack, with_ones

TIGHT = {"rtol": 1e-10, "atol": 1e-12}
D, K, B = 3, 4, 9
MEMBERS = [(3,), (2, 2), (1, 4, 2, 1), (2, 1, 2)]
DENSE = ModelSettings(hidden=(7,), activation="tanh")
PICTURES = ModelSettings(channels=(2,), hidden=(3,))
GRID = (8, 8)


def models(m: int, settings: ModelSettings = DENSE) -> Stack:
    grid = GRID if settings.channels else None
    made = Stack.initialise(settings, 64 if grid else D, K, range(m), grid=grid).to(torch.float64)
    made.flat.mul_(3)
    return made


def samples(m: int, d: int = D, seed: int = 1) -> Tensor:
    return 2 * torch.randn(m, B, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(stack: Stack, members: tuple[int, ...], arm: int, x: Tensor) -> Tensor:
    """log of the mean of the members' probabilities (b k), member by member; of one model its logits."""
    first = sum(members[:arm])
    own = [stack.module(first + i) for i in range(members[arm])]
    if len(own) == 1:
        return own[0](x)
    return torch.log(sum(torch.softmax(model(x), dim=-1) for model in own) / len(own))


every_ensemble = pytest.mark.parametrize("members", MEMBERS, ids=str)
every_architecture = pytest.mark.parametrize("settings", [DENSE, PICTURES], ids=["dense", "convolutional"])


@every_ensemble
@every_architecture
def test_an_ensemble_answers_and_descends_as_the_mean_of_its_members(
    members: tuple[int, ...], settings: ModelSettings
) -> None:
    stack = models(sum(members), settings)
    arms = stack.in_arms(members)
    x = samples(len(members), stack.d).requires_grad_()
    upstream = torch.randn(len(members), K, B, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = torch.stack([by_hand(stack, members, i, x[i]) for i in range(len(members))])
    (slope,) = torch.autograd.grad((expected.mT * upstream).sum(), x)

    assert (arms.m, arms.d, arms.k) == (len(members), stack.d, K)
    run, kept = arms.run(B), upstream.clone()
    found = run.forward(with_ones(x.detach())).mT.clone()
    torch.testing.assert_close(found, expected.detach(), **TIGHT)
    torch.testing.assert_close(run.input_gradient(upstream).mT, slope, **TIGHT)
    assert torch.equal(upstream, kept), "a pass does not modify its arguments"
    torch.testing.assert_close(arms(x), expected, **TIGHT)
    torch.testing.assert_close(torch.autograd.grad((arms(x).mT * upstream).sum(), x)[0], slope, **TIGHT)
    for i, size in enumerate(members):
        torch.testing.assert_close(arms.module(i)(x[i].detach()), expected[i].detach(), **TIGHT)
        if size > 1:
            torch.testing.assert_close(found[i].exp().sum(-1), torch.ones(B, dtype=torch.float64), **TIGHT)
        else:
            assert torch.equal(found[i], stack.take([sum(members[:i])])(x[i : i + 1].detach())[0])


def test_the_gradient_of_the_weights_is_that_of_autograd() -> None:
    stack, members = models(6), (1, 3, 2)
    x, upstream = samples(3), torch.randn(3, K, B, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    run, into = stack.in_arms(members).run(B), stack.split(torch.full_like(stack.flat, torch.nan))
    run.forward(with_ones(x))
    run.weight_gradient(upstream, with_ones(x), into)
    flat = stack.flat.clone().requires_grad_()
    logits = Stack(stack.architecture, flat, 6).in_arms(members)(x)
    (expected,) = torch.autograd.grad((logits.mT * upstream).sum(), flat)
    torch.testing.assert_close(torch.cat([layer.reshape(-1) for layer in into]), expected, **TIGHT)


def test_members_that_are_far_apart_leave_no_number_undefined() -> None:
    """Certain of different classes: each alone has probabilities that are 0 in this precision."""
    stack = models(2)
    stack.flat.mul_(300)
    run = stack.in_arms([2]).run(B)
    logits = run.forward(with_ones(samples(1)))
    assert logits.isfinite().all() and (logits.exp().amax(dim=1) < 0.6).any()
    assert run.input_gradient(torch.ones_like(logits)).isfinite().all()


def test_arms_are_taken_whole_moved_and_stored_with_all_their_members() -> None:
    stack, members, x = models(7), (1, 3, 1, 2), samples(4)
    arms, every = stack.in_arms(members), stack.in_arms(members)(x)
    for some in ([1], [3, 0], [2, 1, 1]):
        torch.testing.assert_close(arms.take(some)(x[some]), every[some], **TIGHT)
    assert type(arms.take([0, 2])) is Stack, "conventional models are a stack as ever"
    assert arms.to(torch.float32)(x.float()).dtype == torch.float32
    read = Stack.from_weights(arms.weights(), DENSE, members=members)
    torch.testing.assert_close(read(x.float()), every.float(), rtol=1e-4, atol=1e-5)
    assert stack.in_arms([1] * 7) is stack
    with pytest.raises(DataError, match="7 models are no arms of 1, 3, 1 models"):
        stack.in_arms((1, 3, 1))


@pytest.mark.parametrize("generator", ["generic", "nearest", "gravitational"])
def test_an_ensemble_of_the_same_model_is_searched_as_that_model(generator: str) -> None:
    one, other = models(2).take([0]), models(2).take([1])
    arms = models(2).take([0, 0, 0, 1]).in_arms([3, 1])
    assert isinstance(arms, EnsembleStack)
    schema = Schema(
        features=(Feature(name="a"), Feature(name="b", mutability="fixed"), Feature(name="c", mutability="increase"))
    )
    factuals = samples(1).mT
    targets = torch.arange(B).remainder(K)[None]
    settings = SearchSettings(generator=generator, tau=0.7, steps=40, step_size=0.1)
    known = None
    if generator != "generic":
        from ctviz.counterfactuals.reference_data import ReferenceData

        known = ReferenceData(samples(1, seed=5)[0].float(), torch.arange(B) % K, K)

    def found(model: Stack, m: int) -> tuple[Tensor, Tensor]:
        rules = Constraints.of([schema] * m, factuals)
        both = search(SearchRequest(
            model, factuals.expand(m, -1, -1).contiguous(), targets.expand(m, -1).contiguous(), [settings] * m, rules,
            True, known,
        ))  # fmt: skip
        assert both.path is not None
        return both.path, both.mature

    path, mature = found(arms, 2)
    for place, model in enumerate((one, other)):
        alone, reached = found(model, 1)
        assert torch.equal(mature[place], reached[0]) and reached.any()
        steps = min(len(path), len(alone))
        torch.testing.assert_close(path[:steps, place], alone[:steps, 0], rtol=1e-7, atol=1e-8)
    assert torch.equal(path[:, :, 1], factuals[0, 1].expand(len(path), 2, -1)), "a lock holds at every step"
    assert (path[:, :, 2] >= factuals[0, 2]).all()


def test_the_exact_search_says_that_it_takes_no_ensemble_and_goes_on_taking_its_neighbours() -> None:
    arms = Stack.initialise(ModelSettings(hidden=(4,)), D, 2, range(4)).in_arms((1, 3))
    with pytest.raises(ConfigError, match="an ensemble of 3 models"):
        networks_of(arms)
    assert len(networks_of(arms.take([0]))) == 1


def test_all_members_take_part() -> None:
    """Whichever member changes, so does the answer."""
    stack, x = models(5), samples(2)
    before = stack.in_arms((2, 3))(x)
    for member, layer in itertools.product(range(5), (0, 1)):
        changed = stack.take(range(5))
        changed.layers[layer][member, 0] += 1
        after = changed.in_arms((2, 3))(x)
        moved = (after - before).abs().flatten(1).amax(dim=1) > 1e-6
        assert moved.tolist() == [member < 2, member >= 2]


def test_a_module_of_an_ensemble_is_one_of_torch() -> None:
    module = models(3).in_arms((3,)).module(0)
    assert isinstance(module, nn.Sequential) and len(list(module.parameters())) == 3 * 4
