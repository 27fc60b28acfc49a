"""How closely two features go together, whatever their kinds: 0 for not at all, 1 for one that tells the other.

- two numbers or ordered levels: |ρ|, the size of Spearman's rank correlation;
- a number and a category: η, the correlation ratio of the number's ranks, √(variance between levels / variance);
- two categories: Ṽ, Cramér's V without its bias (Bergsma 2013, "A bias-correction for Cramér's V and Tschuprow's T").

All three are correlations of the best scores of the one with the other. η is freed of its bias likewise, by what levels
without any relation would reach on average: η̃² = max(0, η² − (k − 1)(1 − η²)/(n − k)) for k levels of n people (ε² of
Kelley 1935).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from ctviz.data.schema import Schema

Floats = npt.NDArray[np.float64]


def associations(schema: Schema, X: npt.ArrayLike) -> Floats:
    """Of every two features of people (n d), (f f); 1 of a feature with itself, 0 where one of them does not vary."""
    people = np.asarray(X, dtype=np.float64).reshape(-1, schema.d)
    parts = [
        people[:, span].argmax(axis=1) if feature.kind == "category" else rankdata(people[:, span.start])
        for feature, span in zip(schema.features, schema.spans, strict=True)
    ]
    levels = [feature.kind == "category" for feature in schema.features]
    found = np.eye(len(parts))
    for i in range(len(parts)):
        for j in range(i):
            found[i, j] = found[j, i] = _association(parts[i], parts[j], levels[i], levels[j])
    return found


def _association(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic], categories: bool, other: bool) -> float:
    if len(a) < 2:
        return 0.0
    if categories and other:
        return cramer(a, b)
    if categories or other:
        return correlation_ratio(b, a) if categories else correlation_ratio(a, b)
    return _correlation(a.astype(np.float64), b.astype(np.float64))


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return min(abs(float(a @ b)) / size, 1.0) if size else 0.0


def correlation_ratio(values: npt.ArrayLike, levels: npt.ArrayLike) -> float:
    """η̃ of numbers (n) with the levels of a category (n)."""
    y = np.asarray(values, dtype=np.float64)
    _, at = np.unique(np.asarray(levels), return_inverse=True)
    counts = np.bincount(at)
    n, k = len(y), len(counts)
    total = float(((y - y.mean()) ** 2).sum())
    if not total or k < 2 or n <= k:
        return 0.0
    means = np.bincount(at, weights=y) / counts
    eta = min(float(counts @ (means - y.mean()) ** 2) / total, 1.0)
    return math.sqrt(max(0.0, eta - (k - 1) * (1 - eta) / (n - k)))


def cramer(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Ṽ of the levels of two categories (n) and (n)."""
    one, a = np.unique(np.asarray(first), return_inverse=True)
    other, b = np.unique(np.asarray(second), return_inverse=True)
    r, k, n = len(one), len(other), len(a)
    if min(r, k) < 2 or n < 2:
        return 0.0
    table = np.bincount(a * k + b, minlength=r * k).reshape(r, k).astype(np.float64)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = float(((table - expected) ** 2 / expected).sum()) / n
    phi = max(0.0, phi - (k - 1) * (r - 1) / (n - 1))
    least = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    return min(math.sqrt(phi / least), 1.0) if least > 0 else 0.0
