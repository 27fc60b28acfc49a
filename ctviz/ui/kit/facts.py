"""Facts beside a picture: a list of numbers, each with a title, what it means, and the number of every model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from ctviz.ui.kit.theme import palette


@dataclass(frozen=True)
class Row:
    """One number: whose it is, the number, and in small type its interval or what is said of it."""

    name: str
    value: str
    role: str = ""  # of a model, which gives its colour
    interval: str = ""
    small: str = ""


@dataclass(frozen=True)
class Fact:
    """A title with its rows.

    Attributes:
        words: what the numbers mean, in large type above them.
        text: a sentence above the rows.
        note: in small type below them.
        help: shown when the pointer rests on it.
        kind: a class of the style sheet, of the whole block.
        role: of the model that the title names.
        html: further rows, already as HTML.
    """

    title: str
    rows: Sequence[Row] = ()
    words: str = ""
    text: str = ""
    note: str = ""
    help: str = ""
    kind: str = ""
    role: str = ""
    html: str = ""


def fact_list(facts: Iterable[Fact], kind: str = "") -> None:
    """Shows facts in the colours of the theme; ``kind`` is a class of the style sheet."""
    colours = palette()
    st.html(
        f'<dl class="{f"ctviz-beside {kind}".strip()}" '
        f'style="--accent:{colours.accent};--conventional:{colours.conventional}">{"".join(map(as_html, facts))}</dl>'
    )


def as_html(fact: Fact) -> str:
    """A fact as a part of a definition list."""
    parts = [f"<dt{_attribute('class', fact.role)}>{escape(fact.title)}</dt>"]
    parts += [f'<dd class="ctviz-words">{escape(fact.words)}</dd>'] if fact.words else []
    parts += [f'<dd class="ctviz-said">{escape(fact.text)}</dd>'] if fact.text else []
    parts += [*map(_row, fact.rows), fact.html]
    parts += [f'<dd class="ctviz-said"><small>{escape(fact.note)}</small></dd>'] if fact.note else []
    return f"<div{_attribute('class', fact.kind)}{_attribute('title', fact.help)}>{''.join(parts)}</div>"


def _row(row: Row) -> str:
    interval = f" <em>{escape(row.interval)}</em>" if row.interval else ""
    small = f"<small>{escape(row.small)}</small>" if row.small else ""
    name = f"<span>{escape(row.name)}</span> " if row.name else ""
    return f"<dd{_attribute('class', row.role)}>{name}<b>{escape(row.value)}{interval}</b>{small}</dd>"


def _attribute(name: str, value: str) -> str:
    return f' {name}="{escape(value)}"' if value else ""
