"""Tables as HTML, which scroll where they do not fit; the keyboard reaches them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import streamlit as st


def scrolling(label: str, html: str) -> None:
    """Shows a table that scrolls; ``label`` names it for screen readers."""
    st.html(f'<div class="ctviz-scroll" tabindex="0" role="region" aria-label="{escape(label)}">{html}</div>')


def table(
    head: Sequence[str],
    rows: Iterable[str],
    *,
    kind: str = "",
    caption: str = "",
    width: int | None = None,
    groups: Sequence[tuple[str, int]] = (),
) -> str:
    """A table of rows under a head, all of them HTML.

    Args:
        head: cells (``heads`` makes some).
        rows: each a ``<tr>`` (``row`` makes one).
        kind: a class of the style sheet.
        caption: above the table.
        width: below which it scrolls, in widths of the type.
        groups: titles above the columns after the first, each with the number of its columns.
    """
    least = f' style="min-width:{width}rem"' if width else ""
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    classes = f"ctviz-table {kind}".strip()
    return (
        f'<table class="{classes}"{least}>{above}<thead>{_groups(groups)}<tr>{"".join(head)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _groups(groups: Sequence[tuple[str, int]]) -> str:
    """A row of titles, each above several columns; the class marks where a group begins."""
    cells = [
        f'<th class="ctviz-group" scope="colgroup" colspan="{width}">{escape(title)}</th>' for title, width in groups
    ]
    return f"<tr>{CORNER}{''.join(cells)}</tr>" if cells else ""


def heads(*titles: str, number: bool = True) -> list[str]:
    """A head for each column, of numbers or of words."""
    kind = ' class="number"' if number else ""
    return [f'<th{kind} scope="col">{escape(title)}</th>' for title in titles]


CORNER = "<td></td>"
"""The empty corner above the titles of the rows."""


def row(title: str, cells: Iterable[str], *, symbol: str = "", help: str = "", strong: bool = False) -> str:
    """A row: its title, with a symbol in small type, and its cells."""
    name = f"<b>{escape(title)}</b>" if strong else escape(title)
    hint = f' title="{escape(help)}"' if help else ""
    small = f" <small>{escape(symbol)}</small>" if symbol else ""
    return f'<tr><th scope="row"{hint}>{name}{small}</th>{"".join(cells)}</tr>'


def numbers(*texts: str) -> list[str]:
    """Cells of numbers."""
    return [f'<td class="number">{escape(text)}</td>' for text in texts]


def words(*texts: str) -> list[str]:
    """Cells of words."""
    return [f"<td>{escape(text)}</td>" for text in texts]


def number_table(label: str, titles: Iterable[str], rows: Iterable[str], width: int = 30) -> None:
    """Shows rows of numbers under the titles of their columns, in a table that scrolls."""
    scrolling(label, table([CORNER, *heads(*titles)], rows, width=width))
