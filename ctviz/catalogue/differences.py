"""What a difference means: ``56 % closer to real data``. All headlines, tables and tooltips are built on this."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ctviz.catalogue.metrics import Direction, Metric
from ctviz.prose import number

SMALL = 1.0
"""Differences below one percent (or one percentage point) are called about the same."""

ABOUT_THE_SAME = "about the same"
UNCLEAR = "no clear difference"
"""Said of a difference that chance may have made."""


@dataclass(frozen=True)
class Difference:
    """A value against a reference: in words, and on which side it lies.

    Attributes:
        words: empty if nothing can be said.
        side: empty where the two are about the same, or their difference is not clear.
        verdict: whether it is for the better; empty where nothing is, or neither side is better.
    """

    words: str = ""
    side: Direction | Literal[""] = ""
    verdict: Literal["better", "worse", ""] = ""

    @property
    def alike(self) -> bool:
        """Whether the two are about the same."""
        return bool(self.words) and not self.side

    @property
    def mark(self) -> str:
        """An arrow before the words in a table: up for the better."""
        return {"better": "↑ ", "worse": "↓ ", "": ""}[self.verdict]


def difference_words(apart: float, unit: str, less: str, more: str) -> str:
    """How far apart, and which way: ``56 % closer to real data``, ``1 point more often right``.

    Args:
        apart: below zero for less.
        unit: "%" or "points".
    """
    size = abs(apart)
    text = number(size, trim=True) if size < 99.5 else number(round(size), 15, trim=True, exponents=False)
    unit = "point" if (unit, text) == ("points", "1") else unit
    return f"{text} {unit} {less if apart < 0 else more}".rstrip()


def difference(metric: Metric, value: float, reference: float, *, clear: bool = True) -> Difference:
    """What a value means against a reference: of shares in percentage points, else in % of the reference.

    Args:
        clear: whether the difference is beyond chance, as far as that is known.
    """
    if not metric.compared or not (math.isfinite(value) and math.isfinite(reference)):
        return Difference()
    if not clear:
        return Difference(UNCLEAR)
    if metric.share:
        return _of(metric, 100 * (value - reference), "points")
    if value == reference:
        return Difference("the same")
    if reference <= 0:
        side: Direction = "less" if value < reference else "more"
        words = f"{metric.less if side == 'less' else metric.more} (conventional: {number(reference)})"
        return Difference(words, side, _verdict(metric, side))
    return _of(metric, 100 * (value - reference) / reference, "%")


def reduction(metric: Metric, percent: float) -> Difference:
    """The same of a reduction, by how many % a value lies below the conventional model's."""
    if not math.isfinite(percent):
        return Difference()
    words = metric if metric.compared else Metric(metric.name, "", "", "", less="less", more="more")
    return _of(words, -percent, "%")


def _of(metric: Metric, apart: float, unit: str) -> Difference:
    if abs(apart) < SMALL:
        return Difference(ABOUT_THE_SAME)
    side: Direction = "less" if apart < 0 else "more"
    return Difference(difference_words(apart, unit, metric.less, metric.more), side, _verdict(metric, side))


def _verdict(metric: Metric, side: Direction) -> Literal["better", "worse", ""]:
    if metric.direction is None:
        return ""
    return "better" if side == metric.direction else "worse"


def effort_words(ratio: float, words: str) -> str:
    """A difference of efforts, as a multiple where that says more: ``20 % more effort``, ``twice the effort``, ``2.3
    times the effort``.

    Args:
        ratio: of the effort to that of the reference.
        words: of the difference as a percentage.
    """
    times = number(ratio, 2, trim=True)
    return words if ratio < 1.95 else "twice the effort" if times == "2" else f"{times} times the effort"
