"""Rounds of an evaluation: the samples that are drawn, and the metrics of their counterfactuals.

The protocol of the paper, section 4 of REFERENCE. A sample that is drawn several times, in one round or in many, has
the same counterfactual each time: it is searched and measured once, and a round is a vector of counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.evaluation.ends import END_METRICS, IP_STARS, Comparison, SearchEnds, measured
from ctviz.evaluation.plausibility import ReferenceSamples

ROUND_METRICS = ("ip", "ip_star", "cost", "validity", "redundancy", "mature", "steps")
"""The metrics of each round. IP, IP* and steps are over all counterfactuals, cost and redundancy over the valid ones;
validity and mature are shares of all."""

CHUNK = 4096
"""Samples drawn at once. With another number, a seed would give other draws."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RoundDraws:
    """The draws of each round: a factual class, a target class, and each arm's factuals."""

    k: int
    factual: Ints  # r
    target: Ints  # r
    rows: Ints  # m r n: positions of samples; −1 throughout where an arm puts no sample into the class

    def unique(self, arm: int) -> UniqueSearches:
        """The distinct searches among the draws of an arm."""
        rows = self.rows[arm]  # r n
        there = np.flatnonzero(rows[:, 0] >= 0)
        codes = rows[there] * self.k + self.target[there, None]
        values, place = np.unique(codes, return_inverse=True)
        counts = np.zeros((len(rows), len(values)))
        if len(values):
            flat = (place.reshape(codes.shape) + len(values) * np.arange(len(there))[:, None]).ravel()
            counts[there] = np.bincount(flat, minlength=len(there) * len(values)).reshape(len(there), -1)
        return UniqueSearches(values // self.k, values % self.k, counts)


@dataclass(frozen=True)
class UniqueSearches:
    """The distinct pairs of factual and target class of one arm, u of them, and how often each round drew them."""

    rows: Ints  # u: positions of the samples
    targets: Ints  # u
    counts: Floats  # r u; rows of zeros where the arm had nothing to draw from


def draw(predicted: Ints, k: int, rounds: int, n: int, seed: int) -> RoundDraws:
    """Factuals for every arm and round, with the same random numbers for all arms.

    A round has one factual class, uniform over the k, one target class, uniform over the others, and one endless
    sequence of samples, uniform with replacement. An arm takes the first n of them that it puts into the factual class.
    So arms with the same predictions have the same draws, whatever the other arms, and differences between arms are
    paired.

    Args:
        predicted: class that each arm predicts for each of s samples, (m s); −1 for a model without predictions.
    """
    m, s = predicted.shape
    factual, target = np.zeros(rounds, dtype=np.int64), np.zeros(rounds, dtype=np.int64)
    rows = np.full((m, rounds, n), -1, dtype=np.int64)
    for r in range(rounds):
        chance = np.random.default_rng((seed, r))
        factual[r] = chance.integers(k)
        target[r] = (factual[r] + chance.integers(1, k)) % k
        wanted = predicted == factual[r]  # m s
        filled = np.zeros(m, dtype=np.int64)
        waiting = np.flatnonzero(wanted.any(axis=1))
        while len(waiting):
            sequence = chance.integers(0, s, CHUNK)
            for arm in waiting:
                found = sequence[wanted[arm, sequence]][: n - filled[arm]]
                rows[arm, r, filled[arm] : filled[arm] + len(found)] = found
                filled[arm] += len(found)
            waiting = waiting[filled[waiting] < n]
    return RoundDraws(k, factual, target, rows)


@dataclass(frozen=True)
class Scores:
    """Metrics of each of u counterfactuals; without the points, which are large for images."""

    values: Mapping[str, Tensor]  # u each, float64: those of ``ROUND_METRICS`` that a single search has
    broken: Tensor  # u, 1 where the point is not finite
    points: Tensor  # u d; u 0 without IP*

    @classmethod
    def of(cls, ends: SearchEnds, by: Comparison, names: Sequence[str] = ROUND_METRICS) -> Scores:
        """Scores of the searches of one model, whose axis is left out, for the metrics ``names``."""
        kernels = any(name in names and by.kernel(name) is not None for name in IP_STARS)
        return cls(
            values=measured(ends, by, names),
            broken=(~ends.final.isfinite().all(-1)).double(),
            # Not an empty view, which would keep the whole tensor alive.
            points=ends.final if kernels else ends.final.new_zeros(len(ends.final), 0),
        )

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """The scores of several groups of searches, concatenated."""
        return cls(
            {name: torch.cat([part.values[name] for part in parts]) for name in parts[0].values},
            torch.cat([part.broken for part in parts]),
            torch.cat([part.points for part in parts]),
        )


def measure_rounds(
    unique: UniqueSearches, scores: Scores, by: Comparison, names: Sequence[str] = ROUND_METRICS
) -> Floats:
    """Metrics of one arm in every round, (metrics r); NaN where no sample counts or numbers are not finite.

    All but IP* are means of the scores over the draws of a round.

        IP* = max(0, 1/(n(n−1)) Σ_{i≠j} k(x'_i, x'_j) + 1/(l(l−1)) Σ_{i≠j} k(x_i, x_j) − 2/(nl) Σ_{i,j} k(x'_i, x_j))

    with the kernel that belongs to the name (``Comparison.kernel``). Here i and j go over draws: a sample drawn twice
    makes a pair with itself, as in the paper. With as many draws as there are samples to draw from, n, this raises the
    first term t by about (1 − t)/n.
    """
    counts = torch.from_numpy(unique.counts)  # r u
    valid = scores.values["validity"]
    over = {name: valid if END_METRICS[name].of_valid else torch.ones_like(valid) for name in scores.values}
    found = {name: _mean(counts, values, over[name]) for name, values in scores.values.items()}
    targets, x = torch.from_numpy(unique.targets), scores.points.double()
    for name in set(names).intersection(IP_STARS):
        real = by.kernel(name)
        found[name] = counts.new_full(counts.shape[:1], torch.nan)
        if real is not None:
            found[name] = _ip_star(counts, x, targets, real)
    counted = (counts.sum(dim=1) > 0) & (counts @ scores.broken == 0)
    rows = [torch.where(counted, found[name], torch.nan) for name in names]
    return np.asarray(torch.stack(rows).numpy(), dtype=np.float64)


def _mean(counts: Tensor, values: Tensor, weights: Tensor) -> Tensor:
    """Mean in every round of values (u) with weights 0 or 1, (r); NaN where all weights are 0."""
    total = counts @ weights
    return counts @ torch.where(weights > 0, values.nan_to_num(0.0), 0.0) / torch.where(total > 0, total, torch.nan)


def _ip_star(counts: Tensor, x: Tensor, targets: Tensor, samples: ReferenceSamples) -> Tensor:
    """IP* of every round, each of which has one target class, (r)."""
    result = torch.full((len(counts),), torch.nan, dtype=torch.float64)
    for c in range(samples.k):
        columns = (targets == c).nonzero().squeeze(-1)
        n = counts[:, columns].sum(dim=1)
        rounds = (n >= 2).nonzero().squeeze(-1)
        if not len(rounds):
            continue
        found = samples.weighted_mmd2(x[columns], c, counts[rounds][:, columns], repeats=True)
        result[rounds] = found.clamp_min(0)
    return result
