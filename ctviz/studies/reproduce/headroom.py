"""The headroom for plausibility: IP of unmoved factuals, and IP of real samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ctviz.data.dataset import Dataset
from ctviz.evaluation.plausibility import ReferenceSamples
from ctviz.experiments.protocol import Protocol
from ctviz.studies.reproduce.reading import mean

MAX_SAMPLES = 300
"""Most samples of a class that are used."""


@dataclass(frozen=True)
class HeadroomEnds:
    """IP before any search and of real samples themselves, in data units."""

    start: float
    floor: float


def headroom_ends(data: Dataset, protocol: Protocol) -> HeadroomEnds:
    """The two ends between which IP is expected to lie.

    ``start``: mean over pairs of different classes of the mean ℓ1 distance from samples of the one to samples of the
    other, which is the IP of factuals that have not moved. ``floor``: mean over classes of the mean ℓ1 distance of
    two different samples of the class. A counterfactual may lie below the floor: deep inside a cluster the mean
    distance to its samples is smaller than that between two of them.
    """
    X, y = protocol.samples(data)
    real = ReferenceSamples.of(X, y, data.k)
    start, floor = [], []
    for a, samples in enumerate(real.samples):
        points = samples[:MAX_SAMPLES]
        for b, others in enumerate(real.samples):
            if not len(points) or not len(others) or (a == b and len(others) < 2):
                continue
            far = float(real.implausibility(points, torch.full((len(points),), b)).mean())
            if a == b:
                floor.append(far * len(others) / (len(others) - 1))  # without its distance to itself
            else:
                start.append(far)
    return HeadroomEnds(mean(start), mean(floor))


def share_of_gain(conventional: float, counterfactual: float, floor: float) -> float:
    """Share of the distance from conventional training's IP down to the floor that was covered; NaN if there is
    none."""
    way = conventional - floor
    return (conventional - counterfactual) / way if way > 0 else math.nan


def mean_ends(ends: Sequence[HeadroomEnds]) -> HeadroomEnds:
    """Over the draws."""
    return HeadroomEnds(mean([one.start for one in ends]), mean([one.floor for one in ends]))
