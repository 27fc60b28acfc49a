"""Gravity: a closed form that counts, against autograd of its formula and by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ctviz.counterfactuals.penalties import Gravity, Penalties
from ctviz.counterfactuals.reference_data import MAX_ATTRACTORS, ReferenceData
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.evaluation.plausibility import ReferenceSamples

LIKE = torch.zeros((), dtype=torch.float64)


def reference_data(n: int = 90, k: int = 3, d: int = 4) -> ReferenceData:
    chance = torch.Generator().manual_seed(0)
    return ReferenceData(torch.randn(n, d, generator=chance), torch.arange(n) % k, k)


def test_gradient_is_that_of_the_mean_distance() -> None:
    known = reference_data(k=3)
    chance = torch.Generator().manual_seed(1)
    points = torch.randn(2, 4, 11, generator=chance, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 3, (2, 11), generator=chance)
    weights = [0.3, 2.0]
    samples = known.attractors(LIKE)  # k d a
    total = LIKE
    for m in range(2):
        for b in range(11):
            for s in samples[targets[m, b]].T:
                total = total + weights[m] * (points[m, :, b] - s).abs().sum() / samples.shape[2]
    (expected,) = torch.autograd.grad(total, points)
    found = Gravity.of(weights, known, LIKE).gradient(points.detach(), targets)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_by_hand_with_classes_of_different_sizes_and_a_point_on_a_sample() -> None:
    """Class 0 at 0, 1, 1, 4; class 1 at 2 alone. At 1 the share is (1 − 1) / 4, at 1.5 it is (3 − 1) / 4."""
    X = torch.tensor([[0.0], [1.0], [1.0], [4.0], [2.0]])
    gravity = Gravity.of([2.0], ReferenceData(X, torch.tensor([0, 0, 0, 0, 1]), 2), LIKE)
    points = torch.tensor([[[-1.0, 1.0, 1.5, 4.0, 9.0, 1.0, 2.0, 3.0]]], dtype=torch.float64)
    targets = torch.tensor([[0, 0, 0, 0, 0, 1, 1, 1]])
    assert gravity.gradient(points, targets).flatten().tolist() == [-2.0, 0.0, 1.0, 1.5, 2.0, -2.0, 0.0, 2.0]


def test_descends_what_implausibility_measures() -> None:
    """With up to 50 samples of a class, a step against the gradient lowers IP by η λ ‖g‖² to first order."""
    known = reference_data(n=120)
    reference = ReferenceSamples.of(known.X.double(), known.y, 3)
    chance = torch.Generator().manual_seed(2)
    points = 2 * torch.randn(1, 4, 20, generator=chance, dtype=torch.float64)
    targets = torch.randint(0, 3, (1, 20), generator=chance)
    gradient = Gravity.of([1.0], known, LIKE).gradient(points, targets)
    step = 1e-7

    def ip(x: Tensor) -> Tensor:
        return reference.implausibility(x.mT, targets)

    drop = (ip(points) - ip(points - step * gradient)) / step
    torch.testing.assert_close(drop, gradient.square().sum(dim=1), rtol=1e-6, atol=1e-6)


def test_arms_without_weight_feel_nothing_and_arms_can_be_taken() -> None:
    chance = torch.Generator().manual_seed(1)
    points = torch.randn(3, 4, 7, generator=chance, dtype=torch.float64)
    targets = torch.zeros(3, 7, dtype=torch.int64)
    gravity = Gravity.of([0.0, 1.0, 3.0], reference_data(), LIKE)
    whole = gravity.gradient(points, targets)
    assert (whole[0] == 0).all() and (whole[1] != 0).any()
    index = torch.tensor([2, 0])
    assert torch.equal(gravity.take(index).gradient(points[index], targets[index]), whole[index])


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 3e38])
def test_points_out_of_all_prochunk_are_pulled_back(value: float) -> None:
    points = torch.full((1, 4, 1), value)
    pull = Gravity.of([1.0], reference_data(), torch.zeros(())).gradient(points, torch.zeros(1, 1, dtype=torch.int64))
    assert (pull.sign() == points.sign()).all() and pull.isfinite().all()


def test_only_what_is_used_is_made() -> None:
    """A reference_data is not asked for samples by searches that feel none."""
    asked = ReferenceData(torch.zeros(2, 1), torch.tensor([0, 1]), 2)
    plain = [SearchSettings(generator="generic"), SearchSettings(generator="eccco")]
    penalties = Penalties.of(plain, torch.zeros(2, 1, 3), asked)
    assert penalties.gravity is None and penalties.repulsion is None
    assert not asked._kept


def test_each_class_attracts_with_at_most_fifty() -> None:
    attractors = reference_data(n=500, k=2).attractors(LIKE)
    assert attractors.shape == (2, 4, MAX_ATTRACTORS) and attractors.isfinite().all()
