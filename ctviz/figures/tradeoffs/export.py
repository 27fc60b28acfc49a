"""Figures as files: a page that works offline, and, with kaleido, pictures."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Literal

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from ctviz.errors import DataError
from ctviz.figures.theme import DARK, Palette
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
    boot = f'Plotly.newPlot("figure",{data});'
    library = get_plotlyjs()
    page = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    return Template(page).substitute(
        hashes=f"'sha256-{_library_hash()}' '{_hashed(boot)}'",
        scheme="dark" if palette == DARK else "light",
        title=escape(title),
        words=escape(words),
        ground=palette.ground, ink=palette.ink, muted=palette.muted, rule=palette.rule,
        height=int(figure.layout.height or 450),
        table=_html(table) if table is not None else "",
        library=library,
        boot=boot,
    )  # fmt: skip


def _hashed(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _library_hash() -> str:
    return _hashed(get_plotlyjs()).removeprefix("sha256-")


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
    return (
        f'<details><summary>The numbers</summary><div class="wide"><table><caption>{escape(table.caption)}</caption>'
        f"<thead>{row(table.header, 'th')}</thead><tbody>{body}</tbody></table></div>{notes}</details>"
    )


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
