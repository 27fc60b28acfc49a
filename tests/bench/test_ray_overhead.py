"""The comparison of Ray with worker processes, without carrying it out."""

from __future__ import annotations

import importlib.util

from ctviz.bench import ray_overhead
from ctviz.experiments.engines.tasks import read_task


def test_its_stacks_hold_different_models_and_are_compared_with_their_own_reference():
    tasks = ray_overhead.tasks(epochs=7)
    assert len({task.key for task in tasks}) == ray_overhead.TASKS
    for task in tasks:
        assert read_task(task.to_json()) == task
        assert task.experiment.training.epochs == 7
        assert {reference for _, reference in task.references} == {"vanilla"}
        assert len({arm.lambda_div for arm in task.experiment.arms[1:]}) == len(task.references) == 7


def test_without_ray_a_sentence_stands_in_its_place(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    [row] = ray_overhead.measure(epochs=1, rounds=1)
    assert row.what == "not measured"
    assert "ctviz[ray]" in row.note
