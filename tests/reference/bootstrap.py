"""Resampled metrics and integrated gradients as loops written from their formulas: slow, plain, without torch."""

from __future__ import annotations

import math

import numpy as np

from tests.reference.plausibility import kernel


def resamples(n, rounds, seed):
    """Rounds of n positions drawn with replacement, all from one stream."""
    return np.random.default_rng(seed).integers(0, n, (rounds, n))


def mean(values, counted):
    """Mean over what counts."""
    kept = [float(v) for v, ok in zip(values, counted, strict=True) if ok]
    return sum(kept) / len(kept) if kept else math.nan


def ip_star(drawn, points, targets, counted, samples, length_scale):
    """IP* of the points at positions ``drawn``, in which a point that was drawn twice makes no pair with itself.

    Per class: mean kernel over pairs of different points + mean kernel over pairs of different samples − 2 · mean
    kernel between points and samples; clamped at 0, and averaged over the classes by their numbers of points.
    """
    total, weight = 0.0, 0
    for c, real in enumerate(samples):
        rows = [i for i in drawn if counted[i] and targets[i] == c]
        pairs = [(i, j) for i in rows for j in rows if i != j]
        if not pairs or len(real) < 2:
            continue
        within = sum(kernel(points[i], points[j], length_scale) for i, j in pairs) / len(pairs)
        n = len(real)
        among = sum(kernel(real[i], real[j], length_scale) for i in range(n) for j in range(n) if i != j)
        between = sum(kernel(points[i], real[j], length_scale) for i in rows for j in range(n)) / (len(rows) * n)
        total += len(rows) * max(0.0, within + among / (n * (n - 1)) - 2 * between)
        weight += len(rows)
    return total / weight if weight else math.nan


def integrated_gradients(function, x, baseline, nodes=2000, step=1e-4):
    """Riemann sum (midpoints) of central differences of ``function`` of points (n d) along the line from ``baseline``
    to ``x``."""
    x, baseline = np.asarray(x, dtype=float), np.asarray(baseline, dtype=float)
    total = np.zeros(len(x))
    for i in range(nodes):
        point = baseline + (i + 0.5) / nodes * (x - baseline)
        up, down = (point + side * step * np.eye(len(x)) for side in (1, -1))
        total += (function(up) - function(down)) / (2 * step)
    return (x - baseline) * total / nodes
