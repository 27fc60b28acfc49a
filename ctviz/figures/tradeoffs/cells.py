"""The cells of a sweep as figures need them: one row for each, what is shown of it, and where it lies on the axes.

All figures read ``across``, the table of a sweep's results with one row for each cell and metric: its axes, one column
each, then ``state``, ``reason``, ``metric``, ``value``, ``base``, ``reduction``, ``low``, ``high``, ``sd``, ``seeds``.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from ctviz.cache import Cache
from ctviz.errors import ConfigError
from ctviz.figures.tradeoffs.metrics import Measure, better_of, what
from ctviz.prose import spelled

COLUMNS = frozenset(
    {
        "cell", "state", "reason", "metric", "part", "value", "base", "difference", "reduction", "low", "high",
        "error", "sd", "seeds", "seed", "run", "arm", "reference", "significant",
    }
)  # fmt: skip
"""Columns of a sweep's tables that are no axes."""

LEVEL = 0.99
"""Of the intervals in ``across``, unless a protocol says otherwise."""

MOST_CATEGORIES = 12
"""Numbers of more different values than this are an axis with a scale, not a row of categories."""

METRIC = "metric."
"""Before a metric's name where axes and metrics stand in one list: both have a ``steps``."""


def axes_of(across: pd.DataFrame) -> tuple[str, ...]:
    """The settings that differ between the cells, in the order of the sweep."""
    return tuple(str(column) for column in across.columns if column not in COLUMNS)


def metrics_of(across: pd.DataFrame) -> tuple[str, ...]:
    """The metrics that are measured in at least one cell, in the order of the table."""
    finite = across[np.isfinite(across["value"].to_numpy(dtype=float, na_value=np.nan))]
    return tuple(str(name) for name in finite["metric"].unique() if name)


def cells(across: pd.DataFrame, metric: str, measure: Measure = "reduction", level: float = LEVEL) -> pd.DataFrame:
    """One row for each cell, by its number: what is shown of one metric, and how sure it is.

    Columns: ``cell``, the axes, ``state``, ``reason``, ``seeds``, ``value``, ``base``, ``shown``, its interval ``low``
    to ``high``, ``error``, its standard error over the seeds, ``sure``, whether a reduction's interval leaves out zero,
    and ``counts``: whether it is measured and its training did not fail. What is not measured is NaN. The frame may be
    kept for all who ask (``keep_cells``), so it is not to be changed.

    A reduction's interval is the table's own; that of a value is Student's, ``value ± t(n − 1) · sd / √n``.

    Raises:
        ConfigError: no such metric in the table.
    """
    kept = _KEPT.get(id(across))
    if kept is None or kept[0]() is not across:
        return _cells(across, metric, measure, level)
    return kept[1].get((metric, measure, level), lambda: _cells(across, metric, measure, level))


_KEPT: dict[int, tuple[weakref.ref[pd.DataFrame], Cache]] = {}
"""By the ``id`` of a table: the table, and its cells as they have been asked for."""


def keep_cells(across: pd.DataFrame) -> None:
    """Has ``cells`` worked out once for a table that does not change any more, as long as it is there: a page asks for
    them a dozen times at each run."""
    place = id(across)
    _KEPT[place] = weakref.ref(across, lambda _: _KEPT.pop(place, None)), Cache(64)


def _cells(across: pd.DataFrame, metric: str, measure: Measure, level: float) -> pd.DataFrame:
    if len(across) and metric not in set(across["metric"]):
        raise ConfigError("metric", metric, f"one of: {', '.join(metrics_of(across)) or 'nothing measured yet'}")
    axes = list(axes_of(across))
    frame = across.drop_duplicates("cell")[["cell", *axes, "state", "reason"]]
    numbers = ["value", "base", "reduction", "low", "high", "sd", "seeds"]
    own = ["significant"] if "significant" in across.columns else []
    measured = across[across["metric"] == metric].drop_duplicates("cell")[["cell", *numbers, *own]]
    frame = frame.merge(measured, on="cell", how="left").sort_values("cell", ignore_index=True)
    for name in numbers:
        frame[name] = frame[name].astype(float)
    wide = _quantile(frame["seeds"].to_numpy(), level)
    if measure == "reduction":
        frame["shown"] = frame["reduction"]
        frame["error"] = (frame["high"] - frame["low"]) / (2 * wide)
    else:
        frame["shown"] = frame["value"]
        frame["error"] = frame["sd"] / np.sqrt(frame["seeds"].clip(lower=1))
        frame.loc[~(frame["seeds"] > 1), "error"] = np.nan
        frame["low"], frame["high"] = frame["shown"] - wide * frame["error"], frame["shown"] + wide * frame["error"]
    # Of a single seed there is no interval over seeds, but its own says whether it leaves out zero.
    sure = frame["significant"].eq(True) if own else (frame["low"] > 0) | (frame["high"] < 0)
    frame["sure"] = sure & (measure == "reduction") & np.isfinite(frame["shown"])
    frame["counts"] = np.isfinite(frame["shown"]) & (frame["state"] != "failed")
    return frame.drop(columns=["reduction", "sd", *own])


def part_of(across: pd.DataFrame, metric: str) -> str:
    """Which part of a metric the results hold: the ε of an attack, the name of a feature; empty for most."""
    if "part" not in across.columns:
        return ""
    return next((str(part) for part in across.loc[across["metric"] == metric, "part"] if part), "")


def _quantile(seeds: npt.NDArray[np.float64], level: float) -> npt.NDArray[np.float64]:
    """Student's quantile for an interval over so many seeds; NaN for fewer than two."""
    freedom = np.where(seeds > 1, seeds - 1, np.nan)
    quantile: npt.NDArray[np.float64] = stdtrit(freedom, (1 + level) / 2)
    return quantile


def ordered(values: Sequence[Any]) -> list[Any]:
    """The different values of an axis in their order: numbers by size, others as they come, none of them first."""
    found: dict[Any, None] = dict.fromkeys(plain(value) for value in values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in found):
        return sorted(found)
    return sorted(found, key=lambda value: value is not None)


def plain(value: Any) -> Any:
    """A value as the axes compare it: what is listed becomes text, missing ones None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return spelled(value)
    return None if isinstance(value, float) and math.isnan(value) else value


@dataclass(frozen=True)
class Dimension:
    """An axis or a metric as a line of places from 0 to 1.

    Attributes:
        name: of the axis, or ``metric.`` and the metric's.
        entries: the value of each cell (n); None where there is none.
        places: of each cell in [0, 1] (n); NaN where there is no value.
        ticks: place and text of each tick.
        categories: the values that have a place of their own; empty for a scale.
    """

    name: str
    entries: tuple[Any, ...]
    places: npt.NDArray[np.float64]  # n
    ticks: tuple[tuple[float, str], ...]
    categories: tuple[Any, ...]

    @property
    def is_metric(self) -> bool:
        return self.name.startswith(METRIC)

    def at(self, low: float, high: float) -> tuple[float, float] | frozenset[Any]:
        """What lies between two places: the categories, or the range of values."""
        if self.categories:
            spots = _evenly(len(self.categories))
            return frozenset(value for value, spot in zip(self.categories, spots, strict=True) if low <= spot <= high)
        known = np.isfinite(self.places)
        numbers = np.array([value for value, ok in zip(self.entries, known, strict=True) if ok], dtype=float)
        inside = numbers[(self.places[known] >= low) & (self.places[known] <= high)]
        return (float(inside.min()), float(inside.max())) if inside.size else (math.inf, -math.inf)


def dimension(across: pd.DataFrame, name: str, measure: Measure = "reduction") -> Dimension:
    """An axis of the sweep, or a metric (``metric.ip``), with each cell's place on it.

    Up to twelve different values, and all that are no numbers, are categories at equal distances: 0.01, 0.1 and 1 are
    as far apart as 0.5, 0.75 and 0.9. More are a scale, logarithmic where the values span two orders of magnitude.

    Raises:
        ConfigError: neither an axis nor a metric of the table.
    """
    if name.startswith(METRIC):
        column = cells(across, name.removeprefix(METRIC), measure)["shown"].to_numpy(dtype=float)
        return _scale(name, [value if math.isfinite(value) else None for value in column.tolist()])
    axes = axes_of(across)
    if name not in axes:
        raise ConfigError("axis", name, f"one of: {', '.join(axes) or 'none, the sweep has no axes'}")
    one = across.drop_duplicates("cell").sort_values("cell")
    values = [plain(value) for value in one[name]]
    categories = ordered(values)
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in categories)
    if numeric and len(categories) > MOST_CATEGORIES:
        return _scale(name, values)
    spots = dict(zip(categories, _evenly(len(categories)), strict=True))
    places = np.array([spots[value] for value in values])
    ticks = tuple((float(spot), spelled(value)) for value, spot in spots.items())
    return Dimension(name, tuple(values), places, ticks, tuple(categories))


def _evenly(count: int) -> list[float]:
    """Places of categories: in the middle of parts of equal size."""
    return [(place + 0.5) / max(count, 1) for place in range(count)]


def _scale(name: str, values: list[Any]) -> Dimension:
    numbers = np.array([math.nan if value is None else float(value) for value in values])
    known = numbers[np.isfinite(numbers)]
    if not known.size:
        return Dimension(name, tuple(values), np.full(len(values), math.nan), (), ())
    low, high = float(known.min()), float(known.max())
    if high == low:
        return Dimension(name, tuple(values), np.where(np.isfinite(numbers), 0.5, math.nan), ((0.5, spelled(low)),), ())
    log = low > 0 and high / low >= 100 and not name.startswith(METRIC)
    scaled = np.log10(numbers) if log else numbers
    first, last = (math.log10(low), math.log10(high)) if log else (low, high)
    places = 0.05 + 0.9 * (scaled - first) / (last - first)
    marks = [10.0**k for k in range(math.ceil(first), math.floor(last) + 1)] if log else _round_marks(low, high)
    at = [(math.log10(mark) if log else mark) for mark in marks]
    ticks = tuple(
        (float(0.05 + 0.9 * (where - first) / (last - first)), spelled(mark))
        for mark, where in zip(marks, at, strict=True)
    )
    return Dimension(name, tuple(values), places, ticks, ())


def _round_marks(low: float, high: float) -> list[float]:
    """Round numbers between two, about five of them."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


Brush = tuple[float, float] | frozenset[Any]
"""What is kept of a dimension: a range with both its ends, or some of its categories."""


def brushed(across: pd.DataFrame, ranges: Mapping[str, Brush], measure: Measure = "reduction") -> tuple[int, ...]:
    """The cells that lie in every one of the ranges.

    Args:
        across: the results.
        ranges: axis, or ``metric.`` and a metric → lowest and highest value that are kept, or the values that are.
        measure: what the ranges of metrics speak of.

    Raises:
        ConfigError: an unknown axis or metric.
    """
    numbers = across.drop_duplicates("cell").sort_values("cell")["cell"].to_numpy()
    keep = np.ones(len(numbers), dtype=bool)
    for name, brush in ranges.items():
        found = dimension(across, name, measure)
        keep &= np.array([_within(value, brush) for value in found.entries], dtype=bool)
    return tuple(int(cell) for cell in numbers[keep])


def _within(value: Any, brush: Brush) -> bool:
    if isinstance(brush, frozenset):
        return value in {plain(kept) for kept in brush}
    return value is not None and not isinstance(value, str) and brush[0] <= value <= brush[1]


def cell_with(across: pd.DataFrame, settings: Mapping[str, Any]) -> int | None:
    """The cell whose axes have these settings, such as the paper's: all of its axes must be named, and be equal."""
    axes = axes_of(across)
    if not axes or not set(axes) <= set(settings):
        return None
    for row in across.drop_duplicates("cell").to_dict("records"):
        if all(_same(row[axis], settings[axis]) for axis in axes):
            return int(row["cell"])
    return None


def _same(first: Any, second: Any) -> bool:
    one, other = plain(first), plain(second)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


def best_cell(across: pd.DataFrame, metric: str, measure: Measure = "reduction") -> int | None:
    """The cell with the best mean of a metric that has a better side; None if it has none, or nothing is measured.

    What failed in training is passed over.
    """
    better = better_of(metric, measure)
    frame = cells(across, metric, measure)
    frame = frame[frame["counts"]]
    if better is None or frame.empty:
        return None
    shown = frame["shown"].to_numpy(dtype=float)
    return int(frame["cell"].to_numpy()[shown.argmax() if better == "more" else shown.argmin()])


def settings_of(across: pd.DataFrame, names: Mapping[str, str] | None = None) -> dict[int, str]:
    """Every cell's settings in words: "λ_div 1, λ_adv 0.25"."""
    one = across.drop_duplicates("cell")
    axes = axes_of(across)
    columns = [[f"{what(axis, names)} {spelled(plain(value))}" for value in one[axis]] for axis in axes]
    said = [", ".join(parts) for parts in zip(*columns, strict=True)] if axes else [""] * len(one)
    return {int(cell): text for cell, text in zip(one["cell"], said, strict=True)}


def setting_of(across: pd.DataFrame, cell: int, names: Mapping[str, str] | None = None) -> str:
    """One cell's settings in words; empty for a cell that is not there."""
    return settings_of(across[across["cell"] == cell], names).get(cell, "")
