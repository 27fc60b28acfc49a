"""Digits in words: what models read, where they look, what a counterfactual takes and what an attack does.

Nothing here computes: numbers come in, sentences go out. What chance may have done is not called a difference, and
nothing is claimed beyond the run that the numbers are from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ctviz.figures.advice import Span
from ctviz.figures.theme import ArmStyle, reference_pair
from ctviz.figures.words import number

Floats = npt.NDArray[np.float64]


BASELINES = {"uniform": "Noise", "black": "Black", "blurred": "Blurred", "mean": "Mean digit"}
"""What the pictures that digits are compared with are called."""

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

**Settings.** They are the paper's, but for λ_reg: its usual 0.1, not the 0.01 that it used for MNIST. With 0.01 the
energies go on growing, and what attribution has gained by epoch 50 is lost by epoch 100. Try it under “Objective”.

**Attacks.** The paper seems to have let attacked pixels leave the range from black to white; the switch in “Fool it”
does the same.
"""
"""What was found on the run that ships, where it is not what one might expect."""


# -- numbers ------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """A share with two digits; what is nearly all or nearly none is not called all or none."""
    if not math.isfinite(share):
        return "—"
    if share not in (0, 1) and not 0.005 <= share < 0.995:
        return "< 1 %" if share < 0.5 else "> 99 %"
    return f"{100 * share:.0f} %"


def span_of_shares(span: Span) -> str:
    """A share and its interval: 24 % (22 to 26)."""
    if not math.isfinite(span.value):
        return "—"
    value = f"{100 * span.value:.1f} %"
    if not span.known or not math.isfinite(span.low):
        return value
    return f"{value} ({100 * span.low:.1f} to {100 * span.high:.1f})"


def span_of(span: Span, unit: str = "") -> str:
    """A number and its interval, with as many digits as the number has."""
    if not math.isfinite(span.value):
        return "—"
    digits = 3 if abs(span.value) >= 100 else 2
    ends = f" ({number(span.low, digits)} to {number(span.high, digits)})" if math.isfinite(span.low) else ""
    return f"{number(span.value, digits)}{unit}{ends}"


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


def called(style: ArmStyle, *, start: bool = False) -> str:
    """A model within a sentence."""
    head, _, limit = style.title.partition(", ")
    plain = {"Conventional": "the conventional model", "Counterfactual training": "the counterfactually trained model"}
    said = f"{plain[head]}{', ' * bool(limit)}{limit}" if head in plain else f"the model “{style.title}”"
    return said[0].upper() + said[1:] if start else said


def _trained(styles: Sequence[ArmStyle]) -> list[int]:
    """Positions of the models that were trained on counterfactuals."""
    return [i for i, style in enumerate(styles) if style.role == "counterfactual"]


def _each(styles: Sequence[ArmStyle], values: Sequence[str], differences: Sequence[Span], less: str, more: str) -> str:
    """A number of every model, and what its difference to the first means: 34 % in the conventional model, 32 % …"""
    parts = []
    for style, value, difference in zip(styles, values, differences, strict=True):
        how = {"less": less, "more": more, "": "no clear difference"}[direction(difference)]
        parts.append(f"{value} {_within(style)}" + (f" ({how})" if math.isfinite(difference.value) else ""))
    return _listed(parts)


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
    return prefix + (sentence[0].lower() + sentence[1:] if prefix else sentence)


def headline_of_digit(
    styles: Sequence[ArmStyle], predicted: Sequence[int], label: int | None, shares: Sequence[float], prefix: str = ""
) -> str:
    """What the models read in one digit, and how much of where they look is locked.

    Args:
        predicted: what each model reads (m).
        label: what was written; None for a drawing.
        shares: of each model's attribution that lies on locked pixels (m); NaN where nothing is locked.
    """
    if len(set(predicted)) == 1:
        who = "The model reads" if len(styles) == 1 else f"{'Both' if len(styles) == 2 else 'All'} models read"
        said = f"{who} {an(predicted[0])}"
        if label is not None and label != predicted[0]:
            said += f", but {an(label)} was meant"
    else:
        read = [f"{called(style)} reads {an(digit)}" for style, digit in zip(styles, predicted, strict=True)]
        said = f"The models disagree: {_listed(read)}"
        if label is not None:
            said += f"; {an(label)} was meant"
    if len(styles) < 2 or not all(map(math.isfinite, shares)):
        return _begin(prefix, f"{said}.")
    told = [percent(share) for share in shares]
    if len(set(told)) == 1:
        return _begin(prefix, f"{said}; of where each looks, {told[0]} is locked.")
    return _begin(prefix, f"{said}; of where they look, {_listed(told)} is locked.")


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def direction(difference: Span) -> str:
    """“less”, “more”, or nothing where zero lies inside of the interval."""
    return "less" if difference.high < 0 else "more" if difference.low > 0 else ""


def headline_of_classes(
    styles: Sequence[ArmStyle], shares: Sequence[Span], differences: Sequence[Span], locked: int, prefix: str = ""
) -> str:
    """How much of the attribution falls on locked pixels, with training and without.

    Args:
        shares: of each model (m).
        differences: to the first model (m); NaN for that.
        locked: how many pixels are locked.
    """
    if not locked:
        return _begin(prefix, "Where each model looks, class by class. Nothing is locked in this run.")
    conventional, trained = reference_pair(styles)
    if conventional is None or trained is None:
        (first, share) = (styles[0], shares[0])
        return _begin(prefix, f"{span_of_shares(share)} of where {called(first)} looks lies on locked pixels.")
    if len(_trained(styles)) > 1:
        values = _each(styles, [f"{number(100 * share.value)} %" for share in shares], differences, "less", "more")
        return _begin(prefix, f"Of each model's attention, locked pixels draw {values}.")
    who, less = called(styles[trained], start=True), direction(differences[trained])
    numbers = f"{number(100 * shares[trained].value)} % against {number(100 * shares[conventional].value)} %"
    if not less:
        return _begin(prefix, f"No clear difference in how much the models look at locked pixels: {numbers}.")
    return _begin(prefix, f"{who} looks {less} at locked pixels than the conventional one: {numbers}.")


def headline_of_counterfactuals(
    styles: Sequence[ArmStyle], variation: Sequence[Span], differences: Sequence[Span], prefix: str = ""
) -> str:
    """Whether counterfactual digits are smoother with counterfactual training: their total variation.

    Args:
        variation: of each model's counterfactual digits (m).
        differences: to the first model (m); NaN for that.
    """
    conventional, trained = reference_pair(styles)
    if conventional is None or trained is None:
        return _begin(prefix, "What would have to change for the model to read another digit.")
    ours, theirs = variation[trained].value, variation[conventional].value
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return _begin(prefix, "Too few counterfactuals arrive to compare the models.")
    if len(_trained(styles)) > 1:
        values = _each(styles, [number(span.value, 3) for span in variation], differences, "smoother", "rougher")
        return _begin(prefix, f"Total variation of counterfactual digits: {values}.")
    who, less = called(styles[trained]), direction(differences[trained])
    if not less:
        return _begin(prefix, f"Counterfactual digits of {who} and of the conventional one are about as smooth.")
    smooth = {"less": "smoother", "more": "rougher"}[less]
    by = f"{number(100 * abs(ours - theirs) / theirs)} % {less} total variation"
    return _begin(prefix, f"Counterfactual digits of {who} are {smooth} than the conventional one's: {by}.")


def headline_of_fooling(
    styles: Sequence[ArmStyle], right: Sequence[Span], differences: Sequence[Span], epsilon: float, prefix: str = ""
) -> str:
    """How often the models are right when every pixel may be moved by ε."""
    conventional, trained = reference_pair(styles)
    at = f"With every pixel moved by at most {epsilon:.2f}" if epsilon else "Without an attack"
    if conventional is None or trained is None:
        return _begin(prefix, f"{at}, {called(styles[0])} is right on {percent(right[0].value)} of digits.")
    if len(_trained(styles)) > 1:
        values = _each(styles, [percent(span.value) for span in right], differences, "less", "more")
        return _begin(prefix, f"{at}, right answers are {values}.")
    numbers = f"{percent(right[trained].value)} against {percent(right[conventional].value)}"
    who, less = called(styles[trained]), direction(differences[trained])
    if not less:
        return _begin(prefix, f"{at}, no clear difference: {who} and the conventional are right on {numbers}.")
    how = {"more": "more", "less": "less"}[less]
    return _begin(prefix, f"{at}, {who} is right {how} often than the conventional one: {numbers} of digits.")


# -- sentences ------------------------------------------------------------------------------------------


def of_difference(difference: Span, unit: str = "points") -> str:
    """What a difference of shares to the first model means, with its interval in percentage points."""
    if not math.isfinite(difference.value):
        return ""
    ends = f"{number(100 * difference.low)} to {number(100 * difference.high)}"
    less = direction(difference)
    if not less:
        return f"no clear difference ({ends} {unit})"
    return f"{number(abs(100 * difference.value))} {unit} {less} ({ends})"


def of_relative(difference: Span, reference: float, less: str, more: str) -> str:
    """What a difference to the first model means, such as “22 % smoother”; said only where chance is left out."""
    if not math.isfinite(difference.value) or not reference:
        return ""
    how = direction(difference)
    if not how:
        return "no clear difference"
    return f"{number(100 * abs(difference.value) / reference)} % {less if how == 'less' else more}"


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
