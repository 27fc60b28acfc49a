"""Points below a known plan, against all points of small lattices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz.counterfactuals.exact import enumeration
from ctviz.counterfactuals.exact.enumeration import cheaper_points
from ctviz.counterfactuals.exact.network import Network, least_margin, margin
from ctviz.counterfactuals.lattice import Lattice, Number
from tests.counterfactuals.lattices import lattices, random_network


@settings(max_examples=60)
@given(
    lattice=lattices(), seed=st.integers(0, 10**6), target=st.sampled_from([0, 1]),
    tau=st.sampled_from([0.35, 0.5, 0.9]), below=st.sampled_from([0.4, 1.0, 2.5, np.inf]),
)  # fmt: skip
def test_none_is_left_out(lattice: Lattice, seed: int, target: int, tau: float, below: float) -> None:
    network, least = random_network(seed, lattice.d, (8,), 2), least_margin(tau)
    found = cheaper_points(network, lattice, target, least, below)
    assert found is not None
    costs = lattice.cost(found)
    assert (costs < below).all() and (np.diff(costs) >= -1e-12).all()
    every = lattice.enumerate()
    reached = margin(network.logits(lattice.encode(every)), target) >= least
    expected = every[reached & (lattice.cost(every) < below - 1e-9)]
    assert {tuple(point) for point in expected} <= {tuple(point) for point in found}
    assert (margin(network.logits(lattice.encode(found)), target) >= least - 1e-6).all()


WEIGHTS = np.eye(2), np.zeros(2)
TWO = Lattice(tuple(Number(name, i, own=0.0, low=0.0, high=4.0, step=1.0) for i, name in enumerate("ab")), np.zeros(2))


def test_by_hand() -> None:
    """relu(a) + 2 relu(b) ≥ 3 for less than 3: b alone goes two steps, or one with one of a."""
    network = Network((WEIGHTS, (np.array([[0.0, 0.0], [1.0, 2.0]]), np.zeros(2))))
    found = cheaper_points(network, TWO, 1, 3.0, 3.0)
    assert found is not None
    assert sorted(map(tuple, found.tolist())) == [(0.0, 2.0), (1.0, 1.0)]
    assert cheaper_points(network, TWO, 1, 3.0, 2.0) is not None  # strictly below
    assert len(cheaper_points(network, TWO, 1, 3.0, 2.0)) == 0  # type: ignore[arg-type]


def test_what_cannot_be_listed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    last = np.array([[0.0, 0.0], [1.0, 2.0]]), np.zeros(2)
    network = Network((WEIGHTS, last))
    open_ended = Lattice(
        tuple(Number(n, i, own=0.0, low=0.0, high=np.inf, step=1.0) for i, n in enumerate("ab")), np.zeros(2)
    )
    free = Lattice(tuple(Number(n, i, own=0.0, low=0.0, high=4.0) for i, n in enumerate("ab")), np.zeros(2))
    deep = Network((WEIGHTS, WEIGHTS, last))
    three = Network((WEIGHTS, (np.ones((3, 2)), np.zeros(3))))
    for asked, lattice in ((network, open_ended), (network, free), (deep, TWO), (three, TWO)):
        assert cheaper_points(asked, lattice, 1, 3.0, np.inf) is None
    monkeypatch.setattr(enumeration, "MOST_LOOKED_AT", 10)
    assert cheaper_points(network, TWO, 1, 3.0, np.inf) is None
