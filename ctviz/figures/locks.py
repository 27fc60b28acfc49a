"""What locks do, as charts: numbers with their intervals, and proxies over the settings that have been tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go

from ctviz.figures.advice import Span
from ctviz.figures.curves import FONT, cut, layout, spread
from ctviz.figures.stage.recording import Role
from ctviz.figures.theme import DASHES, Palette

ROW = 42
"""Pixels of one row of a chart of intervals."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "pentagon", "hexagon", "star")
"""Arms of one role share a colour; the mark and the direct label tell them apart."""


@dataclass(frozen=True)
class IntervalRow:
    """One model in a chart of intervals."""

    title: str
    role: Role
    estimate: Span


def intervals(
    rows: Sequence[IntervalRow], palette: Palette, *, percent: bool = False, most: float | None = None
) -> go.Figure:
    """One number of each model as a dot on its interval, from above to below; a row without a number says so.

    Args:
        percent: the numbers are shares, shown in %.
        most: upper end of the axis; without it, what the numbers need.
    """
    scale = 100 if percent else 1
    traces, notes = [], []
    for at, row in enumerate(rows):
        colour, shown = palette.of(row.role), row.estimate
        if not shown.known:
            notes.append(_note("none in this run", 0, at, palette.muted, "left"))
            continue
        value, ends = scale * shown.value, [scale * end for end in (shown.low, shown.high)]
        error: dict[str, Any] = {"color": colour, "thickness": 2, "width": 5, "symmetric": False}
        error |= {
            "array": [_side(ends[1], value)],
            "arrayminus": [_side(value, ends[0])],
            "symmetric": False,
        }
        traces.append(
            {
                "type": "scatter", "x": [_five(value)], "y": [at], "mode": "markers", "name": row.title,
                "marker": {"color": colour, "size": 9, "symbol": SYMBOLS[at % len(SYMBOLS)]},
                "error_x": error,
                "hovertemplate": f"%{{x:.3~g}}{' %' if percent else ''}<extra>{row.title}</extra>",
            }
        )  # fmt: skip
    finite = [scale * end for row in rows for end in (row.estimate.value, row.estimate.high) if math.isfinite(end)]
    high = scale * most if most is not None else 1.08 * max(finite, default=1.0)
    # Names stand above their row inside the chart: beside it they would take half of a narrow one.
    notes += [
        {**_note(cut(row.title, 44), 0, at - 0.18, palette.muted, "left"), "xref": "paper", "yanchor": "bottom"}
        for at, row in enumerate(rows)
    ]
    made = layout(palette, ROW * len(rows) + 34)
    made["margin"] = {"l": 8, "r": 20, "t": 14, "b": 30}
    made["xaxis"] |= {"range": [0, high or 1], "ticksuffix": " %" if percent else "", "nticks": 5}
    made["yaxis"] |= {"range": [len(rows) - 0.6, -0.6], "tickvals": list(range(len(rows))), "showticklabels": False}
    return go.Figure({"data": traces, "layout": {**made, "annotations": notes}})


@dataclass(frozen=True)
class Tried:
    """One setting of the proxies that has been trained: its correlation, and a number of each model."""

    correlation: float
    values: tuple[Span, ...]  # m
    now: bool = False  # whether it is the one on the page
    alike: bool = True  # whether it differs from that one in its correlation only


def over_correlation(
    tried: Sequence[Tried],
    titles: Sequence[tuple[str, Role]],
    palette: Palette,
    extent: tuple[float, float],
    percent: bool,
) -> go.Figure:
    """A number over the correlation of the features, one line for each model.

    Only settings that differ in nothing but their correlation are joined; the others stand by, pale.

    Args:
        tried: settings that have been trained, in any order.
        titles: title and role of each model (m), in the order of ``Tried.values``.
        extent: of the numbers.
        percent: the numbers are shares, shown in %.
    """
    scale = 100 if percent else 1
    ordered = sorted(tried, key=lambda one: one.correlation)
    traces, last = [], []
    counted: dict[Role, int] = {"conventional": 1, "counterfactual": 0}
    for arm, (title, role) in enumerate(titles):
        known = [(one, one.values[arm]) for one in ordered if one.values[arm].known]
        line = {"color": palette.of(role), "dash": DASHES[counted[role] % len(DASHES)], "width": 1.5}
        counted[role] += 2
        for alike in (False, True):
            points = [(one, share) for one, share in known if one.alike == alike]
            if points:
                traces.append(_series(points, title, line if alike else None, palette.of(role), arm, percent))
        if known:
            here = [share for one, share in known if one.now] or [share for _, share in known]
            last.append((scale * here[-1].value, title, role))
    low, high = (scale * end for end in extent)
    made = layout(palette, 230)
    made["margin"] = {"l": 52, "r": 150, "t": 10, "b": 40}
    made["xaxis"] |= {"range": [-1, 1], "title": _title("correlation of the two features", palette), "nticks": 5}
    made["yaxis"] |= {"range": [low, high], "ticksuffix": " %" if percent else "", "nticks": 6}
    air = 0.1 * (high - low)
    places = spread([end for end, _, _ in last], gap=2 * air, extent=(low + air, high - air))
    notes = [
        {**_note(_wrapped(title), 1.0, place, palette.of(role), "left"), "xref": "paper", "xshift": 6, "align": "left"}
        for (_, title, role), place in zip(last, places, strict=True)
    ]
    return go.Figure({"data": traces, "layout": {**made, "annotations": notes}})


def _wrapped(title: str, width: int = 22) -> str:
    """A title in two lines, where it is longer than fits beside a chart."""
    return "<br>".join(cut(line, width + 4) for line in wrap(title, width)[:2])


def _series(
    points: Sequence[tuple[Tried, Span]], title: str, line: dict[str, Any] | None, colour: str, arm: int, percent: bool
) -> dict[str, Any]:
    """The settings of one model as marks with intervals, joined by ``line`` if there is one."""
    scale = 100 if percent else 1
    marker = {"symbol": SYMBOLS[arm % len(SYMBOLS)], "size": [12 if one.now else 7 for one, _ in points]}
    sides = {
        "array": [scale * _side(span.high, span.value) for _, span in points],
        "arrayminus": [scale * _side(span.value, span.low) for _, span in points],
    }
    return {
        "type": "scatter",
        "x": [one.correlation for one, _ in points],
        "y": [_five(scale * span.value) for _, span in points],
        "mode": "lines+markers" if line else "markers",
        "opacity": 1.0 if line else 0.35,
        "name": title,
        "line": line or {},
        "marker": {**marker, "color": colour},
        "error_y": {**sides, "symmetric": False, "color": colour, "thickness": 1.5, "width": 4},
        "hovertemplate": f"%{{y:.3~g}}{' %' if percent else ''}<extra>{title}</extra>",
    }


def _five(value: float) -> float:
    return float(f"{value:.5g}")


def _side(outer: float, inner: float) -> float:
    return _five(outer - inner) if math.isfinite(outer - inner) else 0.0


def _title(text: str, palette: Palette) -> dict[str, Any]:
    return {"text": text, "font": {"size": 13, "family": FONT, "color": palette.muted}, "standoff": 8}


def _note(text: str, x: float, y: float, colour: str, anchor: str) -> dict[str, Any]:
    font = {"size": 12, "family": FONT, "color": colour}
    return {"text": text, "x": x, "y": y, "showarrow": False, "xanchor": anchor, "font": font}
