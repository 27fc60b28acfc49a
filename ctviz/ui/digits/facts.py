"""Facts beside the pictures of Digits: each model's answer with its probabilities, and the numbers of a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from ctviz.catalogue.metrics import ATTENTION_METRICS, DIGIT_METRICS
from ctviz.experiments.images.answers import ClassMeans, ImageNumbers, ImageTrace
from ctviz.figures import digit_words as words
from ctviz.figures.advice import Span
from ctviz.figures.theme import ArmStyle
from ctviz.prose import begun, number
from ctviz.ui.digits.answers import Another, spans
from ctviz.ui.digits.pictures import arrivals
from ctviz.ui.kit.facts import Fact, Row

Floats = npt.NDArray[Any]


def _rows(styles: Sequence[ArmStyle], values: Sequence[str], small: Sequence[str] = ()) -> list[Row]:
    """A row for each model: a number, written with or without its interval (24.0 % (22.1 to 26.3)), and small type."""
    rows = []
    for style, value, said in zip(styles, values, small or [""] * len(styles), strict=True):
        number_, _, interval = value.partition(" (")
        rows.append(Row(style.short, number_, style.role, interval.removesuffix(")"), said))
    return rows


def _compared(
    title: str,
    found: Sequence[Span],
    apart: Sequence[Span],
    styles: Sequence[ArmStyle],
    written: Callable[[Span, int], str],
    differences: Sequence[str],
    note: str,
) -> Fact:
    """A number of every model with its interval, and what its difference to the first model means.

    Where one model is compared with the first, that is said large; where there are several, beside each.
    """
    values, said = words.told_apart(found, apart, written), [one for one in differences if one]
    if len(said) == 1:
        return Fact(title, _rows(styles, values), words=begun(said[0]), note=note)
    return Fact(title, _rows(styles, values, differences), note=note)


def _shares_compared(
    title: str, found: Sequence[Span], apart: Sequence[Span], styles: Sequence[ArmStyle], note: str
) -> Fact:
    """The same for shares, which differ by points."""
    differences = [words.of_difference(span) for span in apart]
    return _compared(title, found, apart, styles, words.span_of_shares, differences, note)


# -- one digit, and under attack -------------------------------------------------------------------------


def readings(probabilities: Floats, styles: Sequence[ArmStyle], label: int | None) -> list[Fact]:
    """What each model reads, with the probability of every class as a small bar.

    Args:
        probabilities: (m k).
        styles: of the models (m).
        label: what was meant; None where nobody knows.
    """
    facts = []
    for style, shares in zip(styles, probabilities, strict=True):
        best = int(shares.argmax())
        bars = "".join(_bar(c, float(share), c == best, c == label) for c, share in enumerate(shares))
        listed = ", ".join(f"{c}: {words.percent(float(share))}" for c, share in enumerate(shares))
        facts.append(
            Fact(
                style.short if ", " in style.title else style.title,
                text=words.reading(shares),
                kind=f"ctviz-reading {style.role}",
                role=style.role,
                html=f'<dd class="ctviz-bars" role="img" aria-label="{escape(f"Probabilities: {listed}")}">{bars}</dd>',
            )
        )
    return facts


def _bar(c: int, share: float, best: bool, meant: bool) -> str:
    kind = ("best " if best else "") + ("meant" if meant else "")
    return f'<i class="{kind.strip()}" style="--share:{share:.3f}" aria-hidden="true"><u></u><s>{c}</s></i>'


def shares(values: Sequence[float], styles: Sequence[ArmStyle], locked: str = words.LOCKED) -> list[Fact]:
    """How much of where each model looks at one digit is locked; no interval, for it is one digit.

    Args:
        values: share of |attribution| on locked pixels (m); NaN where nothing is locked.
        styles: of the models (m).
        locked: what these pixels are called; they may be locked for one model alone.
    """
    if not all(np.isfinite(values)):
        return []
    note = f"Share of |attribution| on {locked}, the same for every model."
    return [Fact("On locked pixels, this digit", _rows(styles, [words.percent(value) for value in values]), note=note)]


def right_at(
    found: Sequence[Span],
    apart: Sequence[Span],
    styles: Sequence[ArmStyle],
    epsilon: float,
    shown: float | None = None,
) -> Fact:
    """How often models are right at one strength, with intervals; ``shown`` is the picture's, if it is another."""
    title = f"Right at ε = {epsilon:.2f}{words.nearest(epsilon, shown)}" if epsilon else f"Right: {words.AS_IS.lower()}"
    note = "Share of test digits that a model still reads as meant; beside it its 99 % interval."
    return _shares_compared(title, found, apart, styles, note)


def right_as_is(found: Sequence[Span], apart: Sequence[Span], styles: Sequence[ArmStyle]) -> Fact:
    """How often models are right on all test digits, with intervals."""
    note = "Share of all test digits that a model reads as meant; beside it its 99 % interval."
    return _shares_compared("Right on digits as they are", found, apart, styles, note)


# -- all classes -----------------------------------------------------------------------------------------


def attention(means: ClassMeans, styles: Sequence[ArmStyle], locked: int) -> list[Fact]:
    """How much of where the models look is locked, with intervals; ``locked`` is the number of locked pixels."""
    if not locked:
        return [Fact(ATTENTION_METRICS["share"].title, text="Nothing is locked in this run.")]
    share, standardised = ATTENTION_METRICS["share"], ATTENTION_METRICS["standardised"]
    note = f"{share.help.rstrip('.')}; beside it its 99 % interval over the digits."
    first = _shares_compared(share.title, spans(means.share), spans(means.difference), styles, note)
    found, apart = spans(means.standardised), spans(means.standardised_difference)
    differences = [words.of_relative(span, found[0].value, standardised) for span in apart]
    return [first, _compared(standardised.title, found, apart, styles, words.span_of, differences, standardised.help)]


# -- counterfactuals -----------------------------------------------------------------------------------------

READ = ("read_as", "read_as_before", "validity", "cost", "ip")
"""What is said of counterfactual digits where the question is whether they can be read, in this order."""

TAKEN = (
    "read_as",
    "read_as_before",
    "validity",
    "mature",
    "variation",
    "change_variation",
    "roughness",
    "cost",
    "steps",
    "ip",
)
"""What is said of counterfactual digits, in this order."""

BY_LIMITS = ("variation", "change_variation", "cost", "ip")
"""Numbers that become less or more by themselves where a search may change other pixels."""


def taken(
    numbers: ImageNumbers,
    styles: Sequence[ArmStyle],
    limits: Sequence[str] = (),
    *,
    started: bool = True,
    only: Sequence[str] = TAKEN,
) -> list[Fact]:
    """What counterfactual digits take, over a group of digits, with intervals.

    Args:
        numbers: of the group.
        styles: of the models (m).
        limits: how each model's search is limited otherwise than the first one's (m); empty: alike.
        started: whether training has begun.
        only: the numbers that are said.
    """
    facts = [_judged(numbers, styles)]
    for name in only:
        metric, found, apart = DIGIT_METRICS[name], spans(numbers.metrics[name]), spans(numbers.differences[name])
        note = metric.help.replace(" τ.", f" τ = {numbers.settings.tau:g}.")
        if metric.share:
            facts.append(_shares_compared(metric.title, found, apart, styles, note))
            continue
        differences = [words.of_relative(span, found[0].value, metric) for span in apart]
        if name in BY_LIMITS and limits:
            differences = [
                f"{said}, {words.partly(limit, started=started)}" if limit and words.direction(span) else said
                for said, limit, span in zip(differences, limits, apart, strict=True)
            ]
        facts.append(_compared(metric.title, found, apart, styles, words.span_of, differences, note))
    return facts


def _judged(numbers: ImageNumbers, styles: Sequence[ArmStyle]) -> Fact:
    """How many searches the numbers are of: a digit that a model reads as the class aimed at already is none."""
    note = f"Of {numbers.samples} test digits, without those that a model reads as the class aimed at already."
    return Fact("Searches that count", _rows(styles, [f"{int(count)}" for count in numbers.judged]), note=note)


def one_digit_taken(trace: ImageTrace, styles: Sequence[ArmStyle]) -> Fact:
    """How many of one digit's searches arrive, and in how many steps."""
    values = []
    for arm, (got, asked) in enumerate(arrivals(trace)):
        steps = trace.steps[arm][trace.valid[arm] & trace.judged[arm]]
        values.append(f"{got} of {asked}" + (f", {number(float(steps.mean()))} steps" if got else ""))
    note = (
        f"They arrive where the model reads the class aimed at: mature with a probability of at least "
        f"τ = {trace.settings.tau:g}, unsure with less."
    )
    return Fact("This digit: searches that arrive", _rows(styles, values), note=note)


# -- reading ---------------------------------------------------------------------------------------------


def read_here(
    found: Another,
    to: int,
    styles: Sequence[ArmStyle],
    guess: tuple[bool, bool] | None,
    pair: tuple[int, int] | None,
) -> Fact:
    """What the reader reads in what each model has made of one digit, and whether the person read the target there.

    Args:
        to: the target.
        guess: whether the person reads it in the digits of the two models of ``pair``; None where they did not say.
    """
    rows = []
    for arm, style in enumerate(styles):
        said = ""
        if guess is not None and pair is not None and arm in pair:
            said = f"you: {words.an(to)}" if guess[pair.index(arm)] else f"you: not {words.an(to)}"
        rows.append(Row(style.short, words.answer(found.after[arm, to]), style.role, small=said))
    before = words.answer(found.before)
    note = f"The digit and how sure the reader is of it, after the change; before, it reads {before}."
    return Fact(f"The reader, where {words.an(to)} was aimed at", rows, note=note)
