"""A map of a sweep: one metric over two settings, a third as panels; each cell says its number, and can be pressed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ctviz.errors import ConfigError
from ctviz.figures.theme import Palette
from ctviz.figures.tradeoffs.cells import LEVEL, axes_of, best_cell, cells, ordered, part_of, plain, settings_of
from ctviz.figures.tradeoffs.colours import Scale, colour_at, colourscale, extent, ink_on, scale_of, tint
from ctviz.figures.tradeoffs.layout import BODY, NOTE, SMALL, axis, base, font, note, plain_text, subscript
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

ROW, GAP, HEAD, FOOT = 56, 58, 30, 104
"""Pixels: height of a row of cells, between rows of panels, above the first, and below the last."""

UNDER = 20
"""Pixels below the scale of colours."""

WIDEST = 10
"""Columns of cells side by side, in which a number and its error still fit on a telephone."""

STATES = {"done": "—", "waiting": "waits"}
"""What is written where there is no number, short enough for the narrowest cell."""

MOST = 40
"""Values of a setting up to which a map is drawn: beyond, its cells are dots."""


@dataclass
class Tile:
    """One place of the map.

    Attributes:
        panel: of the small multiples.
        row: from the top.
        column: from the left.
        cells: those that lie here; several where settings that the map does not show differ.
        number: what is shown; the mean of the cells', NaN where none has any.
        low: of its interval, NaN for a mean of several cells: they share seeds.
        high: of its interval.
        error: standard error over the seeds.
        seeds: how many have a number.
        counted: how many of the cells the number is the mean of.
        sure: whether its interval leaves out zero.
        state: ``done``, ``waiting`` or ``failed``; of several cells, done if any counts.
        reason: why it failed, or what is to be known.
        press: the cell that a click chooses: the best of them.
    """

    panel: int
    row: int
    column: int
    cells: list[int] = field(default_factory=list)
    number: float = math.nan
    low: float = math.nan
    high: float = math.nan
    error: float = math.nan
    seeds: float = math.nan
    counted: int = 0
    sure: bool = False
    state: str = "waiting"
    reason: str = ""
    press: int = -1

    @property
    def known(self) -> bool:
        return math.isfinite(self.number)


@dataclass(frozen=True)
class Map:
    """The tiles of a map with the values of its axes; ``rest`` are the settings that it takes the mean over."""

    metric: str
    part: str
    measure: Measure
    axes: tuple[str, str | None, str | None]
    columns: tuple[Any, ...]
    rows: tuple[Any, ...]
    panels: tuple[Any, ...]
    tiles: tuple[Tile, ...]
    rest: tuple[str, ...]
    per_row: int

    @property
    def scale(self) -> Scale:
        """The scale of its colours: of reductions with zero in the middle, gold where it is better."""
        return scale_of(better_of(self.metric, self.measure), self.measure)

    @property
    def rows_of_panels(self) -> int:
        return -(-len(self.panels) // self.per_row)

    @property
    def height(self) -> int:
        """Pixels of all panels with the gaps between them, at scale 1."""
        return self.rows_of_panels * len(self.rows) * ROW + (self.rows_of_panels - 1) * GAP

    @property
    def limits(self) -> tuple[float, float]:
        return extent([tile.number for tile in self.tiles], self.scale)

    def place(self, number: float) -> float:
        """Where a number lies on the scale of colours, from 0 to 1."""
        low, high = self.limits
        return (number - low) / (high - low)


def usual_axes(across: pd.DataFrame) -> tuple[str, str | None, str | None]:
    """Which settings to put across, up and into panels: the three with the most values, so that the map is low.

    Of arrangements of one height, that with the most values in panels. Numbers of many different values, as samples
    have, take no panels.
    """
    counts = {name: len(ordered(across[name].tolist())) for name in axes_of(across)}
    names = sorted(counts, key=lambda name: -counts[name])
    if not names:
        raise ConfigError("axes", "none", "a sweep with at least one setting that varies")
    if len(names) < 3 or counts[names[0]] > MOST:
        return names[0], names[1] if len(names) > 1 else None, None
    in_order = sorted(names[:3], key=list(counts).index)
    ways = [(x, y, panels) for panels in names[:3] for x in in_order for y in in_order if len({x, y, panels}) == 3]
    return min(ways, key=lambda way: _height(*(counts[name] for name in way)))  # of equals, the first


def _height(columns: int, rows: int, panels: int) -> int:
    """Of all panels one below the other, as far as they do not stand side by side."""
    below = -(-panels // _side_by_side(columns, panels))
    return below * rows * ROW + (below - 1) * GAP


def _side_by_side(columns: int, panels: int) -> int:
    return max(1, min(panels, WIDEST // max(columns, 1)))


def tiled(
    across: pd.DataFrame,
    metric: str,
    x: str,
    y: str | None = None,
    panels: str | None = None,
    measure: Measure = "reduction",
    level: float = LEVEL,
) -> Map:
    """The cells of a sweep in rows, columns and panels.

    Raises:
        ConfigError: an unknown axis, one that is named twice, or one with too many values for a map.
    """
    chosen = [name for name in (x, y, panels) if name is not None]
    known = axes_of(across)
    for place, name in zip(("x", "y", "panels"), (x, y, panels), strict=True):
        if name is not None and (name not in known or chosen.count(name) > 1):
            raise ConfigError(place, name, f"each once, of: {', '.join(known)}")
    frame = cells(across, metric, measure, level)
    values = {name: ordered(frame[name].tolist()) for name in chosen}
    for name, found in values.items():
        if len(found) > MOST:
            raise ConfigError("axes", name, f"at most {MOST} different values on a map; it has {len(found)}")
    spots = {name: {value: at for at, value in enumerate(found)} for name, found in values.items()}
    up = len(values[y]) if y is not None else 1
    tiles: dict[tuple[int, int, int], Tile] = {}
    behind: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
    for cell in frame.to_dict("records"):
        panel, upwards, column = (spots[n][plain(cell[n])] if n is not None else 0 for n in (panels, y, x))
        spot = (panel, up - 1 - upwards, column)
        tiles.setdefault(spot, Tile(*spot))
        behind.setdefault(spot, []).append({str(key): value for key, value in cell.items()})
    better = better_of(metric, measure)
    for spot, tile in tiles.items():
        _fill(tile, behind[spot], better != "less")
    across_values = tuple(values[x])
    from_top = tuple(values[y])[::-1] if y is not None else (None,)
    in_panels = tuple(values[panels]) if panels is not None else (None,)
    return Map(
        metric, part_of(across, metric), measure, (x, y, panels), across_values, from_top, in_panels,
        tuple(tiles[spot] for spot in sorted(tiles)),
        tuple(name for name in known if name not in chosen and len(ordered(frame[name].tolist())) > 1),
        _side_by_side(len(across_values), len(in_panels)),
    )  # fmt: skip


def _fill(tile: Tile, rows: Sequence[Mapping[str, Any]], most: bool) -> None:
    """What a tile shows of the cells behind it."""
    tile.cells = [int(row["cell"]) for row in rows]
    measured = [row for row in rows if row["counts"]] or [row for row in rows if math.isfinite(row["shown"])]
    states = [str(row["state"]) for row in rows]
    tile.reason = next((str(row["reason"]) for row in rows if row["reason"]), "")
    # A mean is of the cells that count; of those that failed beside them the hover tells, without a mark.
    mean = len(rows) > 1 and any(row["counts"] for row in rows)
    tile.state = "done" if mean else next(state for state in ("failed", "waiting", "done") if state in states)
    tile.counted = len(measured)
    tile.press = tile.cells[0]
    if not measured:
        return
    tile.number = float(np.mean([row["shown"] for row in measured]))
    tile.press = int((max if most else min)(measured, key=lambda row: row["shown"])["cell"])
    if len(rows) == 1:
        tile.low, tile.high, tile.error = (float(rows[0][name]) for name in ("low", "high", "error"))
        tile.seeds, tile.sure = float(rows[0]["seeds"]), bool(rows[0]["sure"])


def heatmap(
    across: pd.DataFrame,
    metric: str,
    palette: Palette,
    *,
    x: str,
    y: str | None = None,
    panels: str | None = None,
    measure: Measure = "reduction",
    selected: int | None = None,
    paper: int | None = None,
    names: Mapping[str, str] | None = None,
    level: float = LEVEL,
    kept: Sequence[int] | None = None,
    scale: float = 1.0,
) -> go.Figure:
    """One metric over two settings, in panels over a third; the mean over any others, which a note says.

    Each cell has its number, with * where its interval leaves out zero, and below it the standard error over the
    seeds. Cells without a number are crossed out and say why when pointed at; one whose training
    failed, at one seed at least, is struck through and marked †. A click gives the cell's number as
    ``customdata``; where several cells lie behind a tile, that of the best.

    Args:
        across: results, one row for each cell and metric.
        metric: which.
        palette: colours of the theme.
        x: setting from left to right.
        y: setting from bottom to top; None: one row.
        panels: setting over the panels; None: one.
        measure: % below the conventional model, or the value itself.
        selected: a cell to outline.
        paper: the cell with the paper's settings, outlined with dashes.
        names: what settings are called instead of by their symbols.
        level: of the intervals.
        kept: cells that a brush has left; others fade. None: all.
        scale: of type and rows, above one where people sit far away.

    Raises:
        ConfigError: an unknown metric or axis, or too many values for a map.
    """
    drawn = tiled(across, metric, x, y, panels, measure, level)
    wide, foot = drawn.per_row * len(drawn.columns), FOOT + (22 if drawn.rest else 0)
    total = (drawn.height + HEAD + foot) * scale
    layout = base(palette, total, scale)
    layout["margin"] = {"l": 10, "r": 10, "t": HEAD * scale, "b": foot * scale}
    traces, marks, words = (list[dict[str, Any]]() for _ in range(3))
    best, said = best_cell(across, metric, measure), settings_of(across, names)
    for panel in range(len(drawn.panels)):
        domain = _domain(drawn, panel)
        _axes(layout, drawn, panel, domain, palette, names, scale)
        traces += _panel(drawn, panel, palette, said, level)
        words += _panel_title(drawn, panel, domain, palette, names, scale)
    for tile in drawn.tiles:
        faded = kept is not None and not set(tile.cells) & set(kept)
        marks += _marks(tile, palette, selected, paper, faded)
        words += _words(tile, drawn, palette, best, paper, wide, scale, faded)
    traces[0] |= {"showscale": True, "colorbar": _bar(drawn, palette, scale, foot, total)}
    words += _captions(drawn, palette, names, scale)
    return go.Figure({"data": traces, "layout": {**layout, "shapes": marks, "annotations": words}})


def _panel_title(
    drawn: Map,
    panel: int,
    domain: tuple[tuple[float, float], tuple[float, float]],
    palette: Palette,
    names: Mapping[str, str] | None,
    scale: float,
) -> list[dict[str, Any]]:
    """The value of a panel above it; nothing where there is one panel only."""
    setting = drawn.axes[2]
    if setting is None:
        return []
    text = f"{subscript(what(setting, names))} {plain_text(spelled(drawn.panels[panel]))}"
    letters = font(palette, BODY * scale, palette.ink, bold=True)
    place = {"xref": "paper", "yref": "paper", "yanchor": "bottom", "yshift": 3}
    return [note(text, sum(domain[0]) / 2, domain[1][1], letters, **place)]


def _captions(drawn: Map, palette: Palette, names: Mapping[str, str] | None, scale: float) -> list[dict[str, Any]]:
    """Below the map: what its colours mean, and over what its cells are means."""
    metric = plain_text(short(drawn.metric, drawn.measure, drawn.part))
    place: dict[str, Any] = {"xref": "paper", "yref": "paper"}
    words = [
        note(metric, 0.5, 0, font(palette, SMALL * scale, palette.ink), yanchor="bottom",
             yshift=-(FOOT - UNDER - 31) * scale, **place)
    ]  # fmt: skip
    if drawn.rest:
        over = ", ".join(subscript(what(name, names)) for name in drawn.rest)
        words.append(
            note(f"each cell: mean over {over}", 0, 0, font(palette, SMALL * scale), xanchor="left", yanchor="top",
                 yshift=-(FOOT - 6) * scale, **place)
        )  # fmt: skip
    return words


def _domain(drawn: Map, panel: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where a panel lies, as shares of the drawing: (left, right), (bottom, top)."""
    row, column = divmod(panel, drawn.per_row)
    between = 0.03 if drawn.per_row > 1 else 0.0
    width = (1 - between * (drawn.per_row - 1)) / drawn.per_row
    high = len(drawn.rows) * ROW
    top = 1 - row * (high + GAP) / drawn.height
    left = column * (width + between)
    return (left, left + width), (max(top - high / drawn.height, 0.0), top)


def _suffix(panel: int) -> str:
    return str(panel + 1) if panel else ""


def _axes(
    layout: dict[str, Any],
    drawn: Map,
    panel: int,
    domain: tuple[tuple[float, float], tuple[float, float]],
    palette: Palette,
    names: Mapping[str, str] | None,
    scale: float,
) -> None:
    x, y, _ = drawn.axes
    at = _suffix(panel)
    letters = font(palette, BODY * scale, palette.ink)
    last = panel + drawn.per_row >= len(drawn.panels)
    across = {"text": subscript(what(x, names)) if last else "", "font": letters, "standoff": 4}
    layout[f"xaxis{at}"] = axis(
        palette, scale, anchor=f"y{at}", domain=list(domain[0]), range=[-0.5, len(drawn.columns) - 0.5],
        tickvals=list(range(len(drawn.columns))), ticktext=[plain_text(spelled(value)) for value in drawn.columns],
        title=across, tickangle=0 if len(drawn.columns) <= WIDEST else -90,
    )  # fmt: skip
    first = panel % drawn.per_row == 0
    upwards = {"text": subscript(what(y, names)) if y is not None and first else "", "font": letters, "standoff": 4}
    layout[f"yaxis{at}"] = axis(
        palette, scale, anchor=f"x{at}", domain=list(domain[1]), range=[len(drawn.rows) - 0.5, -0.5],
        tickvals=list(range(len(drawn.rows))), showticklabels=y is not None and first,
        ticktext=[plain_text(spelled(value)) for value in drawn.rows], title=upwards,
    )  # fmt: skip


def _panel(drawn: Map, panel: int, palette: Palette, said: Mapping[int, str], level: float) -> list[dict[str, Any]]:
    """The colours of a panel, and above them what answers to the pointer."""
    tiles = [tile for tile in drawn.tiles if tile.panel == panel]
    grid: list[list[float | None]] = [[None] * len(drawn.columns) for _ in drawn.rows]
    for tile in tiles:
        if tile.known:
            grid[tile.row][tile.column] = float(f"{tile.number:.6g}")
    low, high = drawn.limits
    at = _suffix(panel)
    # Coordinates as an array would be read as categories where they are few; a start and a step never are.
    colours = {
        "type": "heatmap", "z": grid, "x0": 0, "dx": 1, "y0": 0, "dy": 1, "xgap": 2, "ygap": 2, "hoverinfo": "skip",
        "colorscale": colourscale(drawn.scale, palette), "zmin": low, "zmax": high, "showscale": False,
        "xaxis": f"x{at}", "yaxis": f"y{at}",
    }  # fmt: skip
    # A heatmap does not answer to clicks in every host: markers do. They are never faded when one is chosen.
    press = {
        "type": "scatter", "mode": "markers", "x": [tile.column for tile in tiles], "y": [tile.row for tile in tiles],
        "marker": {"size": 24, "symbol": "square", "color": tint(palette.ground, 0.004), "line": {"width": 0}},
        "unselected": {"marker": {"opacity": 1}}, "selected": {"marker": {"opacity": 1}},
        "customdata": [[tile.press] for tile in tiles], "hovertemplate": "%{text}<extra></extra>",
        "text": [_hover(tile, drawn, said, level) for tile in tiles], "xaxis": f"x{at}", "yaxis": f"y{at}",
    }  # fmt: skip
    return [colours, press]


def _hover(tile: Tile, drawn: Map, said: Mapping[int, str], level: float) -> str:
    """What is said of a tile that is pointed at."""
    unit = unit_of(drawn.metric, drawn.measure)
    head = said[tile.press]
    if len(tile.cells) > 1:
        of = f"{tile.counted} of {len(tile.cells)}" if tile.counted < len(tile.cells) else f"{tile.counted}"
        head = f"mean of {of} cells, best: {head}" if tile.known else f"{len(tile.cells)} cells"
    lines = [f"<b>{plain_text(head)}</b>"]
    if tile.known:
        lines.append(f"{plain_text(short(drawn.metric, drawn.measure, drawn.part))}: {_number(tile, drawn)}{unit}")
        between = interval(drawn.metric, tile.low, tile.high, drawn.measure)
        if between:
            lines.append(f"{100 * level:g} % interval {between}, {tile.seeds:.0f} seeds")
        elif tile.seeds == 1:
            lines.append("one seed, no interval over seeds")
    told = state_words(tile.state, tile.reason)
    if told or not tile.known:
        lines.append(plain_text(told or "nothing to measure"))
    return "<br>".join(lines)


def _number(tile: Tile, drawn: Map) -> str:
    return shown(drawn.metric, tile.number, drawn.measure)


def _marks(tile: Tile, palette: Palette, selected: int | None, paper: int | None, faded: bool) -> list[dict[str, Any]]:
    """Crosses of what has no number, outlines of what is chosen and of the paper's settings, a veil on what fades."""
    at = _suffix(tile.panel)
    x, y = tile.column, tile.row

    def box(by: float, **more: Any) -> dict[str, Any]:
        return {
            "type": "rect", "xref": f"x{at}", "yref": f"y{at}", "x0": x - by, "x1": x + by, "y0": y - by, "y1": y + by,
            **more,
        }  # fmt: skip

    found = []
    if tile.known and tile.state == "failed":
        line = {"color": palette.ink, "width": 1}
        found.append(box(0.46, line=line) | {"type": "line", "y0": y + 0.46, "y1": y - 0.46})
    if not tile.known:
        waits = tile.state == "waiting"
        line = {"color": palette.muted, "width": 1, "dash": "dot" if waits else "solid"}
        found.append(box(0.46, line=line))
        if not waits:
            for first, second in ((-0.46, 0.46), (0.46, -0.46)):
                found.append(box(0.46, line=line) | {"type": "line", "y0": y + first, "y1": y + second})
    if faded:
        found.append(box(0.49, fillcolor=tint(palette.ground, 0.75), line={"width": 0}))
    if paper in tile.cells:
        found.append(box(0.45, line={"color": palette.ink, "width": 1.5, "dash": "dash"}))
    if selected in tile.cells:
        found.append(box(0.485, line={"color": palette.ground, "width": 6}))
        found.append(box(0.485, line={"color": palette.ink, "width": 3}))
    return found


def _words(
    tile: Tile, drawn: Map, palette: Palette, best: int | None, paper: int | None, wide: int, scale: float, faded: bool
) -> list[dict[str, Any]]:
    """What is written in a tile: what it is, its number, its error."""
    at = {"xref": f"x{_suffix(tile.panel)}", "yref": f"y{_suffix(tile.panel)}"}
    colour = palette.muted
    if tile.known and not faded:
        colour = ink_on(colour_at(drawn.place(tile.number), drawn.scale, palette))
    tags = (["★ best"] if best in tile.cells and tile.known else []) + (["paper"] if paper in tile.cells else [])
    tag = "★ paper" if len(tags) == 2 else "".join(tags)
    lines = []
    if wide <= 2 * WIDEST:
        if tile.known:
            mark = ("*" if tile.sure else "") + ("†" if tile.state == "failed" else "")
            lines.append(f"<b>{_number(tile, drawn)}{mark}</b>")
            if wide <= WIDEST and math.isfinite(tile.error):
                small = NOTE * scale
                lines.append(
                    f'<span style="font-size:{small:g}px">± {shown(drawn.metric, tile.error, drawn.measure)}</span>'
                )
        else:
            word = STATES.get(tile.state, tile.state)
            lines.append(f'<span style="font-size:{NOTE * scale:g}px">{word}</span>')
    words = []
    if lines:
        ground = {} if tile.known else {"bgcolor": tint(palette.ground, 0.85), "borderpad": 1}
        letters = font(palette, BODY * scale, colour)
        words.append(note("<br>".join(lines), tile.column, tile.row, letters, yshift=-5 if tag else 0, **at, **ground))
    if tag:
        letters = font(palette, NOTE * scale, colour, bold=True)
        words.append(note(tag, tile.column, tile.row - 0.46, letters, yanchor="top", **at))
    return words


def _bar(drawn: Map, palette: Palette, scale: float, foot: int, total: float) -> dict[str, Any]:
    """The scale of colours, below the map: colours are never the only way to a number."""
    low, high = drawn.limits
    signed = drawn.scale in ("signed", "against")
    marks = [low, 0.0, high] if signed else [low, high]
    text = [shown(drawn.metric, mark, drawn.measure) + unit_of(drawn.metric, drawn.measure) for mark in marks]
    if signed:
        less = "≤ " if any(tile.number < low for tile in drawn.tiles) else ""
        sides = ("worse", "better") if drawn.scale == "signed" else ("better", "worse")
        text = [f"{less}{text[0]} ({sides[0]})", text[1], f"{text[2]} ({sides[1]})"]
    return {
        "orientation": "h", "thickness": 8 * scale, "len": 0.6, "x": 0.5, "xanchor": "center",
        "y": (foot - FOOT + UNDER) * scale / total, "yanchor": "bottom", "yref": "container", "ypad": 0,
        "tickvals": marks, "ticktext": text, "tickfont": font(palette, SMALL * scale),
        "outlinewidth": 0,
    }  # fmt: skip
