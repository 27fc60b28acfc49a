"""Losses and metrics over the epochs, one small chart each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from ctviz.catalogue.metrics import Metric
from ctviz.figures.theme import ArmStyle, Palette

FONT = '"Source Sans", sans-serif'
"""The app's own; a name that is no CSS identifier would have the whole style ignored."""

EMPTY = go.layout.Template()
"""Nothing of plotly's own look, which would travel with every chart."""

HEIGHT = 190
"""Pixels; every chart of a row has the same, so that nothing jumps when one is redrawn."""

MARGINS = {"l": 44, "r": 96, "t": 8, "b": 30}
"""Pixels around the plot; the page's style sheet knows them, for the line at an epoch (``.ctviz-epoch``)."""


def curve(
    metric: Metric,
    epochs: npt.NDArray[np.int64],  # e
    values: npt.NDArray[np.float64],  # e m
    styles: Sequence[ArmStyle],
    palette: Palette,
    last: int,
) -> go.Figure:
    """One metric of every arm over the epochs 0 to ``last``; the page draws a line at an epoch over it.

    Lines carry their arm's name at their end instead of a legend; where two ends would collide, the labels are
    moved apart. Gaps (NaN) stay gaps.
    """
    shown, unit = metric.scale * values, metric.suffix
    traces = [
        {
            "type": "scatter",
            "x": epochs.tolist(),
            "y": _gaps(shown[:, index]),
            "mode": "lines" if len(epochs) > 1 else "markers",
            "name": style.title,
            "line": {"color": palette.of(style.role), "dash": style.dash, "width": 2},
            "hovertemplate": "%{y:.3~g}" + unit,
        }
        for index, style in enumerate(styles)
    ]
    extent = _range(shown, metric)
    if np.isfinite(shown).any():
        notes = _label_ends(shown, styles, palette, extent)
    else:
        notes = [_apart("does not apply in this run", palette)]
    # One call with everything in it: adding part by part costs ten times as much.
    return go.Figure({"data": traces, "layout": {**_layout(palette, last, extent, unit), "annotations": notes}})


@dataclass(frozen=True)
class CurveLine:
    """One model of one of several runs: how it is drawn, and its values at the epochs that its run has kept."""

    style: ArmStyle
    epochs: npt.NDArray[np.int64]  # e
    values: npt.NDArray[np.float64]  # e


TALL = 320
"""Pixels of a chart that stands alone."""

ROOM = 18
"""Characters of a label beside it."""


def overlay(metric: Metric, lines: Sequence[CurveLine], palette: Palette) -> go.Figure:
    """One metric of models of several runs over the epochs, each run with epochs of its own.

    Colour is the role of a model, dash and label are its run; epochs without a value are passed over.
    """
    scale, unit = metric.scale, metric.suffix
    traces, ends = [], []
    for line in lines:
        known = np.isfinite(line.values)
        epochs, shown = line.epochs[known], scale * line.values[known]
        traces.append(
            {
                "type": "scatter",
                "x": epochs.tolist(),
                "y": _gaps(shown),
                "mode": "lines" if len(epochs) > 1 else "markers",
                "name": line.style.title,
                "line": {"color": palette.of(line.style.role), "dash": line.style.dash, "width": 2},
                "hovertemplate": "%{y:.3~g}" + unit,
            }
        )
        ends.append(shown[-1] if len(shown) else np.nan)
    every = np.concatenate([scale * line.values for line in lines]) if lines else np.zeros(0)
    extent = _range(every, metric)
    last = max((int(line.epochs[-1]) for line in lines if len(line.epochs)), default=1)
    if np.isfinite(every).any():
        styles = [line.style for line in lines]
        notes = _label_ends(np.array([ends]), styles, palette, extent, gap=0.075, limit=ROOM)
    else:
        notes = [_apart("does not apply in these runs", palette)]
    layout = _layout(palette, last, extent, unit)
    layout |= {"height": TALL, "margin": {"l": 48, "r": 128, "t": 8, "b": 44}, "annotations": notes}
    layout["xaxis"]["title"] = {"text": "epoch", "font": layout["xaxis"]["tickfont"], "standoff": 6}
    return go.Figure({"data": traces, "layout": layout})


def _apart(text: str, palette: Palette) -> dict[str, Any]:
    """A sentence in the middle of a chart that has nothing to show."""
    font = {"color": palette.muted, "size": 13, "family": FONT}
    return {"text": text, "font": font, "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}


def _gaps(column: npt.NDArray[np.float64]) -> list[float | None]:
    return [float(f"{v:.5g}") if np.isfinite(v) else None for v in column]


def _range(shown: npt.NDArray[np.float64], metric: Metric) -> tuple[float, float]:
    """The extent of the finite values with a little air; a share keeps within 0 to 100 %."""
    finite = shown[np.isfinite(shown)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if metric.compared:
        low = min(low, 0.0) if low < 0.5 * high else low
    air = 0.08 * (high - low) or max(abs(high), 1.0) * 0.1
    return (max(low - air, -2.0), min(high + air, 104.0)) if metric.share else (low - air, high + air)


def _label_ends(
    shown: npt.NDArray[np.float64],
    styles: Sequence[ArmStyle],
    palette: Palette,
    extent: tuple[float, float],
    gap: float = 0.13,
    limit: int = 14,
) -> list[dict[str, Any]]:
    """The name of each arm at the last of its finite values; ``gap`` between two as a share of the extent."""
    ends = []
    for index in range(len(styles)):
        finite = np.flatnonzero(np.isfinite(shown[:, index]))
        if finite.size:
            ends.append((float(shown[finite[-1], index]), styles[index]))
    places = spread([end for end, _ in ends], gap=gap * (extent[1] - extent[0]), extent=extent)
    return [
        {
            "x": 1.0, "xref": "paper", "y": place, "text": cut(style.short, limit), "showarrow": False,
            "xanchor": "left", "xshift": 6, "font": {"color": palette.of(style.role), "size": 12, "family": FONT},
        }
        for (_, style), place in zip(ends, places, strict=True)
    ]  # fmt: skip


def spread(ends: Sequence[float], gap: float, extent: tuple[float, float]) -> list[float]:
    """Places for labels at ``ends``, at least ``gap`` apart where the extent allows, in the order of the ends."""
    order = sorted(range(len(ends)), key=lambda i: ends[i])
    gap = min(gap, (extent[1] - extent[0]) / max(len(ends) - 1, 1))
    places = [0.0] * len(ends)
    floor = extent[0]
    for index in order:
        places[index] = max(ends[index], floor)
        floor = places[index] + gap
    ceiling = extent[1]
    for index in reversed(order):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    return places


def cut(text: str, limit: int = 14) -> str:
    """A name that fits beside a small chart."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def layout(palette: Palette, height: int) -> dict[str, Any]:
    """What small charts share: clear, quiet axes that cannot be dragged, no legend; each adds what is its own."""
    font = {"size": 12, "family": FONT, "color": palette.muted}
    axis = {"color": palette.muted, "gridcolor": palette.rule, "zeroline": False, "fixedrange": True, "tickfont": font}
    return {
        "template": EMPTY,
        "height": height,
        "showlegend": False,
        "dragmode": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": palette.ground, "font": {"color": palette.ink, "family": FONT}},
        "xaxis": {**axis, "ticks": "outside", "ticklen": 5, "tickcolor": palette.rule},
        "yaxis": dict(axis),
    }


def _layout(palette: Palette, last: int, extent: tuple[float, float], unit: str) -> dict[str, Any]:
    made = layout(palette, HEIGHT) | {"hovermode": "x unified", "margin": MARGINS}
    made["xaxis"] |= {"range": [0, max(last, 1)], "nticks": 5, "showgrid": False, "tickformat": "d"}
    made["yaxis"] |= {"range": list(extent), "nticks": 4, "ticksuffix": unit, "tickformat": ".3~g"}
    return made
