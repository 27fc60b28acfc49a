"""Baselines by hand, and a blur against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.baselines import BASELINES, blurred, make_baselines, mean_sample, uniform_baselines
from tests.reference import images as slow

GRID = (5, 4)
X = torch.randn(2, 3, 20, generator=torch.Generator().manual_seed(0))


def test_the_blur_is_that_of_loops():
    found = blurred(X, GRID, sigma=1.5)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_allclose(found[i, j], slow.blurred(X[i, j].numpy(), GRID, 1.5), atol=1e-6)


def test_one_bright_pixel_by_hand():
    # σ = 1: beside a pixel e^−½, two away e^−2, each row of weights divided by its sum.
    near, far = np.exp(-0.5), np.exp(-2.0)
    down = np.array([1 / (1 + near), near / (near + 1)])  # what the upper of two rows gives to each
    across = np.array([1 / (1 + near + far), near / (1 + 2 * near), far / (1 + near + far)])
    found = blurred(torch.tensor([1.0, 0, 0, 0, 0, 0]), (2, 3), sigma=1.0)
    np.testing.assert_allclose(found.view(2, 3), np.outer(down, across), atol=1e-6)
    upright = blurred(torch.tensor([1.0, 0, 0, 0, 0, 0]), (3, 2), sigma=1.0)
    np.testing.assert_allclose(upright.view(3, 2), np.outer(across, down), atol=1e-6)


def test_a_blur_keeps_what_is_even_and_widens_nothing():
    torch.testing.assert_close(blurred(torch.full((20,), -1.0), GRID), torch.full((20,), -1.0))
    found = blurred(X, GRID)
    assert found.min() >= X.min() and found.max() <= X.max()
    assert found.std() < X.std() / 2


def test_each_by_its_name():
    background = torch.randn(7, 20)
    start = {name: make_baselines(name, X, 3, GRID, background) for name in BASELINES}
    assert torch.equal(start["uniform"], uniform_baselines(3, 20, 3))
    assert start["black"].shape == (3, 20) and (start["black"] == -1).all()
    torch.testing.assert_close(start["blurred"], blurred(X, GRID, 3.0))
    torch.testing.assert_close(start["mean"], background.mean(0).expand(3, 20))


def test_a_mean_in_parts_is_the_mean():
    samples = torch.randn(2 * 4096 + 5, 3)
    torch.testing.assert_close(mean_sample(samples), samples.mean(0), atol=1e-6, rtol=1e-5)
    assert mean_sample(samples).dtype == torch.float32


def test_one_more_picture_leaves_the_baselines_of_the_others():
    assert torch.equal(uniform_baselines(4, 784, 1)[:2], uniform_baselines(2, 784, 1))


@pytest.mark.parametrize(
    ("name", "grid", "background", "error"),
    [
        ("blurred", None, None, ConfigError),
        ("white", GRID, None, ConfigError),
        ("mean", GRID, None, DataError),
        ("mean", GRID, torch.zeros(0, 20), DataError),
    ],
    ids=["no picture", "unknown", "no samples", "not one sample"],
)
def test_what_cannot_be_made_is_refused(name, grid, background, error):
    with pytest.raises(error):
        make_baselines(name, X, 0, grid, background)
