"""The cheapest point of a lattice of few free features: branch and bound over boxes, many at once, without a solver.

For a network with one hidden layer and two classes, the margin of a point is Σ_h v_h · relu(a_h) + c, a = W x + b. In a
box of numbers (each from one of its values to another, every category at one level) a_h lies between two values, and so
relu(a_h) between two lines (as in ``bounds``). So the margin is at most a sum of one linear part of each number, and a
point that reaches it costs no less than

    max over μ ≥ 0 of   μ · need + Σ_f min over a number's values of (effort_f − μ · part_f)

(Lagrangian duality). A number's lowest, highest and easiest value are enough, and the best μ is where two of these
draw; so all such μ are tried. Boxes that this puts above the best plan are dropped, others are cut. Each box proposes
the point at which its bound is taken, rounded to more of the margin: where no unit changes sign within a box, hardly
anything lies between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.exact.bounds import lines
from ctviz.counterfactuals.exact.network import Floats, Network
from ctviz.counterfactuals.lattice import Lattice, Number

Whole = npt.NDArray[np.int64]

MOST_OPTIONS = 20_000
"""Most values of a number."""

MOST_BOXES = 12_000
"""Most boxes that are looked at; a solver needs about as long as they do."""

MOST_AXES = 8
"""Most numbers that are cut; of more, a box says too little."""

MOST_STARTS = 1 << 18
"""Most combinations of the categories' levels that cost less than a plan, times hidden units: some 50 MB at once."""

TOGETHER = 256
"""Boxes that are cut at once, those with the least bounds first."""

MOST_PIECES = 8
"""Most pieces of a box: where few are open, what is done for all at once takes the time."""

CONSIDERED = 8
"""Most proposed points that are considered at once, the cheapest; and all boxes of a single point."""

GAP, SOLVED_TO = 2e-5, 5e-7
"""Share of a plan's cost, or effort, by which another one has to be cheaper to be looked for."""

TOLERANCE = 1e-9
"""By how much bounds are widened, as a share, for rounding."""

ROUNDING = 1e-14
"""Share of all that a price weighs by which a bound may be wrong, since these sums are rounded."""

Consider = Callable[[Floats], float]
"""Looks at points (n f), keeps the best plan among them, and says below which cost a plan is better than the best."""


@dataclass(frozen=True, eq=False)
class _Options:
    """What a feature may become for less than a plan costs."""

    place: int  # of the feature
    values: Floats  # o
    efforts: Floats  # o
    parts: Floats  # o h: what each adds to the hidden units
    beside: Floats  # o h: how far the own value's part is below the line of the others, 0 where only float rounding is


@dataclass(frozen=True, eq=False)
class _Boxes:
    """Boxes of F numbers, n of them, and their bounds."""

    start: Whole  # n: which levels all categories are at
    low: Whole  # n F: the first value of each number
    high: Whole  # n F: the last one
    bounds: Floats  # n: no point of the box that reaches the margin costs less
    cuts: Whole  # n: the number that is best cut

    def take(self, which: npt.NDArray[Any]) -> _Boxes:
        """Some of them."""
        return _Boxes(*(getattr(self, field.name)[which] for field in fields(self)))

    def joined(self, other: _Boxes) -> _Boxes:
        """These and others."""
        return _Boxes(*(np.concatenate([getattr(one, f.name) for one in (self, other)]) for f in fields(self)))


def least_cost(
    network: Network, lattice: Lattice, target: int, margin: float, below: float, consider: Consider, slack: float
) -> float | None:
    """A cost that no point with a margin of at least ``margin`` is below; ∞ where there is none.

    Only what costs less than what ``consider`` says is looked at; first that is ``below``. Links and forbidden pairs
    are left to ``consider``. Where they forbid much this gives up, with None; and so for other networks than those
    above, many numbers, a free number without steps or with an open end, too many boxes or combinations of levels.

    Args:
        slack: by how much rounding may change a margin.
    """
    if network.k != 2 or len(network.layers) != 2:
        return None
    features = _options_of(network, lattice, below)
    if features is None:
        return None
    if not all(len(one.values) for one in features):
        return np.inf
    cut = [isinstance(lattice.features[one.place], Number) and len(one.values) > 1 for one in features]
    axes, levels = ([one for one, own in zip(features, cut, strict=True) if own == wanted] for wanted in (True, False))
    starts = _Starts.of(network.first(lattice.factual), levels, below)
    if starts is None or len(axes) > MOST_AXES:
        return None
    V, c = network.layers[1]
    v, least = V[target] - V[1 - target], margin - float(c[target] - c[1 - target])
    if not axes:
        points = starts.points(v, least - slack)
        return min(below, consider(points)) if len(points) else below
    return _Search(starts, axes, v, least, slack, consider).run(below)


def _options_of(network: Network, lattice: Lattice, below: float) -> list[_Options] | None:
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
        beside = np.outer((values == feature.own) * lattice.beside(place), W[:, columns[0]])
        found.append(_Options(place, values, feature.effort(values), change @ W[:, columns].T, beside))
    return found


@dataclass(frozen=True, eq=False)
class _Starts:
    """The combinations of what is not cut, such as all levels of categories, that cost less than a plan."""

    places: list[int]  # c: of the features
    values: Floats  # n c
    costs: Floats  # n
    hidden: Floats  # n h: the hidden units before their ReLU, with all other features as the person's

    @classmethod
    def of(cls, first: Floats, features: Sequence[_Options], below: float) -> _Starts | None:
        """None where there are too many."""
        values, costs, hidden = np.zeros((1, 0)), np.zeros(1), first[None]
        for one in features:
            rows, options = np.nonzero(costs[:, None] + one.efforts < below)
            if len(rows) * len(first) > MOST_STARTS:
                return None
            values = np.concatenate([values[rows], one.values[options, None]], axis=1)
            costs, hidden = costs[rows] + one.efforts[options], hidden[rows] + one.parts[options]
        return cls([one.place for one in features], values, costs, hidden)

    def points(self, v: Floats, least: float) -> Floats:
        """As points where nothing is cut: those that reach a margin, the cheapest first, (n c)."""
        good = np.flatnonzero(np.maximum(self.hidden, 0.0) @ v >= least)
        good = good[np.argsort(self.costs[good], kind="stable")]
        points = np.empty((len(good), len(self.places)))
        points[:, self.places] = self.values[good]
        return points


class _Search:
    """The starts, and the numbers that are cut."""

    def __init__(
        self, starts: _Starts, axes: list[_Options], v: Floats, least: float, slack: float, consider: Consider
    ) -> None:
        self.v, self.least, self.slack, self.consider = v, least, slack, consider
        self.places = [*starts.places, *(one.place for one in axes)]
        self.levels, self.costs, self.hidden = starts.values, starts.costs, starts.hidden
        # The values of all numbers, one number after the other.
        self.values, self.efforts = (np.concatenate([getattr(o, k) for o in axes]) for k in ("values", "efforts"))
        self.parts = np.concatenate([one.parts for one in axes])
        counts = np.array([len(one.values) for one in axes])
        self.first = counts.cumsum() - counts
        self.last = self.first + counts - 1
        self.easiest = self.first + [int(one.efforts.argmin()) for one in axes]
        # A person's own column may lie beside the line of the other values, where what people read is rounded.
        self.beside = np.concatenate([one.beside for one in axes])
        self.rounded = bool(self.beside.any())

    def run(self, below: float) -> float | None:
        """See ``least_cost``."""
        n = len(self.costs)
        low, high = (np.repeat(end[None], n, axis=0) for end in (self.first, self.last))
        boxes, below = self._bounded(np.arange(n), low, high, below)
        looked_at, proved = n, np.inf
        while True:
            open_ = boxes.bounds < below - _room(below)
            near = boxes.bounds[~open_ & (boxes.bounds < below)]
            proved = min(proved, float(near.min(initial=np.inf)))
            boxes = boxes.take(open_)
            if not len(boxes.bounds):
                return min(proved, below)
            if looked_at > MOST_BOXES:
                return None
            order = np.argsort(boxes.bounds, kind="stable")
            pieces, below = self._pieces(boxes.take(order[:TOGETHER]), below)
            looked_at += len(pieces.bounds)
            boxes = boxes.take(order[TOGETHER:]).joined(pieces)

    def _pieces(self, boxes: _Boxes, below: float) -> tuple[_Boxes, float]:
        """The pieces of boxes, of which each has a number to cut: two, or more where boxes are few."""
        count = min(max(2, TOGETHER // (4 * len(boxes.cuts))), MOST_PIECES)
        rows, cuts = np.repeat(np.arange(len(boxes.cuts)), count), np.repeat(boxes.cuts, count)
        low, high = boxes.low[rows], boxes.high[rows]
        every = np.arange(len(rows))
        first, size = low[every, cuts], high[every, cuts] - low[every, cuts] + 1
        piece = np.tile(np.arange(count), len(boxes.cuts))
        low[every, cuts], high[every, cuts] = first + size * piece // count, first + size * (piece + 1) // count - 1
        some = low[every, cuts] <= high[every, cuts]
        return self._bounded(boxes.start[rows[some]], low[some], high[some], below)

    def _bounded(self, start: Whole, low: Whole, high: Whole, below: float) -> tuple[_Boxes, float]:
        """Boxes with their bounds, without those that hold a single point, which is considered; and the cost below
        which a plan is now the best."""
        low, high, near = self._affordable(start, low, high, below)
        ends = np.stack([low, near, high], axis=-1)  # n F 3
        efforts, parts = self.efforts[ends], self.parts[ends]  # n F 3, n F 3 h
        slopes, constant, loose = self._lines(start, parts)
        gains = np.einsum("nfeh,nh->nfe", parts, slopes)
        if self.rounded:  # so that the own value is above that line too
            gains = gains + np.maximum(np.einsum("nfeh,nh->nfe", self.beside[ends], slopes), 0.0)
        need = self.least - 2 * self.slack - constant  # n
        bounds, price, pair = _dual(efforts, gains, need)
        bounds = self.costs[start] + bounds - TOLERANCE * np.where(np.isfinite(bounds), 1 + bounds, 0.0)
        below = self._propose(start, ends, efforts, gains, need, price, pair, bounds, below)
        width = np.abs(parts[:, :, 2] - parts[:, :, 0])
        score = np.einsum("nfh,nh->nf", width, loose)
        score = score + 1e-9 * (1 + score.max(axis=1, keepdims=True, initial=0.0)) * (high - low)
        score[high == low] = -1.0
        many = (high > low).any(axis=1)
        return _Boxes(start, low, high, bounds, score.argmax(axis=1)).take(many & (bounds < below)), below

    def _affordable(self, start: Whole, low: Whole, high: Whole, below: float) -> tuple[Whole, Whole, Whole]:
        """Boxes without the ends that cost too much, and the easiest value of each number in them, (n F) each."""
        near = np.clip(self.easiest, low, high)
        if below == np.inf:
            return low, high, near
        own = self.efforts[near]
        most = own + (below - self.costs[start] - own.sum(axis=1))[:, None] * (1 + TOLERANCE)  # n F
        low, high = low.copy(), high.copy()
        for f, (first, easiest, last) in enumerate(zip(self.first, self.easiest, self.last, strict=True)):
            up = easiest + np.searchsorted(self.efforts[easiest : last + 1], most[:, f], side="right") - 1
            down = easiest - np.searchsorted(self.efforts[first : easiest + 1][::-1], most[:, f], side="right") + 1
            high[:, f] = np.maximum(np.minimum(high[:, f], up), near[:, f])
            low[:, f] = np.minimum(np.maximum(low[:, f], down), near[:, f])
        return low, high, near

    def _lines(self, start: Whole, parts: Floats) -> tuple[Floats, Floats, Floats]:
        """Slopes (n h) and constant (n) of the line above the margin, and by how much each unit's is loose, (n h)."""
        base, ends = self.hidden[start], parts[:, :, (0, 2)]
        low, high = base + ends.min(axis=2).sum(axis=1), base + ends.max(axis=2).sum(axis=1)
        room = TOLERANCE * (1 + np.abs(low) + np.abs(high))
        above, offset, under = lines(low - room, high + room)
        slopes = self.v * np.where(self.v > 0, above, under)
        constant = (np.maximum(self.v, 0) * offset + slopes * base).sum(axis=1)
        return slopes, constant, np.abs(self.v) * ((low < 0) & (high > 0))

    def _propose(
        self, start: Whole, ends: Whole, efforts: Floats, gains: Floats, need: Floats, price: Floats, pair: Whole,
        bounds: Floats, below: float,
    ) -> float:  # fmt: skip
        """Consider a point of each box that may be better: the dual's, as near to its bound as whole steps allow."""
        able = np.flatnonzero(bounds < below)
        if not len(able):
            return below
        start, ends, efforts, gains = start[able], ends[able], efforts[able], gains[able]
        worth = efforts - price[able, None, None] * gains
        best = worth.min(axis=2, keepdims=True)
        draw = worth <= best + 1e-9 * (1 + np.abs(best))
        pick = np.where(draw, gains, -np.inf).argmax(axis=2)  # n F: of those that draw, what gains most
        chosen = np.take_along_axis(ends, pick[..., None], axis=2)[..., 0]
        # Of the number whose values draw at this price, only as much as is needed.
        rows, f = np.arange(len(able)), pair[able]
        least = np.where(draw, gains, np.inf).argmin(axis=2)[rows, f]
        gain = np.take_along_axis(gains, pick[..., None], axis=2)[..., 0]
        spare = gain.sum(axis=1) - need[able] - 2 * self.slack
        reach = gain[rows, f] - gains[rows, f, least]
        share = np.clip(np.divide(spare, reach, out=np.zeros_like(spare), where=reach > 0), 0.0, 1.0)
        chosen[rows, f] += np.trunc(share * (ends[rows, f, least] - chosen[rows, f])).astype(np.int64)
        costs = self.costs[start] + self.efforts[chosen].sum(axis=1)
        margins = np.maximum(self.hidden[start] + self.parts[chosen].sum(axis=1), 0.0) @ self.v
        good = np.flatnonzero((margins >= self.least - self.slack) & (costs < below))
        if not len(good):
            return below
        good = good[np.argsort(costs[good], kind="stable")]
        alone = (ends[good, :, 0] == ends[good, :, 2]).all(axis=1)  # never looked at again
        good = good[alone | (np.arange(len(good)) < CONSIDERED)]
        points = np.empty((len(good), len(self.places)))
        points[:, self.places] = np.concatenate([self.levels[start[good]], self.values[chosen[good]]], axis=1)
        return min(below, self.consider(points))


def _dual(efforts: Floats, gains: Floats, need: Floats) -> tuple[Floats, Floats, Whole]:
    """The most of μ · need + Σ_f min_e (effort − μ · gain) over μ ≥ 0, for values of numbers (n F e), (n); ∞ where no
    values reach ``need`` (n). With the μ at which it is taken, and the number of which two values draw there."""
    n, F, _ = efforts.shape
    dearer, gained = (
        np.stack([part[..., a] - part[..., b] for a, b in ((0, 1), (2, 1), (2, 0))], axis=-1).reshape(n, 3 * F)
        for part in (efforts, gains)
    )
    prices = np.divide(dearer, gained, out=np.zeros_like(dearer), where=np.abs(gained) > 1e-12)
    prices = np.maximum(prices, 0.0)  # n K
    worth = (efforts[:, None] - prices[:, :, None, None] * gains[:, None]).min(axis=3).sum(axis=2)  # n K
    weighed = np.abs(need) + np.abs(gains).max(axis=2).sum(axis=1)
    values = worth + prices * need[:, None] - prices * (ROUNDING * weighed)[:, None]
    best = values.argmax(axis=1)
    rows = np.arange(n)
    bounds = np.maximum(values[rows, best], efforts.min(axis=2).sum(axis=1))
    bounds = np.where(gains.max(axis=2).sum(axis=1) < need, np.inf, bounds)
    return bounds, prices[rows, best], best // 3


def _room(below: float) -> float:
    """By how much a plan has to be cheaper to count."""
    return max(GAP * below, SOLVED_TO) if np.isfinite(below) else 0.0
