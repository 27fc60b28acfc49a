"""Bounds of hidden units hold at every point that the budget pays for, and a budget makes them tighter."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ctviz.counterfactuals.exact.bounds import layer_bounds
from ctviz.counterfactuals.lattice import Lattice
from tests.counterfactuals.lattices import box_lattice, lattices, random_network


@settings(max_examples=60)
@given(
    lattice=lattices(stepped=False),
    seed=st.integers(0, 10**6),
    hidden=st.sampled_from([(5,), (6, 4), (5, 4, 3)]),
    budget=st.sampled_from([0.5, 1.0, 3.0, np.inf]),
)
def test_no_unit_leaves_its_bounds(lattice: Lattice, seed: int, hidden: tuple[int, ...], budget: float) -> None:
    network = random_network(seed, lattice.d, hidden, 2)
    points = lattice.enumerate(nodes=4)
    points = points[lattice.cost(points) <= budget]
    assume(len(points))  # a budget comes from a plan that it pays for
    bounds, wide = (layer_bounds(network, lattice, most) for most in (budget, np.inf))
    outputs = network.first(lattice.encode(points))
    assert (bounds[0][0] >= wide[0][0] - 1e-6).all()
    assert (bounds[0][1] <= wide[0][1] + 1e-6).all()
    for (low, high), (W, b) in zip(bounds, network.layers[1:], strict=True):
        assert (outputs >= low).all()
        assert (outputs <= high).all()
        outputs = np.maximum(outputs, 0) @ W.T + b


def test_a_small_budget_fixes_most_units() -> None:
    chance = np.random.default_rng(0)
    network = random_network(0, 6, (40,), 2)
    lattice = box_lattice(chance.normal(size=6).astype(np.float32), -4 * np.ones(6), 4 * np.ones(6))
    crossing = []
    for budget in (0.5, 50):
        low, high = layer_bounds(network, lattice, budget)[0]
        crossing.append(int(((low < 0) & (high > 0)).sum()))
    assert crossing[0] < crossing[1] / 2
