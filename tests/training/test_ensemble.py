"""A deep ensemble in a run: its members are arms of their own, and it is stored, measured and advised with as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ctviz.data.catalogue import load
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.evaluate import default_references, evaluate
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.run import Run, Training
from ctviz.experiments.run import run as run_of
from ctviz.experiments.snapshot import stack_of
from ctviz.experiments.store import Store
from ctviz.figures.stage.live_search import live_search
from ctviz.figures.stage.recording import arm_labels
from ctviz.studies.sweeps.models import identity
from ctviz.training.arm import Arm

VANILLA, FULL, ENSEMBLE = Arm.variant("vanilla"), Arm.variant("full"), Arm.variant("ensemble", members=3)
SMALL = {
    "data.n_train": 80, "data.n_validation": 30, "data.n_test": 30,
    "training.epochs": 3, "training.lr": 0.02, "training.n_ce": 20,
    "evaluation.factuals": 20, "evaluation.field": 8, "evaluation.paths": 4, "evaluation.steps": 8,
}  # fmt: skip
BASE = Experiment.preset("moons").replace(SMALL)


def of(*arms: Arm) -> Experiment:
    return Experiment(**{**BASE.model_dump(), "arms": arms})


EXPERIMENT = of(VANILLA, ENSEMBLE, FULL)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def run(store: Store) -> Run:
    return run_of(EXPERIMENT, store=store)


def test_its_members_are_trained_bit_for_bit_as_arms_of_their_own_seeds(run: Run) -> None:
    seeds = ENSEMBLE.seeds(EXPERIMENT.seed)
    assert seeds[0] == EXPERIMENT.seed and len({*seeds, 1, 2, 3}) == 6
    apart = of(
        VANILLA, *(Arm(**{**VANILLA.model_dump(), "name": f"m{i}", "seed": seed}) for i, seed in enumerate(seeds)), FULL
    )
    *_, last = Training(apart)
    for name, values in run.snapshot().weights.items():
        np.testing.assert_array_equal(values, last.weights[name], err_msg=name)
        np.testing.assert_allclose(values[0], values[1], rtol=1e-4, atol=1e-6, err_msg="of one seed")
        assert not np.array_equal(values[1], values[2]) and not np.array_equal(values[2], values[3])
    for name in ("loss_class", "train_accuracy", "skipped"):
        assert run.snapshot().metrics[name][1] == pytest.approx(last.metrics[name][1:4].mean(), rel=1e-12)
    assert np.isnan([run.snapshot().metrics[name][1] for name in ("loss_div", "mature", "steps")]).all()


def test_an_ensemble_beside_them_leaves_the_other_arms_as_they_are(run: Run) -> None:
    *_, alone = Training(of(VANILLA, FULL))
    for name, values in run.snapshot().weights.items():
        np.testing.assert_allclose(values[[0, 4]], alone.weights[name], rtol=1e-3, atol=1e-4, err_msg=name)
    for name, values in run.snapshot().metrics.items():
        np.testing.assert_allclose(values[[0, 2]], alone.metrics[name], rtol=1e-2, atol=1e-3, err_msg=name)


def test_what_is_measured_and_drawn_is_the_mean_of_its_members(run: Run) -> None:
    data, last = load(EXPERIMENT.data), run.snapshot()
    X, y = data.validation
    stack, model = stack_of([last], EXPERIMENT), run.model("ensemble")
    members = [stack_of([last], EXPERIMENT).models.module(row) for row in (1, 2, 3)]  # type: ignore[attr-defined]
    mean = sum(torch.softmax(member(X), dim=1) for member in members) / 3
    torch.testing.assert_close(torch.softmax(model(X), dim=1), mean)
    torch.testing.assert_close(torch.softmax(stack(X.expand(3, -1, -1))[1], dim=1), mean)
    assert last.metrics["validation_accuracy"][1] == float((mean.argmax(1) == y).double().mean())
    assert last.field is not None and last.field.shape[0] == 3
    axes = [torch.linspace(float(a), float(b), 8) for a, b in zip(run.scene.lower, run.scene.upper, strict=True)]
    nodes = torch.stack([axes[0].repeat(8), axes[1].repeat_interleave(8)], dim=1)
    drawn = torch.softmax(model(nodes), dim=1)[:, 1].view(8, 8).detach().numpy() * 255
    assert np.abs(last.field[1, 0].astype(float) - drawn).max() <= 0.51


def test_a_stored_run_of_an_ensemble_is_evaluated_and_explored_at_every_epoch(run: Run, store: Store) -> None:
    from ctviz.experiments.explorer import Explorer

    assert EXPERIMENT.members == (1, 3, 1) and EXPERIMENT.rows_of([2, 1]) == [4, 1, 2, 3]
    report = evaluate(run, Protocol(rounds=2, factuals=8, also=("robustness", "sensitivity")), store=store)
    assert report.references == {"ensemble": "vanilla", "full": "vanilla"} == default_references(EXPERIMENT)
    assert np.isfinite(report.rounds[0]).all()
    explorer = Explorer(EXPERIMENT, run.scene)
    point = run.scene.factuals[0]
    traces = explorer.history(run.snapshots, point, 1 - int(run.scene.factual_labels[0]), EXPERIMENT.evaluation)
    assert len(traces) == len(run.snapshots) == 4
    asked = explorer.trace(run.snapshot(), point[None], [1 - run.scene.factual_labels[0]], EXPERIMENT.evaluation)
    np.testing.assert_allclose(traces[-1].points[1], asked.points[1], atol=1e-4)
    assert live_search(explorer, EXPERIMENT.evaluation, None, 2) is None, "the browser knows no ensembles"


def test_what_an_ensemble_is_called_and_what_it_listens_to() -> None:
    assert [label.title for label in arm_labels(EXPERIMENT)] == [
        "Conventional", "Deep ensemble", "Counterfactual training",
    ]  # fmt: skip
    assert ENSEMBLE.own_settings == ("lambda_class", "members")
    assert (VANILLA.models, VANILLA.conventional, ENSEMBLE.models, ENSEMBLE.conventional) == (1, True, 3, False)
    assert identity(ENSEMBLE) == identity(Arm.variant("ensemble", members=3, tau=0.6, lambda_div=2.0))
    assert identity(ENSEMBLE) != identity(Arm.variant("ensemble", members=4)) != identity(VANILLA)
    assert identity(Arm.variant("full", members=7)) == identity(FULL)
    assert Experiment.from_query(EXPERIMENT.to_query("moons")) == EXPERIMENT
    assert Experiment.from_toml(EXPERIMENT.to_toml()) == EXPERIMENT
    assert "members" not in of(VANILLA, Arm.variant("ensemble")).to_json()


@pytest.mark.parametrize("members", [1, 0, -3])
def test_an_ensemble_of_one_is_refused_in_a_sentence(members: int) -> None:
    with pytest.raises(ConfigError) as error:
        BASE.replace({"arms": "vanilla,ensemble", "arms.ensemble.members": members})
    assert str(error.value) == (
        f"arms.ensemble.members is {members}; allowed: 2 to 20; an ensemble of one model is that model, trained "
        "conventionally."
    )


def test_the_exact_judge_leaves_out_ensembles_and_says_so(run: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    report = evaluate(run, Protocol(rounds=2, factuals=4, exact=3), store=store)
    cost = report.samples["exact_cost"].array[:, 0]
    assert np.isnan(cost[1]).all() and np.isfinite(cost[[0, 2]]).any(axis=1).all()
    assert [note for note in report.notes if note.startswith("ensemble is not judged exactly")]
    with pytest.raises(ConfigError, match="an ensemble of 3 models"):
        evaluate(run_of(of(ENSEMBLE), store=store), Protocol(rounds=2, factuals=4, exact=2), store=store)
