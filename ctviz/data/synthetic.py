"""Draws of the synthetic data sets, class by class.

Blobs, circles and moons are those of scikit-learn (``make_blobs``, ``make_circles``, ``make_moons``), bit for bit,
as a test checks. They are written out here because importing scikit-learn takes 1.5 s, at every start of the app and of
a worker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
        draws = _older_draws(rng)
        parts = [draws.normal(centre, shape.noise, (n, 2)) for centre, n in zip(centres, counts, strict=True)]
        return _shuffled(np.concatenate(parts), counts, draws)

    return make


def circles(counts: Sequence[int], shape: DrawSettings, rng: np.random.Generator) -> Points:
    """A ring of radius 1 (class 0) around one of radius 1 − ``separation`` (class 1; 0.01 by default)."""
    factor = 0.01 if shape.separation is None else 1 - shape.separation
    outer, inner = (np.linspace(0, 2 * np.pi, n, endpoint=False) for n in counts)
    ring, core = (np.stack([np.cos(angles), np.sin(angles)], axis=1) for angles in (outer, inner))
    return _shuffled(np.concatenate([ring, core * factor]), counts, _older_draws(rng), shape.noise)


def moons(counts: Sequence[int], shape: DrawSettings, rng: np.random.Generator) -> Points:
    """Two interleaved half circles; ``separation`` draws them apart vertically, half of it each."""
    upper, lower = (np.linspace(0, np.pi, n) for n in counts)
    halves = [np.cos(upper), np.sin(upper)], [1 - np.cos(lower), 1 - np.sin(lower) - 0.5]
    points = np.concatenate([np.stack(half, axis=1) for half in halves])
    X = _shuffled(points, counts, _older_draws(rng), shape.noise)
    X[:, 1] += np.repeat([0.5, -0.5], counts) * (shape.separation or 0.0)
    return X


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


def _older_draws(rng: np.random.Generator) -> np.random.RandomState:
    """What scikit-learn draws from."""
    return np.random.RandomState(int(rng.integers(2**31)))


def _shuffled(X: Points, counts: Sequence[int], draws: np.random.RandomState, noise: float | None = None) -> Points:
    """Points that come class by class, in an order drawn within each class, with noise if they have none yet.

    As in scikit-learn, all are shuffled together, and noise is drawn for them in that order.
    """
    order = np.arange(len(X))
    draws.shuffle(order)
    X = X[order]
    if noise is not None:
        X += draws.normal(scale=noise, size=X.shape)
    y = np.repeat(np.arange(len(counts)), counts)[order]
    return X[np.argsort(y, kind="stable")]
