"""The pictures of the limits: one for each data set (or kind of harm), means over draws with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from ctviz.figures.curves import EMPTY, FONT, spread
from ctviz.figures.theme import DASHES, Palette
from ctviz.studies import generator
from ctviz.studies.maturity import WITHOUT, cells
from ctviz.studies.study import Study, StudyMetric, number, percent
from ctviz.studies.summary import CONVENTIONAL, LEVEL, Mean, across, gains, mean, values_of

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 300
"""Pixels of every picture but the dots, whose height goes by their rows."""

ROW = 58

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
"""Variants of one colour differ by symbol and dash."""

GAIN_FLOOR, GAIN_CEILING = -30.0, 108.0
"""What a picture of gains shows at least; a gain is never above 100 %."""

LOWEST = -70.0
"""An interval may reach below any picture: here it is cut off."""

INTERVALS = (
    f"Bars and bands: {100 * LEVEL:.0f} % intervals of the mean over draws, cut off where they leave the picture"
)


@dataclass(frozen=True)
class StudyPicture:
    """One chart with its heading and what it says in words."""

    name: str
    title: str
    figure: go.Figure
    alt: str


@dataclass(frozen=True)
class Line:
    """Means over draws along x, as they are drawn."""

    name: str
    colour: str
    dash: str
    symbol: str
    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


def pictures(
    study: Study, table: pd.DataFrame, metric: StudyMetric, palette: Palette, scale: float = 1.0
) -> tuple[StudyPicture, ...]:
    """All pictures of a limit, in the order of its panels (of its kinds of harm, where it has several).

    Args:
        scale: how much larger letters and symbols are than on a page, for a large screen.
    """
    draw = {"gains": _gains, "epochs": _lines, "lines": _lines, "dots": _dots, "doses": _doses}[study.kind]
    drawn = draw(study, table, metric, palette) if len(table) else ()
    return tuple(drawn if scale == 1 else (replace(each, figure=_enlarged(each.figure, scale)) for each in drawn))


def _enlarged(figure: go.Figure, scale: float) -> go.Figure:
    """The same with every letter and symbol larger, and room for them at the edges."""

    def larger(part: Any) -> Any:
        if isinstance(part, dict):
            return {
                name: scale * value if name == "size" and isinstance(value, int | float) else larger(value)
                for name, value in part.items()
            }
        return [larger(each) for each in part] if isinstance(part, list | tuple) else part

    found = larger(figure.to_dict())
    layout = found["layout"]
    margin = {side: value if side == "t" else scale * value for side, value in layout["margin"].items()}
    height = layout["height"] * (scale if layout["height"] <= HEIGHT else 1)  # what is tall by itself would not fit
    return go.Figure({**found, "layout": {**layout, "margin": margin, "height": height}})


def key(study: Study) -> tuple[tuple[str, str], ...]:
    """What the symbols of a picture stand for, where its lines carry no names: symbol and words."""
    if study.kind == "doses":
        return (("bold", "the search as in the paper, from which each kind of harm starts"),)
    if study.kind == "dots":
        return (
            ("●", f"a draw of “{study.panels[0].variants[-1].name}”"),
            ("○", "a draw of the others"),
            ("|", "the mean"),
        )
    if study.kind != "gains":
        return ()
    names = dict.fromkeys(v.name for v in study.panels[0].variants if not math.isnan(v.dose))
    return tuple(zip(("●", "■", "◆", "▲"), names, strict=False))


# -- gains against the share of mature searches ----------------------------------------------------------


def _gains(study: Study, table: pd.DataFrame, metric: StudyMetric, palette: Palette) -> list[StudyPicture]:
    found = []
    summary = across(gains(table, metric.column))
    extent = _extent(summary)
    for panel in study.panels:
        own = summary[summary["panel"] == panel.name]
        shares = cells(table, panel.name, metric.column)[1]
        if not len(own):
            continue
        control = own[own["variant"] == WITHOUT]["value"]
        lines = []
        for i, name in enumerate(dict.fromkeys(own.loc[own["dose"].notna(), "variant"])):
            cell = own[own["variant"] == name].merge(shares, on=["variant", "dose"]).sort_values("dose")
            x = (100 * cell["mature"]).tolist()
            lines.append(_line(name, cell, x, palette.accent, DASHES[i], SYMBOLS[i]))
        figure = _scatter(lines, extent, palette)
        levels = [(0.0, "conventional", palette.conventional)]
        if len(control):
            levels.append((float(control.iloc[0]), WITHOUT, palette.accent))
        for y, words, colour in levels:
            _level(figure, y, words, colour, left=y == 0.0 and words != WITHOUT)
        _clear_of_marks(figure, extent)
        found.append(StudyPicture(panel.name, panel.title, figure, _say(panel.title, metric, own, "τ = ")))
    return found


def _scatter(lines: Sequence[Line], extent: tuple[float, float], palette: Palette) -> go.Figure:
    traces = []
    for line in lines:
        trace = _trace(line, bars=True)
        trace |= {"mode": "markers"}
        traces.append(
            {**trace, "hovertemplate": f"{line.name}<br>%{{x:.0f}} % arrive<br>gain %{{y:.0f}} %<extra></extra>"}
        )
    x = {
        "range": [-4, 104],
        "ticksuffix": " %",
        "nticks": 5,
        "title": _title("searches that arrive in training", palette),
    }
    return _figure(traces, x, {"range": list(extent), "ticksuffix": " %"}, palette, right=8)


def _level(figure: go.Figure, y: float, words: str, colour: str, *, left: bool = False) -> None:
    """A line across the picture with its name on it, or below it on the left."""
    line = {"color": colour, "width": 1.5, "dash": "dot"}
    place = {"text": words, "x": 1, "xref": "paper", "xanchor": "right", "yanchor": "bottom", "showarrow": False}
    place |= {"x": 0, "xanchor": "left", "yanchor": "top"} if left else {}
    figure.add_shape(
        {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y, "line": line, "layer": "below"}
    )
    figure.add_annotation({**place, "y": y, "font": {"color": colour, "size": 12, "family": FONT}})


LETTER = 0.0215
"""Of the width of a small picture, what a letter of a label takes; and of its height a line of them."""
TALL = 0.09


def _clear_of_marks(figure: go.Figure, extent: tuple[float, float]) -> None:
    """Moves the labels of levels along and across their lines, to where the least is drawn over them."""
    low, high = figure.layout.xaxis.range
    boxes = []
    for trace in figure.data:
        ups, downs = (getattr(trace.error_y, side) for side in ("array", "arrayminus"))
        for i, (x, y) in enumerate(zip(trace.x, trace.y, strict=True)):
            up, down = (0.0 if part is None else part[i] for part in (ups, downs if downs is not None else ups))
            at, share = (x - low) / (high - low), 0.03 * (extent[1] - extent[0])
            boxes += [(at - 0.02, at + 0.02, y - share, y + share, 4.0), (at - 0.01, at + 0.01, y - down, y + up, 1.0)]
    boxes += [(0.0, 1.0, line.y0, line.y0, 8.0) for line in figure.layout.shapes]
    for note in figure.layout.annotations:
        places = [(x, up) for x in (1.0, 0.0, 0.5, 0.6, 0.4, 0.7, 0.3) for up in (True, False)]
        wide, tall = LETTER * len(note.text), TALL * (extent[1] - extent[0])
        taken = [(_over(x, up, note.y, wide, tall, boxes, extent), n) for n, (x, up) in enumerate(places)]
        x, up = places[min(taken)[1]]
        left = min(max(x - wide / 2, 0.0), 1.0 - wide)
        note.update(x=left, xanchor="left", yanchor="bottom" if up else "top")
        base = note.y if up else note.y - tall
        boxes.append((left, left + wide, base, base + tall, 8.0))


def _over(
    x: float,
    up: bool,
    y: float,
    wide: float,
    tall: float,
    boxes: Sequence[tuple[float, ...]],
    extent: tuple[float, float],
) -> float:
    """How much is drawn over a label beside the line at ``y``; much where it would leave the picture."""
    left, base = min(max(x - wide / 2, 0.0), 1.0 - wide), y if up else y - tall
    if base < extent[0] or base + tall > extent[1]:
        return 100.0
    inside = 0.05 * tall  # its own line only touches it
    return sum(
        weight for x0, x1, y0, y1, weight in boxes
        if x0 < left + wide and x1 > left and y0 < base + tall - inside and y1 > base + inside
    )  # fmt: skip


# -- lines over the epochs, or over the dose --------------------------------------------------------------


def _lines(study: Study, table: pd.DataFrame, metric: StudyMetric, palette: Palette) -> list[StudyPicture]:
    found = []
    scale = metric.scale
    along, words = ("epoch", "epochs") if study.kind == "epochs" else ("dose", study.dose)
    for panel in study.panels:
        rows = table[table["panel"] == panel.name]
        rows = gains(rows, metric.column) if metric.gain else values_of(rows, metric.column)
        rows["value"] *= scale
        own = across(rows, log=metric.log)
        if not len(own):
            continue
        lines = []
        for i, name in enumerate(panel.names):
            part = own[own["variant"] == name].sort_values(along)
            colour = palette.conventional if name == CONVENTIONAL else palette.accent
            dash = DASHES[1] if name == CONVENTIONAL else DASHES[(0, 0, 2, 3, 4)[i % 5]]
            if len(part):
                lines.append(_line(name, part, part[along].tolist(), colour, dash, SYMBOLS[i]))
        last = own[own["epoch"] == own["epoch"].max()]
        alt = _say(panel.title, metric, last, "" if along == "epoch" else f"{words} ")
        figure = _curves(lines, metric, palette, words)
        if metric.gain:
            _level(figure, 0, "conventional", palette.conventional, left=True)
        found.append(StudyPicture(panel.name, panel.title, figure, alt))
    return found


def _curves(lines: Sequence[Line], metric: StudyMetric, palette: Palette, words: str) -> go.Figure:
    values = np.array([value for line in lines for value in line.y])
    low, high = float(values.min()), float(values.max())
    if metric.log:
        least = max(low, 1e-3)
        extent = (math.log10(least) - 0.15, math.log10(max(high, 2 * least)) + 0.15)
    elif metric.gain:
        extent = max(low - 12, LOWEST), GAIN_CEILING
        extent = min(extent[0], -12.0), extent[1]
    else:
        air = 0.1 * (high - low) or 0.1 * max(abs(high), 1.0)
        extent = (max(low - air, 0.0), high + air)
        extent = (extent[0], min(extent[1], 103.0)) if metric.unit == "%" else extent
    traces: list[dict[str, Any]] = []
    for line in lines:
        traces += [_band(line, extent, log=metric.log), {**_trace(line, bars=False), "mode": "lines"}]
    last = max(x for line in lines for x in line.x)
    ends = [(math.log10(max(line.y[-1], 1e-9)) if metric.log else line.y[-1]) for line in lines]
    places = spread(ends, 0.085 * (extent[1] - extent[0]), extent)
    notes = [
        {**_note(_short(line.name), line.colour), "x": 1, "xref": "paper", "xanchor": "left", "xshift": 5, "y": place}
        for line, place in zip(lines, places, strict=True)
    ]
    y: dict[str, Any] = {"range": list(extent), "ticksuffix": " %" if metric.unit == "%" else ""}
    if metric.log:
        y |= {"type": "log", "dtick": max(1, round((extent[1] - extent[0]) / 4)), "tickformat": ",.3~f"}
    x = {"range": [0, last], "nticks": 5, "tickformat": ",d", "title": _title(words, palette)}
    return _figure(traces, x, y, palette, right=112, notes=notes)


def _short(name: str) -> str:
    return "counterfactual" if name == "counterfactual training" else name


def _band(line: Line, extent: tuple[float, float], *, log: bool) -> dict[str, Any]:
    """The interval as an area, cut off where it leaves the picture; nothing where there is no interval."""
    floor, ceiling = (10.0 ** extent[0], 10.0 ** extent[1]) if log else extent
    known = [i for i in range(len(line.x)) if math.isfinite(line.low[i])]
    upper = [min(line.high[i], ceiling) for i in known]
    lower = [max(line.low[i], floor) for i in known]
    x = [line.x[i] for i in known]
    fill = f"rgba({','.join(str(int(line.colour[i : i + 2], 16)) for i in (1, 3, 5))},0.13)"
    return {
        "type": "scatter", "x": [*x, *x[::-1]], "y": [*upper, *lower[::-1]], "fill": "toself", "fillcolor": fill,
        "mode": "none", "hoverinfo": "skip",
    }  # fmt: skip


# -- a dot for each draw ----------------------------------------------------------------------------------


def _dots(study: Study, table: pd.DataFrame, metric: StudyMetric, palette: Palette) -> list[StudyPicture]:
    scale = metric.scale
    rows = gains(table, metric.column) if metric.gain else values_of(table, metric.column)
    rows["value"] *= scale
    low, high = float(rows["value"].min()), float(rows["value"].max())
    air = 0.06 * (high - low) or 1.0
    extent = (low - air, high + air)
    found = []
    for panel in study.panels:
        own = rows[rows["panel"] == panel.name]
        if not len(own):
            continue
        names = [variant.name for variant in panel.variants if (own["variant"] == variant.name).any()]
        traces: list[dict[str, Any]] = []
        notes = []
        for place, name in enumerate(reversed(names)):
            values = own.loc[own["variant"] == name, "value"].dropna().tolist()
            colour = palette.conventional if name == CONVENTIONAL else palette.accent
            traces += _dot_row(values, place, colour, filled=name == panel.variants[-1].name)
            text = f"{name}  <b>{_amount(mean(values).value, metric)}</b>"
            notes.append(
                {
                    **_note(text, colour),
                    "bgcolor": palette.ground,
                    "x": 0,
                    "xref": "paper",
                    "xanchor": "left",
                    "y": place + 0.42,
                    "borderpad": 0,
                }
            )
        x = {"range": list(extent), "ticksuffix": " %" if metric.unit == "%" else "", "nticks": 6}
        y = {"range": [-0.4, len(names) - 0.3], "visible": False}
        figure = _figure(traces, x, y, palette, right=8, left=6, notes=notes, height=ROW * len(names) + 40)
        if metric.gain:
            figure.add_vline(x=0, line={"color": palette.conventional, "width": 1.5, "dash": "dot"}, layer="below")
        found.append(StudyPicture(panel.name, panel.title, figure, _say(panel.title, metric, across(own), "")))
    return found


def _dot_row(values: Sequence[float], place: int, colour: str, *, filled: bool) -> list[dict[str, Any]]:
    summary = mean(values)
    symbol = "circle" if filled else "circle-open"
    common = {"type": "scatter", "mode": "markers"}
    dots = {"color": colour, "size": 6, "symbol": symbol, "opacity": 0.55}
    middle = {"color": colour, "size": 15, "symbol": "line-ns-open", "line": {"width": 3, "color": colour}}
    parts: list[dict[str, Any]] = [
        {
            **common,
            "x": _plain(values),
            "y": [place] * len(values),
            "marker": dots,
            "hovertemplate": "%{x:.3~g}<extra></extra>",
        },
        {**common, "x": _plain([summary.value]), "y": [place], "marker": middle, "hoverinfo": "skip"},
    ]
    if math.isfinite(summary.low):
        line = {"color": colour, "width": 3}
        ends = _plain([summary.low, summary.high])
        parts.append(
            {"type": "scatter", "mode": "lines", "x": ends, "y": [place] * 2, "line": line, "hoverinfo": "skip"}
        )
    return parts


# -- gains against the dose of each harm ------------------------------------------------------------------


def _doses(study: Study, table: pd.DataFrame, metric: StudyMetric, palette: Palette) -> list[StudyPicture]:
    summary = across(gains(table, metric.column))
    extent = _extent(summary)
    found = []
    for kind in (*generator.KINDS, generator.METHOD):
        own = summary[summary["variant"] == kind]
        if not len(own):
            continue
        doses = sorted(own["dose"].unique())
        lines = []
        for i, panel in enumerate(study.panels):
            part = own[own["panel"] == panel.name].sort_values("dose")
            x = [doses.index(dose) + 0.06 * (i - 1) for dose in part["dose"]]
            lines.append(_line(panel.title, part, x, palette.accent, DASHES[i], SYMBOLS[i]))
        ticks = [generator.dose_words(kind, dose) for dose in doses]
        sound = doses.index(generator.undisturbed_dose(kind))
        ticks[sound] = f"<b>{ticks[sound]}</b>"
        alt = " ".join(_say(panel.title, metric, own[own["panel"] == panel.name], f"{kind} ") for panel in study.panels)
        figure = _dose_lines(lines, ticks, extent, palette)
        _level(figure, 0, "conventional", palette.conventional)
        found.append(StudyPicture(kind, kind, figure, alt))
    return found


def _dose_lines(
    lines: Sequence[Line], ticks: Sequence[str], extent: tuple[float, float], palette: Palette
) -> go.Figure:
    traces = [{**_trace(line, bars=True), "mode": "markers+lines"} for line in lines]
    places = spread([_within(line.y[-1], extent) for line in lines], 0.14 * (extent[1] - extent[0]), extent)
    notes = [
        {
            **_note(line.name.replace(" ", "<br>", 1), line.colour),
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "align": "left",
            "xshift": 4,
            "y": place,
        }
        for line, place in zip(lines, places, strict=True)
    ]
    x = {"range": [-0.35, len(ticks) - 0.65], "tickvals": list(range(len(ticks))), "ticktext": list(ticks)}
    x["tickangle"] = 0
    return _figure(traces, x, {"range": list(extent), "ticksuffix": " %"}, palette, right=70, left=46, notes=notes)


# -- what they share --------------------------------------------------------------------------------------


def _line(name: str, rows: pd.DataFrame, x: list[float], colour: str, dash: str, symbol: str) -> Line:
    y, low, high = (rows[column].astype(float).tolist() for column in ("value", "low", "high"))
    return Line(name, colour, dash, symbol, x, y, low, high)


def _trace(line: Line, *, bars: bool) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter", "x": _plain(line.x), "y": _plain(line.y), "name": line.name,
        "line": {"color": line.colour, "dash": line.dash, "width": 2},
        "marker": {"color": line.colour, "symbol": line.symbol, "size": 8},
        "hovertemplate": f"{line.name}: %{{y:.3~g}}<extra></extra>",
    }  # fmt: skip
    if bars and any(map(math.isfinite, line.low)):
        known = [math.isfinite(low) for low in line.low]
        up = [high - y if k else 0.0 for high, y, k in zip(line.high, line.y, known, strict=True)]
        down = [y - low if k else 0.0 for low, y, k in zip(line.low, line.y, known, strict=True)]
        faint = f"rgba({','.join(str(int(line.colour[i : i + 2], 16)) for i in (1, 3, 5))},0.45)"
        trace["error_y"] = {
            "array": _plain(up),
            "arrayminus": _plain(down),
            "thickness": 1.2,
            "width": 3,
            "color": faint,
        }
    return trace


def _plain(values: Sequence[float]) -> list[float | None]:
    """Numbers as short as a chart needs them; gaps stay gaps."""
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]


def _extent(summary: pd.DataFrame) -> tuple[float, float]:
    lowest = float(np.nanmin([GAIN_FLOOR, *summary["low"], *summary["value"]]))
    means = float(np.nanmin([*summary["value"], 0.0]))
    return max(min(lowest, means) - 4, min(LOWEST, means - 8)), GAIN_CEILING


def _within(value: float, extent: tuple[float, float]) -> float:
    return min(max(value, extent[0]), extent[1])


def _note(text: str, colour: str) -> dict[str, Any]:
    return {"text": text, "showarrow": False, "font": {"color": colour, "size": 12, "family": FONT}}


def _title(words: str, palette: Palette) -> dict[str, Any]:
    return {"text": words, "font": {"size": 12, "family": FONT, "color": palette.muted}, "standoff": 4}


def _figure(
    traces: Sequence[dict[str, Any]],
    x: dict[str, Any],
    y: dict[str, Any],
    palette: Palette,
    *,
    right: int,
    left: int = 52,
    notes: Sequence[dict[str, Any]] = (),
    height: int = HEIGHT,
) -> go.Figure:
    font = {"size": 12, "family": FONT, "color": palette.muted}
    axis = {"color": palette.muted, "zeroline": False, "fixedrange": True, "tickfont": font, "gridcolor": palette.rule}
    layout = {
        "template": EMPTY, "height": height, "showlegend": False, "hovermode": "closest", "dragmode": False,
        "margin": {"l": left, "r": right, "t": 8, "b": 42 if "title" in x else 30},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": palette.ground, "font": {"color": palette.ink, "family": FONT}},
        "xaxis": {**axis, "showgrid": False, **x}, "yaxis": {"nticks": 5, **axis, **y}, "annotations": list(notes),
    }  # fmt: skip
    return go.Figure({"data": list(traces), "layout": layout})


def _amount(value: float, metric: StudyMetric) -> str:
    return percent(value) if metric.unit == "%" else number(value)


def _say(panel: str, metric: StudyMetric, rows: pd.DataFrame, dose: str) -> str:
    """The text alternative: every mean of a picture."""
    said = []
    for row in rows.itertuples():
        at = f", {dose}{row.dose:g}" if dose and math.isfinite(float(str(row.dose))) else ""
        said.append(f"{row.variant}{at}: {_amount(float(str(row.value)), metric)}")
    means = "geometric means" if metric.log else "means"
    return f"{panel}. {metric.title}, {means} over draws: {'; '.join(said)}."


def summary_rows(study: Study, table: pd.DataFrame, metric: StudyMetric) -> list[tuple[str, str, str, Mean]]:
    """Panel, variant, dose in words and mean of every point of the pictures: the table below them."""
    rows = gains(table, metric.column) if metric.gain else values_of(table, metric.column)
    rows["value"] *= metric.scale
    last = rows[rows["epoch"] == rows.groupby("panel")["epoch"].transform("max")]
    found = []
    for row in across(last, log=metric.log).itertuples():
        value, low, high, dose = (float(str(part)) for part in (row.value, row.low, row.high, row.dose))
        words = "" if math.isnan(dose) or study.kind == "epochs" else f"{dose:g}"
        if study.kind == "doses" and words:
            words = generator.dose_words(str(row.variant), dose)
        summary = Mean(value, low, high, int(str(row.n)))
        found.append((study.panel(str(row.panel)).title, str(row.variant), words, summary))
    return found
