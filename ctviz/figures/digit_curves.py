"""Digits as charts: how often models are right under attack, and how much of where they look lies in each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from ctviz.figures.curves import FONT, cut, layout
from ctviz.figures.theme import ArmStyle, Palette

Floats = npt.NDArray[np.float64]

HEIGHT = 275
"""Pixels, with the row of names above the lines."""

LONGEST = 24
"""Letters of a model's name."""


def robust(
    epsilons: Sequence[float],
    right: tuple[Floats, Floats, Floats],
    styles: Sequence[ArmStyle],
    palette: Palette,
    marked: float | None,
) -> go.Figure:
    """Accuracy over the strength of the attack, with its interval as a band, one line for each model.

    Args:
        epsilons: strengths (n).
        right: share of right answers and the ends of its interval, (m n) each.
        styles: of the models (m).
        marked: the strength that the picture shows.
    """
    value, low, high = (100 * np.asarray(part) for part in right)
    traces: list[dict[str, Any]] = []
    for arm, style in enumerate(styles):
        colour = palette.of(style.role)
        around = [*epsilons, *reversed(epsilons)]
        traces.append(
            {
                "type": "scatter", "x": around, "y": _five([*high[arm], *low[arm][::-1]]), "fill": "toself",
                "fillcolor": _tint(colour), "line": {"width": 0}, "mode": "lines", "hoverinfo": "skip",
                "showlegend": False,
            }
        )  # fmt: skip
        line = {"color": colour, "dash": style.dash, "width": 2.5}
        traces.append(
            {
                "type": "scatter", "x": list(epsilons), "y": _five(value[arm]), "mode": "lines", "line": line,
                "name": cut(style.short, LONGEST), "hovertemplate": "%{y:.3~g} %",
            }
        )  # fmt: skip
    made = _layout(palette)
    made["hovermode"] = "x unified"
    made["xaxis"] |= {"range": [0, max(epsilons)], "title": _title("strength of the attack, ε", palette)}
    made["yaxis"] |= {"range": [0, 102], "ticksuffix": " %", "nticks": 6}
    if marked is not None:
        line = {"color": palette.ink, "width": 1.5, "dash": "dot"}
        made["shapes"] = [{"type": "line", "x0": marked, "x1": marked, "yref": "paper", "y0": 0, "y1": 1, "line": line}]
    return go.Figure({"data": traces, "layout": made})


def by_row(
    rows: Floats, styles: Sequence[ArmStyle], palette: Palette, locked: npt.NDArray[np.bool_] | None
) -> go.Figure:
    """Share of each model's attribution that lies in each row of pixels, from top to bottom.

    Args:
        rows: shares (m h), of all of a model's attribution.
        styles: of the models (m).
        locked: rows that are locked as a whole, (h); they are shaded. None: none.
    """
    h = rows.shape[1]
    traces = [
        {
            "type": "scatter", "x": list(range(1, h + 1)), "y": _five(100 * rows[arm]), "mode": "lines",
            "line": {"color": palette.of(style.role), "dash": style.dash, "width": 2, "shape": "hvh"},
            "name": cut(style.short, LONGEST), "hovertemplate": "%{y:.2~f} %",
        }
        for arm, style in enumerate(styles)
    ]  # fmt: skip
    made = _layout(palette)
    made["height"] = 215
    made["hovermode"] = "x unified"
    most = 100 * float(np.nanmax(rows, initial=0.01))
    made["yaxis"] |= {"range": [0, 1.1 * most], "ticksuffix": " %", "nticks": 4}
    made["xaxis"] |= {"range": [0.5, h + 0.5], "tickvals": [1, 7, 14, 21, h], "hoverformat": "d"}
    made["xaxis"] |= {"title": _title("row of pixels, from top to bottom", palette)}
    shade = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}, "fillcolor": _tint(palette.muted)}
    if locked is not None:
        made["shapes"] = [{**shade, "x0": row + 0.5, "x1": row + 1.5} for row in np.flatnonzero(locked).tolist()]
    return go.Figure({"data": traces, "layout": made})


def _tint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def _five(values: Any) -> list[float | None]:
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]


def _title(text: str, palette: Palette) -> dict[str, Any]:
    return {"text": text, "font": {"size": 13, "family": FONT, "color": palette.muted}, "standoff": 6}


def _layout(palette: Palette) -> dict[str, Any]:
    letters = {"size": 13, "family": FONT, "color": palette.ink}
    # Names stand above: lines cross and lie on each other, so that beside them there is no room that is free.
    legend = {
        "orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "itemclick": False,
        "itemdoubleclick": False, "font": letters, "bgcolor": "rgba(0,0,0,0)",
    }  # fmt: skip
    made = layout(palette, HEIGHT)
    return made | {"showlegend": True, "legend": legend, "margin": {"l": 52, "r": 16, "t": 8, "b": 42}}
