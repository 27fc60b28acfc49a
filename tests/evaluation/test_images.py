"""Total variation by hand and against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ctviz.errors import DataError
from ctviz.evaluation.images import roughness, total_variation
from tests.reference import images as slow


def test_by_hand():
    # 1 2 4
    # 0 2 3 : beside 1 + 2 + 2 + 1, below 1 + 0 + 1
    assert float(total_variation(torch.tensor([1.0, 2, 4, 0, 2, 3]), (2, 3))) == 8


def test_an_even_picture_has_none_and_a_dot_has_four():
    picture = torch.full((5, 5), -1.0)
    assert float(total_variation(picture.flatten(), (5, 5))) == 0
    picture[2, 2] = 1
    assert float(total_variation(picture.flatten(), (5, 5))) == 8  # four neighbours, each 2 away


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31))
def test_against_loops(rows, columns, seed):
    x = torch.randn(2, 3, rows * columns, generator=torch.Generator().manual_seed(seed))
    found = total_variation(x, (rows, columns))
    assert found.shape == (2, 3) and found.dtype == torch.float64
    for i, j in np.ndindex(2, 3):
        assert float(found[i, j]) == pytest.approx(slow.total_variation(x[i, j].numpy(), (rows, columns)))


def test_roughness_of_dots_of_a_patch_and_of_nothing():
    dots, patch = torch.zeros(9, 9), torch.zeros(9, 9)
    dots[1::3, 1::3] = 0.5
    patch[2:7, 2:7] = -0.5
    found = roughness(torch.stack([dots, patch, 3 * patch, 0 * patch]).flatten(1), (9, 9))
    np.testing.assert_allclose(found[:3], [4, 20 / 25, 20 / 25])  # a patch of 5 × 5 has an edge of 20
    assert math.isnan(found[3])


@pytest.mark.parametrize("shape", [(), (6,), (2, 8)])
def test_pictures_of_another_size_are_refused(shape):
    with pytest.raises(DataError, match="3 × 3"):
        total_variation(torch.zeros(shape), (3, 3))
