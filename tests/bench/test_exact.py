"""The benchmark of the cheapest counterfactual: all three find the same, and the rows say what was measured."""

from __future__ import annotations

import pytest

from ctviz.bench import exact
from ctviz.counterfactuals.exact.cheapest import cheapest
from ctviz.counterfactuals.polish import polish


def test_the_contenders_do_the_same_work() -> None:
    network, lattices = exact.setting(2, 1, 4)
    for lattice, own in zip(lattices, polish(network, lattices, [1] * 4, exact.TAU), strict=True):
        least = exact.try_all(network, lattice)
        plan = cheapest(network, lattice, 1, exact.TAU).plan
        assert plan is not None
        assert plan.effort == pytest.approx(least)
        assert own.cost == pytest.approx(least, rel=0.5)


def test_each_row_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "SMALL", (2, 1))
    monkeypatch.setattr(exact, "TABLE", (2, 2))
    proved, polished, many, table = exact.measure(rounds=1, people=6, solved=3)
    for row in (proved, polished):
        assert row.ours and row.beside and row.figure
        assert row.note == "× as fast as trying 726 points"
    assert many.what == "6 people polished" and many.goal is not None and "100% valid" in many.note
    assert table.figure and "3 of 3 proved" in table.note
