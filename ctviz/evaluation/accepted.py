"""How near plans end to real people who were accepted, and how near these are to each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctviz.data.schema import Schema
from ctviz.errors import DataError

Floats = npt.NDArray[np.float64]

SAMPLED = 500
"""Accepted people whose distance to the nearest other one is measured."""

AT_ONCE = 64
"""Points whose distances to all people are held in memory at once."""


class AcceptedPeople:
    """Real people (n d) to whom the decision was favourable.

    The distance of two people is Σ |x − x'| over the columns of numbers, plus 1 for each category in which they differ
    (as ``Near`` of the exact search).
    """

    def __init__(self, schema: Schema, people: npt.ArrayLike) -> None:
        widths = [feature.kind == "category" for feature in schema.features for _ in range(feature.width)]
        self._weights = np.where(widths, 0.5, 1.0)  # another level changes two columns
        self._people = np.asarray(people, dtype=np.float64).reshape(-1, schema.d) * self._weights
        if not len(self._people):
            raise DataError("Nobody in the training data belongs to the favourable class.")
        self.own = self._own()

    def __len__(self) -> int:
        return len(self._people)

    def _own(self) -> Floats:
        """Distances of some of them, spread evenly, to the nearest other one; empty if there is one alone."""
        rows = np.unique(np.linspace(0, len(self) - 1, SAMPLED).astype(np.int64))
        if len(self) == 1:
            return np.zeros(0)
        found = []
        for part in np.split(rows, range(AT_ONCE, len(rows), AT_ONCE)):
            distances = self._to_all(self._people[part])
            distances[np.arange(len(part)), part] = np.inf
            found.append(distances.min(axis=1))
        return np.concatenate(found)

    def _to_all(self, weighted: Floats) -> Floats:
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(weighted, self._people, "cityblock"))

    def nearest(self, points: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Of points (b d), the distance to the nearest of them, and which one that is, (b) and (b)."""
        X = np.asarray(points, dtype=np.float64) * self._weights
        parts = [self._to_all(X[start : start + AT_ONCE]) for start in range(0, len(X), AT_ONCE)]
        rows = [part.argmin(axis=1) for part in parts]
        found = [part[np.arange(len(part)), row] for part, row in zip(parts, rows, strict=True)]
        return np.concatenate([np.zeros(0), *found]), np.concatenate([np.zeros(0, dtype=np.int64), *rows])

    def closer_than(self, distances: npt.ArrayLike) -> Floats:
        """The share of them that are farther from the nearest other one than ``distances`` (b), (b); NaN if there is
        one alone."""
        farther = self.own > np.asarray(distances, dtype=np.float64)[..., None]
        return np.asarray(farther.mean(axis=-1)) if len(self.own) else np.full(np.shape(distances), np.nan)
