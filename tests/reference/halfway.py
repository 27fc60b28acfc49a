"""The way of each sample to the nearest one of another class, number by number."""

from __future__ import annotations

from collections.abc import Sequence


def gaps(X: Sequence[Sequence[float]], y: Sequence[int], free: Sequence[bool]) -> list[float]:
    """min over j with y_j ≠ y_i of the largest |x_i − x_j| in a free column; 0 without any."""
    found = []
    for x, label in zip(X, y, strict=True):
        distances = []
        for other, theirs in zip(X, y, strict=True):
            if theirs != label:
                largest = 0.0
                for a, b, counts in zip(x, other, free, strict=True):
                    if counts:
                        largest = max(largest, abs(a - b))
                distances.append(largest)
        found.append(min(distances))
    return found
