"""Noise: independent standard normals that belong to a step and a column and to nothing else."""

from __future__ import annotations

import pytest
import torch

from ctviz.counterfactuals.noise import BLOCK, Noise, draw
from ctviz.counterfactuals.search_settings import SearchSettings


def test_a_column_gets_the_same_in_whatever_chunk() -> None:
    whole = draw(3, 0, 3 * BLOCK + 5, 2)
    for first, b in ((0, 1), (BLOCK - 1, 2), (BLOCK, BLOCK), (17, 2 * BLOCK), (3 * BLOCK + 4, 1)):
        assert torch.equal(draw(3, first, b, 2), whole[:, first : first + b])


def test_steps_columns_and_blocks_differ() -> None:
    drawn = torch.stack([draw(t, 0, 3 * BLOCK, 2) for t in (1, 2, 3)])
    assert len(drawn.unique()) == drawn.numel()


def test_standard_and_normal() -> None:
    drawn = torch.cat([draw(t, 0, 2_000, 3).flatten() for t in range(1, 11)])  # 60,000
    assert abs(float(drawn.mean())) < 4 / 60_000**0.5
    assert abs(float(drawn.std()) - 1) < 4 * (0.5 / 60_000) ** 0.5
    assert abs(float((drawn.abs() < 1).double().mean()) - 0.6827) < 0.01


def test_torchs_own_stream_is_left_alone() -> None:
    before = torch.get_rng_state()
    draw(1, 0, 10, 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_scaled_by_the_gradient_and_the_share_of_the_arm() -> None:
    settings = [SearchSettings(gradient_noise=share) for share in (0.0, 1.0, 2.0)]
    gradient = torch.tensor([[3.0], [4.0]], dtype=torch.float64).expand(3, 2, 4).clone()
    noise = Noise.of(settings, gradient)
    assert noise is not None
    columns = torch.tensor([0, 2, 3, 9]).expand(3, -1)  # 9 is past the end
    added = noise.add(gradient.clone(), 5, columns, 0, 4) - gradient
    expected = 5 / 2**0.5 * draw(5, 0, 4, 2)[:, [0, 2, 3, 3]]
    for arm, share in enumerate((0.0, 1.0, 2.0)):
        torch.testing.assert_close(added[arm], share * expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        noise.take(torch.tensor([2])).add(gradient[2:], 5, columns[:1], 0, 4)[0], gradient[0] + 2 * expected
    )


def test_no_noise_is_none() -> None:
    assert Noise.of([SearchSettings(), SearchSettings()], torch.zeros(1)) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_no_number_stays_with_its_column(value: float) -> None:
    gradient = torch.ones(1, 2, 3)
    gradient[0, 0, 1] = value
    noise = Noise.of([SearchSettings(gradient_noise=1.0)], gradient)
    assert noise is not None
    found = noise.add(gradient, 1, torch.arange(3).unsqueeze(0), 0, 3)
    assert found[0, :, [0, 2]].isfinite().all()
