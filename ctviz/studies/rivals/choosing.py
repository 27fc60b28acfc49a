"""The rule that chooses every method's settings: the same for all, on validation data alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ctviz.studies.reproduce.reading import mean
from ctviz.studies.reproduce.selection import keeps_accuracy

RULE = (
    "The settings of every method are chosen by one rule, on validation data; test data are not looked at. Of each "
    "method that has settings of its own, {tries} are tried, on the first {draws}. A try's score is the mean "
    "reduction of IP and IP* (of tables that at the median distance, of digits IP alone), against conventional "
    "training on the same draw, with both searches; a reduction counts from −100 to 100 %. Among the tries whose mean "
    "accuracy is at most 2 points below that of conventional training, it is the one with the highest score; if there "
    "is none, the one with the highest accuracy."
)


ALIKE = 5.0
"""Points of validity by which advice may be valid less often and still count as valid about as often."""


@dataclass(frozen=True)
class TryScore:
    """A try on validation data, as means over the draws: ``score`` in %, accuracies as shares; NaN where unknown.

    ``validity`` is how much more often its advice is valid than that of conventional training, a share; the rule does
    not look at it.
    """

    score: float
    accuracy: float
    conventional_accuracy: float
    validity: float = math.nan

    @property
    def qualifies(self) -> bool:
        """Whether it may be chosen by its score. What is NaN does not."""
        return keeps_accuracy(self.accuracy, self.conventional_accuracy) and not math.isnan(self.score)

    @property
    def fallback(self) -> float:
        """What decides where no try qualifies."""
        return self.accuracy


Values = Mapping[str, float]
"""Metric, with its search, → a mean on validation data: ``ip paper``."""


def score(draws: Sequence[tuple[Values, Values]], searches: Sequence[str]) -> TryScore:
    """The score of a try, from its values and those of conventional training on each draw.

    The mean over draws, searches, IP and IP* of 100 · (base − value) / base, each kept within ±100; what is not finite
    in the try alone counts −100. IP* is that at the median distance where that is measured.
    """
    counted = [
        _reduction(value.get(metric, math.nan), base.get(metric, math.nan))
        for value, base in draws
        for search in searches
        for metric in (f"ip {search}", _mismatch(base, search))
    ]
    accuracy, base_accuracy = (mean([one[i].get("accuracy", math.nan) for one in draws]) for i in (0, 1))
    valid = [
        value.get(key, math.nan) - base.get(key, math.nan)
        for value, base in draws
        for key in (f"validity {search}" for search in searches)
    ]
    return TryScore(mean(counted), accuracy, base_accuracy, mean(valid))


def _mismatch(base: Values, search: str) -> str:
    median = f"ip_star_median {search}"
    return median if median in base else f"ip_star {search}"


def _reduction(value: float, base: float) -> float:
    if not base > 0:
        return math.nan
    if not math.isfinite(value):
        return -100.0
    return max(-100.0, min(100.0, 100 * (base - value) / base))


class _Tried(Protocol):
    """A try with its score, accuracy and validity on validation data, where they are known."""

    @property
    def score(self) -> float | None: ...

    @property
    def accuracy(self) -> float | None: ...

    @property
    def qualifies(self) -> bool: ...

    @property
    def validity(self) -> float | None: ...


def choose_valid(tries: Sequence[_Tried]) -> int | None:
    """The position of the try that a stricter rule would choose, which looks at validity too: by the same score, among
    the tries whose validity is at most ``ALIKE`` points below that of the best which keeps accuracy.

    None where the validity of a try is not known.
    """
    kept = [i for i, one in enumerate(tries) if one.qualifies] or list(range(len(tries)))
    known = {i: validity for i in kept if (validity := tries[i].validity) is not None}
    if not kept or len(known) < len(kept):
        return None
    valid = [i for i in kept if 100 * known[i] >= 100 * max(known.values()) - ALIKE - 1e-9]
    by_score = tries[kept[0]].qualifies
    return max(valid, key=lambda i: _or_lowest(tries[i].score if by_score else tries[i].accuracy))


def _or_lowest(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value
