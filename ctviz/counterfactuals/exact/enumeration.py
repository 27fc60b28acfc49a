"""All points of a lattice that cost less than a known plan and reach the target: branch and bound without a solver.

For a network with one hidden layer and two classes, the margin of a point is

    Σ_h v_h · relu(a_h) + c,    a = W x + b,    v and c the last layer's weights of target − other class,

and each feature adds a part of its own to a. Points are built feature by feature. A partial point is dropped where even
the best that the budget left can do to each hidden unit does not reach the margin: of m features that are not chosen
yet, unit h gains at most the solution of a fractional knapsack, max Σ_f min(ratio_fh · e_f, most_fh) with Σ_f e_f no
more than that budget. So nothing is left out, whatever is dropped; and where the budget is small, as below a polished
plan, some thousand points are all there is to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.exact.network import Floats, Network
from ctviz.counterfactuals.lattice import Lattice, Number

MOST_LOOKED_AT = 150_000
"""Most partial points that are looked at; a solver needs about as long as they do."""

MOST_KEPT = 1 << 22
"""Most numbers in the hidden units of the partial points that are kept at once."""

CHUNK = 1 << 15
"""Partial points that are looked at together."""

BUCKETS = 24
"""Budgets for which the bounds are worked out; each point takes that of the next larger one."""

MOST_OPTIONS = 20_000
"""Most values of a number."""

TOLERANCE = 1e-9
"""By how much a margin may be short and its point still be returned, for rounding: whoever asks looks again."""


@dataclass(frozen=True, eq=False)
class Options:
    """What a feature may become within the budget."""

    place: int  # of the feature
    values: Floats  # o
    efforts: Floats  # o
    parts: Floats  # o h: what each adds to the hidden units
    may_stay: bool  # whether the person's own value is among them
    beside: Floats  # o h: how far the own value's part is below the line of the others, 0 where only float rounding is

    def ratios(self, sign: int) -> Floats:
        """The most that a unit of effort adds to each hidden unit, or takes from it (``sign`` −1), (h)."""
        paid = self.efforts > 0
        if not self.may_stay or not paid.any():
            return np.zeros(self.parts.shape[1])
        return np.asarray(np.maximum((sign * self.parts[paid] / self.efforts[paid, None]).max(axis=0), 0.0))

    def most(self, sign: int) -> Floats:
        """The most that any value adds, or takes, at no less than 0, (h)."""
        return np.maximum((sign * self.parts).max(axis=0), 0.0) if self.may_stay else np.zeros(self.parts.shape[1])

    def least(self, sign: int) -> Floats:
        """What it adds, or takes, without effort; of a feature that has to change, the most of any value, (h)."""
        own = self.parts[self.efforts == 0] if self.may_stay else self.parts
        return np.asarray((sign * own).max(axis=0, initial=-np.inf))


def cheaper_points(network: Network, lattice: Lattice, target: int, margin: float, below: float) -> Floats | None:
    """All points that cost less than ``below`` and whose margin is at least ``margin`` − 10⁻⁹, (n f), cheapest first.

    Links and forbidden pairs are left to the caller. None where that cannot be said: a network with other than one
    hidden layer and two classes, a free number without steps or with an open end, or too many partial points.
    """
    if network.k != 2 or len(network.layers) != 2:
        return None
    features = options_of(network, lattice, below)
    if features is None:
        return None
    V, c = network.layers[1]
    v, constant = V[target] - V[1 - target], float(c[target] - c[1 - target])
    # First what halves the points at once: few values that matter much.
    features.sort(
        key=lambda one: len(one.values) / (1e-9 + float(np.abs(v) @ np.abs(one.parts).max(axis=0, initial=0)))
    )
    budget = min(below, 1.0 + sum(float(one.efforts.max(initial=0.0)) for one in features))
    partial = _Partial.start(len(features), network.first(lattice.factual))
    looked_at = 0
    for at, one in enumerate(features):
        looked_at += partial.count(one, budget)
        if looked_at > MOST_LOOKED_AT:
            return None
        partial = partial.extended(
            one, at, budget, _Bounds.of(features[at + 1 :], len(v), budget), v, margin - constant
        )
        if partial.hidden.size > MOST_KEPT:
            return None
    points = np.empty((len(partial.costs), len(features)))
    for at, one in enumerate(features):
        points[:, one.place] = one.values[partial.picked[:, at]]
    return points[np.argsort(partial.costs, kind="stable")]


def options_of(network: Network, lattice: Lattice, below: float) -> list[Options] | None:
    """What each feature may become for less than ``below``; None where that is no list, or too long."""
    W, found = network.layers[0][0], []
    for place, feature in enumerate(lattice.features):
        if isinstance(feature, Number) and not feature.fixed:
            low, high = feature.ends
            if not feature.step or not (high - low) / feature.step <= MOST_OPTIONS:
                return None
        values = np.array([feature.own]) if feature.fixed else feature.options(MOST_OPTIONS + 2)
        values = values[feature.effort(values) < below]
        columns = list(feature.columns)
        change = lattice.columns_of(place, values).astype(np.float64) - lattice.factual[columns].astype(np.float64)
        parts, own = change @ W[:, columns].T, values == feature.own
        beside = np.outer(own * lattice.beside(place), W[:, columns[0]])
        found.append(Options(place, values, feature.effort(values), parts, bool(own.any()), beside))
    return found


@dataclass(frozen=True, eq=False)
class _Bounds:
    """What the features that are not chosen yet add to each hidden unit at most and at least, by budget."""

    most: Floats  # BUCKETS h
    least: Floats  # BUCKETS h

    @classmethod
    def of(cls, features: Sequence[Options], hidden: int, budget: float) -> _Bounds:
        """For budgets of 1 to ``BUCKETS`` equal parts of the whole one."""
        budgets = budget * np.arange(1, BUCKETS + 1) / BUCKETS
        if not features:
            return cls(np.zeros((BUCKETS, hidden)), np.zeros((BUCKETS, hidden)))
        up, down = (_knapsack(features, sign, budgets) for sign in (1, -1))
        return cls(up, -down)


def _knapsack(features: Sequence[Options], sign: int, budgets: Floats) -> Floats:
    """Upper bounds of sign · Σ of one part of each feature whose efforts are together within each of ``budgets`` (n),
    (n h): the best ratios first, each up to the most that its feature can do."""
    ratios = np.stack([one.ratios(sign) for one in features])  # f h
    most = np.stack([one.most(sign) for one in features])
    order = np.argsort(-ratios, axis=0)
    ratios, most = np.take_along_axis(ratios, order, axis=0), np.take_along_axis(most, order, axis=0)
    lengths = np.divide(most, ratios, out=np.zeros_like(most), where=ratios > 0)  # efforts that they are worth
    starts = lengths.cumsum(axis=0) - lengths
    spent = np.clip(budgets[:, None, None] - starts, 0.0, lengths)  # n f h
    return np.asarray(sum(one.least(sign) for one in features) + (ratios * spent).sum(axis=1))


@dataclass(frozen=True, eq=False)
class _Partial:
    """Points of which some features are chosen."""

    picked: npt.NDArray[np.int32]  # n f: which option of each
    hidden: Floats  # n h: the hidden units before their ReLU, with all other features as the person's
    costs: Floats  # n

    @classmethod
    def start(cls, features: int, hidden: Floats) -> _Partial:
        """The one of which none is."""
        return cls(np.zeros((1, features), dtype=np.int32), hidden[None], np.zeros(1))

    def count(self, one: Options, budget: float) -> int:
        """How many there will be within the budget with one more feature."""
        return int(np.searchsorted(np.sort(one.efforts), budget - self.costs).sum())

    def extended(self, one: Options, at: int, budget: float, bounds: _Bounds, v: Floats, least: float) -> _Partial:
        """Those with one more feature that may still reach Σ v_h · relu(a_h) ≥ ``least``."""
        gains, losses = np.maximum(v, 0.0), np.maximum(-v, 0.0)
        step, parts = max(1, CHUNK // max(1, len(one.values))), list[_Partial]()
        for first in range(0, len(self.costs), step):
            costs = self.costs[first : first + step, None] + one.efforts
            rows, options = np.nonzero(costs < budget)
            own, hidden = costs[rows, options], self.hidden[first + rows] + one.parts[options]
            bucket = np.minimum((budget - own) / budget * BUCKETS, BUCKETS - 1).astype(np.int64)
            high, low = hidden + bounds.most[bucket], hidden + bounds.least[bucket]
            reached = np.maximum(high, 0.0) @ gains - np.maximum(low, 0.0) @ losses
            kept = reached >= least - TOLERANCE
            picked = self.picked[first + rows[kept]]
            picked[:, at] = options[kept]
            parts.append(_Partial(picked, hidden[kept], own[kept]))
        columns = zip(*((part.picked, part.hidden, part.costs) for part in parts), strict=True)
        return _Partial(*map(np.concatenate, columns)) if parts else self
