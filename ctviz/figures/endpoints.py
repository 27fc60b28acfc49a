"""Where searches end, along one feature, against real samples of the class they aim at: density curves with a rug."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from ctviz.figures.curves import EMPTY, FONT
from ctviz.figures.theme import CLASS_COLOURS, ArmStyle, Palette
from ctviz.prose import number

Values = npt.NDArray[np.floating[Any]]

NODES = 160
"""Points of a density curve."""

BAND = 86
"""Pixels of the height of one arm's band."""

MOST_TICKS = 300
"""Ticks of a rug: more than that run into each other."""

LEAST = 5
"""Endpoints from which a density curve is drawn; fewer are shown as ticks alone."""


@dataclass(frozen=True)
class Ends:
    """Where one arm's searches ended along the feature."""

    style: ArmStyle
    values: Values  # n


@dataclass(frozen=True)
class Reference:
    """Real samples of the class aimed at: ``colour`` is the class's position among the classes."""

    name: str
    colour: int
    values: Values  # n


def density(values: Values, nodes: Values, width: float) -> npt.NDArray[np.float64]:
    """Gaussian kernel density of values (n) at nodes (g): ``1/n Σ_i N(node; value_i, width²)`` → (g)."""
    scaled = (nodes[:, None] - values[None, :]) / width
    total: npt.NDArray[np.float64] = np.exp(-0.5 * scaled**2).sum(axis=1)
    return total / (len(values) * width * math.sqrt(2 * math.pi))


def bandwidth(values: Values) -> float:
    """Silverman's rule, ``1.06 · σ · n^(−1/5)``; a positive number also where all values are equal."""
    spread = float(np.std(values)) if len(values) > 1 else 0.0
    return float(1.06 * (spread or 1.0) * max(len(values), 1) ** -0.2)


def endpoints(
    feature: str, ends: Sequence[Ends], reference: Reference, extent: tuple[float, float], palette: Palette
) -> go.Figure:
    """One band for each arm, on one axis: the samples as a filled curve, the arm's endpoints as a line and a rug.

    Both curves have the same kernel width, that of the samples, and area one: where they differ, endpoints and
    samples do.
    """
    nodes = np.linspace(*extent, NODES)
    width = bandwidth(reference.values)
    filled = density(reference.values, nodes, width) if len(reference.values) else np.zeros(NODES)
    lines = [density(end.values, nodes, width) if len(end.values) >= LEAST else None for end in ends]
    # Endpoints all in one place would make a needle that flattens everything else: it is cut at the top of its band.
    top = max(2.2 * float(filled.max()), 1e-9)
    traces: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for place, (end, line) in enumerate(zip(ends, lines, strict=True)):
        floor = float(len(ends) - 1 - place)
        traces += _band(end, line, filled, nodes, floor, top, reference.colour, palette)
        notes.append(_label(end, floor, palette))
    layout = _layout(feature, len(ends), extent, palette)
    return go.Figure({"data": traces, "layout": {**layout, "annotations": notes}})


def _band(
    end: Ends,
    line: npt.NDArray[np.float64] | None,
    filled: npt.NDArray[np.float64],
    nodes: Values,
    floor: float,
    top: float,
    colour: int,
    palette: Palette,
) -> list[dict[str, Any]]:
    x = _short(nodes)
    base = floor + 0.2
    high = 0.62

    def scale(curve: npt.NDArray[np.float64]) -> list[float]:
        return _short(base + high * np.minimum(curve / top, 1.0))

    hue = CLASS_COLOURS[colour % len(CLASS_COLOURS)]
    common = {"type": "scatter", "x": x, "mode": "lines", "hoverinfo": "skip"}
    parts: list[dict[str, Any]] = [
        {**common, "y": [base] * len(x), "line": {"color": palette.rule, "width": 1}},
        {**common, "y": scale(filled), "fill": "tonexty", "fillcolor": f"{hue}38", "line": {"color": hue, "width": 1}},
    ]
    if line is not None:
        drawn = {"color": palette.of(end.style.role), "dash": end.style.dash, "width": 2}
        parts.append({**common, "y": scale(line), "line": drawn})
    stride = max(1, -(-len(end.values) // MOST_TICKS))
    ticks = _short(np.sort(end.values)[::stride])
    mark = {"symbol": "line-ns-open", "size": 8, "color": palette.of(end.style.role), "line": {"width": 1}}
    rug = {"type": "scatter", "x": ticks, "y": [floor + 0.09] * len(ticks), "mode": "markers", "marker": mark}
    return [*parts, {**rug, "hovertemplate": "%{x:.3~g}<extra></extra>"}]


def _label(end: Ends, floor: float, palette: Palette) -> dict[str, Any]:
    """The arm's name over its band."""
    text = end.style.title if len(end.values) else f"{end.style.title}: none to show"
    font = {"size": 13, "family": FONT, "color": palette.of(end.style.role)}
    place = {"xref": "paper", "x": 0, "xanchor": "left", "y": floor + 0.93, "yanchor": "middle"}
    return {**place, "text": text, "font": font, "showarrow": False}


def _short(values: Values) -> list[float]:
    """Numbers as short as a chart needs them: they travel as text."""
    return [float(f"{value:.4g}") for value in values]


def _layout(feature: str, bands: int, extent: tuple[float, float], palette: Palette) -> dict[str, Any]:
    font = {"size": 12, "family": FONT, "color": palette.muted}
    axis = {"color": palette.muted, "zeroline": False, "fixedrange": True, "tickfont": font}
    x = {
        **axis, "range": list(extent), "nticks": 7, "gridcolor": palette.rule, "tickformat": ",.6~g",
        "title": {"text": feature, "font": {"size": 13, "family": FONT, "color": palette.ink}, "standoff": 6},
    }  # fmt: skip
    return {
        "template": EMPTY,
        "height": BAND * bands + 52,
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "margin": {"l": 4, "r": 4, "t": 6, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": palette.ground, "font": {"color": palette.ink, "family": FONT}},
        "xaxis": x,
        "yaxis": {**axis, "range": [0, bands + 0.06], "visible": False},
    }


def describe(feature: str, ends: Sequence[Ends], reference: Reference) -> str:
    """The text alternative: where the middle half of the samples lies, and of each arm's endpoints."""
    said = [f"real data of {reference.name} {_middle(reference.values)}"]
    said += [f"{end.style.title} {_middle(end.values)}" for end in ends]
    return f"Where searches end along {feature}, against real data; the middle half of each: {'; '.join(said)}."


def _middle(values: Values) -> str:
    if not len(values):
        return "has none"
    low, high = np.quantile(values, [0.25, 0.75])
    return f"from {number(float(low))} to {number(float(high))}"
