"""Polish: the end of a search, rounded to what a person may become, and from there down to the cheapest nearby.

A search on relaxed columns ends between levels and steps; rounded, it may no longer be valid. So each person's end is
projected onto their lattice, moved until the model is sure enough, and then changed, one feature or two at a time, as
long as that is cheaper and still valid. Who has no end of a search starts from themselves.

The result is valid whenever it says so, and no change of one or two features to any of the listed values
(``Number.options``: all, where there are few) makes it cheaper; of very many changes, those are paired that raise the
margin most. It need not be the cheapest of all: that is ``exact``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals.exact.network import Floats, least_margin, margin
from ctviz.counterfactuals.lattice import Category, Columns, Lattice, Mask, Number, bounded, distinct

OPTIONS = 48
"""Most values of a number that are tried; of a number with more, some near and some far, refined afterwards."""

FAR = 16.0
"""How far, in sizes of its values, an open number is followed."""

MOVES = 2000
"""Most single changes that are paired: of more, those that raise the margin most. Where many features are free, fewer
values of each are tried."""

PAIRS = 2048
"""Pairs of changes that are judged at once; the cheapest come first."""

ROUNDS = 200
"""Most changes of one person, so that rounding cannot make the descent go on for ever."""

CHEAPER = 1e-9
"""Least saving, as a share, for which a point is left."""

SAFETY = 1e-9
"""Share by which the margin is passed, so that it also holds where the sums are added up in another order."""


class Judged(Protocol):
    """A model as ``polish`` needs it: linear up to ``first``, anything after that."""

    def first(self, X: npt.ArrayLike) -> Floats: ...
    def shift(self, columns: tuple[int, ...], changes: npt.ArrayLike) -> Floats: ...
    def rest(self, outputs: Floats) -> Floats: ...


Rule = Callable[[Floats], Mask]
"""Which points (n f) count, beyond the rules of a lattice."""


@dataclass(frozen=True)
class Polished:
    """Where a descent ended."""

    point: Floats  # f
    columns: Columns  # d: as the model sees it
    cost: float
    valid: bool  # the target's probability is τ or more, and every rule holds


def polish(
    model: Judged,
    lattices: Sequence[Lattice],
    targets: Sequence[int],
    tau: float,
    ends: npt.ArrayLike | None = None,
    rule: Rule | None = None,
) -> list[Polished]:
    """The cheapest valid points that a descent finds for n people, from ``ends`` (n d) of searches and from themselves.

    The same input gives the same points. Where none is valid, the point at which the target is most likely comes back.
    """
    starts = [None] * len(lattices) if ends is None else list(np.asarray(ends, dtype=np.float64))
    return [
        _polished(model, lattice, target, tau, end, rule)
        for lattice, target, end in zip(lattices, targets, starts, strict=True)
    ]


def _polished(
    model: Judged, lattice: Lattice, target: int, tau: float, end: Floats | None, rule: Rule | None
) -> Polished:
    starts = lattice.project(np.stack([lattice.factual] if end is None else [lattice.factual, end]))
    found = []
    for start, columns in zip(starts, lattice.encode(starts), strict=True):
        descent = _Descent(model, lattice, target, tau, rule, start, columns)
        if descent.make_valid():
            descent.go_down()
        found.append(descent.result())
    return min(found, key=lambda polished: (not polished.valid, polished.cost if polished.valid else 0.0))


class _Descent:
    """One person on their way down: a point, its cost, and the first layer's outputs there."""

    def __init__(
        self,
        model: Judged,
        lattice: Lattice,
        target: int,
        tau: float,
        rule: Rule | None,
        start: Floats,
        columns: Columns,
    ) -> None:
        self.model, self.lattice, self.target, self.rule = model, lattice, target, rule
        least = least_margin(tau)
        self.least = least + SAFETY * (1 + abs(least))
        self.free = [i for i, feature in enumerate(lattice.features) if not feature.fixed]
        self.most = max(6, min(OPTIONS, 2 * MOVES // max(1, len(self.free))))
        self._listed: dict[int, tuple[Floats, Floats, Floats]] = {}
        self._near: dict[int, Floats] = {}
        self.point = start.copy()
        self.outputs = model.first(columns)  # h
        self.margin = float(self._margins(self.outputs))
        pairs = zip(lattice.features, start, strict=True)
        self.efforts = np.array([float(feature.effort(at)) for feature, at in pairs])
        self.cost = float(self.efforts.sum())
        self._list_moves(self.free)

    def _margins(self, outputs: Floats) -> Floats:
        return margin(self.model.rest(outputs), self.target)

    def _consistent(self, points: Floats) -> Mask:
        fine = self.lattice.consistent(points)
        return fine if self.rule is None else fine & self.rule(points)

    # -- moves: another value for one feature ---------------------------------------------------

    def _list_moves(self, renewed: Sequence[int]) -> None:
        """All single changes: features (n), values (n), efforts (n), and how they move the outputs (n h)."""
        for i in renewed:
            values = self._values_of(i)
            self._listed[i] = values, self.lattice.features[i].effort(values), self._shift(i, values)
        lists = [self._listed[i] for i in self.free] or [(np.zeros(0), np.zeros(0), np.zeros((0, len(self.outputs))))]
        self.value, self.effort, self.change = (np.concatenate(part) for part in zip(*lists, strict=True))
        self.feature = np.repeat(self.free, [len(self._listed[i][0]) for i in self.free]).astype(np.int64)

    def _values_of(self, i: int) -> Floats:
        """Values to try of a feature: all that are allowed; of a number with many, some, most of them nearby."""
        feature = self.lattice.features[i]
        if i not in self._near:
            self._near[i] = bounded(feature, float(self.point[i]), FAR).options(self.most)
        options = self._near[i]
        if isinstance(feature, Category) or self._whole(feature):
            return options
        here, shares = self.point[i], 2.0 ** -np.arange(0, 12)
        near = [here + (end - here) * shares for end in (options[0], options[-1], feature.own)]
        return distinct(feature.nearest(np.concatenate([options, *near])))

    def _whole(self, feature: Number) -> bool:
        """Whether all values of a number are tried."""
        least, most = feature.ends
        return bool(feature.step) and (most - least) / feature.step < self.most - 1

    def _moved(self, moves: npt.NDArray[np.int64]) -> Floats:
        """The points (n f) after single changes (n)."""
        points = np.repeat(self.point[None], len(moves), axis=0)
        points[np.arange(len(moves)), self.feature[moves]] = self.value[moves]
        return points

    def _go(self, point: Floats) -> None:
        changed = np.flatnonzero(point != self.point).tolist()
        for i in changed:
            self.outputs = self.outputs + self._shift(i, point[i : i + 1])[0]
            self.efforts[i] = float(self.lattice.features[i].effort(point[i]))
        self.point, self.cost = point, float(self.efforts.sum())
        self.margin = float(self._margins(self.outputs))
        self._list_moves(changed)

    def _shift(self, i: int, values: Floats) -> Floats:
        """How values (n) of a feature move the outputs, (n h)."""
        columns = self.lattice.columns_of(i, np.concatenate([self.point[i : i + 1], values])).astype(np.float64)
        return self.model.shift(self.lattice.features[i].columns, columns[1:] - columns[0])

    # -- until valid ----------------------------------------------------------------------------

    def make_valid(self) -> bool:
        """Change one feature at a time until rules and margin hold: the cheapest that does it, or the best on the way.

        Gains are taken for their price; each change raises the margin, so this ends.
        """
        if not self._consistent(self.point[None])[0] and not self._make_consistent():
            return False
        for _ in range(ROUNDS):
            if self.margin >= self.least:
                return True
            margins = self._margins(self.outputs + self.change)
            gains = margins - self.margin
            moves = np.flatnonzero((gains > SAFETY) & (self.value != self.point[self.feature]))
            moves = moves[self._consistent(self._moved(moves))]
            if not len(moves):
                return self._leap()
            price = self.effort[moves] - self.efforts[self.feature[moves]]
            enough = margins[moves] >= self.least
            if enough.any():
                best = moves[np.where(enough, price, np.inf).argmin()]
            else:
                price = np.maximum(price, 1e-3 * (1e-9 + np.abs(self.effort[moves]).max()))
                best = moves[(gains[moves] / price).argmax()]
            self._go(self._moved(np.array([best]))[0])
        return self.margin >= self.least

    def _make_consistent(self) -> bool:
        """Change one or two features so that links and pairs hold, as cheaply as that goes."""
        for pairs in self._pairs(np.inf):
            points = self._twice_moved(pairs)
            fine = self._consistent(points)
            if fine.any():
                self._go(points[fine.argmax()])
                return True
        return False

    def _leap(self) -> bool:
        """From where no single change helps: the cheapest two that do."""
        for pairs in self._pairs(np.inf):
            points = self._twice_moved(pairs)
            margins = self._margins(self.outputs + self.change[pairs].sum(axis=1))
            fine = (margins >= self.least) & self._consistent(points)
            if fine.any():
                self._go(points[fine.argmax()])
                return self.margin >= self.least
        return False

    # -- downhill -------------------------------------------------------------------------------

    def go_down(self) -> None:
        """Take the cheapest single change, where there is none the cheapest pair, and refine numbers, until none of it
        is cheaper."""
        for _ in range(ROUNDS):
            before = self.cost
            if not (self._single() or self._refine() or self._pair()):
                return
            if self.cost > before - CHEAPER * before:
                return

    def _limit(self) -> float:
        """The cost below which a point is cheaper."""
        return self.cost - CHEAPER * self.cost - 1e-15

    def _single(self) -> bool:
        costs = self.cost - self.efforts[self.feature] + self.effort
        moves = np.flatnonzero(costs < self._limit())
        if not len(moves):
            return False
        fine = self._margins(self.outputs + self.change[moves]) >= self.least
        moves = moves[fine]
        moves = moves[self._consistent(self._moved(moves))]
        if not len(moves):
            return False
        self._go(self._moved(moves[[costs[moves].argmin()]])[0])
        return True

    def _pair(self) -> bool:
        for pairs in self._pairs(self._limit()):
            fine = self._margins(self.outputs + self.change[pairs].sum(axis=1)) >= self.least
            points = self._twice_moved(pairs[fine])
            points = points[self._consistent(points)]
            if len(points):
                self._go(points[0])
                return True
        return False

    def _pairs(self, limit: float) -> Iterator[npt.NDArray[np.int64]]:
        """Pairs of changes of two features (n 2) that cost less than ``limit``, the cheapest first."""
        price = self.effort - self.efforts[self.feature]
        cheap = price - self.efforts.max(initial=0.0) < limit - self.cost
        able = np.flatnonzero(cheap & (self.value != self.point[self.feature]))
        if len(able) > MOVES:
            margins = self._margins(self.outputs + self.change[able])
            able = np.sort(able[margins.argsort(kind="stable")[-MOVES:]])
        costs = self.cost + price[able, None] + price[able]
        other = np.triu(self.feature[able, None] != self.feature[able])
        first, second = np.nonzero(other & (costs < limit))
        order = costs[first, second].argsort(kind="stable")
        first, second = able[first], able[second]
        for start in range(0, len(order), PAIRS):
            chosen = order[start : start + PAIRS]
            yield np.stack([first[chosen], second[chosen]], axis=1)

    def _twice_moved(self, pairs: npt.NDArray[np.int64]) -> Floats:
        points = self._moved(pairs[:, 0])
        points[np.arange(len(pairs)), self.feature[pairs[:, 1]]] = self.value[pairs[:, 1]]
        return points

    def _refine(self) -> bool:
        """Bring numbers whose values are not all listed as near to the person's own as they may be."""
        before = self.cost
        for i in self.free:
            feature = self.lattice.features[i]
            # Where all values are listed, single changes have tried them.
            if isinstance(feature, Number) and self.point[i] != feature.own and not self._whole(feature):
                self._bring_back(i, feature)
        return self.cost < before - CHEAPER * before - 1e-15

    def _bring_back(self, i: int, feature: Number) -> None:
        """Bring one number back: along a line of values from its own to the current one, then along the part between
        the first valid one and the one before it."""
        near, best = feature.own, float(self.point[i])
        while True:
            values = feature.nearest(np.linspace(near, best, 33))
            points = np.repeat(self.point[None], len(values), axis=0)
            points[:, i] = values
            margins = self._margins(self.outputs + self._shift(i, values))
            fine = (margins >= self.least) & self._consistent(points)
            if not fine.any():
                break
            first = int(fine.argmax())
            best = float(values[first])
            if not first or abs(best - values[first - 1]) <= 1.5 * (feature.step or 1e-9 * (1 + abs(best))):
                break
            near = float(values[first - 1])
        if best != self.point[i] and feature.effort(best) <= feature.effort(self.point[i]):
            point = self.point.copy()
            point[i] = best
            self._go(point)

    def result(self) -> Polished:
        """The point, judged afresh."""
        columns = self.lattice.encode(self.point)
        sure = float(self._margins(self.model.first(columns))) >= self.least
        valid = bool(sure and self.lattice.holds(self.point) and (self.rule is None or self.rule(self.point[None])[0]))
        return Polished(self.point, columns, float(self.lattice.cost(self.point)), valid)
