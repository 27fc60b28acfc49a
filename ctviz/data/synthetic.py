"""Draws of the synthetic sets, by scikit-learn's generators: points of one class after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.datasets import make_blobs, make_circles, make_moons

Points = npt.NDArray[np.float64]
Maker = Callable[[Sequence[int], float, float | None, np.random.Generator], Points]
"""``(samples of each class, noise, separation or None for the set's own, random draws)`` → points (n d) by class."""

EXTENT = 10.0
"""Centres of blobs are drawn uniformly from the square [−EXTENT, EXTENT]²."""


def blobs(std: float, nearest: float, farthest: float = math.inf) -> Maker:
    """Maker of one round blob per class around centres that are drawn at random.

    Each centre is redrawn until the closest one drawn before it lies between ``nearest`` and ``farthest``
    away, both in units of ``std``, the set's own standard deviation. A separation scales the centres about
    their mean until the two closest are that many ``std`` apart. Its unit is the set's own spread and not
    the noise asked for, so that either may be changed without the other, and the noise may be zero.
    """

    def make(counts: Sequence[int], noise: float, separation: float | None, rng: np.random.Generator) -> Points:
        centres = _centres(len(counts), nearest * std, farthest * std, rng)
        if separation is not None:
            middle = centres.mean(0)
            centres = middle + (centres - middle) * (separation * std / _closest(centres))
        X, y = make_blobs(list(counts), centers=centres, cluster_std=noise, random_state=_seed(rng))
        return _by_class(X, y)

    return make


def circles(counts: Sequence[int], noise: float, separation: float | None, rng: np.random.Generator) -> Points:
    """A ring of radius 1 (class 0) around one of radius 1 − ``separation`` (class 1; 0.01 by default)."""
    factor = 0.01 if separation is None else 1 - separation
    outer, inner = counts
    X, y = make_circles((outer, inner), noise=noise, factor=factor, random_state=_seed(rng))
    return _by_class(X, y)


def moons(counts: Sequence[int], noise: float, separation: float | None, rng: np.random.Generator) -> Points:
    """Two interleaved half circles; ``separation`` draws them apart vertically, half of it each."""
    upper, lower = counts
    X, y = make_moons((upper, lower), noise=noise, random_state=_seed(rng))
    X[:, 1] += (0.5 - y) * (separation or 0.0)
    return _by_class(X, y)


def _centres(k: int, nearest: float, farthest: float, rng: np.random.Generator) -> Points:
    centres = rng.uniform(-EXTENT, EXTENT, (1, 2))
    while len(centres) < k:
        candidate = rng.uniform(-EXTENT, EXTENT, (1, 2))
        if nearest <= np.linalg.norm(centres - candidate, axis=1).min() <= farthest:
            centres = np.concatenate([centres, candidate])
    return centres


def _closest(centres: Points) -> float:
    """Distance of the two closest centres."""
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1)
    return float(apart[np.triu_indices(len(centres), 1)].min())


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _by_class(X: Points, y: npt.NDArray[np.int64]) -> Points:
    return X[np.argsort(y, kind="stable")]
