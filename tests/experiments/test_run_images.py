"""A run on images goes the way of every other: trained, stored, read again, with the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ctviz
from ctviz.data.catalogue import load
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.python_code import python_code
from ctviz.experiments.run import Run, check_size, load_run, run, train
from ctviz.experiments.store import Store, open_store
from ctviz.models.stack import Stack
from ctviz.training.draws import RandomStreams
from ctviz.training.sampler import Sampler

SMALL = {
    "data.n_train": 200,
    "data.n_validation": 100,
    "data.n_test": 100,
    "training.epochs": 4,
    "training.batch": 50,
    "training.n_ce": 40,
    "evaluation.factuals": 20,
    "evaluation.every": 3,
    "evaluation.also": (1,),
}


def small(**changes: object) -> Experiment:
    return Experiment.preset("mnist").replace({**SMALL, **changes})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def finished(store: Store) -> Run:
    return run(small(), device="cpu", store=store)


def test_epochs_are_kept_as_asked(finished: Run) -> None:
    assert [snapshot.epoch for snapshot in finished.snapshots] == [0, 1, 3, 4]


def test_nothing_is_drawn_on_a_plane(finished: Run) -> None:
    assert finished.scene.points.shape == (0, 784)
    assert finished.scene.factuals.shape == (0, 784)
    assert all(snapshot.field is None and snapshot.paths is None for snapshot in finished.snapshots)


def test_what_is_stored_is_what_was_trained(finished: Run, store: Store) -> None:
    again = load_run(finished.key, store)
    for one, other, fresh in zip(finished.snapshots, again.snapshots, train(small(), device="cpu"), strict=True):
        for name, weights in one.weights.items():
            assert np.array_equal(weights, other.weights[name])
            assert np.array_equal(weights, fresh.weights[name])


def test_a_model_answers_about_digits(finished: Run) -> None:
    X, y = finished.data.test
    right = (finished.model("vanilla")(X).argmax(1) == y).double().mean().item()
    assert right == pytest.approx(next(row["accuracy"] for row in finished.summary if row["name"] == "vanilla"))


def test_locked_rows_move_neither_in_training_nor_in_its_lessons() -> None:
    experiment = small()
    data = load(experiment.data)
    stack = Stack.initialise(experiment.model, 784, 10, [0, 0, 0], grid=experiment.data.grid)
    draws = RandomStreams([0, 0, 0], 200, 40, 10).epoch()
    counterfactual_batch = Sampler(data, experiment.arms, stack.flat).sample(stack, draws)
    assert counterfactual_batch is not None
    arm = next(i for i, arm in enumerate(experiment.arms) if arm.locked)
    rows = [*range(5 * 28), *range(23 * 28, 784)]
    factuals = data.train[0][draws.factuals[arm]].T
    pupil = counterfactual_batch.arms.index(arm)
    assert torch.equal(counterfactual_batch.nascent[pupil][rows], factuals[rows])
    assert torch.equal(counterfactual_batch.neighbours[pupil][rows], counterfactual_batch.counterfactuals[pupil][rows])
    assert not torch.equal(counterfactual_batch.nascent[pupil], factuals)


def test_the_python_code_of_a_run_on_images_runs(finished: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTVIZ_HOME", str(store.root))
    code = python_code(finished.experiment)
    assert "rows 1-5" in code
    exec(compile(code, "taken away", "exec"), {})


def test_parts_of_an_image_hold_in_a_search_of_ones_own(finished: Run) -> None:
    X, schema = finished.data.test[0][:5], finished.data.schema
    found = ctviz.search(
        finished.model("full"), X, 3, schema=schema, locked="rows 1-20", ranges=[("rows 21-28", -1, 0.5)], steps=5
    )
    moved = (found.final - X).view(-1, 28, 28)
    assert moved[:, :20].abs().max() == 0
    assert moved[:, 20:].abs().max() > 0
    assert found.final[:, 20 * 28 :].max() <= 0.5


def test_an_explorer_of_the_plane_refuses_images() -> None:
    with pytest.raises(ConfigError, match="ImageExplorer"):
        ctviz.Explorer(small())


def test_kernels_say_nothing_of_images(finished: Run) -> None:
    assert all(np.isnan(snapshot.metrics["ip_star"]).all() for snapshot in finished.snapshots)
    assert all(row["ip_star"] is None and row["ip"] > 0 for row in finished.summary)


def test_all_pixels_locked_is_refused() -> None:
    with pytest.raises(ConfigError, match="left free"):
        small(**{"arms.*.locked": ("columns 1-28",)})


def test_a_convolutional_run_is_stored_too(tmp_path: Path) -> None:
    experiment = small(**{"model.channels": (2,), "model.hidden": (8,), "training.epochs": 1})
    done = run(experiment, device="cpu", store=open_store(tmp_path))
    again = load_run(done.key, open_store(tmp_path))
    X = done.data.test[0][:10]
    assert torch.equal(done.model("full")(X), again.model("full")(X))


def test_weights_of_many_epochs_may_be_too_much() -> None:
    with pytest.raises(ConfigError, match="GB"):
        check_size(small(**{"training.epochs": 10_000, "evaluation.every": 1, "model.hidden": (1024,)}))
