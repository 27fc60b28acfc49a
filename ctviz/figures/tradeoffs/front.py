"""What one metric costs in another: cells as points, and the front of those that no other cell beats in both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from ctviz.catalogue.metrics import Direction
from ctviz.catalogue.metrics import metric as catalogued
from ctviz.errors import ConfigError
from ctviz.figures.theme import Palette
from ctviz.figures.tradeoffs.cells import LEVEL, axes_of, cells, part_of, plain, settings_of
from ctviz.figures.tradeoffs.colours import tint
from ctviz.figures.tradeoffs.layout import BODY, SMALL, axis, base, font, note, plain_text, subscript
from ctviz.figures.tradeoffs.metrics import (
    Measure,
    better_of,
    interval,
    short,
    shown,
    state_words,
    unit_of,
    what,
)
from ctviz.prose import spelled

HEIGHT = 470
"""Pixels."""

Floats = npt.NDArray[np.floating[Any]]


def pareto(values: npt.ArrayLike, better: Sequence[Direction]) -> npt.NDArray[np.bool_]:
    """Which points no other point beats: none is as good in every column and better in one.

    Args:
        values: n points, q columns; a point with a NaN is on no front and beats none.
        better: of each column, the side on which it is better (q).

    Returns:
        (n); of points that are equal, all or none.

    Raises:
        ConfigError: not as many sides as columns.
    """
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != len(better):
        raise ConfigError("better", list(better), f"one side for each column of values; these have {points.shape}")
    losses = points * np.array([1.0 if side == "less" else -1.0 for side in better])
    known = np.isfinite(losses).all(axis=1)
    front: npt.NDArray[np.bool_] = known.copy()
    for index in np.flatnonzero(known):
        as_good = (losses[known] <= losses[index]).all(axis=1)
        front[index] = not bool((as_good & (losses[known] < losses[index]).any(axis=1)).any())
    return front


@dataclass(frozen=True)
class Points:
    """The cells that have both metrics.

    Attributes:
        parts: of the metrics, such as the ε of an attack.
        frame: one row each: ``cell``, ``state``, the axes, and of both metrics ``shown_x``, ``low_x``, ``high_x``,
            ``error_x`` and the same with ``_y``.
        front: which of them are on the front; what failed in training is on none.
        better: the better side of either metric, as it is shown.
        conventional: where conventional models lie: one point, or several where data or schedules differ.
    """

    x: str
    y: str
    measure: Measure
    parts: tuple[str, str]
    frame: pd.DataFrame
    front: npt.NDArray[np.bool_]
    better: tuple[Direction, Direction]
    conventional: tuple[tuple[float, float], ...]


def points(across: pd.DataFrame, x: str, y: str, measure: Measure = "value", level: float = LEVEL) -> Points:
    """The cells with two metrics, and the front between them.

    Raises:
        ConfigError: an unknown metric, the same twice, or one of which neither side is better.
    """
    sides: list[Direction] = []
    for place, name in (("x", x), ("y", y)):
        side = better_of(name, measure)
        if side is None or (place == "y" and name == x):
            raise ConfigError(place, name, "two different metrics, of each of which one side is better")
        sides.append(side)
    columns = ["shown", "low", "high", "error", "base", "seeds"]
    first, second = cells(across, x, measure, level), cells(across, y, measure, level)
    frame = first.merge(second[["cell", *columns]], on="cell", suffixes=("_x", "_y"))
    frame = frame[np.isfinite(frame["shown_x"]) & np.isfinite(frame["shown_y"])].reset_index(drop=True)
    front = pareto(frame[["shown_x", "shown_y"]].where(frame["state"] != "failed").to_numpy(), sides)
    if measure == "reduction":
        conventional: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    else:
        both = frame[["base_x", "base_y"]].dropna().to_numpy()
        # Equal but for rounding: cells of one stack have one reference, those of another the same one trained again.
        kept: list[tuple[float, float]] = []
        for one in both:
            if not any(np.allclose(one, other, rtol=0.005) for other in kept):
                kept.append((float(one[0]), float(one[1])))
        conventional = tuple(kept)
    return Points(
        x, y, measure, (part_of(across, x), part_of(across, y)), frame, front, (sides[0], sides[1]), conventional
    )


def front(
    across: pd.DataFrame,
    x: str,
    y: str,
    palette: Palette,
    *,
    measure: Measure = "value",
    selected: int | None = None,
    paper: int | None = None,
    names: Mapping[str, str] | None = None,
    level: float = LEVEL,
    kept: Sequence[int] | None = None,
    scale: float = 1.0,
) -> go.Figure:
    """Two metrics against each other: cells on the front joined by steps, beaten ones faded, conventional in grey.

    Bars are one standard error over the seeds to either side; intervals are said when a point is pointed at. A click
    gives the cell's number as ``customdata``.

    Args:
        across: results, one row for each cell and metric.
        x: metric from left to right.
        y: metric from bottom to top.
        palette: colours of the theme.
        measure: values, or % below the conventional model.
        selected: a cell to ring.
        paper: the cell with the paper's settings.
        names: what settings are called instead of by their symbols.
        level: of the intervals.
        kept: cells that a brush has left; others are not drawn, and the front is that of these. None: all.
        scale: of type, above one where people sit far away.

    Raises:
        ConfigError: an unknown metric, the same twice, or one of which neither side is better.
    """
    some = across if kept is None else across[across["cell"].isin(list(kept))]
    found = points(some if len(some) else across.iloc[:0], x, y, measure, level)
    layout = base(palette, HEIGHT * scale, scale)
    layout["hoverdistance"] = 24
    layout["margin"] = {"l": 12, "r": 16, "t": 30 * scale, "b": 56 * scale}
    for key in ("xaxis", "yaxis"):
        layout[key] = _axis(found, key, palette, scale)
    said = settings_of(across, names)
    texts = [_hover(row, said, found, level) for row in _records(found.frame)]
    traces = [
        _cells(found, found.front, texts, palette, scale, strong=True),
        _cells(found, ~found.front, texts, palette, scale, strong=False),
        _steps(found, palette),
        *_rings(found, selected, paper, palette, scale),
        _conventional(found, palette, scale),
    ]
    notes = _labels(found, across, paper, palette, names, scale)
    if not len(found.frame):
        text = "no cell has both numbers yet"
        notes = [note(text, 0.5, 0.5, font(palette, BODY * scale), xref="paper", yref="paper")]
    # Drawn from the back: steps, beaten cells, the front, rings, conventional models.
    order = [traces[2], traces[1], traces[0], *traces[3:]]
    return go.Figure({"data": order, "layout": {**layout, "annotations": notes}})


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _factor(name: str, measure: Measure) -> float:
    return catalogued(name).scale if measure == "value" else 1.0


def _spread(found: Points, side: str) -> tuple[float, float]:
    """The extent of an axis: all points with their errors and the conventional models, and some air."""
    name = found.x if side == "x" else found.y
    factor = _factor(name, found.measure)
    middle = found.frame[f"shown_{side}"].to_numpy(dtype=float)
    error = np.nan_to_num(found.frame[f"error_{side}"].to_numpy(dtype=float))
    others = [point[0 if side == "x" else 1] for point in found.conventional]
    every = factor * np.concatenate([middle - error, middle + error, others])
    if not every.size:
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    air = 0.08 * (high - low) or 0.1 * (abs(high) or 1.0)
    return low - air, high + air


def _title(found: Points, which: int) -> str:
    """What an axis shows, and where it is better."""
    words = catalogued(found.x if which == 0 else found.y, found.parts[which])
    unit = f", {words.unit}" if words.unit and found.measure == "value" else ""
    low = ", % below conventional" if found.measure == "reduction" else ""
    arrow = {"less": "←↓", "more": "→↑"}[found.better[which]][which]
    return f"{plain_text(words.title)}{unit}{low}  {arrow} better"


def _axis(found: Points, key: str, palette: Palette, scale: float) -> dict[str, Any]:
    # The vertical axis has its name above it: upright it would be read with the head on the shoulder.
    text = _title(found, 0) if key == "xaxis" else ""
    title = {"text": text, "font": font(palette, BODY * scale, palette.ink), "standoff": 8}
    return axis(palette, scale, showgrid=True, gridcolor=palette.rule, range=list(_spread(found, key[0])), nticks=6,
                tickformat=".3~g", title=title)  # fmt: skip


def _short(values: Floats) -> list[float | None]:
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]


def _cells(
    found: Points, which: npt.NDArray[np.bool_], texts: list[str], palette: Palette, scale: float, *, strong: bool
) -> dict[str, Any]:
    """Cells as points with the bars of their errors; those that are beaten are small, open and pale."""
    some = found.frame[which]
    fx, fy = _factor(found.x, found.measure), _factor(found.y, found.measure)
    colour = palette.accent if strong else tint(palette.accent, 0.45)
    bar = {"type": "data", "color": tint(palette.accent, 0.6 if strong else 0.2), "thickness": 1, "width": 0}
    symbol = "circle" if strong else "circle-open"
    return {
        "type": "scatter", "mode": "markers", "x": _short(fx * some["shown_x"].to_numpy(dtype=float)),
        "y": _short(fy * some["shown_y"].to_numpy(dtype=float)),
        "error_x": {**bar, "array": _short(fx * some["error_x"].to_numpy(dtype=float))},
        "error_y": {**bar, "array": _short(fy * some["error_y"].to_numpy(dtype=float))},
        "marker": {"size": (11 if strong else 8) * scale, "color": colour, "symbol": symbol,
                   "line": {"color": palette.ground if strong else colour, "width": 1}},
        "customdata": [[int(cell)] for cell in some["cell"]],
        "text": [text for text, one in zip(texts, which, strict=True) if one],
        "hovertemplate": "%{text}<extra></extra>",
        "selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}},
    }  # fmt: skip


def _steps(found: Points, palette: Palette) -> dict[str, Any]:
    """The border of what some cell reaches: what lies behind the steps is beaten by a cell on the front."""
    some = found.frame[found.front].sort_values(["shown_x", "shown_y"])
    fx, fy = _factor(found.x, found.measure), _factor(found.y, found.measure)
    shape = "hv" if found.better[0] == "less" else "vh"
    return {
        "type": "scatter", "mode": "lines", "x": _short(fx * some["shown_x"].to_numpy(dtype=float)),
        "y": _short(fy * some["shown_y"].to_numpy(dtype=float)), "hoverinfo": "skip",
        "line": {"color": palette.accent, "width": 1.5, "shape": shape},
    }  # fmt: skip


def _rings(
    found: Points, selected: int | None, paper: int | None, palette: Palette, scale: float
) -> list[dict[str, Any]]:
    rings = []
    fx, fy = _factor(found.x, found.measure), _factor(found.y, found.measure)
    for cell, size, width, symbol in ((paper, 18, 1.5, "square-open"), (selected, 20, 2.5, "circle-open")):
        row = found.frame[found.frame["cell"] == cell]
        if cell is None or row.empty:
            continue
        mark = {"size": size * scale, "symbol": symbol, "color": palette.ink, "line": {"width": width}}
        rings.append(
            {"type": "scatter", "mode": "markers", "x": _short(fx * row["shown_x"].to_numpy(dtype=float)),
             "y": _short(fy * row["shown_y"].to_numpy(dtype=float)), "marker": mark, "hoverinfo": "skip",
             "unselected": {"marker": {"opacity": 1}}}
        )  # fmt: skip
    return rings


def _conventional(found: Points, palette: Palette, scale: float) -> dict[str, Any]:
    """Conventional models: grey diamonds, so that colour is not all that tells them apart."""
    fx, fy = _factor(found.x, found.measure), _factor(found.y, found.measure)
    text = "zero: as the conventional model" if found.measure == "reduction" else "conventional training"
    return {
        "type": "scatter", "mode": "markers", "x": [float(f"{fx * x:.5g}") for x, _ in found.conventional],
        "y": [float(f"{fy * y:.5g}") for _, y in found.conventional],
        "marker": {"size": 13 * scale, "symbol": "diamond", "color": palette.conventional,
                   "line": {"color": palette.ground, "width": 1}},
        "hovertemplate": f"{text}<extra></extra>", "unselected": {"marker": {"opacity": 1}},
    }  # fmt: skip


def _hover(row: Mapping[str, Any], said: Mapping[int, str], found: Points, level: float) -> str:
    lines = [f"<b>{plain_text(said[int(row['cell'])])}</b>"]
    for side, name, part in (("x", found.x, found.parts[0]), ("y", found.y, found.parts[1])):
        number = shown(name, row[f"shown_{side}"], found.measure) + unit_of(name, found.measure)
        text = f"{plain_text(short(name, found.measure, part))}: {number}"
        between = interval(name, row[f"low_{side}"], row[f"high_{side}"], found.measure)
        lines.append(f"{text} ({100 * level:g} % interval {between})" if between else text)
    if row["state"] == "failed":
        lines.append(plain_text(state_words("failed", str(row["reason"]))))
    return "<br>".join(lines)


def _labels(
    found: Points,
    across: pd.DataFrame,
    paper: int | None,
    palette: Palette,
    names: Mapping[str, str] | None,
    scale: float,
) -> list[dict[str, Any]]:
    """Names beside a few points: the two ends of the front, the paper's settings, the conventional model."""
    fx, fy = _factor(found.x, found.measure), _factor(found.y, found.measure)
    letters = font(palette, BODY * scale, palette.ink)
    notes = [
        note(_title(found, 1), 0, 1, letters, xref="paper", yref="paper", xanchor="left", yanchor="bottom", yshift=6)
    ]
    spots = [(fx * x, fy * y, "conventional", palette.conventional) for x, y in found.conventional[:1]]
    on = found.frame[found.front].sort_values("shown_x")
    ends = _records(on.iloc[[0, -1]] if len(on) > 1 else on)
    if paper not in [int(end["cell"]) for end in ends]:
        rows = _records(found.frame[found.frame["cell"] == paper])
        spots += [(fx * row["shown_x"], fy * row["shown_y"], "paper's settings", palette.ink) for row in rows]
    for row in ends:
        told = "paper: " if int(row["cell"]) == paper else ""
        text = told + _setting(across, int(row["cell"]), names)
        spots.append((fx * row["shown_x"], fy * row["shown_y"], text, palette.accent))
    (left, right), (bottom, top) = _spread(found, "x"), _spread(found, "y")
    for x, y, text, colour, up in _apart(spots, right - left, top - bottom, (bottom + top) / 2):
        side = "left" if x < (left + right) / 2 else "right"
        notes.append(
            note(text, x, y, font(palette, SMALL * scale, colour, bold=True), xanchor=side, align=side,
                 yanchor="bottom" if up else "top", xshift=4 if side == "left" else -4,
                 yshift=(11 if up else -11) * scale, bgcolor=tint(palette.ground, 0.6))
        )  # fmt: skip
    return notes


def _apart(
    spots: Sequence[tuple[float, float, str, str]], width: float, height: float, middle: float
) -> list[tuple[float, float, str, str, bool]]:
    """Those of the names that have room, the first first, each with whether it stands above its point.

    It stands on the side of the middle; where it would collide there with another one, on the other side.
    """
    kept: list[tuple[float, float, str, str, bool]] = []
    for spot in spots:
        x, y = spot[:2]
        near = [(at, up) for at_x, at, _, _, up in kept if abs(x - at_x) <= 0.3 * width and abs(y - at) <= 0.2 * height]
        for up in (y < middle, y >= middle):
            # Two names may be close where one stands above the higher and one below the lower point.
            if all(other != up and (y >= at if up else y <= at) for at, other in near):
                kept.append((*spot, up))
                break
    return kept


def _setting(across: pd.DataFrame, cell: int, names: Mapping[str, str] | None) -> str:
    """A cell's settings on at most three lines."""
    row = across[across["cell"] == cell].iloc[0]
    parts = [f"{subscript(what(axis, names))} {plain_text(spelled(plain(row[axis])))}" for axis in axes_of(across)]
    return "<br>".join([*parts[:2], ", ".join(parts[2:])] if len(parts) > 3 else parts)
