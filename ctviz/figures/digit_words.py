"""Digits in words: what models read, where they look, what a counterfactual takes and what an attack does.

Nothing here computes: numbers come in, sentences go out. What chance may have done is not called a difference, and
nothing is claimed beyond the run that the numbers are from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ctviz.catalogue.differences import UNCLEAR, Difference, difference, difference_words
from ctviz.catalogue.findings import finding
from ctviz.catalogue.metrics import DIGIT_METRICS, Direction, Metric
from ctviz.evaluation.reader import facts
from ctviz.figures.advice import Span
from ctviz.figures.theme import ArmStyle, called, reference_pair
from ctviz.prose import begun, inside, listed, number
from ctviz.prose import percent as told_in_percent

Floats = npt.NDArray[np.floating[Any]]

UNTOLD = Difference()
"""Of which nothing can be said."""


NOT_MEASURED = """
**What colours say.** Golden pixels speak for the answer, purple ones against it, compared with a baseline picture.
All models of a picture share the digit, the baseline, the steps and the scale of colours.

**What they do not say.** They are no proof of a reason: a model may look at a place for several of them, and pixels
that matter only together share their credit in a way that the method decides. They depend on the baseline: from black
paper, paper cannot count; from noise, everything does. And they explain one model of one run.

**Completeness.** The attributions of integrated gradients and DeepLIFT add up to how much the answer rose from the
baseline to the digit. By how much they miss it is shown beside the picture; more steps make it smaller.
"""
"""What attributions measure and what they do not."""

PAPER = """
**What the paper found on MNIST** (same network, 10,000 digits, counterfactual against conventional training):
counterfactuals lay 7 % closer to real digits (IP, beyond chance). On the second measure of plausibility (IP*) they
were 25 ± 109 % farther: no finding. They cost 12 % more, not beyond chance either. Under attack (FGSM, ε = 0.1) the
share of right answers rose from .16 to .63, read off its figure.

**What it did not find there.** That counterfactual digits are beyond doubt more plausible or cheaper. It shows
pictures of attributions and counterfactuals; how they look is an impression, so this page adds numbers with intervals:
the share on locked pixels, and how smooth changes are.

**What this page says** is measured on one run of your computer or of ours, and may differ from the paper.
"""
"""What the paper reports and what it does not, without a gloss."""

SHIPPED = """
**Why a lock may not help here.** Most pixels of the outer rows never hold ink. That they say nothing a model can learn
only from counterfactuals that change them, and a lock forbids those. So in the run that ships, compared with noise, the
model that was trained with the lock looks at these rows more than the conventional one, not less. Compared with black
paper or with the mean digit, where only ink counts, it looks there less.

**Why most counterfactual digits look like copies.** The paper's search ends as soon as a model changes its mind, which
takes little ink. Let it go on until the model is sure, and what it draws is what the model knows of a digit: of a
conventional model nobody can read that, of a counterfactually trained one often. In the paper's box of ε = 0.3 around a
digit little of the way is learned from; in one of ε = 1 most of it. That is what “Can you read it?” opens with.

**Settings.** They are the paper's, but for λ_reg: its usual 0.1, not the 0.01 that it used for MNIST. With 0.01 the
energies go on growing, and what attribution has gained by epoch 50 is lost by epoch 100. Try it under “Objective”.

**Attacks.** The paper seems to have let attacked pixels leave the range from black to white; the switch in “Fool it”
does the same.
"""
"""What was found on the runs that ship, where it is not what one might expect."""


# -- numbers ------------------------------------------------------------------------------------------


percent = partial(told_in_percent, short=True)
"""A share as it fits under a picture; what is nearly all or nearly none is not called all or none."""


def span_of_shares(span: Span, more: int = 0) -> str:
    """A share and its interval: 24.0 % (22.1 to 26.3); ``more`` digits where that tells models apart."""
    if not math.isfinite(span.value):
        return "—"
    digits = 1 + more
    value = f"{100 * span.value:.{digits}f} %"
    if not span.known or not math.isfinite(span.low):
        return value
    return f"{value} ({100 * span.low:.{digits}f} to {100 * span.high:.{digits}f})"


def span_of(span: Span, more: int = 0) -> str:
    """A number and its interval, with as many digits as the number has; ``more`` where that tells models apart."""
    if not math.isfinite(span.value):
        return "—"
    digits = (3 if abs(span.value) >= 100 else 2) + more
    ends = f" ({number(span.low, digits)} to {number(span.high, digits)})" if math.isfinite(span.low) else ""
    return f"{number(span.value, digits)}{ends}"


MOST_DIGITS = 3
"""Digits that are added at most to tell numbers apart."""


def told_apart(spans: Sequence[Span], differences: Sequence[Span], told: Callable[[Span, int], str]) -> list[str]:
    """Numbers of all models, with so many digits that none which is less or more than the first reads the same.

    Args:
        spans: of the models (m).
        differences: to the first (m).
        told: writes one with so many digits more than usual.
    """
    written: list[str] = []
    for more in range(MOST_DIGITS + 1):
        written = [told(Span(span.value), more) for span in spans]
        same = (one == written[0] for one, apart in zip(written, differences, strict=True) if direction(apart))
        if not any(same):
            break
    return [told(span, more) for span in spans]


def _share(span: Span, more: int = 0) -> str:
    """A share without its interval: 34 %, 34.2 %."""
    return f"{number(100 * span.value, 2 + more)} %"


def _right(span: Span, more: int = 0) -> str:
    """A share of answers: 34 %, > 99 %, 99.7 %."""
    return percent(span.value, more)


def _size(span: Span, more: int = 0) -> str:
    return number(span.value, 3 + more)


def answer(probabilities: Floats) -> str:
    """What a model reads, as short as fits under a picture: 3 · 98 %.

    Args:
        probabilities: (k).
    """
    best = int(np.argmax(probabilities))
    return f"{best} · {percent(float(probabilities[best]))}"


def reading(probabilities: Floats) -> str:
    """What a model reads, in a sentence: reads a 3 (98 %), else an 8 (1 %)."""
    first, second = np.argsort(-probabilities, kind="stable")[:2]
    said = f"Reads {an(int(first))} ({percent(float(probabilities[first]))})"
    if probabilities[second] >= 0.005:
        said += f", else {an(int(second))} ({percent(float(probabilities[second]))})"
    return f"{said}."


def an(digit: int) -> str:
    """A digit with its article."""
    return f"an {digit}" if digit == 8 else f"a {digit}"


def _trained(styles: Sequence[ArmStyle]) -> list[int]:
    """Positions of the models that were trained on counterfactuals."""
    return [i for i, style in enumerate(styles) if style.role == "counterfactual"]


def _each(
    styles: Sequence[ArmStyle],
    values: Sequence[str],
    differences: Sequence[Span],
    less: str = "less",
    more: str = "more",
    limits: Sequence[str] = (),
) -> str:
    """A number of every model, and what its difference to the first means: 34 % in the conventional model, 32 % …"""
    parts = []
    for style, value, apart, limit in zip(styles, values, differences, limits or [""] * len(styles), strict=True):
        how = {"less": less, "more": more, "": UNCLEAR}[direction(apart)]
        if limit and direction(apart):
            how += f", {partly(limit)}"
        parts.append(f"{value} {_within(style)}" + (f" ({how})" if math.isfinite(apart.value) else ""))
    return listed(parts)


def _shortly(style: ArmStyle) -> str:
    """A model by one word, where several are listed."""
    name, between, _ = style.short.partition(", ")
    plain = name.lower() if name in ("Conventional", "Counterfactual") else f"“{name}”"
    return f"{plain} with the lock" if between else plain


def _within(style: ArmStyle) -> str:
    """A model at the end of a sentence about several."""
    if style.title == "Conventional":
        return "in the conventional model"
    if style.title == "Counterfactual training":
        return "with counterfactual training"
    return "where it was trained with the lock" if style.short.endswith(", locked") else f"in “{style.title}”"


# -- headlines ----------------------------------------------------------------------------------------


def when(epoch: int, last: int) -> str:
    """Where in training something was measured; nothing for its end."""
    if epoch == last:
        return ""
    return f"After epoch {epoch}: " if epoch else "Before training: "


def _begin(prefix: str, sentence: str) -> str:
    """A sentence after a prefix that ends with a colon."""
    return prefix + (inside(sentence) if prefix else sentence)


LOCKED = "locked pixels"
"""What the pixels are called that the models may not count on, where all of them are trained so."""


def headline_of_digit(
    styles: Sequence[ArmStyle],
    predicted: Sequence[int],
    label: int | None,
    shares: Sequence[float],
    prefix: str = "",
    where: str = LOCKED,
) -> str:
    """What the models read in one digit, and how much of where they look is locked.

    Where they disagree that is said alone; the shares stand beside the picture.

    Args:
        predicted: what each model reads (m).
        label: what was written; None for a drawing.
        shares: of each model's attribution that lies on locked pixels (m); NaN where nothing is locked.
        where: what these pixels are called: the lock may be one model's alone.
    """
    if len(set(predicted)) > 1:
        read = [f"{_shortly(style)} {digit}" for style, digit in zip(styles, predicted, strict=True)]
        meant = "" if label is None else f"; {an(label)} was meant"
        return _begin(prefix, f"The models disagree: {listed(read)}{meant}.")
    who = "The model reads" if len(styles) == 1 else f"{'Both' if len(styles) == 2 else 'All'} models read"
    said = f"{who} {an(predicted[0])}"
    if label is not None and label != predicted[0]:
        said += f", but {an(label)} was meant"
    if len(styles) < 2 or not all(map(math.isfinite, shares)):
        return _begin(prefix, f"{said}.")
    told = [percent(share) for share in shares]
    if len(set(told)) == 1:
        return _begin(prefix, f"{said}; {told[0]} of where each looks lies on {where}.")
    return _begin(prefix, f"{said}; {listed(told)} of where they look lies on {where}.")


def direction(difference: Span) -> Direction | Literal[""]:
    """“less”, “more”, or nothing where zero lies inside of the interval."""
    return "less" if difference.high < 0 else "more" if difference.low > 0 else ""


def headline_of_classes(
    styles: Sequence[ArmStyle],
    shares: Sequence[Span],
    differences: Sequence[Span],
    locked: int,
    prefix: str = "",
    accuracy: Difference = UNTOLD,
) -> str:
    """How much of the attribution falls on locked pixels, with training and without, and at which price.

    Args:
        shares: of each model (m).
        differences: to the first model (m); NaN for that.
        locked: how many pixels are locked.
        accuracy: of the compared model against the conventional one.
    """
    if not locked:
        return _begin(prefix, "Where each model looks, class by class. Nothing is locked in this run.")
    conventional, trained = reference_pair(styles)
    if conventional is None or trained is None:
        (first, share) = (styles[0], shares[0])
        return _begin(prefix, f"{span_of_shares(share)} of where {called(first)} looks lies on locked pixels.")
    if len(_trained(styles)) > 1:
        values = _each(styles, told_apart(shares, differences, _share), differences)
        return _begin(prefix, f"Pixels locked for one of the models draw, of where each looks, {values}.")
    who, less = begun(called(styles[trained])), direction(differences[trained])
    told = told_apart(shares, differences, _share)
    numbers = f"{told[trained]} against {told[conventional]}"
    if not less:
        return _begin(prefix, f"No clear difference in how much the models look at locked pixels: {numbers}.")
    gain = f"{who} looks {less} at locked pixels than the conventional one: {numbers}"
    return _begin(prefix, finding(gain, [accuracy], better=less == "less"))


SPECKS, PATCHES = 1.7, 1.0
"""Roughness TV(Δ)/‖Δ‖₁ of a change from which on it is said to be made of specks, and of patches; below that, of
strokes. Pixels that change alone have 4, noise that is drawn for each pixel 2√2, an even line three pixels wide 2/3."""


def made_of(roughness: float) -> str:
    """What a change of a digit is made of, as a person sees it."""
    return "specks" if roughness >= SPECKS else "patches" if roughness >= PATCHES else "strokes"


@dataclass(frozen=True)
class Change:
    """How two models make another digit of the one that is shown: the conventional one and the one compared with it.

    Attributes:
        predicted: what each reads in it.
        target: the digit that both make of it.
        roughness: of each one's change, TV(x′ − x) / ‖x′ − x‖₁.
        nearest: what the real digit is that is most similar to what each makes (ℓ2).
    """

    predicted: tuple[int, int]
    target: int
    roughness: tuple[float, float]
    nearest: tuple[int, int]


@dataclass(frozen=True)
class Measured:
    """A metric of many digits: of each model (m), and its difference to the first (m)."""

    found: Sequence[Span]
    apart: Sequence[Span]

    def between(self, metric: Metric, conventional: int, trained: int) -> Difference:
        """How one model differs from the conventional one, as far as that is beyond chance."""
        clear = conventional == 0 and bool(direction(self.apart[trained]))
        return difference(metric, self.found[trained].value, self.found[conventional].value, clear=clear)


GAINS, PRICES = ("roughness", "ip"), ("validity", "mature", "cost")
"""Metrics of counterfactual digits in which there may be a gain, and in which it may have its price."""


def headline_of_counterfactuals(
    styles: Sequence[ArmStyle],
    change: Change | None,
    numbers: Mapping[str, Measured],
    digits: int,
    accuracy: Difference = UNTOLD,
    prefix: str = "",
    limits: Sequence[str] = (),
    *,
    started: bool = True,
) -> str:
    """What making another digit takes: of the one that is shown in a person's words, and over many what the compared
    model gains, its price, and what else the gain hangs on.

    A search that may change fewer pixels leaves a digit smoother by itself: that is said wherever it may be the cause.

    Args:
        change: of the digit that is shown; None where the two models make no digit of it that both arrive at.
        numbers: ``GAINS`` and ``PRICES`` over many digits.
        digits: how many of them count.
        accuracy: of the compared model against the conventional one.
        limits: how each model's search is limited otherwise than the first one's (m), such as “fewer pixels may
            change”; empty: alike.
        started: whether training has begun; before, it has done nothing that could be compared.
    """
    limits = limits or [""] * len(styles)
    conventional, trained = reference_pair(styles)
    if conventional is None or trained is None:
        return _begin(prefix, "What would have to change for the model to read another digit.")
    if not started:
        alone = " What differs is only which pixels a search may change." if any(limits) else ""
        return _begin(prefix, f"No model has learnt anything yet, so there is nothing to compare.{alone}")
    found = [numbers[name].between(DIGIT_METRICS[name], conventional, trained) for name in GAINS]
    said = _changed(change, styles[trained])
    if not any(one.words for one in found):
        return _begin(prefix, f"{said}{'. ' if said else ''}Too few counterfactuals arrive to compare the models.")
    gains = [one.words for one in found if one.verdict == "better"]
    losses = [one for one in found if one.verdict == "worse"]
    over = f"over {digits} digits"
    if gains:
        gain = f"{over}, its counterfactuals are {listed(gains)}"
    elif losses:
        gain, losses = f"{over}, its counterfactuals are {listed([one.words for one in losses])}", []
    else:
        gain = f"{over}, {UNCLEAR} in how smooth they are or how close to real digits"
    if not said:
        gain = gain.replace(" its counterfactuals", f" counterfactuals of {called(styles[trained])}").replace(
            " they are", " counterfactuals are"
        )
    prices = [accuracy, *losses, *(numbers[n].between(DIGIT_METRICS[n], conventional, trained) for n in PRICES)]
    caveat = f"{begun(partly(limits[trained]))}." if limits[trained] and gains else ""
    caveat = " ".join(filter(None, (caveat, _similar(change))))
    return _begin(prefix, finding(begun(f"{said}: {gain}" if said else gain), prices, caveat, better=bool(gains)))


READ = "read_as"
"""The metric of counterfactual digits that says whether others read what the model reads."""

READER_ASKS = (
    "What each model reads stands below its digit. Say first what you read; then a reader says what it does, which was "
    "trained apart and has no part in these models."
)
"""What is said beside a digit before the person has judged it."""


def about_reader() -> str:
    """What the reader is, how good it is, and what it is not."""
    known = facts()
    right, noisy = (percent(float(known[name])) for name in ("clean", "noisy"))
    return (
        f"The reader is a small convolutional network, trained on {known['trained_on']:,} digits that no model here "
        f"has seen, half of them under noise. It reads {right} of the test digits right, {noisy} under noise of "
        f"σ = {known['noise']:g}. It is no person: it knows the ten digits alone and reads one in anything, in noise "
        "too, if less surely; and what fools one network may fool another."
    )


def headline_of_reading(
    styles: Sequence[ArmStyle],
    numbers: Mapping[str, Measured],
    digits: int,
    accuracy: Difference = UNTOLD,
    prefix: str = "",
) -> str:
    """How often a reader that has no part in the models takes counterfactual digits for what they claim to be, and what
    that costs.

    Args:
        numbers: ``READ``, the distance to real digits and ``PRICES`` over many digits.
        digits: how many of them count.
        accuracy: of the compared model against the conventional one.
    """
    conventional, trained = reference_pair(styles)
    found, apart = numbers[READ].found, numbers[READ].apart
    if conventional is None or trained is None:
        share = percent(found[0].value)
        return _begin(
            prefix, f"An independent reader takes {share} of counterfactual digits for what they claim to be."
        )
    if not math.isfinite(found[trained].value):
        return _begin(prefix, "Too few counterfactuals can be read to compare the models.")
    told = told_apart(found, apart, _right)
    who, less = called(styles[trained]), direction(apart[trained])
    gain = (
        f"An independent reader takes {told[trained]} of {digits} counterfactual digits of {who} for what they claim "
        f"to be, and {told[conventional]} of the conventional model's"
    )
    if not less:
        gain = f"{gain}: {UNCLEAR}"
    also = ("ip", *PRICES)  # what can be read may yet be far from most real digits, pixel by pixel
    prices = [accuracy, *(numbers[n].between(DIGIT_METRICS[n], conventional, trained) for n in also)]
    return _begin(prefix, finding(gain, prices, NO_PERSON, better=less == "more"))


NO_PERSON = "The reader is a network too, not a person: judge for yourself."
"""The caveat of what the reader says."""


def _similar(change: Change | None) -> str:
    """Whether what the models make of a digit is the digit aimed at also to others than themselves."""
    if change is None:
        return ""
    theirs, ours = (digit == change.target for digit in change.nearest)
    if theirs and ours:
        return f"The real digit most similar to either result is {an(change.target)}."
    if not (theirs or ours):
        alike = change.nearest[0] == change.nearest[1] == change.predicted[0]
        still = f"is still {an(change.nearest[0])}" if alike else f"is not {an(change.target)}"
        return f"The real digit most similar to either result {still}."
    one = "the counterfactually trained model's" if ours else "the conventional model's"
    return f"The real digit most similar to {one} result is {an(change.target)}, to the other's it is not."


def _changed(change: Change | None, trained: ArmStyle) -> str:
    """“To make this 3 an 8, the conventional model changes specks, the counterfactually trained model patches”."""
    if change is None:
        return ""
    theirs, ours = map(made_of, change.roughness)
    who = called(trained)
    what = f"the conventional model changes {theirs}, {who} {ours}"
    if theirs == ours:
        what = f"both the conventional model and {who} change {ours}"
    first, second = change.predicted
    this = f"this {first}" if first == second else "it"
    return f"To make {this} {an(change.target)}, {what}"


def partly(limit: str, *, started: bool = True) -> str:
    """That a difference may not be the training's alone: partly because fewer pixels may change.

    ``started``: whether training has begun; before, there is no other cause.
    """
    return f"{'partly ' if started else ''}because {limit}"


def headline_of_fooling(
    styles: Sequence[ArmStyle],
    right: Sequence[Span],
    differences: Sequence[Span],
    epsilon: float,
    prefix: str = "",
    shown: float | None = None,
    accuracy: Difference = UNTOLD,
) -> str:
    """How often the models are right when every pixel may be moved by ε, and how often without an attack if that is the
    price.

    Args:
        accuracy: of the compared model against the conventional one, without an attack.
        epsilon: the strength that the numbers are of.
        shown: the strength that the picture shows, if it was not measured.
    """
    conventional, trained = reference_pair(styles)
    at = f"With every pixel moved by at most {epsilon:.2f} of the 2 from black to white" if epsilon else AS_IS
    at += nearest(epsilon, shown)
    if conventional is None or trained is None:
        return _begin(prefix, f"{at}, {called(styles[0])} is right on {percent(right[0].value)} of digits.")
    told = told_apart(right, differences, _right)
    price = [replace(accuracy, words=f"{accuracy.words} without an attack")] if epsilon else []
    if len(_trained(styles)) > 1:
        said = _each(styles, told, differences)
        gain = f"{at}, right answers on test digits are {said}"
        return _begin(prefix, finding(gain, price, better=direction(differences[trained]) == "more"))
    numbers = f"{told[trained]} against {told[conventional]}"
    who, less = called(styles[trained]), direction(differences[trained])
    if not less:
        gain = f"{at}, no clear difference: {who} and the conventional are right on {numbers}"
        return _begin(prefix, finding(gain, price, better=False))
    gain = f"{at}, {who} is right {less} often than the conventional one: {numbers} of digits"
    return _begin(prefix, finding(gain, price, better=less == "more"))


AS_IS = "Without an attack"


def nearest(epsilon: float, shown: float | None) -> str:
    """That another strength is told than the picture shows; nothing where it is the same."""
    return "" if shown is None or math.isclose(shown, epsilon) else f" (measured nearest to {shown:.2f})"


# -- sentences ------------------------------------------------------------------------------------------


def of_difference(difference: Span, unit: str = "points") -> str:
    """What a difference of shares to the first model means, with its interval in percentage points.

    The word says which way; the numbers say how far, and so carry no sign.
    """
    if not math.isfinite(difference.value):
        return ""
    how = direction(difference)
    ends = sorted((difference.low, difference.high), key=abs) if how else [difference.low, difference.high]
    low, high = (number(100 * (abs(end) if how else end)) for end in ends)
    if how:
        return f"{difference_words(100 * difference.value, unit, 'less', 'more')} ({low} to {high})"
    return UNCLEAR + (f" ({low} to {high} {unit})" if difference.low < difference.high else "")


def of_relative(difference: Span, reference: float, metric: Metric) -> str:
    """What a difference to the first model means, such as “22 % smoother”; said only where chance is left out."""
    if not math.isfinite(difference.value) or not reference:
        return ""
    if not direction(difference):
        return UNCLEAR
    return difference_words(100 * difference.value / reference, "%", metric.less, metric.more)


def of_completeness(errors: Sequence[float]) -> str:
    """How far the attributions miss what they should add up to."""
    known = [abs(error) for error in errors if math.isfinite(error)]
    if not known:
        return "This method does not claim to add up to the answer."
    return f"Attributions add up to the rise of the answer, but for {number(max(known))} at most."


def of_mean_completeness(errors: Sequence[float]) -> str:
    """The same of many digits, whose error is a part of all attribution."""
    known = [abs(error) for error in errors if math.isfinite(error)]
    if not known:
        return of_completeness(())
    return f"Attributions miss what they should add up to by {percent(max(known))} of their size at most."


def of_wrong(predicted: int, label: int | None) -> str:
    """Whether an answer is right, as a mark that needs no colour."""
    if label is None:
        return ""
    return "right" if predicted == label else "wrong"


def of_attacked(predicted: int, label: int, *, known: bool) -> str:
    """What an attack has done to an answer: right or wrong, or of a drawing, as before or changed."""
    if known:
        return of_wrong(predicted, label)
    return "as before" if predicted == label else "changed"
