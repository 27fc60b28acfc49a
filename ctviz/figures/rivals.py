"""Methods side by side: for each data set, dots with intervals, how much better than conventional training."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from ctviz.figures.curves import layout
from ctviz.figures.paper import WIDEST, mark, row_title
from ctviz.figures.rivals_words import STANDS, gain
from ctviz.figures.theme import Palette
from ctviz.studies.rivals.methods import CONVENTIONAL, COUNTERFACTUAL
from ctviz.studies.rivals.result import Measure, VerdictResult, VerdictRow

ROW = 42
"""Pixels of a method."""


def stands(result: VerdictResult, row: VerdictRow, method: str, measure: Measure, search: str) -> str:
    """How a method stands to counterfactual training; empty of that itself, and where nothing can be said."""
    found = result.compared(row, COUNTERFACTUAL, method, measure, search)
    return STANDS[found.sign] if found.n > 1 and method != COUNTERFACTUAL else ""


def dots(result: VerdictResult, row: VerdictRow, measure: Measure, search: str, palette: Palette) -> go.Figure:
    """One data set: a row for each method, with how much better it is than conventional training, the dotted line.

    Counterfactual training is green and round, all else grey diamonds; beside each name stands how the method compares
    with counterfactual training. What reaches beyond the panel ends at its edge with an arrow.
    """
    methods = [one for one in result.methods if one.name != CONVENTIONAL and row.of(one.name)]
    found = {one.name: result.compared(row, one.name, CONVENTIONAL, measure, search) for one in methods}
    sign = -1 if measure.unit == "times" else 1  # more time to the right
    extent = _extent([sign * end for one in found.values() for end in (one.value, one.low, one.high) if end == end])
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for at, one in enumerate(methods):
        mean, beside = found[one.name], stands(result, row, one.name, measure, search)
        notes.append(row_title(f"<b>{one.short}</b>{f'  {beside}' if beside else ''}", at, palette))
        if not mean.n:
            continue
        ends = sorted(sign * (mean.value if end != end else end) for end in (mean.low, mean.high))
        colour, symbol = (palette.accent, "circle") if one.ours else (palette.conventional, "diamond")
        symbol += "-open" if one.ours and one.name != COUNTERFACTUAL else ""
        words = f"{one.title}: {gain(mean, measure)}"
        traces += mark(sign * mean.value, ends, at + 0.05, extent, colour, symbol, 2.5, words)
    made = layout(palette, ROW * len(methods) + 40)
    made["margin"] = {"l": 8, "r": 16, "t": 4, "b": 30}
    ticks: dict[str, Any] = {"ticksuffix": " %", "nticks": 6}
    if measure.unit == "times":
        whole = range(-6, 8)
        ticks = {"tickvals": list(whole), "ticktext": [f"{2.0**n:g} ×" for n in whole]}
    elif measure.unit == "points":
        ticks = {"nticks": 6}
    made["xaxis"] |= {"range": list(extent), **ticks}
    made["yaxis"] |= {"range": [len(methods) - 0.55, -0.75], "showgrid": False, "showticklabels": False}
    zero = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1}
    made["shapes"] = [{**zero, "line": {"color": palette.muted, "width": 1, "dash": "dot"}}]
    return go.Figure({"data": traces, "layout": {**made, "annotations": notes}})


def _extent(seen: list[float]) -> tuple[float, float]:
    """What dots and intervals need, with a little air, within the widest that is of use."""
    low, high = max(min([0.0, *seen]), WIDEST[0]), min(max([0.0, *seen]), WIDEST[1])
    air = 0.06 * (high - low) or 1.0
    return low - air, high + air


def dots_words(result: VerdictResult, row: VerdictRow, measure: Measure, search: str) -> str:
    """The picture as a text."""
    told = []
    for one in result.methods:
        if one.name == CONVENTIONAL or not row.of(one.name):
            continue
        beside = stands(result, row, one.name, measure, search)
        found = result.compared(row, one.name, CONVENTIONAL, measure, search)
        told.append(f"{one.title} {gain(found, measure)}{f', {beside}' if beside else ''}")
    return f"{row.title}: {'; '.join(told)}."
