"""Advice for everyone as a chart: one number of both models, over all people and by group, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from ctviz.catalogue import population as words
from ctviz.catalogue.population import POPULATION_METRICS, THREE, group_title, with_interval
from ctviz.catalogue.rows import in_words_of
from ctviz.experiments.population import LEVEL, Compared, Metric, Population, Row, ThreeModels
from ctviz.figures.curves import EMPTY, FONT, cut
from ctviz.figures.page import variables
from ctviz.figures.recourse.sheet import ABOUT_A_MODEL, style
from ctviz.figures.theme import LIGHT, Palette
from ctviz.prose import begun, listed, unbroken

MARK, HEADING = 15, 24
"""Pixels of a group for each model, and of the name of a feature above its groups."""

MARK_DISTANCE = 10.0
"""By how many pixels the marks of a group lie one below the other."""

LABEL = 150
"""Pixels for the names of groups, left of the plot."""

SYMBOLS = "circle-open", "diamond", "diamond-open"
"""Of the conventional model, of counterfactual training, and of that with rules: colour is not the only difference."""

MARKS = "○", "◆", "◇"
"""The same as text."""


@dataclass(frozen=True)
class Line:
    """One row of the chart: a heading, or a group with the numbers of all models."""

    title: str
    rows: tuple[Row, ...] = ()


def lines_of(found: Compared, metric: Metric) -> list[Line]:
    """Everyone, and under each feature its groups."""

    def of_all(feature: str = "", group: str = "") -> tuple[Row, ...]:
        return tuple(found.row(metric, arm, feature=feature, group=group) for arm in found.arms)

    lines = [Line(in_words_of(found.data, "everyone"), of_all())]
    for one in found.groupings:
        lines.append(Line(one.feature))
        lines += [Line(name, of_all(one.feature, name)) for name in one.names]
    return lines


def chart(found: Compared, metric: Metric, palette: Palette) -> go.Figure:
    """The chart of one metric: marks with intervals, the conventional model above the others in each row."""
    lines, scale = lines_of(found, metric), POPULATION_METRICS[metric].scale
    places = _places(lines, len(found.arms))
    traces = [_trace(lines, places, m, scale, found, palette) for m in range(len(found.arms))]
    ends = [scale * end for line in lines for row in line.rows for end in (row.spread.value, row.spread.high)]
    most = max((end for end in ends if math.isfinite(end)), default=1.0)
    most = 100.0 if POPULATION_METRICS[metric].share and most > 50 else 1.06 * most or 1.0
    notes = [
        _note(cut(begun(line.title), 25), at, palette.ink if line.rows else palette.muted, bold=not line.rows)
        for line, at in zip(lines, places, strict=True)
    ]
    height = max(places) + MARK * len(found.arms) / 2
    axis = {"color": palette.muted, "zeroline": False, "fixedrange": True, "gridcolor": palette.rule}
    layout = {
        "template": EMPTY,
        "height": int(height + 46),
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "margin": {"l": LABEL, "r": 16, "t": 6, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": palette.ground, "font": {"color": palette.ink, "family": FONT}},
        "xaxis": {
            **axis, "range": [0, most], "nticks": 5, "ticksuffix": POPULATION_METRICS[metric].suffix,
            "tickfont": {"size": 12, "family": FONT, "color": palette.muted},
        },
        "yaxis": {**axis, "range": [height, 0], "showticklabels": False, "showgrid": False},
        "annotations": notes,
    }  # fmt: skip
    return go.Figure({"data": traces, "layout": layout})


def _places(lines: Sequence[Line], models: int) -> list[float]:
    """The middle of each row, in pixels from above."""
    places, used = [], 0.0
    for line in lines:
        size = MARK * models if line.rows else HEADING
        places.append(used + size / 2)
        used += size
    return places


def _trace(
    lines: Sequence[Line], places: Sequence[float], m: int, scale: float, found: Compared, palette: Palette
) -> dict[str, Any]:
    colour = palette.accent if m else palette.conventional
    shown = [
        (line, line.rows[m], at + (m - (len(found.arms) - 1) / 2) * MARK_DISTANCE)
        for line, at in zip(lines, places, strict=True)
        if line.rows and math.isfinite(line.rows[m].spread.value)
    ]
    spreads = [row.spread for _, row, _ in shown]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": begun(THREE[m]),
        "x": [scale * spread.value for spread in spreads],
        "y": [at for _, _, at in shown],
        "marker": {"color": colour, "size": 9, "symbol": SYMBOLS[m], "line": {"width": 2, "color": colour}},
        "error_x": {
            "type": "data", "symmetric": False, "color": colour, "thickness": 2, "width": 0,
            "array": [_side(scale * (spread.high - spread.value)) for spread in spreads],
            "arrayminus": [_side(scale * (spread.value - spread.low)) for spread in spreads],
        },
        "customdata": [[line.title, with_interval(row), row.people] for line, row, _ in shown],
        "hovertemplate": "%{customdata[0]}: %{customdata[1]}, %{customdata[2]} counted<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def _side(length: float) -> float:
    return max(length, 0.0) if math.isfinite(length) else 0.0


def _note(text: str, at: float, colour: str, *, bold: bool) -> dict[str, Any]:
    font = {"size": 12 if bold else 13, "family": FONT, "color": colour}
    return {
        "text": f"<b>{text}</b>" if bold else text, "x": 0, "xref": "paper", "xanchor": "right", "xshift": -8, "y": at,
        "yanchor": "middle", "showarrow": False, "font": font,
    }  # fmt: skip


def key(models: int = 2) -> str:
    """What the marks stand for: ``○ conventional training, ◆ counterfactual training``, with the intervals."""
    marks = ", ".join(f"{mark} {title}" for mark, title in zip(MARKS[:models], THREE, strict=False))
    return f"{marks}; lines: {100 * LEVEL:.0f} % intervals"


def described(found: Compared, metric: Metric) -> str:
    """The chart in words: the numbers of everyone and of each group."""
    said, feature = [], ""
    for line in lines_of(found, metric):
        if not line.rows:
            feature = line.title
            continue
        numbers = ", ".join(f"{title} {with_interval(row)}" for title, row in zip(THREE, line.rows, strict=False))
        said.append(f"{group_title(feature, line.title) if feature else 'Everyone'}: {numbers}.")
    return f"{POPULATION_METRICS[metric].title}. {' '.join(said)}"


def table_rows(found: Compared) -> list[tuple[str, str, tuple[str, ...], str]]:
    """The content of all charts: group, metric, numbers of the models and the difference of the last two, people."""
    rows = []
    places = [("", "")] + [(one.feature, name) for one in found.groupings for name in one.names]
    for feature, group in places:
        title = group_title(feature, group) if feature else "everyone"
        for metric, told in POPULATION_METRICS.items():
            own = [found.row(metric, arm, feature=feature, group=group) for arm in found.arms]
            paired = found.row(metric, found.arms[-1], feature=feature, group=group, against="conventional")
            rows.append((title, told.title, tuple(map(with_interval, [*own, paired])), f"{own[0].people:,}"))
    return rows


# -- on paper ------------------------------------------------------------------------------------------


PRINTED: tuple[Metric, ...] = ("effort", "distance")
"""The metrics of the printed table."""

PAPER_STYLE = (
    ".ctv-everyone { break-before: page; } .ctv-everyone main { zoom: .86; } .ctv-everyone td { white-space: nowrap; } "
    ".ctv-everyone table { border-collapse: collapse; width: 100%; } "
    ".ctv-everyone :is(th, td) { border-bottom: 1px solid #C8CED6; font-size: 7.6pt; font-weight: 400; "
    "padding: 1pt 4pt; text-align: right; } .ctv-everyone :is(th[scope=row], thead tr:first-child th) "
    "{ text-align: left; } .ctv-everyone thead th { font-weight: 600; } "
    ".ctv-everyone .wide :is(th, td) { font-size: 6.2pt; padding: 1pt 2pt; white-space: nowrap; } "
    "@media print { .ctv-everyone .ctv-sheet h2 { margin: 8pt 0 2pt; } .ctv-everyone tr { break-inside: avoid; } }"
)


def to_paper(found: Population, note: str = "") -> str:
    """All of it as a sheet that is printed and not seen on the screen: the numbers as a table, and what is said of
    them; ``note``: on the models, a sentence."""
    told = [words.planned_sentence(found), words.checked_sentence(found), *words.proofs_sentences(found)]
    parts = [("What both models ask", told + words.groups_sentences(found))] if found.n else []
    parts.append(("What their decisions rest on", words.reliance_sentences(found)))
    said = f"{words.asked_sentence(found)} {note}".strip() if found.n else ""
    table = "" if not found.n or words.too_few(found) else _paper_table(found)
    return _paper(words.headline(found), said, table, parts, found.arms, found.run, found.epoch)


def three_to_paper(found: ThreeModels, run: str, epoch: int) -> str:
    """The same of three models, of which a run that is ``joined`` has all."""
    parts = [("What the models ask", [words.planned_sentence(found), *words.groups_sentences(found)])]
    said = " ".join(words.three_sentences(found))
    table = "" if words.too_few(found) else _paper_table(found)
    return _paper(words.three_headline(found), said, table, parts, found.arms, run, epoch)


def _paper(
    lead: str, who: str, table: str, parts: Sequence[tuple[str, Sequence[str]]], arms: Sequence[str], run: str,
    epoch: int,
) -> str:  # fmt: skip
    lists = "".join(
        f"<h2>{title}</h2><ul>{''.join(f'<li>{unbroken(escape(one))}</li>' for one in said)}</ul>"
        for title, said in parts
    )
    about = f"Models {listed([f'“{arm}”' for arm in arms])} of run {run}, after epoch {epoch}. {ABOUT_A_MODEL}"
    lists += f'<section class="small"><p>{escape(about)}</p></section>'
    asked = f"<p>{escape(who)} Numbers in brackets are {100 * LEVEL:.0f} % intervals.</p>" if who else ""
    colours = f".ctv-paper {{ {variables(LIGHT)} }}"
    return (
        f'<style>{style()}{colours}{PAPER_STYLE}</style><div class="ctv-paper ctv-everyone"><main>'
        f'<h1>Advice for everyone</h1><p class="lead">{escape(lead)}</p>'
        f'<div class="ctv-sheet">{asked}{table}{lists}</div>'
        "<footer>Made with ctviz.</footer></main></div>"
    )


def _paper_table(found: Compared) -> str:
    """Effort and distance of the models and the difference of the last two, a row for each group."""
    titles = [words.POPULATION_METRICS[metric].title for metric in PRINTED]
    models = len(found.arms)
    columns = [*("Conventional", "Counterfactual", "With rules")[:models], words.DIFFERENCE_TITLES[models]]
    kind = ' class="wide"' if len(columns) > 3 else ""
    above = "".join(f'<th colspan="{len(columns)}" scope="colgroup">{escape(title)}</th>' for title in titles)
    below = "".join(f'<th scope="col">{title}</th>' for title in columns)
    rows: dict[str, list[str]] = {}
    for title, metric, values, _ in table_rows(found):
        if metric in titles:
            rows.setdefault(title, []).extend(values)
    body = ""
    for title, told in rows.items():
        cells = "".join(f"<td>{escape(value)}</td>" for value in told)
        body += f'<tr><th scope="row">{escape(begun(title))}</th>{cells}</tr>'
    return (
        f'<table{kind}><thead><tr><th scope="col">People</th>{above}</tr>'
        f"<tr><th></th>{below * len(titles)}</tr></thead><tbody>{body}</tbody></table>"
    )
