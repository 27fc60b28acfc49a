"""Bootstrap intervals: how much a number would vary with other factuals of the same kind.

Factuals are drawn with replacement, as many as there are, and every number is computed anew; the interval lies between
percentiles of these (``scipy.stats.bootstrap`` with ``method="percentile"``, with the same draws). All arms share each
draw, so that differences of arms are paired. A resample is a count for each factual, and whatever is a mean over
factuals (also over pairs of them) is a product of matrices with these counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.errors import ConfigError
from ctviz.evaluation.plausibility import ReferenceSamples, over_classes

ROUNDS = 2000
"""Resamples: ten of them lie outside each end of an interval of 99 %."""

BLOCK = 1 << 22
"""Most draws made at once."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Interval:
    """Values with their intervals, (…) each; NaN where they are not defined."""

    value: Floats
    low: Floats
    high: Floats

    @property
    def significant(self) -> Bools:
        """Whether zero lies outside of the interval."""
        return (self.low > 0) | (self.high < 0)


@dataclass(frozen=True)
class Estimate:
    """A value of m arms, and its value in every resample."""

    value: Tensor  # m …
    resampled: Tensor  # r m …

    def interval(self, level: float) -> Interval:
        """The value and its percentile interval."""
        low, high = percentiles(self.resampled, level)
        undefined = self.value.isnan()
        ends = [torch.where(undefined, torch.nan, end) for end in (low, high)]
        return Interval(*(_array(t) for t in (self.value, *ends)))

    def against_first(self) -> Estimate:
        """The difference of every arm to the first; that of the first to itself is NaN."""
        value, resampled = self.value - self.value[:1], self.resampled - self.resampled[:, :1]
        value[0], resampled[:, 0] = torch.nan, torch.nan
        return Estimate(value, resampled)

    def differs(self, level: float) -> Tensor:
        """Which two of m values (m) differ beyond chance: zero lies outside the interval of their difference, (m m)."""
        low, high = percentiles(self.resampled.unsqueeze(2) - self.resampled.unsqueeze(1), level)
        return (low > 0) | (high < 0)


def percentiles(resampled: Tensor, level: float) -> tuple[Tensor, Tensor]:
    """The ends of the interval that holds the share ``level`` of the resamples (r …), (…) each.

    Resamples in which the value is not defined (NaN) are left out.

    Raises:
        ConfigError: a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError("level", level, "a number between 0 and 1, such as 0.99")
    tail = (1 - level) / 2
    low, high = torch.nanquantile(resampled, resampled.new_tensor([tail, 1 - tail]), dim=0)
    return low, high


@dataclass(frozen=True)
class Bootstrap:
    """Resamples of n factuals, as counts of each; the first row is the sample itself."""

    counts: Tensor  # 1+r n, float64

    @classmethod
    def of(cls, n: int, rounds: int = ROUNDS, seed: int = 0) -> Bootstrap:
        """``rounds`` draws of n out of n with replacement."""
        if n == 0:
            return cls(torch.ones(1 + rounds, 0, dtype=torch.float64))
        chance, counts = np.random.default_rng(seed), np.ones((1 + rounds, n))
        block = max(1, BLOCK // n)  # rounds drawn at once, all from one stream
        for first in range(1, 1 + rounds, block):
            r = min(block, 1 + rounds - first)
            drawn = chance.integers(0, n, (r, n)) + n * np.arange(r)[:, None]
            counts[first : first + r] = np.bincount(drawn.ravel(), minlength=r * n).reshape(r, n)
        return cls(torch.from_numpy(counts))

    def mean(self, values: Tensor, counted: Tensor, group: Tensor | None = None) -> Estimate:
        """Mean over the rows that are counted.

        Args:
            values: (m … b); anything where a row is not counted.
            counted: which rows count, (m … b), bool.
            group: the factual of each row, (b), where several rows belong to one; None: a row each.

        Returns:
            (m …); NaN for fewer than two rows that count.
        """
        counted = counted.expand(values.shape)
        number = self._grouped(counted.double(), group)
        total = self._grouped(torch.where(counted, values.double(), 0.0), group)
        means = (total @ self.counts.T) / (number @ self.counts.T)  # m … 1+r
        enough = number.sum(dim=-1) >= 2
        means = torch.where(enough.unsqueeze(-1) & means.isfinite(), means, torch.nan).movedim(-1, 0)
        return Estimate(means[0], means[1:])

    def median(self, values: Tensor, counted: Tensor) -> Estimate:
        """Median over the rows that are counted, each row a factual; of an even number the mean of the middle two.

        A row that was drawn c times counts c times, as if it stood there so often.

        Args:
            values: (m … n); anything where a row is not counted.
            counted: which rows count, (m … n), bool.

        Returns:
            (m …); NaN for fewer than two rows that count.
        """
        shape = values.shape[:-1]
        rows = values.double().reshape(math.prod(shape), values.shape[-1])
        chosen = counted.expand(values.shape).reshape(rows.shape)
        found = [self._median(row[which], which) for row, which in zip(rows, chosen, strict=True)]
        medians = torch.stack(found, dim=-1) if found else self.counts.new_zeros(len(self.counts), 0)
        medians = medians.reshape(len(self.counts), *shape)
        return Estimate(medians[0], medians[1:])

    def _median(self, values: Tensor, counted: Tensor) -> Tensor:
        """Of values (b), those of the rows that are counted (n), in each resample, (1+r)."""
        if len(values) < 2:
            return self.counts.new_full((len(self.counts),), torch.nan)
        ordered, order = values.sort()
        reached = self.counts[:, counted.nonzero().squeeze(-1)[order]].cumsum(dim=-1)  # 1+r b
        total = reached[:, -1:]
        middle = torch.cat([((total + 1) / 2).floor(), ((total + 2) / 2).floor()], dim=-1)  # the ranks, from 1
        at = torch.searchsorted(reached, middle).clamp_max(len(values) - 1)
        return torch.where(total.squeeze(-1) > 0, ordered[at].mean(dim=-1), torch.nan)

    def pairs(self, values: Tensor, counted: Tensor, group: Tensor | None = None) -> Estimate:
        """Mean difference of every arm to the first, over the rows that are counted in both; that of the first is NaN.

        The difference of two means would be over different rows where different rows are counted. Arguments as in
        ``mean``.
        """
        counted = counted.expand(values.shape)
        difference = self.mean(values.double() - values[:1].double(), counted & counted[:1], group)
        difference.value[0], difference.resampled[:, 0] = torch.nan, torch.nan
        return difference

    def ip_star(
        self, points: Tensor, targets: Tensor, counted: Tensor, samples: ReferenceSamples, group: Tensor | None = None
    ) -> Estimate:
        """IP* (``ReferenceSamples.ip_star``) of every arm's counterfactuals.

        The kernel between counterfactuals of a class is taken once. In a resample, a pair weighs the product of its
        counts; a factual that was drawn twice makes no pair with itself, which would look like a cluster.

        Args:
            points: (m b d).
            targets: class of each, (m b), int64.
            counted: which count, (m b), bool.
            group: as in ``mean``.

        Returns:
            (m); NaN where every class has fewer than two counterfactuals or two samples.
        """
        shape = len(points), samples.k, len(self.counts)
        mmd, number = self.counts.new_full(shape, torch.nan), self.counts.new_zeros(shape)  # m k 1+r
        for arm, x in enumerate(points):
            for c, real in enumerate(samples.samples):
                chosen = counted[arm] & (targets[arm] == c)  # b
                rows = chosen.nonzero().squeeze(-1)
                if len(rows) < 2 or len(real) < 2:
                    continue
                weights, owner = (self.counts[:, rows], None) if group is None else (self.counts, group[rows])
                mmd[arm, c] = samples.weighted_mmd2(x[rows], c, weights, repeats=False, owner=owner)
                number[arm, c] = self.counts @ self._grouped(chosen.double(), group)
        values = over_classes(mmd.movedim(-1, 0), number.movedim(-1, 0))  # 1+r m
        return Estimate(values[0], values[1:])

    def _grouped(self, values: Tensor, group: Tensor | None) -> Tensor:
        """Sums over the rows of each factual, (… b) → (… n)."""
        if group is None:
            return values
        return values.new_zeros(*values.shape[:-1], self.counts.shape[1]).index_add_(-1, group, values)


def _array(values: Tensor) -> Floats:
    return values.double().numpy().astype(np.float64)
