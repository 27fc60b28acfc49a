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
from ctviz.figures.words import number
from ctviz.ui import results
from ctviz.ui.digits.answers import spans
from ctviz.ui.digits.pictures import arrivals

Floats = npt.NDArray[Any]


def show(blocks: str) -> None:
    """Blocks of words and numbers beside a picture."""
    colours = results.palette()
    st.html(
        f'<dl class="ctviz-beside" style="--accent:{colours.accent};--conventional:{colours.conventional}">'
        f"{blocks}</dl>"
    )


def _block(title: str, rows: str, said: str = "", help_: str = "") -> str:
    words_ = f'<dd class="ctviz-words">{escape(said)}</dd>' if said else ""
    return f'<div title="{escape(help_)}"><dt>{escape(title)}</dt>{words_}{rows}</div>'


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
    told: Callable[[Span], str],
    say: Callable[[Span, float], str],
    help_: str,
) -> str:
    """A number of every model with its interval, and what its difference to the first model means.

    Where one model is compared with the first, that is said large; where there are several, beside each.
    """
    differ = [say(span, found[0].value) if np.isfinite(span.value) else "" for span in apart]
    alone = len([said for said in differ if said]) == 1
    rows = "".join(
        _row(style, told(span), "" if alone else said) for style, span, said in zip(styles, found, differ, strict=True)
    )
    said = next(filter(None, differ), "") if alone else ""
    return _block(title, rows, said[:1].upper() + said[1:], help_)


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


def shares(values: Sequence[float], styles: Sequence[ArmStyle]) -> str:
    """How much of where each model looks at one digit is locked; no interval, for it is one digit."""
    if not all(np.isfinite(values)):
        return ""
    rows = "".join(_row(style, words.percent(value)) for style, value in zip(styles, values, strict=True))
    return _block(
        "On locked pixels, this digit", rows,
        help_="Share of |attribution| that lies on the pixels which a model of this run may not count on.",
    )  # fmt: skip


# -- all classes -----------------------------------------------------------------------------------------


def attention(means: ClassMeans, styles: Sequence[ArmStyle], locked: int) -> str:
    """How much of where the models look is locked, with intervals."""
    if not locked:
        return _block("On locked pixels", '<dd class="ctviz-said">Nothing is locked in this run.</dd>')
    blocks = []
    for title, interval, difference, help_ in (
        (
            "On locked pixels", means.share, means.difference,
            "Share of |attribution| on the locked pixels, with its 99 % interval over the digits.",
        ),
        (
            "The paper's measure there", means.standardised, means.standardised_difference,
            "Mean |attribution| on the locked pixels after each digit's own are put on a scale from 0 to 1.",
        ),
    ):  # fmt: skip
        told = words.span_of_shares if title.startswith("On") else words.span_of
        blocks.append(_compared(title, spans(interval), spans(difference), styles, told, _less_or_more, help_))
    return "".join(blocks)


def _less_or_more(difference: Span, reference: float) -> str:
    return words.of_relative(difference, reference, "less", "more")


# -- counterfactuals -----------------------------------------------------------------------------------------

TAKEN = (
    ("validity", "Arrive", "share", "", "",
     "Share of searches after which the model reads the class aimed at."),
    ("variation", "Unevenness of the digit", "number", "smoother", "rougher",
     "Total variation of the counterfactual digit, TV(x′): how far neighbouring pixels differ, added up."),
    ("change_variation", "Unevenness of the change", "number", "smoother", "rougher",
     "Total variation of what is changed, TV(x′ − x)."),
    ("roughness", "The same, for each unit of ink moved", "number", "smoother", "rougher",
     "TV(x′ − x) over ‖x′ − x‖₁: near 4 for lonely dots, near 0 for one even patch."),
    ("cost", "Ink moved", "number", "less", "more",
     "Sum over pixels of how much they change (cost, ℓ1), of those that arrive."),
    ("steps", "Steps", "number", "fewer", "more", "Mean number of steps of the search."),
    ("ip", "Distance to real digits", "number", "closer", "farther",
     "Mean ℓ1 distance to real digits of the class aimed at (IP)."),
)  # fmt: skip
"""What is said of counterfactual digits: the number's name, its title, its kind, less, more, help."""


def taken(numbers: ImageNumbers, styles: Sequence[ArmStyle]) -> str:
    """What counterfactual digits take, over a group of digits, with intervals."""
    blocks = []
    for name, title, kind, less, more, help_ in TAKEN:
        found, apart = spans(numbers.metrics[name]), spans(numbers.differences[name])
        if kind == "share":
            blocks.append(_compared(title, found, apart, styles, words.span_of_shares, _points, help_))
            continue

        def say(difference: Span, reference: float, less: str = less, more: str = more) -> str:
            return words.of_relative(difference, reference, less, more)

        blocks.append(_compared(title, found, apart, styles, words.span_of, say, help_))
    return "".join(blocks)


def _points(difference: Span, reference: float) -> str:
    return words.of_difference(difference)


def one_digit_taken(trace: ImageTrace, styles: Sequence[ArmStyle]) -> str:
    """How many of one digit's searches arrive, and in how many steps."""
    rows = []
    for arm, (style, (got, asked)) in enumerate(zip(styles, arrivals(trace), strict=True)):
        steps = trace.steps[arm][trace.valid[arm] & (trace.predicted[arm] != trace.targets)]
        mean = f", {number(float(steps.mean()))} steps" if got else ""
        rows.append(_row(style, f"{got} of {asked}{mean}"))
    return _block("This digit: searches that arrive", "".join(rows))


# -- fool it ---------------------------------------------------------------------------------------------


def right_at(found: Sequence[Span], apart: Sequence[Span], styles: Sequence[ArmStyle], epsilon: float) -> str:
    """How often models are right at one strength, with intervals."""
    title = f"Right at ε = {epsilon:.2f}" if epsilon else "Right without an attack"
    help_ = "Share of test digits that a model still reads as meant; 99 % interval."
    return _compared(title, found, apart, styles, words.span_of_shares, _points, help_)
