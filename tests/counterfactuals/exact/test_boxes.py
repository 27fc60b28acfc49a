"""The least cost by boxes, against all points of small lattices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ctviz.counterfactuals.exact import boxes
from ctviz.counterfactuals.exact.boxes import least_cost
from ctviz.counterfactuals.exact.network import Network, least_margin, margin
from ctviz.counterfactuals.lattice import Category, Lattice, Number
from tests.counterfactuals.lattices import brute_force, lattices, random_network

SLACK = 1e-5


class Best:
    """The cheapest point that counts so far."""

    def __init__(self, network: Network, lattice: Lattice, tau: float, below: float) -> None:
        self.network, self.lattice, self.least, self.cost = network, lattice, least_margin(tau), below

    def consider(self, points: np.ndarray) -> float:
        reached = margin(self.network.logits(self.lattice.encode(points)), 1) >= self.least
        costs = self.lattice.cost(points[reached & self.lattice.holds(points)])
        self.cost = min([self.cost, *costs.tolist()])
        return self.cost


@settings(max_examples=60)
@given(
    lattice=lattices(), seed=st.integers(0, 10**6), hidden=st.sampled_from([2, 8]),
    tau=st.sampled_from([0.35, 0.5, 0.9]), below=st.sampled_from([0.4, 1.0, 2.5, np.inf]),
)  # fmt: skip
def test_none_is_cheaper(lattice: Lattice, seed: int, hidden: int, tau: float, below: float) -> None:
    """Links and forbidden pairs included: what is found is the cheapest of all points, what is proved no more."""
    network = random_network(seed, lattice.d, (hidden,), 2)
    best = Best(network, lattice, tau, below)
    bound = least_cost(network, lattice, 1, best.least, below, best.consider, SLACK)
    assume(bound is not None)
    assert bound is not None
    points, costs = brute_force(network, lattice, 1, tau)
    cheapest = costs[lattice.holds(points)].min(initial=np.inf)
    room = 1e-9 + max(boxes.GAP * best.cost, boxes.SOLVED_TO) if np.isfinite(best.cost) else 0.0
    assert best.cost <= max(cheapest, 0.0) + room or cheapest >= below - room
    assert bound <= min(cheapest, best.cost) + 1e-9 or cheapest >= below
    assert bound >= best.cost - room


WEIGHTS = np.eye(2), np.zeros(2)
NETWORK = Network((WEIGHTS, (np.array([[0.0, 0.0], [1.0, 2.0]]), np.zeros(2))))
TWO = Lattice(
    tuple(Number(name, i, own=0.0, low=0.0, high=900.0, step=1.0) for i, name in enumerate("ab")), np.zeros(2)
)


def test_by_hand() -> None:
    """relu(a) + 2 relu(b) ≥ 1001 takes 501 steps of b, of 810,000 points; 2,701 are out of reach."""
    best = Best(NETWORK, TWO, 0.5, np.inf)
    best.least = 1001.0
    assert least_cost(NETWORK, TWO, 1, 1001.0, np.inf, best.consider, SLACK) == pytest.approx(501.0, rel=boxes.GAP)
    assert best.cost == 501.0
    best = Best(NETWORK, TWO, 0.5, np.inf)
    best.least = 2701.0
    assert least_cost(NETWORK, TWO, 1, 2701.0, np.inf, best.consider, SLACK) == best.cost == np.inf


def test_levels_alone_are_looked_at() -> None:
    """relu(a) + 2 relu(b) of two categories' levels 0, 1 and 2 from 0: 5 takes 1 of a and 2 of b."""
    levels = tuple(
        Category(name, (3 * i, 3 * i + 1, 3 * i + 2), 0, (0, 1, 2), (0.0, 1.0, 2.5)) for i, name in enumerate("ab")
    )
    lattice = Lattice(levels, np.array([1.0, 0, 0, 1, 0, 0]))
    units = np.zeros((2, 6))
    units[0, :3] = units[1, 3:] = 0, 1, 2
    network = Network(((units, np.zeros(2)), NETWORK.layers[1]))
    for least, cost in ((5.0, 3.5), (6.0, 5.0), (7.0, np.inf)):
        best = Best(network, lattice, 0.5, np.inf)
        best.least = least
        assert least_cost(network, lattice, 1, least, np.inf, best.consider, SLACK) == best.cost == cost


def test_what_cannot_be_cut_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    free = Lattice(tuple(Number(n, i, own=0.0, low=0.0, high=4.0) for i, n in enumerate("ab")), np.zeros(2))
    deep = Network((WEIGHTS, WEIGHTS, (np.eye(2), np.zeros(2))))
    three = Network((WEIGHTS, (np.ones((3, 2)), np.zeros(3))))
    best = Best(NETWORK, TWO, 0.5, np.inf)
    for asked, lattice in ((NETWORK, free), (deep, TWO), (three, TWO)):
        assert least_cost(asked, lattice, 1, 3.0, np.inf, best.consider, SLACK) is None
    monkeypatch.setattr(boxes, "MOST_AXES", 1)
    assert least_cost(NETWORK, TWO, 1, 3.0, np.inf, best.consider, SLACK) is None
    monkeypatch.setattr(boxes, "MOST_AXES", 2)
    monkeypatch.setattr(boxes, "MOST_STARTS", 0)
    fixed = replace(TWO, features=(TWO.features[0], replace(TWO.features[1], high=0.0)))
    assert least_cost(NETWORK, fixed, 1, 3.0, np.inf, best.consider, SLACK) is None
    monkeypatch.setattr(boxes, "MOST_STARTS", 9)
    monkeypatch.setattr(boxes, "MOST_BOXES", 0)
    none = least_cost(NETWORK, TWO, 1, 1001.0, np.inf, lambda points: np.inf, SLACK)
    assert none is None
