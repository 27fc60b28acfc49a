"""Tables of Paper, as HTML that scrolls where it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st


def table(label: str, head: str, body: Sequence[str], least: int = 30) -> None:
    """Rows under a head, both as HTML; ``label`` is what it is called by who cannot see it. Where there is less room
    than ``least``, in widths of the type, it scrolls."""
    st.html(
        f'<div class="ctviz-scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="ctviz-table" style="min-width:{least}rem">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def heads(*titles: str) -> str:
    """An empty corner and a title for each column of numbers."""
    return "<td></td>" + "".join(f'<th class="number" scope="col">{escape(title)}</th>' for title in titles)


def cells(*texts: str) -> str:
    """Columns of numbers."""
    return "".join(f'<td class="number">{escape(text)}</td>' for text in texts)
