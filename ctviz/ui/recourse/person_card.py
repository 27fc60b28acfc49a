"""The person of the page as a card, in plain words and original units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ctviz.data.schema import Schema

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

LEAST = 3
"""Features of one kind, one for each month, from which on they are a row of their own."""


def by_month(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What is told of several months, and of which: ``{"bill": ("September", "August", …)}``."""
    found: dict[str, list[str]] = {}
    for name in names:
        what, _, month = name.rpartition(" ")
        if what and month in MONTHS:
            found.setdefault(what, []).append(month)
    return {what: tuple(months) for what, months in found.items() if len(months) >= LEAST}


def card(texts: Mapping[str, str], schema: Schema, asked: Sequence[str] = ()) -> str:
    """A person as HTML: features beside each other, those of months as the rows of a small table.

    Args:
        texts: of all features, with units.
        schema: the features in their order.
        asked: those that a plan changes, which stand out.
    """
    monthly = by_month(schema.names)
    alone = [n for n in schema.names if n.rpartition(" ")[0] not in monthly or n.rpartition(" ")[2] not in MONTHS]
    cells = "".join(
        f"<div{_mark(n, asked)}><dt>{escape(n)}</dt><dd>{escape(texts[n])}</dd></div>" for n in alone if n in texts
    )
    return f'<section class="ctviz-someone"><dl>{cells}</dl>{_months(monthly, texts, asked)}</section>'


def _months(monthly: Mapping[str, tuple[str, ...]], texts: Mapping[str, str], asked: Sequence[str]) -> str:
    if not monthly:
        return ""
    months = next(iter(monthly.values()))
    head = "".join(f'<th scope="col">{month}</th>' for month in months)
    rows = "".join(
        f'<tr><th scope="row">{escape(what)}</th>'
        + "".join(f"<td{_mark(f'{what} {m}', asked)}>{escape(texts.get(f'{what} {m}', '–'))}</td>" for m in months)
        + "</tr>"
        for what in monthly
    )
    return (
        f'<div class="ctviz-scroll"><table class="ctviz-months" style="--rows:{1 + len(months)}">'
        f'<caption class="ctviz-unseen">By month</caption><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _mark(name: str, asked: Sequence[str]) -> str:
    return ' class="asked" title="A plan changes this"' if name in asked else ""
