"""What goes along with a feature: by hand for linear models, and against NumPy's correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ctviz.evaluation.leak import leak
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack


def linear(*normals: tuple[float, float]) -> Stack:
    weights = np.array([[[0.0, 0.0], n] for n in normals], dtype=np.float32)
    bias = np.zeros((len(normals), 2), np.float32)
    return Stack.from_weights({"0.weight": weights, "0.bias": bias}, ModelSettings(hidden=()))


def clouds(rho: float, n: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Two classes far apart, each with correlation exactly ``rho`` and unit variances."""
    rng = np.random.default_rng(0)
    parts = []
    for c in (0, 1):
        raw = rng.normal(size=(n, 2))
        raw -= raw.mean(0)
        raw = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T, bias=True)).T)
        parts.append(raw @ np.array([[1, rho], [0, math.sqrt(1 - rho**2)]]) + 10 * c)
    return torch.tensor(np.concatenate(parts)), torch.arange(2).repeat_interleave(n)


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.5])
def test_linear_models_by_hand(rho: float) -> None:
    X, y = clouds(rho)
    found = leak(linear((1.0, 0.0), (0.0, 3.0), (2.0, 1.0)), X, y, feature=1)
    third = (2 * rho + 1) / math.sqrt(4 + 1 + 4 * rho)
    assert found.tolist() == [pytest.approx(v, abs=1e-5) for v in (rho, 1.0, third)]


def test_a_model_that_leaves_a_feature_out_goes_along_with_it_through_a_proxy() -> None:
    X, y = clouds(0.8)
    assert float(leak(linear((1.0, 0.0)), X, y, feature=1)[0]) == pytest.approx(0.8, abs=1e-5)


def test_against_numpy_with_a_bent_model_and_three_classes() -> None:
    stack = Stack.initialise(ModelSettings(hidden=(8,)), 2, 3, [1, 2])
    rng = np.random.default_rng(3)
    X, y = torch.tensor(rng.normal(size=(300, 2))), torch.tensor(rng.integers(0, 3, 300))
    found = leak(stack, X, y, feature=0, classes=(0, 2))
    for arm in range(2):
        with torch.no_grad():
            logits = stack.module(arm)(X.float()).double().numpy()
        score, x = logits[:, 2] - logits[:, 0], X[:, 0].numpy().copy()
        kept = y.numpy() != 1
        for c in (0, 2):
            score[y == c] -= score[y == c].mean()
            x[y == c] -= x[y == c].mean()
        assert float(found[arm]) == pytest.approx(np.corrcoef(score[kept], x[kept])[0, 1], abs=1e-5)


def test_a_score_that_does_not_vary_goes_along_with_nothing() -> None:
    X, y = clouds(0.0, 10)
    assert leak(linear((0.0, 0.0)), X, y, feature=0).isnan().all()
