"""The graphs that FACE walks on: samples joined to their neighbours, as far as constraints allow.

Each sample is joined to its k nearest neighbours, in standardised units, both ways. An edge of length l in those units
weighs l² + STRIDE²: by the square, many short steps through dense data cost less than one jump over a gap; by the other
term, steps shorter than a stride do not pay (over a distance L, n steps weigh n ((L/n)² + STRIDE²), which is least for
steps of one stride), or a path would call on every sample near its way and never arrive within T. Where that leaves the
data in pieces, the pieces are joined by the shortest bridges (those of the minimum spanning tree), so that a gap is
jumped where there is no way around it. Of all edges, only those remain along which every feature may move.

- Samples outside of domain and ranges are not nodes.
- Locked columns: factuals are sorted into cells of them, ``BAND`` standard deviations wide, and those of a cell share
  a graph. Its nodes are the samples within ``BAND`` of the centre of the cell, so that none within half of it of the
  factual is missed; edges are measured in the free columns alone, since every factual keeps its own locked values.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial.distance import cdist

from ctviz.counterfactuals.constraints import Constraints

BAND = 0.25
"""How far, in standard deviations, a node's locked values may lie from the centre of its cell."""

STRIDE = 0.2
"""In standard deviations: steps of about this length are the cheapest way through data that lie dense enough."""

EDGE_CHUNK = 1 << 22
"""Most numbers in the differences along edges at once."""

MAX_BYTES = 128 * 2**20
"""Most bytes of the graphs kept for one set of samples; the least recently used are dropped first."""

NO_NODE = -1
"""Stands for a missing node or sample."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Cell = tuple[int, ...]


@dataclass(frozen=True)
class EdgeRules:
    """What determines the edges besides the samples; hashable, equal for arms with the same constraints."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    may_rise: tuple[bool, ...]
    may_fall: tuple[bool, ...]
    neighbours: int  # k

    @classmethod
    def of(cls, constraints: Constraints, arm: int, neighbours: int) -> EdgeRules:
        """The rules of one arm."""
        parts = (constraints.lower, constraints.upper, constraints.may_rise, constraints.may_fall)
        low, high, may_rise, may_fall = (tuple(part[arm, :, 0].tolist()) for part in parts)
        return cls(low, high, may_rise, may_fall, neighbours)

    @property
    def free(self) -> Flags:
        """Columns that may change, (d)."""
        return np.array([up or down for up, down in zip(self.may_rise, self.may_fall, strict=True)], dtype=bool)

    @property
    def one_way(self) -> bool:
        """Whether a column may only rise or only fall."""
        return any(up != down for up, down in zip(self.may_rise, self.may_fall, strict=True))

    def allow(self, moves: Floats) -> Flags:
        """Which of the ``moves`` (… d) are allowed in every free column, (…)."""
        allowed = np.ones(moves.shape[:-1], dtype=bool)
        for i, (up, down) in enumerate(zip(self.may_rise, self.may_fall, strict=True)):
            if up != down:
                allowed &= moves[..., i] >= 0 if up else moves[..., i] <= 0
        return allowed


@dataclass(frozen=True)
class Graph:
    """Some of the samples and the edges between them; a node below is a position in ``nodes``."""

    nodes: Ints  # N: samples
    values: Floats  # N d
    places: Floats  # N f: their free columns, in standardised units
    backwards: csr_array  # N N: weight of the edge from (column) to (row), so that paths are found from their goals

    @property
    def bytes(self) -> int:
        """Size in memory, once all paths are known."""
        return 12 * len(self.nodes) ** 2

    def towards(self, goals: Ints) -> tuple[Floats, Ints, Ints]:
        """From each node to the nearest of the ``goals``: least weight, next node on the way, that goal, (N) each."""
        if len(goals) == 0:
            nowhere = np.full(len(self.nodes), NO_NODE)
            return np.full(len(self.nodes), np.inf), nowhere, nowhere
        weight, following, goal = dijkstra(self.backwards, indices=goals, return_predecessors=True, min_only=True)
        return weight, following, goal

    @cached_property
    def all_pairs(self) -> tuple[Floats, Ints]:
        """From each node (column) to each other (row): least weight and the next node on the way, (N N) each."""
        weight, following = dijkstra(self.backwards, return_predecessors=True)
        return weight, following


class Graphs:
    """The graphs over one set of samples, (n d); each is built when it is first needed. Safe for threads."""

    def __init__(self, X: Floats) -> None:
        self.X = X
        spread = X.std(axis=0)
        self.scale = np.where(spread > 0, spread, 1.0)
        self.centre = X.mean(axis=0)
        self._kept: OrderedDict[tuple[EdgeRules, Cell], Graph] = OrderedDict()
        self._lock = threading.Lock()

    def cells(self, rules: EdgeRules, values: Floats) -> Ints:
        """The cell in the locked columns of each of the points ``values`` (b d), (b l)."""
        units = ((values - self.centre) / self.scale)[:, ~rules.free]
        cells: Ints = np.floor(np.clip(units / BAND, -1e6, 1e6) + 0.5).astype(np.int64)
        return cells

    def places(self, rules: EdgeRules, values: Floats) -> Floats:
        """The free columns of points (… d) in standardised units, (… f)."""
        free = rules.free
        return values[..., free] / self.scale[free]

    def graph(self, rules: EdgeRules, cell: Cell) -> Graph:
        """The graph of the factuals in this cell."""
        key = rules, cell
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._make(rules, cell)
                while len(self._kept) > 1 and sum(graph.bytes for graph in self._kept.values()) > MAX_BYTES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _make(self, rules: EdgeRules, cell: Cell) -> Graph:
        free = rules.free
        low, high = np.array(rules.low), np.array(rules.high)
        inside = (np.clip(self.X, low, high) == self.X)[:, free].all(axis=1)
        units = ((self.X - self.centre) / self.scale)[:, ~free]
        close = (np.abs(units - BAND * np.array(cell, dtype=np.float64)) <= BAND).all(axis=1)
        nodes = np.flatnonzero(inside & close)
        values = self.X[nodes]
        places = self.places(rules, values)
        a, b = neighbour_pairs(places, rules.neighbours)
        # In chunks: there are many edges, and pictures have many columns.
        chunks = np.array_split(np.arange(len(a)), max(1, -(-len(a) * self.X.shape[1] // EDGE_CHUNK)))
        allowed = np.concatenate([rules.allow(values[b[some]] - values[a[some]]) for some in chunks])
        apart = np.concatenate([np.square(places[b[some]] - places[a[some]]).sum(axis=1) for some in chunks])
        a, b, weights = a[allowed], b[allowed], apart[allowed] + STRIDE**2
        return Graph(nodes, values, places, csr_array((weights, (b, a)), shape=(len(nodes), len(nodes))))


def neighbour_pairs(places: Floats, neighbours: int) -> Ints:
    """Pairs (2 e) of places (N f), in both directions: k nearest neighbours, and bridges.

    k is at most N − 1.
    """
    n, k = len(places), min(neighbours, len(places) - 1)
    if k < 1 or places.shape[1] == 0:
        return np.zeros((2, 0), dtype=np.int64)
    from sklearn.neighbors import NearestNeighbors  # imported late: it takes 1.5 s, and few searches need it

    found = NearestNeighbors(n_neighbors=k).fit(places).kneighbors(return_distance=False)
    a, b = np.repeat(np.arange(n), k), found.ravel()
    pieces, piece = connected_components(csr_array((np.ones(n * k), (a, b)), shape=(n, n)), directed=False)
    if pieces > 1:
        a, b = np.concatenate([[a, b], bridges(places, piece)], axis=1)
    codes = np.unique(np.concatenate([a * n + b, b * n + a]))
    return np.stack(np.divmod(codes, n)).astype(np.int64)


def bridges(places: Floats, piece: Ints) -> Ints:
    """The pairs (2 p−1) that join p pieces with the least total length.

    ``piece`` (N) says to which piece, 0 … p − 1, each place belongs.
    """
    order = np.argsort(piece, kind="stable")
    starts = np.searchsorted(piece[order], np.arange(piece.max() + 1))
    apart = cdist(places[order], places[order])
    closest = np.minimum.reduceat(np.minimum.reduceat(apart, starts, axis=0), starts, axis=1)  # p p
    # Pieces that touch are 0 apart, which would say that there is no bridge between them.
    tree = minimum_spanning_tree(np.maximum(closest, 1e-12)).tocoo()
    ends = np.append(starts[1:], len(order))
    pairs = []
    for i, j in zip(tree.row, tree.col, strict=True):
        block = apart[starts[i] : ends[i], starts[j] : ends[j]]
        a, b = np.unravel_index(block.argmin(), block.shape)
        pairs.append((order[starts[i] + a], order[starts[j] + b]))
    return np.array(pairs, dtype=np.int64).T
