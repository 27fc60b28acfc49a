"""Draws of the synthetic data sets, by scikit-learn's generators, class by class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.datasets import make_blobs, make_circles, make_moons

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DrawSettings:
    """Parameters of a draw; None takes the data set's own value, and a set ignores parameters that it does not have."""

    noise: float
    separation: float | None
    signal: float | None = None
    correlation: float = 0.0


Maker = Callable[[Sequence[int], DrawSettings, np.random.Generator], Points]
"""``(samples per class, settings, random generator)`` → points (n d), class by class."""

EXTENT = 10.0
"""Centres of blobs are drawn uniformly from the square [−EXTENT, EXTENT]²."""


def blobs(std: float, nearest: float, farthest: float = math.inf) -> Maker:
    """Maker of one round blob per class around centres that are drawn at random.

    Each centre is redrawn until the closest one drawn before it lies between ``nearest`` and ``farthest``
    away, both in units of ``std``, the set's own standard deviation. A separation scales the centres about
    their mean until the two closest are that many ``std`` apart. Its unit is the set's own spread and not
    the noise asked for, so that either may be changed without the other, and the noise may be zero.
    """

    def make(counts: Sequence[int], shape: DrawSettings, rng: np.random.Generator) -> Points:
        centres = _centres(len(counts), nearest * std, farthest * std, rng)
        if shape.separation is not None:
            middle = centres.mean(0)
            centres = middle + (centres - middle) * (shape.separation * std / _closest(centres))
        X, y = make_blobs(list(counts), centers=centres, cluster_std=shape.noise, random_state=_seed(rng))
        return _by_class(X, y)

    return make


def circles(counts: Sequence[int], shape: DrawSettings, rng: np.random.Generator) -> Points:
    """A ring of radius 1 (class 0) around one of radius 1 − ``separation`` (class 1; 0.01 by default)."""
    factor = 0.01 if shape.separation is None else 1 - shape.separation
    outer, inner = counts
    X, y = make_circles((outer, inner), noise=shape.noise, factor=factor, random_state=_seed(rng))
    return _by_class(X, y)


def moons(counts: Sequence[int], shape: DrawSettings, rng: np.random.Generator) -> Points:
    """Two interleaved half circles; ``separation`` draws them apart vertically, half of it each."""
    upper, lower = counts
    X, y = make_moons((upper, lower), noise=shape.noise, random_state=_seed(rng))
    X[:, 1] += (0.5 - y) * (shape.separation or 0.0)
    return _by_class(X, y)


SIGNAL = 2.0
"""How many standard deviations apart the two classes of ``gaussians`` lie in each feature, by default."""


def gaussians(counts: Sequence[int], shape: DrawSettings, rng: np.random.Generator) -> Points:
    """Two normal classes with one covariance, the set of the paper's proposition.

    Class 0 has mean −δ/2 and class 1 has mean +δ/2, with δ = (``signal``, ``separation``) in units of the usual
    standard deviation, 1; both have covariance noise² · [[1, ρ], [ρ, 1]] with ρ = ``correlation``.
    """
    apart = np.array([SIGNAL if given is None else given for given in (shape.signal, shape.separation)])
    rho = shape.correlation
    mixing = shape.noise * np.array([[1.0, 0.0], [rho, math.sqrt(1 - rho**2)]])  # its square is the covariance
    points = rng.standard_normal((sum(counts), 2)) @ mixing.T
    middle = np.repeat(np.stack([-apart / 2, apart / 2]), list(counts), axis=0)
    made: Points = middle + points
    return made


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
