"""The nearest unlike neighbour against a loop over the samples, and toys by hand."""

from __future__ import annotations

import pytest
import torch

from ctviz.counterfactuals import nearest as module
from ctviz.counterfactuals.nearest import search_nearest
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.counterfactuals.search_result import SearchRequest
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import Schema
from ctviz.errors import ConfigError, DataError
from ctviz.models.dense import Dense
from ctviz.models.stack import Stack
from tests.counterfactuals.toys import BOTH, DOWN, FIXED, RULES, UP, boxed, classes, cloud, known, rules, stack
from tests.reference import sampled

EXACT = {"rtol": 0, "atol": 0}


def settings(**changes: float) -> SearchSettings:
    return SearchSettings(**{"generator": "nearest", "tau": 0.8, "steps": 7, **changes})


@pytest.mark.parametrize("spread", [1.0, 3.0], ids=["inside", "some outside of the domain"])
@pytest.mark.parametrize(
    ("rule", "tau"), [*((rule, 0.8) for rule in RULES), *(("one way", tau) for tau in (0.5, 0.9999))]
)
def test_against_a_loop_over_the_samples(rule: str, tau: float, spread: float) -> None:
    schema, reference_data, models = boxed(-2.0, 2.0, *RULES[rule]), known(), stack(2)
    factuals = torch.stack([cloud(12, seed, spread=spread).T for seed in (1, 2)])
    targets, chosen = classes(24, 3).view(2, 12), settings(tau=tau)
    found = search_nearest(
        SearchRequest(models, factuals, targets, [chosen] * 2, rules(schema, factuals), True, reference_data)
    )
    for arm, plain in enumerate(models.module(a) for a in range(2)):
        for i in range(12):
            x = factuals[arm, :, i]
            end, mature, moves = sampled.nearest(
                plain.double(),
                reference_data.X.tolist(),
                reference_data.y.tolist(),
                x,
                int(targets[arm, i]),
                chosen,
                schema,
            )
            torch.testing.assert_close(found.final[arm, :, i], torch.tensor(end, dtype=torch.float64), **EXACT)
            assert (bool(found.mature[arm, i]), int(found.steps[arm, i])) == (mature, 7 if moves else 0)


def line() -> tuple[Stack, ReferenceData, torch.Tensor]:
    """p(class 1) = 1 / (1 + exp(−2 x1)); class 1 lies at x1 = 1, 2 and 4, class 0 at −1. The factual is (−1, 0)."""
    layer = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    X = torch.tensor([[1.0, 0.0], [2.0, 1.0], [4.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    reference_data = ReferenceData(X, torch.tensor([1, 1, 1, 0]), 2)
    model = Stack(Dense((2, 2), "relu"), layer.flatten(), 1)
    return model, reference_data, torch.tensor([[[-1.0], [0.0]]], dtype=torch.float64)


def search_line(schema: Schema, **changes: float):
    model, reference_data, factual = line()
    return search_nearest(
        SearchRequest(
            model, factual, torch.tensor([[1]]), [settings(**changes)], rules(schema, factual), True, reference_data
        )
    )


FREE = boxed(-9.0, 9.0, BOTH, BOTH)


def test_by_hand_the_closest_that_counts() -> None:
    """p(1) = 0.88, p(2) = 0.982: τ = 0.9 passes over the first."""
    assert search_line(FREE, tau=0.8).final.flatten().tolist() == [1.0, 0.0]
    assert search_line(FREE, tau=0.9).final.flatten().tolist() == [2.0, 1.0]


def test_by_hand_the_likeliest_where_none_counts() -> None:
    found = search_line(FREE, tau=0.9999)
    assert found.final.flatten().tolist() == [4.0, 0.0]
    assert not found.mature.any() and found.steps.item() == 7


@pytest.mark.parametrize(
    ("schema", "end", "mature"),
    [
        (boxed(-9.0, 9.0, BOTH, FIXED), [2.0, 0.0], True),  # the sample (2, 1), with the factual's own x2
        (boxed(-9.0, 9.0, BOTH, DOWN), [2.0, 0.0], True),
        (boxed(-9.0, 1.75, BOTH, BOTH), [1.75, 0.0], True),  # (4, 0) cut at the range is closer than (2, 1) is
        (boxed(-9.0, 9.0, DOWN, UP), [-1.0, 0.0], False),
    ],
    ids=["locked", "down only", "range", "no way"],
)
def test_by_hand_what_constraints_make_of_candidates(schema: Schema, end: list[float], mature: bool) -> None:
    found = search_line(schema, tau=0.9)
    assert found.final.flatten().tolist() == end
    assert found.mature.item() is mature and found.steps.item() == (7 if mature else 0)


def test_the_path_is_a_straight_line_in_equal_moves() -> None:
    found = search_line(FREE, tau=0.9, steps=4, epsilon=1.5)
    assert found.path is not None
    expected = torch.tensor([[-1.0, 0.0], [-0.25, 0.25], [0.5, 0.5], [1.25, 0.75], [2.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(found.path[:, 0, :, 0], expected)
    assert torch.equal(found.path[-1], found.final) and torch.equal(found.path[0, 0, :, 0], expected[0])
    torch.testing.assert_close(found.nascent[0, :, 0], expected[2])  # the last one within 1.5


def test_who_has_arrived_stays() -> None:
    model, reference_data, factual = line()
    found = search_nearest(
        SearchRequest(
            model, -factual * 3, torch.tensor([[1]]), [settings()], rules(FREE, factual), True, reference_data
        )
    )
    assert found.mature.all() and found.steps.item() == 0 and torch.equal(found.final, -factual * 3)


def test_no_sample_of_the_target_no_move() -> None:
    model, _, factual = line()
    reference_data = ReferenceData(torch.zeros(1, 2), torch.tensor([0]), 2)
    found = search_nearest(
        SearchRequest(model, factual, torch.tensor([[1]]), [settings()], rules(FREE, factual), True, reference_data)
    )
    assert not found.mature.any() and found.steps.item() == 0 and torch.equal(found.final, factual)


def test_arms_of_different_length_share_a_path() -> None:
    factuals, targets, reference_data = cloud(5, 1).T.expand(2, -1, -1).contiguous(), torch.ones(2, 5).long(), known()
    both = [settings(steps=3), settings(steps=6, tau=0.5)]
    limits = rules(FREE, factuals)
    found = search_nearest(SearchRequest(stack(2), factuals, targets, both, limits, True, reference_data))
    assert found.path is not None and len(found.path) == 7
    for arm in range(2):
        alone = search_nearest(
            SearchRequest(
                stack(1, seed=arm),
                factuals[arm : arm + 1],
                targets[arm : arm + 1],
                both[arm : arm + 1],
                limits.take(torch.tensor([arm])),
                True,
                reference_data,
            )
        )
        assert alone.path is not None and torch.equal(found.path[: len(alone.path), arm], alone.path[:, 0])
        assert torch.equal(found.path[-1, arm], found.final[arm]) and torch.equal(found.final[arm], alone.final[0])


@pytest.mark.parametrize("mutability", [(BOTH, BOTH), (FIXED, UP)], ids=["shared candidates", "own candidates"])
def test_chunks_make_no_difference(mutability, monkeypatch: pytest.MonkeyPatch) -> None:
    factuals, targets, reference_data = cloud(40, 1).T[None].contiguous(), classes(40, 2)[None], known()
    args = stack(), factuals, targets, [settings()], rules(boxed(-2, 2, *mutability), factuals), True, reference_data
    whole = search_nearest(SearchRequest(*args))
    monkeypatch.setattr(module, "WORKING_SET", 100)
    parts = search_nearest(SearchRequest(*args))
    assert torch.equal(whole.final, parts.final) and torch.equal(whole.mature, parts.mature)


def test_a_distance_too_large_for_its_type_is_no_reason_to_choose_what_does_not_count() -> None:
    layer = torch.tensor([[0.0, 0.0, 0.0], [0.0, 9.0, 0.0]])  # the target is likely where x2 is positive
    X = torch.tensor([[-3e38, -1.0], [-3.1e38, 1.0]])
    factuals = torch.tensor([[[3e38], [-1.0]]])
    found = search_nearest(
        SearchRequest(
            Stack(Dense((2, 2), "relu"), layer.flatten(), 1),
            factuals,
            torch.tensor([[1]]),
            [settings()],
            rules(boxed(-3.2e38, 3.2e38, BOTH, BOTH), factuals),
            True,
            ReferenceData(X, torch.tensor([1, 1]), 2),
        )
    )
    assert found.mature.all() and found.final[0, :, 0].tolist() == X[1].tolist()


def test_without_a_path_the_same_result() -> None:
    factuals, targets, reference_data = cloud(20, 1).T[None].contiguous(), classes(20, 2)[None], known()
    args = stack(), factuals, targets, [settings()], rules(FREE, factuals)
    with_path, without = (search_nearest(SearchRequest(*args, record, reference_data)) for record in (True, False))
    assert without.path is None
    for name in ("final", "nascent", "mature", "steps"):
        assert torch.equal(getattr(with_path, name), getattr(without, name))


def test_what_is_missing_is_said() -> None:
    model, _, factual = line()
    args = model, factual, torch.tensor([[1]]), [settings()], rules(FREE, factual)
    with pytest.raises(ConfigError, match="samples"):
        search_nearest(SearchRequest(*args))
    with pytest.raises(DataError, match="3 columns"):
        search_nearest(
            SearchRequest(*args, reference_data=ReferenceData(torch.zeros(4, 3), torch.tensor([0, 1, 0, 1]), 2))
        )
