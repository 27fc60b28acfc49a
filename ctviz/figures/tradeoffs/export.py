"""Figures as files: a page that works offline, and, with kaleido, pictures."""

from __future__ import annotations

import importlib.util
import json
from html import escape
from typing import Any, Literal

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from ctviz.errors import DataError
from ctviz.figures.page import details, page
from ctviz.figures.theme import Palette
from ctviz.figures.tradeoffs.tables import Table

Kind = Literal["png", "svg", "pdf"]

HOW = (
    "Pictures need kaleido and a Chrome or Chromium: pip install 'ctviz[images]'. "
    "Without them, the button in the corner of a figure on the page, or in its HTML file, keeps it as a drawing (SVG)."
)
"""What to do where no picture can be made."""


def config(name: str, kind: Literal["svg", "png"] = "svg") -> dict[str, Any]:
    """Plotly's settings for a figure that can be kept: one button in its corner, which the browser itself serves.

    Nothing has to be installed for it. ``name`` is that of the file, without its ending.
    """
    return {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": kind, "filename": name, "scale": 1 if kind == "svg" else 3},
        "responsive": True,
        "doubleClick": False,
        "scrollZoom": False,
    }


def standalone(
    figure: go.Figure, title: str, palette: Palette, words: str = "", table: Table | None = None, name: str = "ctviz"
) -> str:
    """A page of its own with the figure, its words and its numbers; it makes no request.

    Args:
        figure: drawn in the colours of ``palette``.
        title: of the page.
        palette: of the page.
        words: what the figure shows, in a sentence or two; also its text alternative.
        table: the numbers behind it.
        name: of the file that its button keeps.
    """
    spec = json.loads(figure.to_json())
    parts = (spec["data"], spec["layout"], config(name))
    # A name of a cell may hold the end of a script.
    data = ",".join(json.dumps(part, separators=(",", ":")).replace("<", "\\u003c") for part in parts)
    height = int(figure.layout.height or 450)
    place = f'<figure id="figure" role="img" aria-label="{escape(words)}" style="min-height: {height}px"></figure>'
    return page(
        title,
        words,
        place + (_html(table) if table is not None else ""),
        f'Plotly.newPlot("figure",{data});',
        library=get_plotlyjs(),
        style="th, td { white-space: nowrap; }",
        footer="The button in the picture's corner keeps it as a drawing (SVG).",
        palette=palette,
    )


def _html(table: Table) -> str:
    side = ['class="right"' if right else "" for right in table.numeric]

    def row(texts: tuple[str, ...], tag: str) -> str:
        return (
            "<tr>"
            + "".join(f"<{tag} {s}>{escape(text)}</{tag}>" for s, text in zip(side, texts, strict=True))
            + "</tr>"
        )

    body = "".join(row(texts, "td") for texts in table.rows)
    notes = "".join(f'<p class="note">{escape(text)}</p>' for text in table.notes)
    head = f"<caption>{escape(table.caption)}</caption><thead>{row(table.header, 'th')}</thead>"
    numbers = f'<div class="tables"><div><table>{head}<tbody>{body}</tbody></table></div></div>'
    return details("The numbers", numbers + notes)


def can_draw() -> bool:
    """Whether kaleido is installed."""
    return importlib.util.find_spec("kaleido") is not None


def image(figure: go.Figure, kind: Kind, width: int = 1000) -> bytes:
    """The figure as a picture, through kaleido, which drives a Chrome that must be installed; no network is used.

    Args:
        figure: any of this folder's, which have their ground behind them.
        kind: of the file; a PNG has two pixels for each of the page's.
        width: in the page's pixels; the height is the figure's own.

    Raises:
        DataError: kaleido or a Chrome is missing, or it failed.
    """
    if not can_draw():
        raise DataError(HOW)
    try:
        made = figure.to_image(format=kind, width=width, height=figure.layout.height, scale=2 if kind == "png" else 1)
    except Exception as error:  # kaleido raises what it meets, of many kinds
        raise DataError(f"The picture could not be made ({type(error).__name__}). {HOW}") from None
    return bytes(made)
