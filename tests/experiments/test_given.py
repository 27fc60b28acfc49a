"""A data set of the caller's, with a category of several columns: trained on, measured and explained."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ctviz
from ctviz import Arm, Experiment, Schema
from ctviz.data.dataset import Split
from ctviz.errors import ConfigError, CtvizError, DataError
from ctviz.evaluation.attribution import integrated_gradients, share, standardised, uniform_baselines
from ctviz.experiments.run import Training
from ctviz.experiments.store import Store
from ctviz.models.stack import Stack
from tests.experiments.given_people import AGE, DEBT, JOB, PEOPLE, SCHEMA, experiment, people


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ctviz.Run:
    store = Store(tmp_path_factory.mktemp("store"))
    found = ctviz.run(experiment(), device="cpu", store=store)
    assert not [info for info in store.list() if not info.preset], "nothing is stored"
    return found


def test_it_is_trained_and_known_by_its_data(run: ctviz.Run) -> None:
    assert run.experiment.d == 5 and run.data is PEOPLE
    assert run.scene.features == ("age", "job", "debt") and not run.scene.plane
    assert all(snapshot.field is None and snapshot.paths is None for snapshot in run.snapshots)
    assert run.summary[1]["accuracy"] > 0.8 and run.model("full")(PEOPLE.test[0]).shape == (50, 2)
    again = list(ctviz.train(experiment(), device="cpu"))[-1]
    for name, weights in run.snapshot().weights.items():
        np.testing.assert_array_equal(weights, again.weights[name])


def test_points_in_a_plane_without_ends_are_drawn_where_the_samples_lie() -> None:
    X = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    samples = X, (X[:, 0] > 0).long()
    schema = Schema(features=(ctviz.Feature(name="a"), ctviz.Feature(name="b", domain=(-9, 9))))
    data = ctviz.Dataset("open", schema, ("no", "yes"), samples, samples, samples)
    small = Experiment(data=data).replace({"training.epochs": 1, "evaluation.field": 3, "evaluation.paths": 5})
    training = Training(small)
    assert training.scene.lower.tolist() == [float(X[:, 0].min()), -9]
    for snapshot in training:
        assert snapshot.paths is not None and len(np.unique(snapshot.paths.points[:, :, 0, 0])) > 3


def test_keys_are_those_of_before_features_knew_steps_levels_and_efforts() -> None:
    assert experiment().key == "ec43222293e2e446"
    features = (SCHEMA.features[0].model_copy(update={"effort": 5}), *SCHEMA.features[1:])
    assert experiment(dataclasses.replace(PEOPLE, schema=Schema(features=features))).key != experiment().key


def test_other_data_have_another_key_and_a_name_of_the_data_none() -> None:
    key = experiment().key
    assert experiment(people(name="others")).key == key
    assert experiment(people(seed=1)).key != key
    relabelled = dataclasses.replace(PEOPLE, classes=("yes", "no"))
    X = PEOPLE.test[0].clone()
    X[3, 0] += 1e-3
    for other in (relabelled, dataclasses.replace(PEOPLE, test=(X, PEOPLE.test[1]))):
        assert experiment(other).key != key


def test_settings_come_back_and_samples_only_where_they_are_held(tmp_path: Path) -> None:
    given = experiment()
    for copy in (
        Experiment.from_toml(given.to_toml()),
        Experiment.from_json(given.to_json()),
        given.replace({"seed": 1}),
    ):
        assert copy.data == given.data and copy.data.dataset is PEOPLE
    text = Experiment(data=people(seed=2)).to_json()
    gc.collect()
    lost = Experiment.from_json(text)
    with pytest.raises(DataError, match="handed over in Python and are not here"):
        ctviz.run(lost, device="cpu", store=Store(tmp_path))
    with pytest.raises(ConfigError, match="data that a link can carry"):
        given.to_query()
    with pytest.raises(DataError, match="is not stored; train it with"):
        ctviz.experiments.run.compute(given, Store(tmp_path), "cpu", lambda: False)


def test_a_locked_category_moves_in_none_of_its_columns(run: ctviz.Run) -> None:
    explorer, last = ctviz.Explorer(run.experiment), run.snapshot()
    factuals, classes = explorer.pick("random", 30)
    trace = explorer.trace(last, factuals, 1 - classes, ctviz.SearchSettings(tau=0.7))
    moved = trace.points[2][:, :, JOB] != trace.factuals[:, None, JOB]
    assert not moved.any() and (trace.points[1][:, -1][:, JOB] != trace.factuals[:, JOB]).any()
    sizes = np.abs(trace.points.astype(np.float64) - trace.factuals[:, None].astype(np.float64))
    by_feature = sizes[..., AGE].sum(-1) + sizes[..., JOB].sum(-1) / 2 + sizes[..., DEBT].sum(-1)
    np.testing.assert_allclose(trace.distance, by_feature, rtol=1e-5, atol=1e-6)
    cost = explorer.endpoints(trace).metrics["cost"]
    for arm in range(3):
        valid = (trace.predicted[arm] != trace.targets) & (trace.predicted_final[arm] == trace.targets)
        assert cost.value[arm] == pytest.approx(by_feature[arm, valid, -1].mean(), rel=1e-5)
    assert "impossible" not in {ctviz.OUTCOMES[outcome] for outcome in trace.outcome.flatten()}
    assert explorer.words(trace, 2, 0).endswith(".")


def test_sensitivity_is_that_of_features(run: ctviz.Run) -> None:
    found = ctviz.Explorer(run.experiment).sensitivity(run.snapshot())
    assert found.features == ("age", "job", "debt")
    assert found.locked.tolist() == [[False] * 3, [False] * 3, [False, True, False]]
    stack, X = Stack.from_weights(run.snapshot().weights, run.experiment.model), PEOPLE.test[0]
    inputs = X.expand(3, -1, -1)
    with torch.no_grad():
        classes = stack(inputs).argmax(dim=-1)
    values = integrated_gradients(stack, inputs, classes, uniform_baselines(len(X), 5, 0)).values
    by_feature = torch.stack([values[..., columns].sum(dim=-1) for columns in (AGE, JOB, DEBT)], dim=-1)
    np.testing.assert_allclose(found.share.value, share(by_feature).mean(dim=1), rtol=1e-6)
    np.testing.assert_allclose(found.standardised.value, standardised(by_feature).nanmean(dim=1), rtol=1e-6)


def test_it_is_evaluated_by_feature(run: ctviz.Run, tmp_path: Path) -> None:
    protocol = ctviz.Protocol(rounds=10, factuals=20, lambda_egy=(0.5,), attacks=(0.0,))
    table = ctviz.evaluate(run, protocol, store=Store(tmp_path)).table
    parts = table[table["metric"] == "sensitivity"]["part"]
    assert set(parts) == {"age", "job", "debt"}
    redundancy = table[(table["metric"] == "redundancy") & (table["arm"] == "locked")]["value"]
    assert (redundancy.dropna() >= 1 / 3 - 1e-9).all(), (
        "a locked category is one feature of three, whatever its columns"
    )


# -- what is refused -----------------------------------------------------------------------------------


def changed(part: str, change: Callable[[torch.Tensor, torch.Tensor], Split]) -> Callable[[], object]:
    X, y = (one.clone() for one in getattr(PEOPLE, part))
    return lambda: Experiment(data=dataclasses.replace(PEOPLE, **{part: change(X, y)}))


def without_a_job(X: torch.Tensor, y: torch.Tensor) -> Split:
    X[4, JOB] = 0
    return X, y


REFUSED = {
    "a category that is not one-hot": (changed("train", without_a_job), "train of people is not one-hot in job"),
    "no test samples": (changed("test", lambda X, y: (X[:0], y[:0])), "test of people has no samples"),
    "float64": (changed("train", lambda X, y: (X.double(), y)), r"in float32 .* got torch.float64 and torch.int64"),
    "numpy": (changed("train", lambda X, y: (X.numpy(), y)), "got ndarray and torch.int64"),
    "no pair": (changed("train", lambda X, y: X), "must be a pair of tensors"),
    "too few columns": (changed("test", lambda X, y: (X[:, :3], y)), r"test of people has shape \(50, 3\)"),
    "an unknown lock": (
        lambda: Experiment(data=PEOPLE, arms=(Arm.variant("full", locked=("income",)),)),
        "one of age, job, debt",
    ),
    "everything locked": (
        lambda: Experiment(data=PEOPLE, arms=(Arm.variant("full", locked=("age", "job", 2)),)),
        "at least one feature left free",
    ),
    "a range of a category": (
        lambda: ctviz.Explorer(Experiment(data=PEOPLE, arms=(Arm.variant("full", ranges=(("job", 0, 0.5),)),))),
        "ranges for numbers; a category has none",
    ),
    "a picture": (lambda: Experiment(data=PEOPLE, evaluation={"field": 20}), "no plane to be drawn on"),
    "larger batches than samples": (
        lambda: Experiment(data=PEOPLE, training={"batch": 201}),
        "at most the 200 samples",
    ),
    "a sweep": (
        lambda: ctviz.sweep(Experiment(data=PEOPLE), {"lambda_div": (0.1, 1.0)}),
        "data that worker processes can make or read",
    ),
    "no data at all": (
        lambda: Experiment(data=[1, 2]),
        r"^data is \[1, 2\]; allowed: a table of settings, or in Python a Dataset\.",
    ),
}


@pytest.mark.parametrize(("make", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_trained_on_is_refused_in_a_sentence(make: Callable[[], object], said: str) -> None:
    with pytest.raises(CtvizError, match=said):
        make()
