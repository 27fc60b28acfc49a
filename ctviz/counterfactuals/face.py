"""FACE (Poyiadzi et al. 2020): a path from sample to sample through the data, a search without gradients.

The factual is joined to the k nearest samples that it may move to, as these are to each other (``graph``). The path of
least weight leads from it to a sample at which the model finds the target likely enough, softmax(M(x'))[y⁺] ≥ τ. The
points of the path are samples, its steps the moves between them. Locked columns keep the factual's values all along the
path, and the model is evaluated there.

A graph depends on constraints and k and not on the model: it is made once and kept with the samples. So a search is the
model's probabilities at the nodes and a few passes over tables, cheap enough for every epoch of a training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from ctviz.counterfactuals.graph import NO_NODE, STRIDE, EdgeRules, Flags, Floats, Graph, Graphs, Ints
from ctviz.counterfactuals.search_result import Searchable, SearchRequest, SearchResult
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.counterfactuals.trail import enter_domain, probabilities, reached, result_along
from ctviz.errors import ConfigError, DataError

MAX_PAIRS = 1 << 20
"""Most numbers in a table of factuals and nodes."""


def search_face(request: SearchRequest) -> SearchResult:
    """Search along the samples of ``reference_data``.

    A factual that has reached τ stays where it is, mature. One without a path to a goal stays as well, immature; if it
    lies outside the domain, it makes one move into it, which may be enough. A path of more than T moves is cut at T,
    immature.

    Raises:
        ConfigError: there is no ``reference_data``. DataError: samples of other columns than the factuals'.
    """
    model, factuals, targets, constraints = request.model, request.factuals, request.targets, request.constraints
    reference_data = request.reference_data
    if reference_data is None:
        raise ConfigError("generator", "face", "one that needs no training samples (reference_data), or give some")
    X, _ = reference_data.samples(factuals)
    if len(X) != factuals.shape[1]:
        raise DataError(f"The samples have {len(X)} columns; the factuals have {factuals.shape[1]}.")
    graphs = reference_data.cached(("face", factuals.dtype), lambda: Graphs(X.T.cpu().double().numpy()))
    done = reached(request, factuals)
    walks = []
    for arm, chosen in enumerate(request.settings):
        rules = EdgeRules.of(constraints, arm, chosen.neighbours)
        walk = _Walk(model.take([arm]), graphs, rules, X, factuals[arm], targets[arm], chosen)
        walk.run((~done[arm]).nonzero().squeeze(-1).cpu().numpy())
        walks.append(walk)
    longest = max(len(walk.samples) for walk in walks)
    table = np.stack([walk.padded(longest) for walk in walks], axis=1)  # t m b
    samples = torch.from_numpy(table).to(factuals.device)
    arrived, moves = (
        torch.from_numpy(np.stack(part)).to(factuals.device)
        for part in ([walk.arrived for walk in walks], [walk.moves for walk in walks])
    )
    free = constraints.may_rise | constraints.may_fall
    inside, counts = enter_domain(request, done | (moves > 0))
    entering = (inside != factuals).any(dim=1)
    moves = torch.where(entering, 1, moves)

    def at(t: int) -> Tensor:
        """Point ``t`` of those paths that are long enough."""
        own = torch.where(free, X[:, samples[min(t, len(samples) - 1)]].transpose(0, 1), factuals)
        return torch.where(entering.unsqueeze(1), inside, own)

    return result_along(request, at, moves, torch.where(entering, counts, done | arrived))


@dataclass(frozen=True)
class _Routes:
    """The best paths of B factuals through a graph."""

    entry: Ints  # B: the first node; NO_NODE where no path leads to a goal
    goal: Ints  # B: the last node
    trees: Ints  # R N: in each row, the next node on the path to one goal, or to the nearest of several
    row: Ints  # B: the row of each factual


class _Walk:
    """The search of one arm, and its results."""

    def __init__(
        self,
        model: Searchable,
        graphs: Graphs,
        rules: EdgeRules,
        X: Tensor,
        factuals: Tensor,
        targets: Tensor,
        settings: SearchSettings,
    ) -> None:
        self.model, self.graphs, self.rules, self.settings = model, graphs, rules, settings
        self.X, self.factuals = X, factuals  # d n, d b
        self.values: Floats = factuals.T.cpu().double().numpy()  # b d
        self.targets: Ints = targets.cpu().numpy()
        b = len(self.targets)
        self.samples = [np.full(b, NO_NODE, dtype=np.int64)]  # after each move, from none: the sample, (b)
        self.moves = np.zeros(b, dtype=np.int64)
        self.arrived = np.zeros(b, dtype=bool)

    def padded(self, length: int) -> Ints:
        """The samples of ``length`` points of each path, (length b)."""
        return np.stack(self.samples + self.samples[-1:] * (length - len(self.samples)))

    def run(self, columns: Ints) -> None:
        """Walk from the factuals ``columns``; the others stay where they are."""
        if not self.rules.free.any():
            return
        cells = self.graphs.cells(self.rules, self.values[columns])
        for cell in np.unique(cells, axis=0):
            graph = self.graphs.graph(self.rules, tuple(cell.tolist()))
            if len(graph.nodes) == 0:
                continue
            own = columns[(cells == cell).all(axis=1)]
            size = max(1, MAX_PAIRS // (len(graph.nodes) * len(self.X)))
            for start in range(0, len(own), size):
                part = own[start : start + size]
                self._follow(graph, part, self._routes(graph, part))

    # -- routes ------------------------------------------------------------------------------------

    def _routes(self, graph: Graph, part: Ints) -> _Routes:
        """From factuals ``part`` (B)."""
        values = self.values[part]
        weight = cdist(self.graphs.places(self.rules, values), graph.places, "sqeuclidean")  # B N
        if self.rules.one_way:
            weight[~self.rules.allow(graph.values - values[:, None])] = np.inf
        k = min(self.settings.neighbours, len(graph.nodes))
        nearest = np.argpartition(weight, k - 1, axis=1)[:, :k]  # B k
        weight = np.take_along_axis(weight, nearest, axis=1)
        weight += np.where(weight > 0, STRIDE**2, 0.0)  # a factual that is a sample itself enters without a move
        if self.rules.free.all():
            return self._to_shared_goals(graph, part, nearest, weight)
        return self._to_own_goals(graph, part, nearest, weight)

    def _to_shared_goals(self, graph: Graph, part: Ints, nearest: Ints, weight: Floats) -> _Routes:
        """Where all factuals move along the same points, those with the same target have the same goals."""
        chance = probabilities(self.model, self.X[None][..., torch.from_numpy(graph.nodes)])[0]  # k N
        classes, row = np.unique(self.targets[part], return_inverse=True)
        counts = (chance >= self.settings.tau).cpu().numpy()
        reach, trees, goals = (np.stack(rows) for rows in zip(*_towards_each(graph, counts[classes]), strict=True))
        total = weight + reach[row[:, None], nearest]
        entry = _least_weight(nearest, total)
        return _Routes(entry, goals[row, entry], trees, row)

    def _to_own_goals(self, graph: Graph, part: Ints, nearest: Ints, weight: Floats) -> _Routes:
        """Where factuals keep locked values of their own, each has its own goals."""
        reach, trees = graph.all_pairs
        counts = self._counts(graph, part)
        through = np.full(counts.shape, np.inf)  # B N: least weight to each node, over all entries
        for first, to_first in zip(nearest.T, weight.T, strict=True):
            np.minimum(through, to_first[:, None] + reach.T[first], out=through)
        goal = np.where(counts, through, np.inf).argmin(axis=1)
        total = weight + reach[goal[:, None], nearest]
        total[~counts[np.arange(len(part)), goal]] = np.inf
        return _Routes(_least_weight(nearest, total), goal, trees, goal)

    def _counts(self, graph: Graph, part: Ints) -> Flags:
        """Whether each node, with the locked values of each factual, has reached τ for its target, (B N)."""
        own = self.factuals[:, torch.from_numpy(part), None]  # d B 1
        nodes = self.X[:, torch.from_numpy(graph.nodes)].unsqueeze(1)  # d 1 N
        free = torch.from_numpy(self.rules.free).to(own.device).view(-1, 1, 1)
        points = torch.where(free, nodes, own)  # d B N
        chance = probabilities(self.model, points.reshape(1, len(points), -1))[0].view(-1, *points.shape[1:])
        wanted = torch.from_numpy(self.targets[part]).to(own.device)
        reached_there: Flags = (
            (chance[wanted, torch.arange(len(part), device=own.device)] >= self.settings.tau).cpu().numpy()
        )
        return reached_there

    # -- paths -------------------------------------------------------------------------------------

    def _follow(self, graph: Graph, part: Ints, routes: _Routes) -> None:
        """Record the samples on the path, at most T."""
        known = routes.entry != NO_NODE
        part, entry, goal, row = part[known], routes.entry[known], routes.goal[known], routes.row[known]
        there = (graph.values[entry] == self.values[part])[:, self.rules.free].all(axis=1)
        node = np.where(there, entry, NO_NODE)
        for t in range(1, self.settings.steps + 1):
            moving = node != goal
            if not moving.any():
                break
            following = np.where(node == NO_NODE, entry, routes.trees[row, node])
            node = np.where(moving, following, node)
            if t == len(self.samples):
                self.samples.append(self.samples[-1].copy())
            self.samples[t][part] = graph.nodes[node]
            self.moves[part[moving]] = t
        self.arrived[part] = node == goal


def _towards_each(graph: Graph, counts: Flags) -> list[tuple[Floats, Ints, Ints]]:
    return [graph.towards(np.flatnonzero(row)) for row in counts]


def _least_weight(nearest: Ints, total: Floats) -> Ints:
    """Of the nodes ``nearest`` (B k), the one of least ``total`` weight, (B); NO_NODE where all are infinite."""
    rows = np.arange(len(nearest))
    best = total.argmin(axis=1)
    return np.where(np.isfinite(total[rows, best]), nearest[rows, best], NO_NODE)
