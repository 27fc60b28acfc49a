"""One rule for headlines: the gain, its price, and what it hangs on, in that order.

A price is whatever else got worse beyond chance: accuracy, arrival, effort. Where there is one, the gain never stands
alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

from ctviz.catalogue.differences import Difference, difference
from ctviz.catalogue.metrics import METRICS
from ctviz.experiments.endpoints import Endpoints
from ctviz.prose import listed

PRICES = ("validation_accuracy", "robust_accuracy", "validity", "mature", "cost")
"""The metrics in which a gain may have its price, in the order in which they are told."""

CLOSENESS = "nearest"
"""The metric of searches that headlines lead with: the distance that pictures show as a line."""

ON_AVERAGE = (
    "The paper's measure is the mean over all real samples of the class. It stays about as large as the class is wide "
    "wherever an end lies, so the same gain is a smaller share of it than of the distance to the nearest one."
)
"""How the other distance, IP, differs from it."""

LEVEL = 0.99
"""Confidence with which a difference of two shares is told from chance."""


def finding(gain: str, differences: Iterable[Difference], caveat: str = "", *, better: bool = True) -> str:
    """Gain, price and caveat in one or two sentences: ``… end 37 % closer, at the price of 8 points less often right.``

    Args:
        gain: a sentence without its full stop.
        differences: of ``PRICES``, of the compared model; those for the worse are the price.
        caveat: a sentence on what the gain hangs on.
        better: whether the gain is one; what else got worse is no price of a loss.
    """
    worse = [one.words for one in differences if one.verdict == "worse"]
    price = f"{', at the price of' if better else ', with'} {listed(worse)}" if worse else ""
    return f"{gain}{price}. {caveat}".rstrip()


def against_the_first(ends: Endpoints, name: str, arm: int) -> Difference:
    """A metric of an arm's ends against that of the first arm, as far as it is beyond chance."""
    value, clear = ends.metrics[name].value, bool(ends.differences[name].significant[arm])
    return difference(METRICS[name], float(value[arm]), float(value[0]), clear=clear)


def on_average(ends: Endpoints, arm: int) -> str:
    """What the distance to all real samples says of the same ends, and how it differs; empty where it says nothing."""
    found = against_the_first(ends, "ip", arm)
    return f"{METRICS['ip'].title} (IP): {found.words}. {ON_AVERAGE}" if found.words else ""


def diverged(titles: Sequence[str], skipped: Sequence[float], batches: int) -> str:
    """Which models have diverged: more than half of an epoch's batches were left out of their training, for their loss
    was not finite. Empty where none has."""
    said = [
        f"{title}: training has diverged; {int(left)} of {batches} batches of this epoch had no finite loss."
        for title, left in zip(titles, skipped, strict=False)
        if left > batches / 2
    ]
    return " ".join(said)


def shares_differ(share: float, other: float, n: float, level: float = LEVEL) -> bool:
    """Whether two shares p and q, each of n samples, differ beyond chance.

        |p − q| > z √(p(1 − p)/n + q(1 − q)/n),  z the (1 + level)/2 quantile of the normal distribution

    Models are measured on the same samples, which makes their difference surer than this: it errs towards silence.
    False where a share is missing.
    """
    if not (math.isfinite(share) and math.isfinite(other) and n > 0):
        return False
    spread = math.sqrt((share * (1 - share) + other * (1 - other)) / n)
    return abs(share - other) > NormalDist().inv_cdf((1 + level) / 2) * spread
