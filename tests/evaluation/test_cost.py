"""Cost, validity and redundancy against loops and by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ctviz.evaluation.cost import cost, is_valid, redundancy, validity
from ctviz.evaluation.reduce import masked_mean
from tests.reference import plausibility as slow

FACTUALS = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
FOUND = torch.tensor([[[3.0, 4.0], [1.0, 0.0], [2.0, 2.0]], [[0.0, 1.0], [1.0, 1.0], [2.0, 9.0]]])  # m b d
MASKS = {
    "all": [[True, True, True]] * 2,
    "some": [[True, False, True], [False, True, False]],
    "an arm without": [[True, True, False], [False, False, False]],
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
@pytest.mark.parametrize(("metric", "reference"), [(cost, slow.cost), (redundancy, slow.redundancy)])
def test_equals_loops(metric, reference, mask):
    found = metric(FACTUALS, FOUND, torch.tensor(mask))
    expected = [reference(FACTUALS.numpy(), FOUND[arm].numpy(), mask[arm]) for arm in range(2)]
    assert found.tolist() == pytest.approx(expected, nan_ok=True)


def test_by_hand():
    assert cost(FACTUALS, FOUND).tolist() == pytest.approx([(7 + 1 + 0) / 3, (1 + 0 + 7) / 3])
    assert redundancy(FACTUALS, FOUND).tolist() == pytest.approx([(0 + 0.5 + 1) / 3, (0.5 + 1 + 0.5) / 3])


def test_factuals_and_mask_may_be_shared_or_per_arm():
    mask = torch.tensor([True, False, True])
    shared = cost(FACTUALS, FOUND, mask)
    assert torch.equal(shared, cost(FACTUALS.expand(2, 3, 2), FOUND, mask.expand(2, 3)))


def test_redundancy_within_a_tolerance():
    moved = FACTUALS + torch.tensor([1e-4, 0.5])
    assert float(redundancy(FACTUALS, moved)) == 0.0
    assert float(redundancy(FACTUALS, moved, tolerance=1e-3)) == 0.5


def test_validity_is_the_share_in_the_target_class():
    logits = torch.tensor([[[1.0, 2.0], [3.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])  # m b k
    target = torch.tensor([1, 1])
    assert is_valid(logits, target).tolist() == [[True, False], [True, True]]
    assert validity(logits, target).tolist() == [0.5, 1.0]
    found = validity(logits, target, torch.tensor([[False, True], [False, False]]))
    assert found.tolist() == pytest.approx([0.0, math.nan], nan_ok=True)


def test_a_mean_over_nothing_is_nan():
    assert math.isnan(float(masked_mean(torch.ones(3), torch.zeros(3, dtype=torch.bool))))
    assert math.isnan(float(masked_mean(torch.ones(0))))


def test_what_is_left_out_may_be_nan():
    values = torch.tensor([1.0, math.nan, 3.0])
    assert float(masked_mean(values, torch.tensor([True, False, True]))) == 2.0
