"""Percentages over several draws of data and training, with an interval for other draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ctviz.studies.summary import Floats, Mean, mean, reduction

RESAMPLES = 5000


@dataclass(frozen=True)
class Paired:
    """A metric of one draw, round by round, of an arm and its reference; rounds that either lacks are left out."""

    value: Floats  # j
    base: Floats  # j

    @classmethod
    def of(cls, value: npt.ArrayLike, base: npt.ArrayLike) -> Paired:
        v, b = np.asarray(value, dtype=np.float64), np.asarray(base, dtype=np.float64)
        both = np.isfinite(v) & np.isfinite(b)
        return cls(v[both], b[both])

    @property
    def reduction(self) -> float:
        """100 · (mean base − mean value) / mean base; NaN without rounds, or where the base is 0."""
        return float(reduction(self.value.mean(), self.base.mean())) if self.value.size else float("nan")


def combine(draws: Sequence[Paired], level: float = 0.99, seed: int = 0, resamples: int = RESAMPLES) -> Mean:
    """The mean reduction over draws s, ``1/S Σ_s 100 · (b̄_s − v̄_s) / b̄_s``, with an interval for other draws.

    The interval is Student's over the S draws: ``x̄ ± t(S−1) · s / √S``, which includes the randomness of the rounds,
    since that is part of every draw's value. With five draws, a bootstrap over them would have a coverage of about 90 %
    instead of 99. A single draw tells nothing about others: there the interval is the percentile bootstrap over rounds,
    as in the paper, with value and base of a round drawn together. No reduction is above 100 %, nor is the end of an
    interval. Draws without a single round are left out.

    Raises:
        ConfigError: a level that is not between 0 and 1.
    """
    draws = [draw for draw in draws if np.isfinite(draw.reduction)]
    found = mean([draw.reduction for draw in draws], level)
    if len(draws) == 1:
        return _over_rounds(draws[0], level, seed, resamples)
    return replace(found, high=min(found.high, 100.0)) if draws else found


def _over_rounds(draw: Paired, level: float, seed: int, resamples: int) -> Mean:
    rows = np.random.default_rng(seed).integers(0, draw.value.size, (resamples, draw.value.size))
    resampled = reduction(draw.value[rows].mean(axis=1), draw.base[rows].mean(axis=1))
    resampled = resampled[np.isfinite(resampled)]
    if resampled.size < resamples / 2:  # a base that is nearly always 0
        return Mean(draw.reduction, math.nan, math.nan, 1)
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Mean(draw.reduction, float(low), float(high), 1, float(resampled.std(ddof=1)))
