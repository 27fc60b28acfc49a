"""The benchmark of the evaluation: the plain loop measures the same, and the rows say what was measured."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ctviz.bench import evaluation
from ctviz.evaluation.rounds import ROUND_METRICS
from ctviz.experiments.config import Experiment
from ctviz.experiments.evaluate import evaluate
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.run import load_run
from ctviz.experiments.store import open_store


def test_the_plain_loop_measures_what_we_measure(tmp_path) -> None:
    run = load_run(Experiment.preset("circles").key)
    protocol = Protocol(rounds=3, lambda_egy=(0.5, 5.0), factuals=40, also=())
    report = evaluate(run, protocol, store=open_store(tmp_path))
    chosen = [ROUND_METRICS.index(name) for name in ("ip", "ip_star", "cost", "validity")]
    ours = report.rounds[chosen]  # 4 m λ r
    plain = np.stack(evaluation.plain_rounds(run, protocol), axis=-1).reshape(4, 2, 2, 3)
    np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-5)


def test_the_rows_of_the_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "PRESETS", ("moons", "mnist"))
    monkeypatch.setattr(evaluation, "COMPARED_ROUNDS", 2)
    found = {"seconds": 61.0, "megabytes": 300.0, "arms": 2.0}
    monkeypatch.setattr(evaluation, "_in_a_process", lambda name: found)
    moons, memory, mnist, _, beside = evaluation.measure(rounds=1)
    assert (moons.verdict, memory.verdict) == ("NO", "yes")
    assert moons.note.startswith("250 factuals") and mnist.note.startswith("25 factuals")
    assert beside.ours is not None and beside.beside is not None and beside.figure is not None


def test_what_the_process_of_its_own_prints(capsys: pytest.CaptureFixture[str]) -> None:
    evaluation.main("moons")
    found = json.loads(capsys.readouterr().out)
    assert found["arms"] == 2 and found["seconds"] > 0
