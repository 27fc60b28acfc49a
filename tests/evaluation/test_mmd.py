"""The squared MMD, plain and weighted, against loops, by hand, and at its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ctviz.errors import DataError
from ctviz.evaluation import mmd
from ctviz.evaluation.mmd import mmd2, pair_sums
from ctviz.evaluation.plausibility import ReferenceSamples
from tests.reference import plausibility as slow


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_mmd_worked_out_by_hand():
    # Within x: k(0, 1) at length scale 1 is e^-½; within y the points coincide: 1; between: (1 + 1 + e^-½ + e^-½)/4.
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [0.0]])
    nearby = math.exp(-0.5)
    assert float(mmd2(x, y, 1.0)) == pytest.approx(nearby + 1 - (1 + nearby))


def test_length_scale_divides_distances():
    # At length scale 0.5 a distance of 1 counts as 2: e^(−2²/2).
    x, y = torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [1.0]])
    assert float(mmd2(x, y)) == pytest.approx(2 - 2 * math.exp(-2))


@pytest.mark.parametrize("length_scale", [0.1, 0.5, 3.0])
@pytest.mark.parametrize(
    ("n", "m", "d"), [(2, 2, 1), (5, 9, 2), (30, 20, 4)], ids=["smallest", "uneven", "more features"]
)
def test_mmd_equals_a_double_loop(n, m, d, length_scale):
    x, y = draw(n, d), 0.5 + draw(m, d, seed=1)
    assert float(mmd2(x, y, length_scale)) == pytest.approx(slow.mmd2(x, y, length_scale), abs=1e-12)


def test_mmd_of_arms_equals_one_by_one():
    x, y = draw(3, 8, 2), draw(6, 2, seed=1)
    assert mmd2(x, y).tolist() == pytest.approx([float(mmd2(arm, y)) for arm in x])


def test_mmd_does_not_depend_on_the_blocks(monkeypatch):
    x, y = draw(2, 33, 2), draw(2, 21, 2, seed=1)
    whole = mmd2(x, y)
    monkeypatch.setattr(mmd, "BLOCK", 100)
    torch.testing.assert_close(mmd2(x, y), whole, rtol=1e-12, atol=1e-14)


def test_mmd_is_symmetric():
    x, y = draw(8, 2), draw(13, 2, seed=1)
    assert float(mmd2(x, y)) == pytest.approx(float(mmd2(y, x)), abs=1e-14)


def test_mmd_does_not_change_under_a_common_shift():
    x, y = draw(8, 2), draw(13, 2, seed=1)
    assert float(mmd2(x + 1000, y + 1000)) == pytest.approx(float(mmd2(x, y)), abs=1e-4)


def test_mmd_is_unbiased_for_the_same_distribution():
    draws = mmd2(draw(2000, 10, 2), draw(2000, 10, 2, seed=1))
    error = float(draws.std()) / math.sqrt(len(draws))
    assert abs(float(draws.mean())) < 4 * error
    assert (draws < 0).any(), "an unbiased estimate of zero is negative every now and then"


def test_mmd_grows_with_the_shift():
    x, y = draw(200, 2), draw(200, 2, seed=1)
    found = [float(mmd2(x, y + shift)) for shift in (0.0, 0.5, 1.0, 3.0)]
    assert found == sorted(found)
    assert found[1] > 0.01 > abs(found[0])


@pytest.mark.parametrize(("n", "m"), [(0, 5), (1, 5), (5, 1), (5, 0)])
def test_mmd_needs_two_of_each(n, m):
    assert math.isnan(float(mmd2(draw(n, 2), draw(m, 2))))


def test_mmd_names_both_shapes_that_do_not_fit():
    with pytest.raises(DataError, match=r"\(3, 2\) and \(5, 4\)"):
        mmd2(draw(3, 2), draw(5, 4))


# -- weights -------------------------------------------------------------------------------------------


def test_both_ways_to_sum_over_pairs_agree(monkeypatch):
    chance = np.random.default_rng(0)
    x = torch.from_numpy(chance.normal(size=(40, 3)))
    weights = torch.zeros(3, 40, dtype=torch.float64)
    for r in range(3):
        weights[r, chance.choice(40, 6, replace=False)] = torch.from_numpy(chance.integers(1, 4, 6)).double()
    row_by_row = pair_sums(x, weights, 0.5)
    assert int((weights > 0).sum(1).square().sum()) < 40**2  # so that it went row by row
    at_once = pair_sums(x, torch.cat([weights, torch.ones(1, 40)]), 0.5)[:3]
    wanted = [
        sum(
            float(row[i] * row[j]) * slow.kernel(x[i].tolist(), x[j].tolist(), 0.5)
            for i in range(40)
            for j in range(40)
            if row[i] and row[j]
        )
        for row in weights
    ]
    np.testing.assert_allclose(row_by_row, wanted, rtol=1e-10)
    np.testing.assert_allclose(at_once, wanted, rtol=1e-10)
    monkeypatch.setattr(mmd, "BLOCK", 100)
    np.testing.assert_allclose(pair_sums(x, weights, 0.5), wanted, rtol=1e-10)


@pytest.mark.parametrize("block", [2**21, 100])
def test_points_of_one_owner_share_its_weight(monkeypatch, block):
    monkeypatch.setattr(mmd, "BLOCK", block)
    x, owner = draw(30, 2).double(), torch.arange(30) % 7
    weights = torch.from_numpy(np.random.default_rng(1).integers(0, 3, (4, 8))).double()  # the last owner has no point
    expected = pair_sums(x, weights[:, owner], 0.5)
    torch.testing.assert_close(pair_sums(x, weights, 0.5, owner), expected, rtol=1e-12, atol=1e-12)


@given(st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(lambda counts: sum(counts) >= 2), st.booleans())
def test_weights_are_numbers_of_draws(counts: list[int], repeats: bool) -> None:
    """With repeats as the plain MMD of all draws; without, the draws of a point make no pairs with each other."""
    x, real = draw(6, 2), 0.5 + draw(9, 2, seed=1)
    samples = ReferenceSamples.of(real, torch.zeros(9), 1)
    found = samples.weighted_mmd2(x, 0, torch.tensor([counts], dtype=torch.float64), repeats)
    drawn = [i for i, count in enumerate(counts) for _ in range(count)]
    if repeats:
        assert float(found) == pytest.approx(slow.mmd2(x[drawn], real, 0.5), abs=1e-9)
        return
    pairs = [(i, j) for i in drawn for j in drawn if i != j]
    if not pairs:
        assert not found.isfinite().any()
        return
    inside = sum(slow.kernel(x[i], x[j], 0.5) for i, j in pairs) / len(pairs)
    among = sum(slow.kernel(real[i], real[j], 0.5) for i in range(9) for j in range(9) if i != j) / (9 * 8)
    between = sum(slow.kernel(x[i], y, 0.5) for i in drawn for y in real) / (len(drawn) * 9)
    assert float(found) == pytest.approx(inside + among - 2 * between, abs=1e-9)
