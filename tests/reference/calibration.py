"""Calibration as loops written from its formulas: slow, plain, without torch."""

from __future__ import annotations


def bins(confidence, right, number):
    """The samples of each bin (b/B, (b + 1)/B], as pairs of confidence and 0 or 1; 0 is in the first."""
    found = [[] for _ in range(number)]
    for p, hit in zip(confidence, right, strict=True):
        place = next(b for b in range(number) if p * number <= b + 1)
        found[place].append((float(p), float(hit)))
    return found


def calibration_error(confidence, right, number):
    """Σ_B |B|/n · |accuracy(B) − confidence(B)|: Guo et al. (2017), equation 3."""
    total = 0.0
    for members in bins(confidence, right, number):
        if members:
            sure = sum(p for p, _ in members) / len(members)
            hits = sum(hit for _, hit in members) / len(members)
            total += len(members) / len(confidence) * abs(hits - sure)
    return total
