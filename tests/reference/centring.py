"""MNIST's centring, pixel by pixel: the centre of mass goes as near to the middle as whole pixels allow."""

from __future__ import annotations

import math


def centred(small, side=28):
    """Nested lists (h w) laid into ``side`` × ``side``; centre of mass within half a pixel of (side/2, side/2)."""
    mass = row_moment = column_moment = 0.0
    for i, row in enumerate(small):
        for j, value in enumerate(row):
            mass += value
            row_moment += i * value
            column_moment += j * value
    placed = [[0.0] * side for _ in range(side)]
    down = _shift(row_moment / mass, len(small), side)
    right = _shift(column_moment / mass, len(small[0]), side)
    for i, row in enumerate(small):
        for j, value in enumerate(row):
            placed[i + down][j + right] = value
    return placed


def _shift(middle, length, side):
    """The whole number of pixels, of those that keep the picture inside, that leaves the middle nearest to side/2."""
    best, least = 0, math.inf
    for shift in range(side - length + 1):
        if (off := abs(middle + shift - side / 2)) <= least:
            best, least = shift, off
    return best
