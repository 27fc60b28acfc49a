"""Diversity: the closed-form gradient against autograd of the formula, and what it does to counterfactuals."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.diversity import OFFSET, Repulsion, groups, offsets, repelling
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import DataSettings, load
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.training.arm import Arm
from ctviz.training.loop import train
from ctviz.training.schedule import Schedule
from tests.reference.generators import log_det


def dice(n: int = 4, weight: float = 1.0, **changes: float) -> SearchSettings:
    return SearchSettings(generator="dice", per_factual=n, lambda_diversity=weight, **changes)


def repulsion(settings: list[SearchSettings], points: Tensor) -> Repulsion:
    found = Repulsion.of(settings, points)
    assert found is not None
    return found


@pytest.mark.parametrize("spread", [0.0, 1e-3, 0.3, 30.0], ids=lambda s: f"spread {s}")
@pytest.mark.parametrize(("n", "b"), [(2, 6), (4, 8), (5, 5), (4, 9), (3, 5), (7, 3)], ids=lambda v: str(v))
def test_gradient_is_that_of_the_formula(n: int, b: int, spread: float) -> None:
    d, weights = 3, [0.4, 1.7]
    chance = torch.Generator().manual_seed(n)
    points = spread * torch.randn(2, d, b, generator=chance, dtype=torch.float64)
    found = repulsion([dice(n, w) for w in weights], points).gradient(points)
    shift = torch.tensor(offsets(n, d), dtype=torch.float64)
    for m, weight in enumerate(weights):
        for start in range(0, b, n):
            leaves = [x.clone().requires_grad_() for x in points[m, :, start : start + n].T]
            loss = -weight * log_det(leaves, shift[: len(leaves)])
            alone = [torch.zeros(d, dtype=torch.float64)]
            expected = torch.autograd.grad(loss, leaves) if len(leaves) > 1 else alone
            for i, gradient in enumerate(expected):
                torch.testing.assert_close(found[m, :, start + i], gradient, rtol=1e-9, atol=1e-11)


def test_two_points_by_hand() -> None:
    """log det of [[1.1, K], [K, 1.1]] is ln(1.21 − K²); with K = 1/(1 + r), its derivative is 2 K³ / (1.21 − K²)."""
    shift = torch.tensor(offsets(2, 1), dtype=torch.float64).flatten()
    r = 1.0
    points = torch.tensor([[[r, 0.0]]], dtype=torch.float64) - shift
    pull = 0.3 * 2 * 0.5**3 / (1.21 - 0.25)
    found = repulsion([dice(2, 0.3)], points).gradient(points).flatten().tolist()
    assert found == pytest.approx([-pull, pull], rel=1e-12)


def test_points_that_coincide_part_at_a_bounded_pace() -> None:
    """The force between two is at most 2 λ A_12 K² < 2 λ / ρ, however close they are."""
    for n in (2, 5, 20):
        points = torch.zeros(1, 2, n)
        force = repulsion([dice(n)], points).gradient(points)
        assert force.isfinite().all() and (force != 0).all()
        assert float(force.norm(dim=1).max()) < 2 * 10 * (n - 1)


def test_offsets_are_tiny_fixed_and_all_different() -> None:
    for n, d in ((2, 1), (20, 1), (4, 2), (20, 30)):
        drawn = torch.tensor(offsets(n, d))
        assert torch.pdist(drawn).min() > 0
        assert OFFSET / 4 < float(drawn.square().mean().sqrt()) < 4 * OFFSET
    assert offsets(4, 2) == offsets(4, 2) != offsets(5, 2)[:4]


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 3e38], ids=str)
def test_numbers_that_are_none_stay_with_their_factual(value: float) -> None:
    points = torch.zeros(1, 2, 8)
    points[0, 0, 1] = value
    force = repulsion([dice()], points).gradient(points)
    assert torch.equal(force[..., 4:], repulsion([dice()], points).gradient(torch.zeros(1, 2, 8))[..., 4:])


def test_columns_come_in_groups() -> None:
    assert groups(7, 3).tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert groups(3, 1).tolist() == [0, 1, 2] and groups(0, 4).tolist() == []


def test_who_repels() -> None:
    assert repelling(dice(4)) == 4
    assert repelling(dice(1)) == repelling(dice(4, 0.0)) == repelling(SearchSettings(generator="eccco")) == 0
    like = torch.zeros(2, 2, 4)
    assert Repulsion.of([dice(1), dice(4, 0.0)], like) is None
    with pytest.raises(ValueError, match="repel"):
        Repulsion.of([dice(2), dice(3)], like)


# -- in a search ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["moons", "ls"])
def trained(request: pytest.FixtureRequest) -> tuple[Stack, Tensor, Tensor, Constraints]:
    """A conventional model, 25 factuals repeated four times (1 2 100), the class that it does not predict, rules."""
    data = load(DataSettings(name=request.param, n_train=400, n_validation=100, n_test=100))
    stack = Stack.initialise(ModelSettings(hidden=(16,)), 2, 2, [0])
    for _ in train(stack, data, [Arm.variant("vanilla")], Schedule(epochs=15, batch=50, lr=0.02), [0]):
        pass
    factuals = data.validation[0][:25].T[None, :, groups(100, 4)].contiguous()
    targets = 1 - stack(factuals.mT).argmax(dim=-1)
    return stack, factuals, targets, Constraints.of([data.schema], factuals)


def spread(points: Tensor, n: int = 4) -> float:
    """Mean distance between the counterfactuals of one factual (d b)."""
    each = [torch.pdist(own.T).mean() for own in points.split(n, dim=1)]
    return float(torch.stack(each).mean())


def test_distance_between_counterfactuals_grows_with_its_weight(
    trained: tuple[Stack, Tensor, Tensor, Constraints],
) -> None:
    stack, factuals, targets, rules = trained
    weights = [0.0, 0.1, 0.5, 2.0]
    found = [
        search(SearchRequest(stack, factuals, targets, [dice(4, w, tau=0.6, steps=60, step_size=0.1)], rules))
        for w in weights
    ]
    apart = [spread(f.final[0]) for f in found]
    assert apart[0] == 0 and all(a < b for a, b in pairwise(apart)), apart
    assert all(f.mature.float().mean() > 0.75 for f in found)


def test_who_has_arrived_stays_and_goes_on_repelling(trained: tuple[Stack, Tensor, Tensor, Constraints]) -> None:
    """Of two, one arrives first: where the other then goes depends on where the first one is."""
    stack, factuals, targets, rules = trained
    chosen = dice(4, 3.0, step_size=0.1, steps=40)
    found = search(SearchRequest(stack, factuals, targets, [chosen], rules, record=True))
    assert found.path is not None
    steps = found.steps[0].view(-1, 4)
    uneven = ((steps.amax(dim=1) > steps.amin(dim=1) + 1) & found.mature[0].view(-1, 4).any(dim=1)).nonzero().flatten()
    assert len(uneven)
    # Searched without those that have arrived, the rest take another way.
    group = int(uneven[0])
    first = int(steps[group].argmin())
    columns = [4 * group + i for i in range(4) if i != first]
    alone = search(
        SearchRequest(
            stack, factuals[..., columns], targets[:, columns], [dice(3, 3.0, step_size=0.1, steps=40)], rules
        )
    )
    assert not torch.allclose(alone.final, found.final[..., columns], atol=1e-3)
    for t in range(41):
        stopped = t >= found.steps[0]
        assert torch.equal(found.path[t, 0][:, stopped], found.final[0][:, stopped])
