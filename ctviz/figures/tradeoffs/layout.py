"""What the figures of a sweep share: type, hover label, and what they answer to a click."""

from __future__ import annotations

from typing import Any

from ctviz.figures.curves import EMPTY, FONT
from ctviz.figures.theme import Palette

NOTE, SMALL, BODY = 11, 12, 13
"""Sizes of type, in pixels at a scale of one."""


def font(palette: Palette, size: float = SMALL, colour: str | None = None, *, bold: bool = False) -> dict[str, Any]:
    """A font of the figures; by default small and muted."""
    return {"size": size, "family": FONT, "color": colour or palette.muted, "weight": 600 if bold else 400}


def base(palette: Palette, height: float, scale: float) -> dict[str, Any]:
    """A layout without axes.

    The distance of a hover is without limit, so that the whole of a cell answers to the pointer and to a click.
    """
    return {
        "template": EMPTY,
        "height": round(height),
        "showlegend": False,
        "hovermode": "closest",
        "hoverdistance": -1,
        "dragmode": False,
        "clickmode": "event+select",
        # Not transparent, as elsewhere: these figures are kept as files, where light type needs its dark ground.
        "paper_bgcolor": palette.ground,
        "plot_bgcolor": "rgba(0,0,0,0)",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": palette.muted, "activecolor": palette.ink},
        "hoverlabel": {
            "bgcolor": palette.ground, "bordercolor": palette.rule, "align": "left",
            "font": {"color": palette.ink, "family": FONT, "size": BODY * scale},
        },
    }  # fmt: skip


def axis(palette: Palette, scale: float, **more: Any) -> dict[str, Any]:
    """An axis that cannot be dragged, as all of them."""
    return {
        "color": palette.muted, "zeroline": False, "fixedrange": True, "showgrid": False, "ticks": "",
        "tickfont": font(palette, SMALL * scale), "automargin": True, **more,
    }  # fmt: skip


def note(text: str, x: Any, y: Any, letters: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Text without an arrow."""
    return {"text": text, "x": x, "y": y, "font": letters, "showarrow": False, **more}


def plain_text(text: str) -> str:
    """Text that plotly takes letter by letter: names of cells may hold what it would read as a tag."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def subscript(text: str) -> str:
    """A symbol with its index set low, as figures show it: λ_div → λ<sub>div</sub>."""
    head, mark, tail = plain_text(text).partition("_")
    if not mark or not head or not tail.replace("_", "").isalnum() or len(head.rpartition("(")[2]) > 1:
        return plain_text(text).replace("_", " ") if mark and " " in text else plain_text(text)
    return f"{head}<sub>{tail}</sub>"
