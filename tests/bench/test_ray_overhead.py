"""The comparison of Ray with worker processes, without carrying it out."""

from __future__ import annotations

import importlib.util

from ctviz.bench import ray_overhead
from ctviz.experiments.engines.portion import Portion


def test_its_stacks_hold_different_models_and_are_compared_with_their_own_reference():
    portions = ray_overhead.portions(epochs=7)
    assert len({portion.key for portion in portions}) == ray_overhead.PORTIONS
    for portion in portions:
        assert Portion.from_json(portion.to_json()) == portion
        assert portion.experiment.training.epochs == 7
        assert {reference for _, reference in portion.references} == {"vanilla"}
        assert len({arm.lambda_div for arm in portion.experiment.arms[1:]}) == len(portion.references) == 7


def test_without_ray_a_sentence_stands_in_its_place(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    [row] = ray_overhead.measure(epochs=1, rounds=1)
    assert row.what == "not measured"
    assert "ctviz[ray]" in row.note
