"""Numbers in words: what each metric is called, and what the difference between two arms means.

Nothing here claims more than one run shows: a sentence says in which run and at which epoch, and a difference
that cannot be taken (a value missing, nothing to compare with) is said to be missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ctviz.figures.theme import ArmStyle, reference_pair
from ctviz.prose import number

Metrics = Mapping[str, Sequence[float]]
"""Metric → one value per arm; what does not apply is NaN."""


@dataclass(frozen=True)
class Metric:
    """One metric in words.

    A ``share`` lies in [0, 1] and is shown in %, its differences in percentage points; a ``ratio`` is a number of
    which one may say "12 % less"; a ``value`` (a loss, a count) is only shown. ``less`` and ``more`` finish the
    sentence "12 % …".
    """

    name: str
    title: str
    symbol: str
    kind: Literal["share", "ratio", "value"]
    less: str = ""
    more: str = ""
    better: Literal["less", "more", ""] = ""
    help: str = ""


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "ip",
            "Distance to real data",
            "IP",
            "ratio",
            "closer to real data",
            "farther from real data",
            "less",
            "Mean ℓ1 distance from a counterfactual to the data of the class it aims at, in data units.",
        ),
        Metric(
            "ip_star",
            "Mismatch with real data",
            "IP*",
            "ratio",
            "less mismatch with real data",
            "more mismatch with real data",
            "less",
            "Squared MMD between the counterfactuals and the data of their class: 0 where they look alike.",
        ),
        Metric(
            "cost",
            "Effort of the advice",
            "cost",
            "ratio",
            "less effort",
            "more effort",
            "less",
            "Mean ℓ1 distance from a person's data to a valid counterfactual, in data units.",
        ),
        Metric(
            "validity",
            "Advice that works",
            "validity",
            "share",
            "less often successful",
            "more often successful",
            "more",
            "Share of counterfactuals that the model itself puts into the class asked for.",
        ),
        Metric(
            "validation_accuracy",
            "Right on new data",
            "accuracy",
            "share",
            "less often right",
            "more often right",
            "more",
            "Share of validation samples that the model classifies correctly.",
        ),
        Metric(
            "robust_accuracy",
            "Right under attack",
            "robust accuracy",
            "share",
            "less often right",
            "more often right",
            "more",
            "Share of validation samples still right after the worst small nudge (FGSM).",
        ),
        Metric(
            "train_accuracy",
            "Right on training data",
            "accuracy",
            "share",
            "less often right",
            "more often right",
            "more",
            "Share of training samples that the model classifies correctly.",
        ),
        Metric(
            "mature",
            "Training searches that arrive",
            "mature",
            "share",
            "less often",
            "more often",
            "",
            "Share of the epoch's training counterfactuals that reached τ within T steps.",
        ),
        Metric(
            "steps",
            "Steps of a training search",
            "t",
            "ratio",
            "fewer steps",
            "more steps",
            "",
            "Mean number of steps of the epoch's training searches.",
        ),
        Metric(
            "loss_class",
            "Classification loss",
            "class loss",
            "value",
            better="less",
            help="How badly the data are classified.",
        ),
        Metric(
            "loss_div",
            "Contrastive divergence",
            "divergence",
            "value",
            help="Energy of real data minus energy of counterfactuals, before λ_div.",
        ),
        Metric(
            "loss_adv",
            "Adversarial loss",
            "adversarial",
            "value",
            better="less",
            help="How badly nascent counterfactuals are classified, before λ_adv.",
        ),
        Metric(
            "loss_reg",
            "Ridge on the energies",
            "ridge",
            "value",
            better="less",
            help="How large the energies are, before λ_reg.",
        ),
        Metric(
            "skipped",
            "Batches left out",
            "skipped",
            "value",
            help="Batches left out of the epoch because their loss was not finite.",
        ),
    )
}
"""Every metric of a snapshot, in the order a reader meets them."""

SMALL = 1.0
"""Differences below one percent (or one percentage point) are called about the same."""


def amount(metric: Metric, value: float) -> str:
    """A metric's value with its unit: shares in %, the rest with three significant digits."""
    if not math.isfinite(value):
        return "—"
    if metric.kind != "share":
        return number(value, 3)
    percent = 100 * value
    # 99.96 % must not be shown as 100.0 %: complete is said only of what is complete.
    shown = min(round(percent, 1), 99.9) if percent < 100 else percent
    return f"{shown:.1f} %" if shown not in (0.0, 100.0) else f"{shown:.0f} %"


def compare(metric: Metric, treated: float, reference: float) -> str:
    """What the difference means, such as "56 % closer to real data"; empty if nothing can be said."""
    if metric.kind == "value" or not (math.isfinite(treated) and math.isfinite(reference)):
        return ""
    if metric.kind == "share":
        points = 100 * (treated - reference)
        if abs(points) < SMALL:
            return f"about as {metric.less.removeprefix('less ')}"
        apart = number(abs(points), trim=True)
        return f"{apart} {'point' if apart == '1' else 'points'} {_word(metric, points)}"
    if reference == treated:
        return "the same"
    if reference <= 0:
        return f"{_word(metric, treated - reference)} (conventional: {number(reference)})"
    percent = 100 * (treated - reference) / reference
    if abs(percent) < SMALL:
        return "about the same"
    return f"{number(abs(percent), trim=True)} % {_word(metric, percent)}"


def verdict(metric: Metric, treated: float, reference: float) -> Literal["better", "worse", ""]:
    """Whether a difference that ``compare`` names is for the better."""
    words = compare(metric, treated, reference)
    if not words or words.startswith(("about", "the same")) or not metric.better:
        return ""
    return "better" if (treated < reference) == (metric.better == "less") else "worse"


def _word(metric: Metric, difference: float) -> str:
    return metric.less if difference < 0 else metric.more


def headline(epoch: int, styles: Sequence[ArmStyle], metrics: Metrics) -> str:
    """The finding of one epoch of one run, in one sentence."""
    at = f"At epoch {epoch}" if epoch else "Before training"
    conventional, trained = reference_pair(styles)
    if conventional is None or trained is None:
        return _single(at, styles, metrics)
    ip = metrics.get("ip", ())
    if max(conventional, trained) >= len(ip):
        return f"{at}, nothing has been measured in this run yet."
    theirs, ours = ip[conventional], ip[trained]
    subject = _subject(styles, trained)
    if not (math.isfinite(theirs) and math.isfinite(ours)):
        return f"{at}, the counterfactuals of the two models cannot be compared in this run: {_missing(theirs, ours)}."
    if theirs == ours and not epoch:
        return f"{at}, the two models still see the data alike."
    words = compare(METRICS["ip"], ours, theirs)
    if words.startswith(("about", "the same")):
        return f"{at}, counterfactuals of {subject} end as far from real data as the conventional model's in this run."
    return f"{at}, counterfactuals of {subject} end {words} than the conventional model's in this run."


def _subject(styles: Sequence[ArmStyle], trained: int) -> str:
    style = styles[trained]
    return "the counterfactually trained model" if style.name == "full" else f"the model “{style.title}”"


def _missing(theirs: float, ours: float) -> str:
    if not math.isfinite(theirs) and not math.isfinite(ours):
        return "neither has any to measure"
    return f"the {'counterfactually trained' if not math.isfinite(ours) else 'conventional'} one has none to measure"


def _single(at: str, styles: Sequence[ArmStyle], metrics: Metrics) -> str:
    accuracy = metrics.get("validation_accuracy", ())
    if not styles or not accuracy or not math.isfinite(accuracy[0]):
        return f"{at}, nothing has been measured in this run yet."
    right = amount(METRICS["validation_accuracy"], accuracy[0])
    return f"{at}, the model “{styles[0].title}” is right on {right} of new data in this run."


def describe_curve(metric: Metric, styles: Sequence[ArmStyle], epoch: int, values: Sequence[float]) -> str:
    """The text alternative of a chart: what each arm has at the marked epoch."""
    parts = [f"{style.title} {amount(metric, value)}" for style, value in zip(styles, values, strict=False)]
    return f"{metric.title} over the epochs. At epoch {epoch}: {', '.join(parts) or 'nothing measured'}."
