"""Correlation of a model's decisions with a feature, used or not: what a proxy leaks."""

from __future__ import annotations

import torch
from torch import Tensor

from ctviz.models.stack import Stack


def leak(stack: Stack, X: Tensor, y: Tensor, feature: int, classes: tuple[int, int] = (0, 1)) -> Tensor:
    """Correlation of each model's score with a feature among samples of the same class, (m), float64, −1 to 1.

    The score is M(x)[b] − M(x)[a]; score and feature are taken relative to their means within each of the two classes,
    so that the difference between the classes does not count. A model with no weight on a locked feature is still
    correlated with it if a free feature is: then this is the correlation of the two features. NaN where either does not
    vary.

    Args:
        X: samples (n d). y: their classes (n). feature: a column of X.
    """
    with torch.no_grad():
        logits = stack(X.to(stack.flat).expand(stack.m, -1, -1)).double()
    score, values = logits[..., classes[1]] - logits[..., classes[0]], X[:, feature].double().expand(stack.m, -1)
    score, values = (torch.cat([_centred(v[:, y == c]) for c in classes], dim=1) for v in (score, values))
    return (score * values).sum(dim=1) / (score.square().sum(dim=1) * values.square().sum(dim=1)).sqrt()


def _centred(values: Tensor) -> Tensor:
    return values - values.mean(dim=1, keepdim=True)
