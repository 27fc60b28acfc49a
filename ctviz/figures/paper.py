"""Our results beside the published ones: dots with intervals; accuracy under attack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from ctviz.figures.curves import FONT, cut, layout, spread
from ctviz.figures.paper_words import ARMS, TOLD, agreement, interval, published
from ctviz.figures.theme import Palette
from ctviz.studies.reproduce.published import MetricName
from ctviz.studies.reproduce.result import ComparedReduction, Curve, ReliabilityCurve, Table1Row

ROW, LARGE = 58, 1.6
"""Pixels of a data set in a panel; how much larger on a large screen."""

TALLEST = 760
"""Most pixels of a panel on a large screen, so that one of 1,080 shows it whole below a headline of four lines; a lower
window makes it lower (style.css)."""

WIDEST = (-100.0, 100.0)
"""Extent of a panel in %: no reduction is greater, and what lies below is off any useful scale."""

NORMAL = 2.576
"""Standard errors on each side of an interval of 99 %."""

DASHES = {"vanilla": "dash", "full": "solid", "adversarial": "dot", "energy": "dashdot"}


def panel(rows: Sequence[Table1Row], metric: MetricName, palette: Palette, *, large: bool = False) -> go.Figure:
    """One metric on all data sets: ours as a dot on its interval, the published number as a diamond below it.

    The published interval is ± 2.58 standard errors. What reaches beyond the panel ends at its edge with an arrow.
    """
    extent = _extent([row.outcome(metric) for row in rows])
    traces, notes = [], []
    for at, row in enumerate(rows):
        outcome = row.outcome(metric)
        ours, theirs = _ours(outcome, at - 0.1, extent, palette), _theirs(outcome, at + 0.2, extent, palette)
        traces += [*ours, *theirs]
        notes.append(row_title(f"<b>{row.title}</b>  {agreement(outcome)}", at, palette))
        if at == 0:
            notes += _labels(outcome, extent, palette)
    zero = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1}
    if large:
        for note in notes:
            note["font"] = {**note["font"], "size": LARGE * note["font"]["size"]}
    tall = int((LARGE if large else 1) * ROW * len(rows)) + 40
    made = layout(palette, min(tall, TALLEST) if large else tall)
    made["margin"] = {"l": 8, "r": 16, "t": 4, "b": 40 if large else 30}
    made["xaxis"] |= {"range": list(extent), "ticksuffix": " %", "nticks": 6}
    if large:
        made["xaxis"]["tickfont"] = {**made["xaxis"]["tickfont"], "size": LARGE * 12}
    made["yaxis"] |= {"range": [len(rows) - 0.5, -0.75], "showgrid": False, "showticklabels": False}
    made["shapes"] = [{**zero, "line": {"color": palette.muted, "width": 1, "dash": "dot"}}]
    return go.Figure({"data": traces, "layout": {**made, "annotations": notes}})


def _extent(outcomes: Sequence[ComparedReduction]) -> tuple[float, float]:
    """What the dots and our intervals need, with a little air, within ``WIDEST``."""
    seen = [0.0, *(o.published for o in outcomes if o.published is not None)]
    seen += [end for o in outcomes for end in (o.reduction, o.low, o.high) if end is not None]
    low, high = max(min(seen), WIDEST[0]), min(max(seen), WIDEST[1])
    air = 0.06 * (high - low) or 1.0
    return low - air, high + air


def _ours(outcome: ComparedReduction, y: float, extent: tuple[float, float], palette: Palette) -> list[dict[str, Any]]:
    if outcome.reduction is None:
        return []
    ends = [outcome.reduction if end is None else end for end in (outcome.low, outcome.high)]
    words = f"here: {interval(outcome)} %"
    return mark(outcome.reduction, ends, y, extent, palette.accent, "circle", 3.0, words)


def _theirs(
    outcome: ComparedReduction, y: float, extent: tuple[float, float], palette: Palette
) -> list[dict[str, Any]]:
    if outcome.published is None:
        return []
    ends = [*_published_ends(outcome)]
    words = f"published: {published(outcome)} %"
    return mark(outcome.published, ends, y, extent, palette.muted, "diamond-open", 1.0, words)


def _published_ends(outcome: ComparedReduction) -> tuple[float, float]:
    """The ends of the published interval, where there is one."""
    middle, reach = outcome.published or 0.0, NORMAL * (outcome.published_error or 0.0)
    return middle - reach, middle + reach


def mark(
    value: float,
    ends: Sequence[float],
    y: float,
    extent: tuple[float, float],
    colour: str,
    symbol: str,
    width: float,
    words: str,
) -> list[dict[str, Any]]:
    """An interval as a line, with arrows where it is cut, and the number as a mark on it."""
    low, high = (min(max(end, extent[0]), extent[1]) for end in ends)
    arrows = ["triangle-left" if ends[0] < low else "line-ns", "triangle-right" if ends[1] > high else "line-ns"]
    line = {
        "type": "scatter", "x": [low, high], "y": [y, y], "mode": "lines+markers", "hoverinfo": "skip",
        "line": {"color": colour, "width": width},
        "cliponaxis": False,
        "marker": {
            "color": colour, "size": 8, "opacity": 1,
            "symbol": arrows,
        },
    }  # fmt: skip
    dot = {
        "type": "scatter", "x": [min(max(value, extent[0]), extent[1])], "y": [y], "mode": "markers",
        "marker": {"color": colour, "size": 11, "symbol": symbol, "line": {"color": colour, "width": 2}},
        "hovertemplate": f"{words}<extra></extra>",
    }  # fmt: skip
    return [line, dot]


def _labels(outcome: ComparedReduction, extent: tuple[float, float], palette: Palette) -> list[dict[str, Any]]:
    """The two marks of the first row are named, once."""
    ours = (outcome.reduction, outcome.low, outcome.high)
    theirs = (outcome.published, *_published_ends(outcome))
    notes = []
    for text, (value, low, high), y, colour in (
        ("here", ours, -0.1, palette.accent),
        ("published", theirs, 0.2, palette.muted),
    ):
        if value is None:
            continue
        left, right = (value if end is None else end for end in (low, high))
        fits = right < extent[0] + 0.8 * (extent[1] - extent[0])
        notes.append(
            {
                "text": text, "x": right if fits else max(left, extent[0]), "y": y, "showarrow": False,
                "xanchor": "left" if fits else "right", "xshift": 10 if fits else -10,
                "font": {"size": 12, "family": FONT, "color": colour},
            }
        )  # fmt: skip
    return notes


def attack_curves(curves: Sequence[Curve], palette: Palette) -> go.Figure:
    """Accuracy over the strength of an attack, one line for each variant, with the span over the draws."""
    traces: list[dict[str, Any]] = []
    ends: list[tuple[float, Curve]] = []
    for curve in curves:
        colour = _colour(curve.arm, palette)
        x, y = list(curve.epsilon), [_percent(value) for value in curve.accuracy]
        low, high = ([_percent(value) for value in side] for side in (curve.least, curve.greatest))
        if curve.arm in ("vanilla", "full") and None not in (*low, *high):
            band = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": {"width": 0}}
            traces.append(
                {**band, "x": x + x[::-1], "y": high + low[::-1], "fill": "toself", "fillcolor": f"{colour}22"}
            )
        traces.append(
            {
                "type": "scatter", "x": x, "y": y, "mode": "lines", "name": ARMS[curve.arm],
                "line": {"color": colour, "width": 2, "dash": DASHES[curve.arm]}, "hovertemplate": "%{y:.1f} %",
            }
        )  # fmt: skip
        if y and y[-1] is not None:
            ends.append((y[-1], curve))
    shown = [value for trace in traces for value in trace["y"] if value is not None]
    low_end, high_end = (min(shown), max(shown)) if shown else (0.0, 100.0)
    air = max(0.08 * (high_end - low_end), 1.0)
    extent = (max(low_end - air, -0.4), min(high_end + air, 100.4))
    places = spread([end for end, _ in ends], 0.13 * (extent[1] - extent[0]), extent)
    notes = [_named_at_the_end(curve.arm, place, palette) for (_, curve), place in zip(ends, places, strict=True)]
    made = layout(palette, 220)
    made["margin"] = {"l": 52, "r": 108, "t": 8, "b": 42}
    title = {"text": "strength of the attack ε", "font": {"size": 12, "family": FONT, "color": palette.muted}}
    made["xaxis"] |= {"title": {**title, "standoff": 6}, "nticks": 5, "showgrid": False}
    made["yaxis"] |= {"range": list(extent), "ticksuffix": " %", "nticks": 5}
    return go.Figure({"data": traces, "layout": {**made, "hovermode": "x unified", "annotations": notes}})


def reliability_curves(curves: Sequence[ReliabilityCurve], palette: Palette) -> go.Figure:
    """How often models are right where they are so sure, a line for each; a dot is as large as its bin is full.

    On the dotted diagonal a model is right as often as it says. Bins with hardly any samples are left out.
    """
    seen = [value for curve in curves for pair in _told(curve) for value in pair[1:]]
    low = 10.0 * int(min([90.0, *seen]) // 10)
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter", "x": [low, 100], "y": [low, 100], "mode": "lines", "hoverinfo": "skip",
            "line": {"color": palette.muted, "width": 1, "dash": "dot"},
        }
    ]  # fmt: skip
    ends: list[tuple[float, ReliabilityCurve]] = []
    for curve in curves:
        colour, told = _colour(curve.arm, palette), _told(curve)
        sizes = [5 + 9 * count**0.5 for count, _, _ in told]
        if told:
            ends.append((told[-1][2], curve))
        traces.append(
            {
                "type": "scatter", "x": [sure for _, sure, _ in told], "y": [right for _, _, right in told],
                "mode": "lines+markers", "name": ARMS[curve.arm], "cliponaxis": False,
                "line": {"color": colour, "width": 2, "dash": DASHES[curve.arm]},
                "marker": {
                    "color": colour, "size": sizes, "line": {"color": palette.ground, "width": 1}, "opacity": 1,
                    "symbol": "circle" if curve.arm == "full" else "diamond",
                },
                "customdata": [100 * count for count, _, _ in told],
                "hovertemplate": "%{x:.1f} % sure, right %{y:.1f} %, %{customdata:.1f} % of the samples",
            }
        )  # fmt: skip
    extent = (low - 0.08 * (100 - low), 100 + 0.08 * (100 - low))
    places = spread([end for end, _ in ends], 0.13 * (extent[1] - extent[0]), extent)
    notes = [_named_at_the_end(curve.arm, place, palette) for (_, curve), place in zip(ends, places, strict=True)]
    made = layout(palette, 240)
    made["margin"] = {"l": 56, "r": 108, "t": 8, "b": 44}
    title = {"font": {"size": 12, "family": FONT, "color": palette.muted}, "standoff": 6}
    made["xaxis"] |= {
        "title": {**title, "text": "how sure"}, "range": list(extent), "ticksuffix": " %", "nticks": 6,
        "showgrid": False,
    }  # fmt: skip
    made["yaxis"] |= {
        "title": {**title, "text": "how often right"}, "range": list(extent), "ticksuffix": " %", "nticks": 6
    }  # fmt: skip
    return go.Figure({"data": traces, "layout": {**made, "hovermode": "closest", "annotations": notes}})


def _told(curve: ReliabilityCurve) -> list[tuple[float, float, float]]:
    """Share of the samples, mean confidence and share of right answers in %, of each bin that is drawn."""
    every = sum(curve.count) or 1
    bins = zip(curve.count, curve.confidence, curve.accuracy, strict=True)
    return [(count / every, 100 * sure, 100 * right) for count, sure, right in bins if count / every >= TOLD]


def _named_at_the_end(arm: str, place: float, palette: Palette) -> dict[str, Any]:
    """The name of a line, right of the picture."""
    return {
        "x": 1.0, "xref": "paper", "y": place, "text": cut(SHORT[arm]), "showarrow": False, "xanchor": "left",
        "xshift": 6, "font": {"color": _colour(arm, palette), "size": 12, "family": FONT},
    }  # fmt: skip


SHORT = {"vanilla": "Conventional", "full": "Counterfactual", "adversarial": "Adversarial", "energy": "Energy"}
"""The variants at the end of a line."""


def _colour(arm: str, palette: Palette) -> str:
    return palette.conventional if arm == "vanilla" else palette.accent


def _percent(value: float | None) -> float | None:
    return None if value is None else float(f"{100 * value:.5g}")


def row_title(text: str, at: int, palette: Palette) -> dict[str, Any]:
    """The title of a row of a panel, above its marks."""
    font = {"size": 13, "family": FONT, "color": palette.ink}
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": at - 0.42, "yanchor": "middle"}
    return {**place, "text": text, "showarrow": False, "font": font, "align": "left", "bgcolor": palette.ground}
