"""Pictures as loops over their pixels: total variation, occlusion, a blur. Slow, plain, without torch."""

from __future__ import annotations

import math

import numpy as np


def total_variation(x, grid):
    """Σ of differences between pixels that touch, below and beside each other."""
    picture = np.asarray(x, dtype=float).reshape(grid)
    total = 0.0
    for i in range(grid[0]):
        for j in range(grid[1]):
            if i + 1 < grid[0]:
                total += abs(picture[i + 1, j] - picture[i, j])
            if j + 1 < grid[1]:
                total += abs(picture[i, j + 1] - picture[i, j])
    return total


def occlusion(function, x, baseline, grid, window=4, stride=2):
    """What each pixel's windows take away from ``function`` on average when the baseline covers them.

    Windows begin at every ``stride``-th pixel; the last one reaches the far edge or beyond, where it is cut off.
    """
    picture, cover = np.asarray(x, dtype=float).reshape(grid), np.asarray(baseline, dtype=float).reshape(grid)
    total, times = np.zeros(grid), np.zeros(grid)
    starts = [range(0, math.ceil((n - window) / stride) * stride + 1, stride) for n in grid]
    for i in starts[0]:
        for j in starts[1]:
            covered = picture.copy()
            covered[i : i + window, j : j + window] = cover[i : i + window, j : j + window]
            fall = function(picture.ravel()) - function(covered.ravel())
            total[i : i + window, j : j + window] += fall
            times[i : i + window, j : j + window] += 1
    return (total / times).ravel()


def blurred(x, grid, sigma):
    """Every pixel the mean of all, weighted by a Gaussian of their distance."""
    picture = np.asarray(x, dtype=float).reshape(grid)
    result = np.zeros(grid)
    for i in range(grid[0]):
        for j in range(grid[1]):
            total = weights = 0.0
            for k in range(grid[0]):
                for other in range(grid[1]):
                    weight = math.exp(-((i - k) ** 2 + (j - other) ** 2) / (2 * sigma**2))
                    total, weights = total + weight * picture[k, other], weights + weight
            result[i, j] = total / weights
    return result.ravel()
