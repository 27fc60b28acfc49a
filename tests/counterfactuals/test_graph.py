"""The graphs that FACE walks on: which samples are joined, and which graphs are kept."""

from __future__ import annotations

import numpy as np
import pytest

from ctviz.counterfactuals import graph as graphs
from ctviz.counterfactuals.graph import BAND, STRIDE, EdgeRules, Graphs, bridges, neighbour_pairs
from tests.counterfactuals.toys import cloud


def free(neighbours: int, low: float = -9.0, high: float = 9.0) -> EdgeRules:
    return EdgeRules((low,) * 2, (high,) * 2, (True,) * 2, (True,) * 2, neighbours)


def test_graphs_used_least_recently_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Graphs(cloud(50, 0).numpy())
    monkeypatch.setattr(graphs, "MAX_BYTES", 2 * 12 * 50**2)
    ours = [free(k) for k in (1, 2, 3)]
    first, second = (made.graph(r, ()) for r in ours[:2])
    assert made.graph(ours[0], ()) is first
    made.graph(ours[2], ())
    assert made.graph(ours[0], ()) is first and made.graph(ours[1], ()) is not second


def test_pairs_of_neighbours_go_both_ways() -> None:
    """Places 0, 1, 3, 7 on a line, k = 1: 3 has 1 as its nearest and 1 has 0; 7 has 3."""
    pairs = neighbour_pairs(np.array([[0.0], [1.0], [3.0], [7.0]]), 1)
    assert sorted(map(tuple, pairs.T.tolist())) == [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2)]


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_more_neighbours_than_places(n: int) -> None:
    pairs = neighbour_pairs(np.arange(n, dtype=float)[:, None], 200)
    assert pairs.shape == (2, n * (n - 1)) and (pairs[0] != pairs[1]).all()


def test_pieces_are_joined_by_the_shortest_bridges() -> None:
    """Three pairs on a line, at 0, 10 and 30: two bridges, each between the closest ends."""
    places = np.array([[0.0], [1.0], [10.0], [11.0], [30.0], [31.0]])
    found = bridges(places, np.array([2, 2, 0, 0, 1, 1]))
    assert sorted(tuple(sorted(pair)) for pair in found.T.tolist()) == [(1, 2), (3, 4)]
    pairs = neighbour_pairs(places, 1)
    assert {(1, 2), (2, 1), (3, 4), (4, 3)} <= set(map(tuple, pairs.T.tolist()))


def test_an_edge_weighs_its_square_and_a_stride() -> None:
    """Columns of deviation 1 and 10: an edge along each of them is one unit long."""
    made = Graphs(np.array([[-1.0, -10.0], [-1.0, 10.0], [1.0, -10.0], [1.0, 10.0]]))
    weights = made.graph(free(2, -99.0, 99.0), ()).backwards.toarray()
    sides = [(0, 1), (0, 2), (1, 3), (2, 3)]
    for i, j in sides:
        assert weights[i, j] == weights[j, i] == pytest.approx(4 + STRIDE**2)
    assert np.count_nonzero(weights) == 8


@pytest.mark.parametrize(
    ("rise", "fall", "kept"),
    [(True, True, [(0, 1), (1, 0), (1, 2), (2, 1)]), (True, False, [(0, 1), (1, 2)]), (False, True, [(1, 0), (2, 1)])],
    ids=["both", "up", "down"],
)
def test_edges_against_a_direction_are_dropped(rise: bool, fall: bool, kept: list[tuple[int, int]]) -> None:
    made = Graphs(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]))
    graph = made.graph(EdgeRules((-9.0,) * 2, (9.0,) * 2, (rise, True), (fall, True), 1), ())
    assert sorted((int(a), int(b)) for b, a in zip(*graph.backwards.nonzero(), strict=True)) == kept
    weight, following, goal = graph.towards(np.array([2]))
    reachable = [0, 1, 2] if rise else [2]
    assert np.flatnonzero(np.isfinite(weight)).tolist() == reachable and (goal[reachable] == 2).all()
    assert following[0] == 1 or not rise


def test_from_where_there_is_no_goal_nothing_is_reached() -> None:
    weight, following, goal = Graphs(cloud(9, 0).numpy()).graph(free(2), ()).towards(np.array([], dtype=np.int64))
    assert np.isinf(weight).all() and (following == graphs.NO_NODE).all() and (goal == graphs.NO_NODE).all()


def test_cells_are_as_wide_as_the_band() -> None:
    made = Graphs(cloud(500, 0).numpy())
    ours = EdgeRules((-9.0,) * 2, (9.0,) * 2, (False, True), (False, True), 4)
    step = BAND * made.scale[0]
    values = np.array([[made.centre[0] + share * step, 0.0] for share in (-0.51, -0.49, 0.49, 0.51)])
    assert made.cells(ours, values).tolist() == [[-1], [0], [0], [1]]
    near = np.abs(made.X[:, 0] - made.centre[0]) <= step
    assert made.graph(ours, (0,)).nodes.tolist() == np.flatnonzero(near).tolist()
