"""What stands beside the pictures of Digits: each model's answer with its probabilities, and the numbers of a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from ctviz.experiments.images.explorer import ClassMeans, ImageNumbers, ImageTrace
from ctviz.figures import digit_words as words
from ctviz.figures.advice import Span
from ctviz.figures.theme import ArmStyle
from ctviz.prose import number
from ctviz.ui.digits.answers import spans
from ctviz.ui.digits.pictures import arrivals
from ctviz.ui.kit import results

Floats = npt.NDArray[Any]


def show(blocks: str) -> None:
    """Blocks of words and numbers beside a picture."""
    colours = results.palette()
    st.html(
        f'<dl class="ctviz-beside" style="--accent:{colours.accent};--conventional:{colours.conventional}">'
        f"{blocks}</dl>"
    )


def _block(title: str, rows: str, said: str = "", what: str = "") -> str:
    """A number's title, what is said of it, the rows of the models, and in small print what it is and its unit."""
    words_ = f'<dd class="ctviz-words">{escape(said)}</dd>' if said else ""
    print_ = f'<dd class="ctviz-said"><small>{escape(what)}</small></dd>' if what else ""
    return f"<div><dt>{escape(title)}</dt>{words_}{rows}{print_}</div>"


def _row(style: ArmStyle, value: str, how: str = "") -> str:
    said = f"<small>{escape(how)}</small>" if how else ""
    number_, between, ends = escape(value).partition(" (")
    told = f"{number_} <em>{ends.removesuffix(')')}</em>" if between else number_
    return f'<dd class="{style.role}"><span>{escape(style.short)}</span> <b>{told}</b>{said}</dd>'


def _compared(
    title: str,
    found: Sequence[Span],
    apart: Sequence[Span],
    styles: Sequence[ArmStyle],
    told: Callable[[Span, int], str],
    differ: Sequence[str],
    what: str,
) -> str:
    """A number of every model with its interval, and what its difference to the first model means.

    Where one model is compared with the first, that is said large; where there are several, beside each.
    """
    alone = len([said for said in differ if said]) == 1
    values = words.told_apart(found, apart, told)
    rows = "".join(
        _row(style, value, "" if alone else said) for style, value, said in zip(styles, values, differ, strict=True)
    )
    said = next(filter(None, differ), "") if alone else ""
    return _block(title, rows, said[:1].upper() + said[1:], what)


# -- one digit, and under attack -------------------------------------------------------------------------


def readings(probabilities: Floats, styles: Sequence[ArmStyle], label: int | None) -> str:
    """What each model reads, with the probability of every class as a small bar.

    Args:
        probabilities: (m k).
        styles: of the models (m).
        label: what was meant; None where nobody knows.
    """
    blocks = []
    for style, shares in zip(styles, probabilities, strict=True):
        best, title = int(shares.argmax()), style.short if ", " in style.title else style.title
        bars = "".join(_bar(c, float(share), c == best, c == label) for c, share in enumerate(shares))
        told = ", ".join(f"{c}: {words.percent(float(share))}" for c, share in enumerate(shares))
        blocks.append(
            f'<div class="ctviz-reading {style.role}"><dt class="{style.role}">{escape(title)}</dt>'
            f'<dd class="ctviz-said">{escape(words.reading(shares))}</dd>'
            f'<dd class="ctviz-bars" role="img" aria-label="{escape(f"Probabilities: {told}")}">{bars}</dd></div>'
        )
    return "".join(blocks)


def _bar(c: int, share: float, best: bool, meant: bool) -> str:
    kind = ("best " if best else "") + ("meant" if meant else "")
    return f'<i class="{kind.strip()}" style="--share:{share:.3f}" aria-hidden="true"><u></u><s>{c}</s></i>'


def shares(values: Sequence[float], styles: Sequence[ArmStyle], where: str = words.LOCKED) -> str:
    """How much of where each model looks at one digit is locked; no interval, for it is one digit.

    ``where``: what the locked pixels are called, which may be so for one model alone.
    """
    if not all(np.isfinite(values)):
        return ""
    rows = "".join(_row(style, words.percent(value)) for style, value in zip(styles, values, strict=True))
    return _block(
        "On locked pixels, this digit", rows,
        what=f"Share of |attribution| on {where}, the same for every model.",
    )  # fmt: skip


# -- all classes -----------------------------------------------------------------------------------------


def attention(means: ClassMeans, styles: Sequence[ArmStyle], locked: int) -> str:
    """How much of where the models look is locked, with intervals."""
    if not locked:
        return _block("On locked pixels", '<dd class="ctviz-said">Nothing is locked in this run.</dd>')
    found, apart = spans(means.share), spans(means.difference)
    what = "Share of |attribution| on the locked pixels; beside it its 99 % interval over the digits."
    share = _compared("On locked pixels", found, apart, styles, words.span_of_shares, _points(apart), what)
    found, apart = spans(means.standardised), spans(means.standardised_difference)
    differ = [words.of_relative(span, found[0].value, "less", "more") for span in apart]
    what = "Mean |attribution| on the locked pixels, each digit's own put on a scale from 0 to 1."
    return share + _compared("The paper's measure there", found, apart, styles, words.span_of, differ, what)


# -- counterfactuals -----------------------------------------------------------------------------------------

SHARE, NUMBER = "share", "number"

TAKEN = (
    ("validity", "Arrive", SHARE, "", "", "Searches after which the model reads the class aimed at."),
    ("mature", "Mature", SHARE, "", "", "Those after which it does so with a probability of at least τ = {tau:g}."),
    ("variation", "Unevenness of the digit", NUMBER, "smoother", "rougher",
     "Total variation, TV(x′): differences between neighbouring pixels, added up; from black to white is 2."),
    ("change_variation", "Unevenness of the change", NUMBER, "smoother", "rougher",
     "Total variation of what is changed, TV(x′ − x)."),
    ("roughness", "The same, for each unit of ink moved", NUMBER, "smoother", "rougher",
     "TV(x′ − x) over ‖x′ − x‖₁: near 4 for lonely dots, near 0 for one even patch."),
    ("cost", "Ink moved", NUMBER, "less", "more",
     "Changes of all pixels added up (cost, ℓ1), of those that arrive; one pixel from black to white is 2."),
    ("steps", "Steps", NUMBER, "fewer", "more", "Mean number of steps of a search."),
    ("ip", "Distance to real digits", NUMBER, "closer", "farther",
     "To those of the class aimed at, over all pixels (IP, mean ℓ1); one pixel from black to white is 2."),
)  # fmt: skip
"""What is said of counterfactual digits: the number's name, its title, its kind, less, more, what it is."""

BY_LIMITS = ("variation", "change_variation", "cost", "ip")
"""Numbers that become less or more by themselves where a search may change other pixels."""


def taken(numbers: ImageNumbers, styles: Sequence[ArmStyle], limits: Sequence[str] = (), *, begun: bool = True) -> str:
    """What counterfactual digits take, over a group of digits, with intervals.

    Args:
        limits: how each model's search is limited otherwise than the first one's (m); empty: alike.
        begun: whether training has begun.
    """
    blocks, unlike = [_judged(numbers, styles)], limits or [""] * len(styles)
    for name, title, kind, less, more, what in TAKEN:
        found, apart = spans(numbers.metrics[name]), spans(numbers.differences[name])
        if kind == SHARE:
            differ = _points(apart)
        else:
            differ = [words.of_relative(span, found[0].value, less, more) for span in apart]
        if name in BY_LIMITS:
            differ = [
                f"{said}, {words.partly(limit, begun=begun)}" if limit and words.direction(span) else said
                for said, limit, span in zip(differ, unlike, apart, strict=True)
            ]
        told = words.span_of_shares if kind == SHARE else words.span_of
        blocks.append(_compared(title, found, apart, styles, told, differ, what.format(tau=numbers.settings.tau)))
    return "".join(blocks)


def _judged(numbers: ImageNumbers, styles: Sequence[ArmStyle]) -> str:
    """How many searches the numbers are of: a digit that a model reads as the class aimed at already is none."""
    rows = "".join(_row(style, f"{int(count)}") for style, count in zip(styles, numbers.judged, strict=True))
    what = f"Of {numbers.samples} test digits, without those that a model reads as the class aimed at already."
    return _block("Searches that count", rows, what=what)


def _points(apart: Sequence[Span]) -> list[str]:
    return [words.of_difference(span) for span in apart]


def one_digit_taken(trace: ImageTrace, styles: Sequence[ArmStyle]) -> str:
    """How many of one digit's searches arrive, and in how many steps."""
    rows = []
    for arm, (style, (got, asked)) in enumerate(zip(styles, arrivals(trace), strict=True)):
        steps = trace.steps[arm][trace.valid[arm] & (trace.predicted[arm] != trace.targets)]
        mean = f", {number(float(steps.mean()))} steps" if got else ""
        rows.append(_row(style, f"{got} of {asked}{mean}"))
    what = (
        f"They arrive where the model reads the class aimed at: mature with a probability of at least "
        f"τ = {trace.settings.tau:g}, unsure with less."
    )
    return _block("This digit: searches that arrive", "".join(rows), what=what)


# -- fool it ---------------------------------------------------------------------------------------------


def right_at(
    found: Sequence[Span],
    apart: Sequence[Span],
    styles: Sequence[ArmStyle],
    epsilon: float,
    shown: float | None = None,
) -> str:
    """How often models are right at one strength, with intervals; ``shown`` is the picture's, if it is another."""
    title = f"Right at ε = {epsilon:.2f}{words.nearest(epsilon, shown)}" if epsilon else f"Right: {words.AS_IS.lower()}"
    what = "Share of test digits that a model still reads as meant; beside it its 99 % interval."
    return _compared(title, found, apart, styles, words.span_of_shares, _points(apart), what)
