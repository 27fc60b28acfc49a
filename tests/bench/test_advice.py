"""The benchmark of advice: each row is measured on people whom both models refuse."""

from __future__ import annotations

import pytest

from ctviz.bench import advice


def test_each_row_is_measured(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path))
    monkeypatch.setattr(advice, "TABLES", {"german": 1.0})
    many, memory, proof, five, spread = advice.measure(people=6, solved=2)
    assert many.what == "6 people, polished" and "100% with a valid plan" in many.note
    assert spread.what == many.what and spread.goal is not None and spread.goal.value == pytest.approx(0.06)
    assert memory.figure and five.figure and proof.figure
    assert "4 of 4 proved" in proof.note and "× the cheapest" in proof.note
