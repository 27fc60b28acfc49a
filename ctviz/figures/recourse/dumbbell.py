"""A plan as a dumbbell chart: each change from the person's own value to that of the plan, as HTML.

HTML and not plotly, since most of it is text: names and levels wrap on a phone, can be selected, and are printed in
full. Every text is escaped. Shapes tell what colours tell: a ring is now, an arrow points to what is planned.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from html import escape
from importlib.resources import files

from ctviz.catalogue.advice import JOINING, change_words
from ctviz.experiments.advice import AdvisedPlan, FeatureChange, FeatureScale, ModelAdvice
from ctviz.figures.theme import Palette
from ctviz.prose import begun, clipped, number, percent, quoted

CUT = 0.1
"""A change and the accepted people beside it that take less than this share of the domain are drawn on a part of it."""

WIDER = 0.5
"""How much more of the domain is then drawn on each side, as a share of what they take."""

WIDEST = 9.0
"""The most room for a value beside a scale, in em."""

LONG = 120
"""The most characters of a name or a value."""


def dumbbell(model: ModelAdvice, plan: int = 0, palette: Palette | None = None) -> str:
    """The changes of a plan as HTML, with its style, its text alternative, and its content as a table that opens.

    Args:
        plan: position among ``model.plans``.
        palette: of the page; without it the colours are those of the page's own variables (``figures/page.html``).
    """
    chosen = model.plans[plan]
    return f"<style>{style()}</style>{chart(model, chosen, palette)}{opened_table(chosen)}"


def chart(model: ModelAdvice, plan: AdvisedPlan, palette: Palette | None = None) -> str:
    """The same without style and table, of any plan, such as one after a release."""
    variables = {} if palette is None else asdict(palette)
    if rooms := [_room(change) for change in plan.changes if change.scale and change.kind != "ordered"]:
        variables["room"] = f"{max(rooms):g}em"
    own = "".join(f"--{name}:{value};" for name, value in variables.items())
    kind = "counterfactual" if model.counterfactual else "conventional"
    inside = "".join(map(_row, plan.changes)) + _key(plan)
    said = escape(_described(plan))
    return f'<div class="ctv-bells {kind}" role="img" aria-label="{said}" style="{own}">{inside}</div>'


def described(model: ModelAdvice, plan: int = 0) -> str:
    """What the chart of a plan shows, in words."""
    return _described(model.plans[plan])


def opened_table(plan: AdvisedPlan) -> str:
    """The content of the chart as a table, which opens by a press."""
    return f'<details class="ctv-bells-table"><summary>As a table</summary>{table(plan)}</details>'


def table(plan: AdvisedPlan) -> str:
    """The content of the chart as a table, a row for each change."""
    titles = "Feature", "Now", "Planned", "Effort", "Where accepted people lie"
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    rows = []
    for change in plan.changes:
        cells = (*change.texts, number(change.effort, 3), begun(accepted_words(change)))
        texts = "".join(f"<td>{_told(cell)}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{_told(change.feature)}</th>{texts}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def accepted_words(change: FeatureChange) -> str:
    """Where the people lie who were accepted: ``half from 40 to 50``; empty where that is not known."""
    if change.scale is not None:
        low, high = change.scale.accepted_texts
        return f"half at {low}" if low == high else f"half from {low} to {high}"
    if change.accepted is not None:
        before, after = map(percent, change.accepted)
        return f"{before} have “{change.texts[0]}”, {after} “{change.texts[1]}”"
    return ""


@cache
def style() -> str:
    """The style of the chart."""
    return (files(__package__) / "dumbbell.css").read_text(encoding="utf-8")


def _told(text: str) -> str:
    """A name or a value as HTML."""
    return escape(clipped(text, LONG))


# -- in words -------------------------------------------------------------------------------------------


def _described(plan: AdvisedPlan) -> str:
    count = len(plan.changes)
    parts = [f"{count} change{'s' if count != 1 else ''}."]
    for change in plan.changes:
        scale, people = change.scale, accepted_words(change)
        where = "" if scale is None else f", on a scale from {scale.domain_texts[0]} to {scale.domain_texts[1]}"
        accepted = f"; of accepted people, {people}" if people else ""
        parts.append(f"{begun(clipped(change_words(change), 4 * LONG))}{where}{clipped(accepted, 4 * LONG)}.")
    return " ".join(parts)


# -- as a picture ---------------------------------------------------------------------------------------


def _room(change: FeatureChange) -> float:
    """The room beside a scale that its values need, in em; longer ones wrap."""
    return min(max(round(0.8 + 0.68 * max(map(len, change.texts)), 1), 4.8), WIDEST)


def _row(change: FeatureChange) -> str:
    way = "other" if change.kind == "category" else "up" if change.rises else "down"
    effort = f"effort {number(change.effort, 3)}"
    name = f"<p><b>{_told(change.feature)}</b> <small>{escape(effort)}</small></p>"
    if change.scale is None or change.kind == "ordered":
        body = f'<div class="ends"><span class="now">{_told(change.texts[0])}</span><i></i>'
        body += f'<span class="then">{_told(change.texts[1])}</span></div>'
        body += _levels(change) if change.scale is None else _track(change, change.scale, labelled=False)
    else:
        body = _track(change, change.scale, labelled=True)
    return f'<div class="row {way} {change.kind}">{name}{body}</div>'


def _levels(change: FeatureChange) -> str:
    """Under the two levels of a category, which share of the accepted people has each."""
    if change.accepted is None:
        return ""
    texts = quoted(change.texts, *JOINING)
    shares = (f"{_told(text)} {percent(share)}" for text, share in zip(texts, change.accepted, strict=True))
    return f'<p class="shares"><small>Among accepted people: {", ".join(shares)}</small></p>'


def _track(change: FeatureChange, scale: FeatureScale, labelled: bool) -> str:
    """The scale, the accepted people as a band on it, and on top the way from now to then."""
    low, high = shown_part(scale)

    def at(value: float) -> float:
        return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)

    now, then = at(scale.before), at(scale.after)
    reach, band = (tuple(map(at, ends)) for ends in (scale.reach, scale.accepted))
    cut = low > scale.domain[0], high < scale.domain[1]
    sides = "".join(
        f'<span><small class="{side}{" cut" if cut_off else ""}">{_told(text)}</small></span>'
        for side, text, cut_off in zip(("low", "high"), scale.domain_texts, cut, strict=True)
    )
    marks = (
        f'<span class="line"></span><span class="reach" {_between(*reach)}></span>'
        f'<span class="band" {_between(*band)}></span><span class="way"></span><span class="ring"></span>'
        '<span class="tip"></span>'
    )
    if labelled:
        for one, text in zip(("now", "then"), change.texts, strict=True):
            marks += f'<b class="{one}">{_told(text)}</b>'
    ends = f'style="--now:{now}%;--then:{then}%"'
    kind = f" labelled{' long' if _room(change) == WIDEST else ''}" if labelled else ""
    return f'<div class="track{kind}"><div class="axis" {ends}>{marks}</div><div class="sides">{sides}</div></div>'


def _between(left: float, right: float) -> str:
    return f'style="left:{left}%;right:{round(100 - right, 2)}%"'


def shown_part(scale: FeatureScale) -> tuple[float, float]:
    """The part of the domain that is drawn: all of it, unless the change and the accepted people take little of it."""
    held = (scale.before, scale.after, *scale.accepted)
    low, high = min(held), max(held)
    least, most = min(scale.domain[0], low), max(scale.domain[1], high)
    if not high - low < CUT * (most - least):
        return least, (most if most > least else least + 1)
    pad = WIDER * (high - low)
    return max(least, low - pad), min(most, high + pad)


def _key(plan: AdvisedPlan) -> str:
    band = any(change.scale for change in plan.changes)
    said = '<span class="mark band"></span>middle half of accepted people' if band else ""
    return (
        '<p class="key"><small><span class="mark ring"></span>now</small><small><span class="mark tip"></span>planned'
        f"</small>{f'<small>{said}</small>' if said else ''}</p>"
    )
