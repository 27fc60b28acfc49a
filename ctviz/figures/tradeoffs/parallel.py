"""All settings and metrics side by side: a line for each cell, and brushes that keep some of them.

Plotly's own parallel coordinates tell their host nothing: neither which lines a brush has left nor a click on one.
These lines are scatter traces, so that a box drawn over an axis comes back, and a press on a line's point does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from ctviz.catalogue.metrics import metric as catalogued
from ctviz.errors import ConfigError
from ctviz.figures.theme import Palette
from ctviz.figures.tradeoffs.cells import (
    METRIC,
    Brush,
    Dimension,
    axes_of,
    brushed,
    cells,
    dimension,
    metrics_of,
    plain,
    settings_of,
)
from ctviz.figures.tradeoffs.colours import Scale, colour_at, extent, hexed, scale_of, tint
from ctviz.figures.tradeoffs.layout import BODY, NOTE, base, font, note, plain_text, subscript
from ctviz.figures.tradeoffs.metrics import Measure, better_of, short, shown, unit_of, what
from ctviz.prose import spelled

HEIGHT = 430
"""Pixels."""

SHADES = 9
"""Colours of lines; lines of a colour are one trace, so that 300 cells are drawn at once."""

USUAL = ("ip", "ip_star", "cost", "validity", "accuracy")
"""Metrics that are shown unless others are asked for."""


def usual_dimensions(across: pd.DataFrame) -> tuple[str, ...]:
    """The settings that vary, then the metrics that matter most of those that are measured."""
    measured = metrics_of(across)
    return (*axes_of(across), *(METRIC + name for name in USUAL if name in measured))


def parallel(
    across: pd.DataFrame,
    palette: Palette,
    *,
    dimensions: Sequence[str] | None = None,
    colour: str = "ip",
    measure: Measure = "reduction",
    ranges: Mapping[str, Brush] | None = None,
    selected: int | None = None,
    paper: int | None = None,
    names: Mapping[str, str] | None = None,
    scale: float = 1.0,
) -> go.Figure:
    """A line for each cell through its settings and its metrics, coloured by one metric.

    Values of a setting are equally far apart, and lines that pass through the same one are spread by their colour.
    What lies outside of a brush fades. A click on a point gives ``[cell]`` as ``customdata``; for a box, see ``boxed``.

    Args:
        across: results, one row for each cell and metric.
        palette: colours of the theme.
        dimensions: axes and metrics (``metric.ip``), from left to right; by default all axes and a few metrics.
        colour: metric that colours the lines.
        measure: of the metrics: % below the conventional model, or values.
        ranges: brushes, as of ``brushed``.
        selected: a cell whose line is drawn in ink.
        paper: the cell with the paper's settings, dashed.
        names: what settings are called instead of by their symbols.
        scale: of type, above one where people sit far away.

    Raises:
        ConfigError: an unknown axis or metric, or fewer than two.
    """
    chosen = tuple(dimensions) if dimensions is not None else usual_dimensions(across)
    if len(chosen) < 2:
        raise ConfigError("dimensions", list(chosen), "at least two axes or metrics")
    drawn = [dimension(across, name, measure) for name in chosen]
    frame = cells(across, colour, measure)
    numbers = frame["shown"].to_numpy(dtype=float)
    numbered = [int(cell) for cell in frame["cell"]]
    places = spread_lines(drawn, numbers)
    kept = set(brushed(across, ranges or {}, measure))
    shade, side = _shades(numbers, colour, measure)
    lines = _lines(places, [cell in kept for cell in numbered], shade, side, palette)
    for cell, dash in ((paper, "dash"), (selected, "solid")):
        if cell in numbered:
            line = {"color": palette.ink, "width": 3 if cell == selected else 2, "dash": dash}
            lines.append(_line([places[numbered.index(cell)]], line))
    points = _points(across, places, frame, drawn, kept, colour, measure, palette, names)
    shapes, words = [], []
    for at, one in enumerate(drawn):
        shapes += _axis_shapes(at, one, (ranges or {}).get(one.name), palette)
        words += _axis_words(at, one, measure, palette, names, scale)
    words.append(_caption(measure, palette, scale))
    layout = {**_layout(len(drawn), palette, scale), "shapes": shapes, "annotations": words}
    return go.Figure({"data": [*lines, points], "layout": layout})


def _layout(dimensions: int, palette: Palette, scale: float) -> dict[str, Any]:
    """Room around the axes, which stand at 0, 1, …; a drag draws a box."""
    return {
        **base(palette, HEIGHT * scale, scale),
        "margin": {"l": 8, "r": 8, "t": 54 * scale, "b": 34 * scale}, "dragmode": "select", "hoverdistance": 24,
        "xaxis": {"range": [-0.45, dimensions - 0.45], "visible": False, "fixedrange": True},
        "yaxis": {"range": [-0.04, 1.04], "visible": False, "fixedrange": True},
        "newselection": {"line": {"color": palette.ink, "width": 1, "dash": "dot"}},
        "activeselection": {"fillcolor": palette.ink, "opacity": 0.08},
    }  # fmt: skip


def _caption(measure: Measure, palette: Palette, scale: float) -> dict[str, Any]:
    """Below the axes: what the numbers of metrics are, and what arrows mean."""
    of_metrics = "Metrics in % below the conventional model; arrows" if measure == "reduction" else "Arrows"
    small = font(palette, (NOTE + 1) * scale)
    return note(
        f"{of_metrics} point to the better side.", 0, 0, small, xref="paper", yref="paper", xanchor="left",
        yanchor="top", yshift=-10 * scale,
    )  # fmt: skip


def spread_lines(drawn: Sequence[Dimension], numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each line's place on each dimension (n, dimensions).

    Lines through one category lie side by side within it, in the order of ``numbers`` (n), so that one sees what
    becomes of them; they fill six tenths of the category's part.
    """
    places = np.stack([one.places for one in drawn], axis=1)
    rank = np.argsort(np.argsort(np.nan_to_num(numbers, nan=-np.inf), kind="stable"), kind="stable")
    for at, one in enumerate(drawn):
        if not one.categories:
            continue
        room = 0.6 / len(one.categories)
        share = rank / max(len(rank) - 1, 1) - 0.5
        places[:, at] += room * share
    return places


def _shades(numbers: npt.NDArray[np.float64], colour: str, measure: Measure) -> tuple[npt.NDArray[np.int64], Scale]:
    """Which of the colours each line has (n), −1 where the metric is missing."""
    scale = scale_of(better_of(colour, measure), measure)
    low, high = extent(numbers.tolist(), scale)
    along = np.clip((np.nan_to_num(numbers, nan=low) - low) / (high - low), 0, 1)
    shades = np.minimum((along * SHADES).astype(np.int64), SHADES - 1)
    return np.where(np.isfinite(numbers), shades, -1), scale


def _line(rows: Sequence[npt.NDArray[np.float64]], line: dict[str, Any]) -> dict[str, Any]:
    """Several lines as one trace, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for row in rows:
        x += [*range(len(row)), None]
        y += [*(float(f"{place:.4g}") if math.isfinite(place) else None for place in row), None]
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line, "hoverinfo": "skip"}


def _lines(
    places: npt.NDArray[np.float64], kept: Sequence[bool], shade: npt.NDArray[np.int64], scale: Scale, palette: Palette
) -> list[dict[str, Any]]:
    """Faded lines at the back, then those without the metric, then one trace for each colour."""
    inside = np.array(kept, dtype=bool)
    groups = [(~inside, {"color": tint(palette.muted, 0.16), "width": 1})]
    groups.append((inside & (shade < 0), {"color": palette.muted, "width": 1, "dash": "dot"}))
    opacity = 0.9 if inside.sum() <= 60 else 0.6
    for at in range(SHADES):
        colour = hexed(colour_at((at + 0.5) / SHADES, scale, palette, lines=True))
        groups.append((inside & (shade == at), {"color": tint(colour, opacity), "width": 2}))
    return [_line(list(places[which]), line) for which, line in groups if which.any()]


def _points(
    across: pd.DataFrame,
    places: npt.NDArray[np.float64],
    frame: pd.DataFrame,
    drawn: Sequence[Dimension],
    kept: set[int],
    colour: str,
    measure: Measure,
    palette: Palette,
    names: Mapping[str, str] | None,
) -> dict[str, Any]:
    """What answers to the pointer: a point where each line that is kept crosses an axis."""
    x, y, pressed, texts = [], [], [], []
    settings = settings_of(across, names)
    for row, (cell, number) in enumerate(zip(frame["cell"], frame["shown"], strict=True)):
        if int(cell) not in kept:
            continue
        said = f"{short(colour, measure)}: {shown(colour, float(number), measure)}{unit_of(colour, measure)}"
        text = f"<b>{plain_text(settings[int(cell)])}</b><br>{plain_text(said)}"
        for at in range(len(drawn)):
            if math.isfinite(places[row, at]):
                x.append(at)
                y.append(float(f"{places[row, at]:.4g}"))
                pressed.append([int(cell)])
                texts.append(text)
    return {
        "type": "scatter", "mode": "markers", "x": x, "y": y, "customdata": pressed, "text": texts,
        "hovertemplate": "%{text}<extra></extra>", "marker": {"size": 5, "color": tint(palette.ink, 0.35)},
        "selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}},
    }  # fmt: skip


def _axis_shapes(at: int, one: Dimension, brush: Brush | None, palette: Palette) -> list[dict[str, Any]]:
    """The line of an axis, and the brush on it."""
    shapes: list[dict[str, Any]] = [
        {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": {"color": palette.muted, "width": 1},
         "layer": "below"}
    ]  # fmt: skip
    if brush is None:
        return shapes
    inside = brush_places(one, brush)
    room = 0.5 / len(one.categories) if one.categories else 0.01
    for low, high in _runs(inside, room):
        shapes.append(
            {"type": "rect", "x0": at - 0.07, "x1": at + 0.07, "y0": low, "y1": high,
             "line": {"color": palette.ink, "width": 1.5}, "fillcolor": tint(palette.ink, 0.12)}
        )  # fmt: skip
    return shapes


def brush_places(one: Dimension, brush: Brush) -> list[float]:
    """Where the entries of a dimension lie that a brush keeps, each place once and in order."""
    if isinstance(brush, frozenset):
        kept = {plain(value) for value in brush}
        inside = [value in kept for value in one.entries]
    else:
        inside = [
            value is not None and not isinstance(value, str) and brush[0] <= value <= brush[1] for value in one.entries
        ]
    return sorted({float(place) for place, ok in zip(one.places, inside, strict=True) if ok and math.isfinite(place)})


def _runs(places: Sequence[float], room: float) -> list[tuple[float, float]]:
    """Places with room around each, joined where they touch; on a scale all are one range."""
    if not places:
        return []
    if room <= 0.01:
        return [(places[0] - room, places[-1] + room)]
    runs = [[places[0] - room, places[0] + room]]
    for place in places[1:]:
        if place - room <= runs[-1][1] + 1e-9:
            runs[-1][1] = place + room
        else:
            runs.append([place - room, place + room])
    return [(low, high) for low, high in runs]


def _axis_words(
    at: int, one: Dimension, measure: Measure, palette: Palette, names: Mapping[str, str] | None, scale: float
) -> list[dict[str, Any]]:
    """The name of an axis over it, and its ticks."""
    if one.is_metric:
        name = one.name.removeprefix(METRIC)
        better = better_of(name, measure)
        unit = ", %" if measure == "value" and catalogued(name).share else ""
        arrow = {"more": " ↑", "less": " ↓", None: ""}[better]
        text = f"<b>{plain_text(catalogued(name).symbol)}{arrow}</b>{unit}"
        factor = catalogued(name).scale if measure == "value" else 1.0
        ticks = [(place, _scaled(label, factor)) for place, label in one.ticks]
    else:
        text, ticks = f"<b>{subscript(what(one.name, names))}</b>", list(one.ticks)
    letters = font(palette, BODY * scale, palette.ink)
    # Every other name stands higher, so that they keep apart where there is little room.
    words = [note(text, at, 1, letters, yanchor="bottom", yshift=(8 + 20 * (at % 2)) * scale)]
    for place, label in ticks:
        small = font(palette, (NOTE + 1) * scale)
        words.append(
            note(plain_text(label), at, place, small, xanchor="left", xshift=6, bgcolor=tint(palette.ground, 0.7),
                 borderpad=0)
        )  # fmt: skip
    return words


def _scaled(label: str, factor: float) -> str:
    return label if factor == 1 else spelled(factor * float(label.replace("−", "-")))


def boxed(
    across: pd.DataFrame,
    boxes: Sequence[Mapping[str, Any]],
    dimensions: Sequence[str] | None = None,
    measure: Measure = "reduction",
) -> dict[str, Brush]:
    """The brushes that boxes over the figure mean: each axis that a box crosses is kept to what lies within.

    Args:
        across: the results that the figure shows.
        boxes: with ``x`` and ``y``, each two ends, as a host's box selection has them; what is no box is passed over.
        dimensions: those of the figure.
        measure: that of the figure.
    """
    chosen = tuple(dimensions) if dimensions is not None else usual_dimensions(across)
    brushes: dict[str, Brush] = {}
    for box in boxes:
        try:
            (left, right), (low, high) = (sorted(float(end) for end in box[key]) for key in ("x", "y"))
        except (KeyError, TypeError, ValueError):
            continue
        for at, name in enumerate(chosen):
            if left <= at <= right:
                brushes[name] = dimension(across, name, measure).at(low, high)
    return brushes
