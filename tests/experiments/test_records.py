"""What a caller holds: told of in a few lines, copied and pickled, and of one run alone."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ctviz
from ctviz.errors import DataError
from ctviz.experiments.store import Store
from tests.experiments.traces import EXPERIMENT


def records(folder: Path) -> dict[str, Any]:
    run = ctviz.run(EXPERIMENT, store=Store(folder))
    explorer, last = ctviz.Explorer(EXPERIMENT), run.snapshot()
    X, _ = explorer.pick("random", 30)
    trace = explorer.trace(last, X, explorer.default_targets(X, last), ctviz.SearchSettings())
    found = ctviz.search(run.model(run.arms[0]), X, 0)
    images = ctviz.run(ctviz.Experiment.preset("mnist"))
    return {
        "run": run, "snapshot": last, "scene": run.scene, "data": run.data, "trace": trace, "found": found,
        "endpoints": explorer.endpoints(trace), "images": images, "digits": images.data,
        "snapshot of images": images.snapshot(),
    }  # fmt: skip


def test_they_are_told_of_in_a_few_lines_that_name_the_size_of_their_arrays(tmp_path: Path) -> None:
    found = {name: repr(record) for name, record in records(tmp_path).items()}
    assert {name: len(text) for name, text in found.items() if len(text) > 1000} == {}
    assert len(repr(ctviz.load_data(ctviz.Experiment.preset("mnist").data).schema)) < 1000
    assert found["run"].startswith("Run(experiment=")
    assert "final=<float32 (30, 2)>" in found["found"]
    assert "epoch=" in found["snapshot"] and "<bool " in found["trace"]


def test_they_are_equal_to_themselves_alone(tmp_path: Path) -> None:
    for record in records(tmp_path).values():
        assert record == record and record != copy.copy(record) and record in {record}


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_store_and_explorers_are_copied_and_pickled(tmp_path: Path, how: Any) -> None:
    store = Store(tmp_path)
    run = ctviz.run(EXPERIMENT, store=store)
    other = how(store)
    assert (other.root, other.presets, other.cap_bytes) == (store.root, store.presets, store.cap_bytes)
    assert ctviz.load_run(run.key, other).summary == run.summary
    explorer = ctviz.Explorer(EXPERIMENT)
    X, y = explorer.pick("random", 5)
    one, two = (each.trace(run.snapshot(), X, 1 - y, ctviz.SearchSettings()) for each in (explorer, how(explorer)))
    assert np.array_equal(one.points, two.points)
    images = ctviz.ImageExplorer(ctviz.Experiment.preset("mnist"))
    assert np.array_equal(how(images).pick("random", 2).X, images.pick("random", 2).X)


@pytest.mark.parametrize(
    "changes",
    [{"seed": 5}, {"data.seed": 5}, {"training.lr": 0.01}, {"arms.*.lambda_div": 0.1}, {"arms.*.steps": 7}],
    ids=str,
)
def test_a_snapshot_of_another_run_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    other = ctviz.run(EXPERIMENT.replace(changes), store=Store(tmp_path)).snapshot()
    fresh = list(ctviz.train(EXPERIMENT.replace(changes)))[-1]
    explorer = ctviz.Explorer(EXPERIMENT)
    X, y = explorer.pick("random", 5)
    for snapshot in (other, fresh):
        for ask in (
            lambda s: explorer.trace(s, X, 1 - y, ctviz.SearchSettings()),
            lambda s: explorer.history([s], X[0], 1, ctviz.SearchSettings()),
            explorer.sensitivity,
        ):
            with pytest.raises(DataError, match="is of another run"):
                ask(snapshot)


@pytest.mark.parametrize(
    "changes",
    [{"arms.full.locked": ["x1"]}, {"arms.full.ranges": [["x2", -9, 9]]}, {"evaluation.factuals": 7}],
    ids=str,
)
def test_the_same_models_may_be_looked_at_under_other_constraints(tmp_path: Path, changes: dict[str, Any]) -> None:
    snapshot = ctviz.run(EXPERIMENT, store=Store(tmp_path)).snapshot()
    explorer = ctviz.Explorer(EXPERIMENT.replace(changes))
    X, y = explorer.pick("random", 5)
    assert explorer.trace(snapshot, X, 1 - y, ctviz.SearchSettings()).points.shape[1] == 5


def test_a_snapshot_of_other_images_is_refused() -> None:
    run = ctviz.run(ctviz.Experiment.preset("mnist"))
    explorer = ctviz.ImageExplorer(run.experiment.replace({"seed": 5}))
    with pytest.raises(DataError, match="is of another run"):
        explorer.probabilities(run.snapshot(), explorer.pick("random", 1).X)
