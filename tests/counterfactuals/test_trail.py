"""What the searches without gradients share."""

from __future__ import annotations

import pytest
import torch

from ctviz.counterfactuals import trail as module
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.search_result import SearchRequest
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.counterfactuals.trail import probabilities, reachable_range, reached, result_along
from ctviz.data.schema import Mutability
from tests.counterfactuals.toys import BOTH, DOWN, FIXED, UP, boxed, classes, cloud, rules, stack


@pytest.mark.parametrize("working_set", [1 << 20, 1], ids=["at once", "in chunks"])
def test_probabilities_are_those_of_each_model(working_set: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORKING_SET", working_set)
    models, points = stack(2), torch.stack([cloud(70, seed).T for seed in (1, 2)])
    targets, settings = classes(140, 3).view(2, 70), [SearchSettings(tau=0.5), SearchSettings(tau=0.9)]
    limits = Constraints.of([boxed(-9.0, 9.0, BOTH, BOTH)] * 2, points)
    request = SearchRequest(models, points, targets, settings, limits)
    found, there = probabilities(models, points), reached(request, points)
    for arm in range(2):
        expected = torch.softmax(models.module(arm)(points[arm].T), dim=1)
        torch.testing.assert_close(found[arm].T, expected.detach())
        own = expected[torch.arange(70), targets[arm]]
        assert torch.equal(there[arm], own >= settings[arm].tau)


@pytest.mark.parametrize(
    ("mutability", "x", "bounds"),
    [
        (BOTH, 0.5, (-1, 1)),
        (UP, 0.5, (0.5, 1)),
        (DOWN, 0.5, (-1, 0.5)),
        (FIXED, 0.5, (0.5, 0.5)),
        (BOTH, 3.0, (-1, 1)),
        (UP, 3.0, (3, 3)),  # above, and it may not fall
        (DOWN, 3.0, (-1, 1)),
        (FIXED, 3.0, (3, 3)),
        (UP, -3.0, (-1, 1)),
        (DOWN, -3.0, (-3, -3)),
    ],
)
def test_what_can_be_reached(mutability: Mutability, x: float, bounds: tuple[float, float]) -> None:
    factual = torch.tensor([[[x]]], dtype=torch.float64)
    found = reachable_range(rules(boxed(-1.0, 1.0, mutability), factual), factual)
    assert tuple(bound.item() for bound in found) == bounds


def test_each_factual_has_its_own_reach() -> None:
    """One that lies outside of the domain says nothing about its neighbour."""
    factuals = torch.tensor([[[0.5, 3.0]], [[0.5, -3.0]]], dtype=torch.float64)
    limits = Constraints.of([boxed(-1.0, 1.0, UP), boxed(-1.0, 1.0, DOWN)], factuals)
    low, high = reachable_range(limits, factuals)
    assert low[:, 0].tolist() == [[0.5, 3.0], [-1.0, -3.0]] and high[:, 0].tolist() == [[1.0, 3.0], [0.5, -3.0]]


def test_a_trail_stops_where_its_steps_end() -> None:
    factuals = torch.zeros(1, 1, 3)
    steps, settings = torch.tensor([[0, 2, 3]]), [SearchSettings(steps=5, epsilon=2.0)]
    limits = rules(boxed(-9.0, 9.0, BOTH), factuals)
    request = SearchRequest(stack(1), factuals, steps, settings, limits, record=True)
    found = result_along(request, lambda t: torch.full((1, 1, 3), float(t)), steps, steps > 2)
    assert found.path is not None
    assert found.path[:, 0, 0].T.tolist() == [[0] * 6, [0, 1, 2, 2, 2, 2], [0, 1, 2, 3, 3, 3]]
    assert found.final.flatten().tolist() == [0, 2, 3] and found.nascent.flatten().tolist() == [0, 2, 2]
