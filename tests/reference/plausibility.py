"""IP, MMD and the rest of the metrics as loops written from their formulas: slow, plain, without torch."""

from __future__ import annotations

import math

import numpy as np


def implausibility(point, samples):
    """Mean over the samples of Σ_d |x'_d − x_d|."""
    total = 0.0
    for sample in samples:
        for a, b in zip(point, sample, strict=True):
            total += abs(float(a) - float(b))
    return total / len(samples)


def nearest(point, samples):
    """Least √Σ_d (x'_d − x_d)² over the samples."""
    return min(math.dist(tuple(map(float, point)), tuple(map(float, sample))) for sample in samples)


def kernel(a, b, length_scale):
    """exp(−‖a − b‖² / (2 ℓ²))."""
    squared = sum((float(p) - float(q)) ** 2 for p, q in zip(a, b, strict=True))
    return math.exp(-squared / (2 * length_scale**2))


def mmd2(x, y, length_scale):
    """The unbiased estimate: Gretton et al. (2012), equation 3."""
    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j], length_scale) for i in range(n) for j in range(n) if i != j)
    yy = sum(kernel(y[i], y[j], length_scale) for i in range(m) for j in range(m) if i != j)
    xy = sum(kernel(a, b, length_scale) for a in x for b in y)
    return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)


def ip_star(counterfactuals, targets, counts, samples, labels, length_scale):
    """One arm's IP*: per target class, those that count against the class's samples; weighed by their number."""
    total, weight = 0.0, 0
    for c in sorted(set(targets)):
        x = [p for p, t, ok in zip(counterfactuals, targets, counts, strict=True) if ok and t == c]
        y = [s for s, label in zip(samples, labels, strict=True) if label == c]
        if len(x) >= 2 and len(y) >= 2:
            total += len(x) * max(0.0, mmd2(x, y, length_scale))
            weight += len(x)
    return total / weight if weight else math.nan


def cost(factuals, counterfactuals, counts):
    """Mean of Σ_d |x'_d − x_d| over those that count."""
    distances = [np.abs(a - b).sum() for a, b, ok in zip(counterfactuals, factuals, counts, strict=True) if ok]
    return sum(distances) / len(distances) if distances else math.nan


def redundancy(factuals, counterfactuals, counts):
    """Mean share of features that are the same in both, over those that count."""
    shares = []
    for a, b, ok in zip(counterfactuals, factuals, counts, strict=True):
        if ok:
            shares.append(sum(p == q for p, q in zip(a, b, strict=True)) / len(a))
    return sum(shares) / len(shares) if shares else math.nan
