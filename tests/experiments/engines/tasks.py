"""Small tasks and what is compared of their results, for the tests of the engines."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ctviz.experiments.engines.task import Task
from ctviz.experiments.evaluate import stored_report
from ctviz.experiments.protocol import Protocol
from tests.experiments.runs import small

PROTOCOL = Protocol(rounds=3, factuals=8, lambda_egy=(1.0,), steps=8, attacks=(0.0, 0.1), also=())


def tasks(number, **changes):
    """Stacks of two small arms that differ in their seed."""
    changes = {"training.epochs": 2, "evaluation.field": 0, "evaluation.paths": 0, **changes}
    return [Task(small(seed=seed, **changes), PROTOCOL, (("full", "vanilla"),)) for seed in range(number)]


def assert_same_results(task, one, other):
    """Bit for bit: the weights of every snapshot and the table of the report."""
    key = task.experiment.key
    found = [list(store.snapshots(key)) for store in (one, other)]
    assert [s.epoch for s in found[0]] == [s.epoch for s in found[1]] == [0, 1, 2]
    for a, b in zip(*found, strict=True):
        for name, values in a.weights.items():
            np.testing.assert_array_equal(values, b.weights[name])
    a, b = (stored_report(key, task.protocol, store) for store in (one, other))
    pd.testing.assert_frame_equal(a.table, b.table, check_exact=True)
    assert dict(a.references) == dict(b.references) == {"full": "vanilla"}
