"""Groups of people by what the law protects: levels of a category, bands of a number, none with too few people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ctviz.data.schema import Feature
from ctviz.data.tables.table import Table

SMALLEST = 30
"""Fewest people of a group: means and medians of fewer say little."""

BANDS = 6
"""Most bands of a number before small ones are merged."""

LEFT_OUT = -1
"""Stands for nobody's group."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Grouping:
    """The groups that one feature makes of n people.

    Attributes:
        feature: its name.
        names: of the groups: levels or bands as people read them; several levels in one are joined by commas.
        of: the group of each person, (n); −1 for who is in none.
        merged: levels that were too few for a group of their own, and are together in the last one.
        left_out: levels whose people are in no group, since even together they were too few.
    """

    feature: str
    names: tuple[str, ...]
    of: Ints
    merged: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def members(self, group: int) -> Bools:
        """Who belongs to a group, (n)."""
        return np.asarray(self.of == group)


def groupings(table: Table, X: npt.ArrayLike, counted: npt.ArrayLike) -> tuple[Grouping, ...]:
    """The groups of people (n d) by each protected feature of a table, in its order.

    A group has at least ``SMALLEST`` of those who are ``counted`` (n). Neighbouring bands and neighbouring ordered
    levels are merged until that holds; levels of a category with fewer make one group together, or are left out. A
    feature that makes no two groups is left out.
    """
    people = np.asarray(X, dtype=np.float32).reshape(-1, table.d)
    who = np.asarray(counted, dtype=bool)
    found = []
    for feature, span in zip(table.schema.features, table.schema.spans, strict=True):
        if feature.name in table.protected:
            columns = people[:, span]
            if feature.kind == "category":
                made = _of_levels(feature, columns.argmax(axis=1), who)
            else:
                shown = feature.display.to_shown(columns[:, 0].astype(np.float64))
                made = _of_bands(feature, np.asarray(shown, dtype=np.float64), who)
            found.append(made)
    return tuple(one for one in found if len(one.names) > 1)


def _of_levels(feature: Feature, levels: Ints, counted: Bools) -> Grouping:
    """A category: a group of each level with enough people, and one of all others."""
    sizes = np.bincount(levels[counted], minlength=feature.width)
    present = np.bincount(levels, minlength=feature.width) > 0
    own = [i for i in range(feature.width) if sizes[i] >= SMALLEST]
    few = [i for i in range(feature.width) if present[i] and sizes[i] < SMALLEST]
    names, of = [feature.levels[i] for i in own], np.full(len(levels), LEFT_OUT, dtype=np.int64)
    for group, level in enumerate(own):
        of[levels == level] = group
    called = tuple(feature.levels[i] for i in few)
    if sum(int(sizes[i]) for i in few) < SMALLEST:
        return Grouping(feature.name, tuple(names), of, left_out=called)
    of[np.isin(levels, few)] = len(own)
    return Grouping(feature.name, (*names, "all others"), of, merged=called)


def _of_bands(feature: Feature, shown: npt.NDArray[np.float64], counted: Bools) -> Grouping:
    """A number in round bands, or ordered levels; ones with too few people are merged with the smaller neighbour."""
    rounded = np.array([round(value / feature.display.step) * feature.display.step for value in shown])
    if feature.kind == "ordered":
        starts = [float(i) for i in range(len(feature.levels))]
    else:
        starts = round_starts(rounded[counted]) if counted.any() else []
    if not starts:
        return Grouping(feature.name, (), np.full(len(shown), LEFT_OUT, dtype=np.int64))
    starts = _merged(starts, rounded[counted])
    of = np.searchsorted(starts[1:], rounded + 1e-9 * max(1.0, abs(starts[-1])), side="right").astype(np.int64)
    return Grouping(feature.name, tuple(_band_name(feature, starts, i) for i in range(len(starts))), of)


def round_starts(values: npt.NDArray[np.float64]) -> list[float]:
    """Where bands of numbers (n) begin: multiples of 1, 2 or 5 times a power of ten, so that the middle nine tenths of
    the numbers lie in at most ``BANDS``; the first band has no lower end."""
    low, high = np.quantile(values, [0.05, 0.95])
    if not high > low:
        return [-math.inf]
    width = 10.0 ** math.floor(math.log10((high - low) / BANDS))
    widths = [factor * width for factor in (1, 2, 5, 10, 20, 50)]
    width = next(w for w in widths if math.floor(high / w) - math.floor(low / w) < BANDS)
    first, last = math.floor(low / width), math.floor(high / width)
    return [-math.inf, *(width * i for i in range(first + 1, last + 1))]


def _merged(starts: Sequence[float], values: npt.NDArray[np.float64]) -> list[float]:
    kept = list(starts)
    while len(kept) > 1:
        at = np.searchsorted(kept[1:], values + 1e-9 * max(1.0, abs(kept[-1])), side="right")
        sizes = np.bincount(at, minlength=len(kept))
        smallest = int(sizes.argmin())
        if sizes[smallest] >= SMALLEST:
            break
        neighbours = [i for i in (smallest - 1, smallest + 1) if 0 <= i < len(kept)]
        other = min(neighbours, key=lambda i: int(sizes[i]))
        del kept[max(smallest, other)]
    return kept


def _band_name(feature: Feature, starts: Sequence[float], i: int) -> str:
    """``up to 29 years``, ``30 to 39 years``, ``60 years or more``; ordered levels by their names."""
    low = starts[i] if i or feature.kind == "ordered" else -math.inf
    high = starts[i + 1] - feature.display.step if i + 1 < len(starts) else math.inf
    if feature.kind == "ordered":
        last = len(feature.levels) - 1 if math.isinf(high) else round(starts[i + 1]) - 1
        ends = feature.levels[max(round(low), 0)], feature.levels[last]
        return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
    display = feature.display
    if math.isinf(low) and math.isinf(high):
        return "all"
    if math.isinf(low):
        return f"up to {display.amount(high)}"
    if math.isinf(high):
        return f"{display.amount(low)} or more"
    return f"{display.written(low)} to {display.amount(high)}"
