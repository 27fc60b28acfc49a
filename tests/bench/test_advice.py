"""The benchmark of advice: each row is measured on people whom both models refuse."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ctviz.bench import advice, beside_dice
from ctviz.counterfactuals.exact.network import Network
from ctviz.counterfactuals.lattice import Category, Lattice, Number


def test_each_row_is_measured(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path))
    monkeypatch.setattr(advice, "TABLES", {"german": 1.0})
    many, memory, proof, five, *dice, spread, proofs = advice.measure(people=6, solved=2)
    assert many.what == "6 people, polished" and "100% with a valid plan" in many.note
    assert spread.what == many.what and spread.goal is not None and spread.goal.value == pytest.approx(0.06)
    assert (proofs.what, "12 of 12 proved" in proofs.note) == ("6 people, proved", True)
    assert memory.figure and five.figure and proof.figure
    assert "4 of 4 proved" in proof.note and "× the cheapest" in proof.note
    assert [row.note for row in dice] == ["not measured (no interpreter to look in)"] * len(beside_dice.METHODS)


def test_plans_of_another_library_are_judged_as_a_person_would_say_them() -> None:
    """Hand-made: a person of a number in steps of 1 and a category; model accepts n ≥ 3, whatever the category."""
    lattice = Lattice(
        (
            Number("n", 0, own=1.0, low=1.0, high=5.0, step=1.0, per_unit=0.5),
            Category("c", (1, 2), 0, (0,), (0.0, 1.0)),
        ),
        np.array([1.0, 1.0, 0.0]),
    )  # fmt: skip
    weights = np.array([[1.0, 0.0, 0.0]]), np.array([0.0])
    network = Network((weights, (np.array([[0.0], [1.0]]), np.array([2.5, 0.0]))))
    adviser = SimpleNamespace(
        models=[SimpleNamespace(judge=network, least=0.0)],
        table=SimpleNamespace(favourable=1),
        accepted=SimpleNamespace(nearest=lambda columns: (np.abs(columns[:, 0] - 4.0), None)),
    )
    points: beside_dice.Points = [[3.2, 0.0], [4.9, 1.0], [2.4, 0.0], None]
    found = beside_dice.judge(adviser, [lattice] * 4, points, np.full(4, 1.0))  # type: ignore[arg-type]
    # The first is said as 3: accepted, effort 1; the second as 5 with a level that is not allowed: effort 3; the third
    # as 2: refused.
    assert found == beside_dice.PlanQuality(
        valid=0.5, cost=2.0, changed=4 / 3, breaking=1 / 3, distance=(1 + 1 + 2) / 3
    )
