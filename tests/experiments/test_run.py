"""``ctviz.run`` from the experiment to the model, through a store of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ctviz
from ctviz import ConfigError, DeviceError, Experiment, Run, Store, StoreError
from ctviz.data.drawn import encode
from ctviz.data.kinds import kind_of_data
from ctviz.data.tables.settings import TABLES
from ctviz.experiments import run as module
from ctviz.experiments.python_code import python_code
from ctviz.experiments.run import SHIPPED, Training, build_presets, resolve_device, run_job
from ctviz.experiments.snapshot import evenly_spaced
from ctviz.paths import assets
from tests.data.paintings import spread

TABLES_SHIPPED = tuple(name for name, info in TABLES.items() if info.ships)

TINY = Experiment.preset("moons").replace(
    {
        "data.n_train": 120,
        "data.n_validation": 60,
        "data.n_test": 50,
        "training.epochs": 4,
        "training.n_ce": 40,
        "training.lr": 0.02,
        "model.hidden": [12],
        "evaluation.factuals": 30,
        "evaluation.paths": 12,
        "evaluation.steps": 15,
        "evaluation.tau": 0.8,
        "evaluation.field": 16,
        "arms": "vanilla,full,locked",
        "arms.locked.locked": ["x1"],
    }
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def run(store: Store) -> Run:
    return ctviz.run(TINY, store=store)


# -- what a run holds ----------------------------------------------------------------------------------


def test_a_run_knows_what_it_is(run: Run) -> None:
    assert run.key == TINY.key and run.experiment == TINY
    assert run.arms == ("vanilla", "full", "locked")
    assert [snapshot.epoch for snapshot in run.snapshots] == [0, 1, 2, 3, 4]
    seconds = [snapshot.seconds for snapshot in run.snapshots]
    assert seconds == sorted(seconds) and 0 < seconds[-1] <= run.seconds


def test_the_history_is_tidy(run: Run) -> None:
    table = run.history
    assert list(table.columns) == ["epoch", "arm", "metric", "value"]
    assert table["value"].notna().all() and np.isfinite(table["value"]).all()
    assert sorted(table["epoch"].unique()) == [0, 1, 2, 3, 4]
    assert not table.duplicated(["epoch", "arm", "metric"]).any()
    of_others = {"loss_gen", "loss_recourse", "loss_aug"}  # terms of methods that no arm of this run has
    assert set(table["metric"]) == set(ctviz.METRICS) - of_others
    kinds = {(arm, metric) for arm, metric in zip(table["arm"], table["metric"], strict=True)}
    for metric in ("mature", "steps", "loss_div", "loss_adv", "loss_reg"):
        assert ("vanilla", metric) not in kinds and ("full", metric) in kinds
    shares = table[
        table["metric"].isin(["mature", "validity", "robust_accuracy"]) | table["metric"].str.endswith("accuracy")
    ]
    assert shares["value"].between(0, 1).all()


def test_arms_start_alike(run: Run) -> None:
    first = run.snapshots[0]
    for values in first.weights.values():
        assert (values == values[0]).all()
    for name in ("validation_accuracy", "robust_accuracy"):
        assert len(set(first.metrics[name].tolist())) == 1
    assert not np.array_equal(run.snapshots[-1].weights["0.weight"][0], run.snapshots[-1].weights["0.weight"][1])


def test_the_accuracy_of_the_summary_is_that_of_the_models_on_test_data(run: Run) -> None:
    X, y = run.data.test
    for arm, summary in zip(run.arms, run.summary, strict=True):
        right = sum(int(run.model(arm)(x[None]).argmax()) == int(label) for x, label in zip(X, y, strict=True))
        assert summary["name"] == arm and summary["accuracy"] == pytest.approx(right / len(y))


def test_the_summary_says_none_where_there_is_nothing_to_say(run: Run) -> None:
    names = ["name", "accuracy", "mature", "ip", "ip_star", "cost", "validity", "robust_accuracy"]
    assert all(list(summary) == names for summary in run.summary)
    assert run.summary[0]["mature"] is None and 0 <= run.summary[1]["mature"] <= 1
    assert run.summary[1]["mature"] == run.snapshots[-1].metrics["mature"][1]


def test_the_validation_accuracy_is_that_of_the_models(run: Run) -> None:
    X, y = run.data.validation
    for snapshot in run.snapshots:
        for i, arm in enumerate(run.arms):
            right = (run.model(arm, snapshot.epoch)(X).argmax(dim=1) == y).double().mean()
            assert snapshot.metrics["validation_accuracy"][i] == pytest.approx(float(right))


@pytest.mark.parametrize("epoch", [0, 4])
def test_the_field_is_the_probability_on_the_grid(run: Run, epoch: int) -> None:
    field, scene = run.snapshot(epoch).field, run.scene
    assert field is not None and field.dtype == np.uint8 and field.shape == (3, 1, 16, 16)
    for i, arm in enumerate(run.arms):
        model = run.model(arm, epoch)
        for row in (0, 5, 15):
            for column in (0, 9, 15):
                share = np.array([column, row]) / 15
                x = torch.from_numpy((scene.lower + share * (scene.upper - scene.lower)).astype(np.float32))
                expected = 255 * float(torch.softmax(model(x[None]), dim=1)[0, 1].detach())
                assert abs(int(field[i, 0, row, column]) - expected) < 0.51


def test_the_paths_are_those_of_a_fresh_search(run: Run) -> None:
    scene, settings = run.scene, TINY.evaluation
    paths = run.snapshot().paths
    assert paths is not None and paths.points.dtype == np.uint16 and paths.points.shape == (3, 12, 16, 2)
    chosen = {name: getattr(settings, name) for name in ctviz.SearchSettings.model_fields}
    locks: dict[str, list[str]] = {"locked": ["x1"]}
    step = (scene.upper - scene.lower).max() / 65535
    for i, arm in enumerate(run.arms):
        rules: dict[str, Any] = {"locked": locks.get(arm, [])}
        found = ctviz.search(
            run.model(arm), scene.factuals, scene.targets.astype(int), schema=run.data.schema, **rules, **chosen
        )
        assert found.path is not None
        drawn, fresh = scene.dequantise(paths.points[i]), found.path.numpy().swapaxes(0, 1)  # b t d
        shown = np.clip(fresh, scene.lower, scene.upper)  # a factual outside the window is drawn at its edge
        assert np.abs(drawn - shown).max() < 1e-3 + step
        assert np.abs(drawn - shown).mean() < step
        assert np.array_equal(paths.steps[i], found.steps.numpy()) and np.array_equal(
            paths.mature[i], found.mature.numpy()
        )
        for b, path in enumerate(fresh):
            near = [t for t in range(int(found.steps[b]) + 1) if np.abs(path[t] - path[0]).max() <= np.float32(0.3)]
            assert paths.nascent[i, b] == near[-1]
    assert (paths.points[2, :, :, 0] == paths.points[2, :, :1, 0]).all(), "a locked feature moved"


def test_the_scene_shows_training_data_and_explains_validation_data(run: Run) -> None:
    scene = run.scene
    known = {tuple(x) for x in run.data.train[0].tolist()}
    assert len(scene.points) == 120 and {tuple(x) for x in scene.points.tolist()} <= known
    X, y = run.data.validation
    for x, label, target in zip(scene.factuals, scene.factual_labels, scene.targets, strict=True):
        row = int((torch.from_numpy(x) == X).all(dim=1).nonzero()[0, 0])
        assert label == y[row] and target != label
    assert (scene.lower < scene.points).all() and (scene.points < scene.upper).all()


def test_cost_and_validity_are_those_of_the_factuals_that_the_arm_gets_right(run: Run) -> None:
    """By hand from the test split, as the summary has them; the search is the evaluation's."""
    training = Training(TINY)
    evaluator = module.EpochEvaluator(TINY, run.data, run.data.test, training.stack.flat)
    chosen = {name: getattr(TINY.evaluation, name) for name in ctviz.SearchSettings.model_fields}
    for i, (arm, summary) in enumerate(zip(run.arms, run.summary, strict=True)):
        model = run.model(arm)
        rules = {"locked": ["x1"]} if arm == "locked" else {}
        found = ctviz.search(model, evaluator.factuals, evaluator.targets, schema=run.data.schema, **rules, **chosen)
        judged = model(evaluator.factuals).argmax(dim=1) == evaluator.labels
        valid = judged & (model(found.final).argmax(dim=1) == evaluator.targets)
        assert summary["validity"] == pytest.approx(float(valid.sum() / judged.sum())), i
        expected = float((found.final - evaluator.factuals).abs().sum(dim=1)[valid].double().mean())
        if math.isnan(expected):
            assert summary["cost"] is None
        else:
            assert summary["cost"] == pytest.approx(expected, rel=1e-4)


def test_a_model_is_a_plain_module_of_any_stored_epoch(run: Run) -> None:
    model = run.model("full")
    assert isinstance(model, torch.nn.Module) and not model.training
    assert model(run.data.test[0]).shape == (50, 2)
    start, end = (run.model("full", epoch)[0].weight for epoch in (0, 4))
    assert not torch.equal(start, end)


def test_what_is_not_there_is_named(run: Run) -> None:
    with pytest.raises(ConfigError, match="vanilla, full, locked"):
        run.model("fulll")
    with pytest.raises(ConfigError, match="epoch is 9"):
        run.model("full", 9)
    with pytest.raises(ConfigError, match="epoch is -1"):
        run.snapshot(-1)


# -- the store between ---------------------------------------------------------------------------------


def test_a_second_run_trains_nothing(run: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "Training", refuse)
    told: list[tuple[int, int]] = []
    again = ctviz.run(TINY, store=store, progress=lambda done, total: told.append((done, total)))
    assert again.summary == run.summary and again.history.equals(run.history) and told == [(4, 4)]
    assert ctviz.load_run(TINY.key, store).summary == run.summary
    with pytest.raises(AssertionError, match="trained again"):
        ctviz.run(TINY.replace({"seed": 99}), store=store)


def test_yielding_snapshots_is_the_same_training(run: Run) -> None:
    for mine, stored in zip(ctviz.train(TINY), run.snapshots, strict=True):
        assert mine.epoch == stored.epoch
        assert all(np.array_equal(mine.weights[name], stored.weights[name]) for name in mine.weights)
        for name in ctviz.METRICS:
            np.testing.assert_array_equal(mine.metrics[name], stored.metrics[name], err_msg=name)
        assert mine.field is not None and np.array_equal(mine.field, stored.field)  # type: ignore[arg-type]


def test_progress_is_told_epoch_by_epoch(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    ctviz.run(TINY.replace({"seed": 5}), store=Store(tmp_path), progress=lambda done, total: told.append((done, total)))
    assert told[:5] == [(i, 4) for i in range(5)] and set(told[5:]) <= {(4, 4)}


@pytest.mark.parametrize("interruption", [GeneratorExit, KeyboardInterrupt], ids=lambda kind: kind.__name__)
def test_an_interrupted_run_is_cancelled_and_can_be_taken_up_again(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    store, experiment = Store(tmp_path), TINY.replace({"seed": 6})

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise interruption

    with pytest.raises(interruption):
        ctviz.run(experiment, store=store, progress=interrupt)
    status = store.status(experiment.key)
    assert status.state in ("cancelled", "interrupted") and status.epochs_done == 2
    with pytest.raises(StoreError, match=experiment.key):
        ctviz.load_run(experiment.key, store)
    assert len(ctviz.run(experiment, store=store).snapshots) == 5


def test_a_failure_is_kept_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)

    def snapshots(self: Training) -> Iterator[None]:
        raise ctviz.DataError("The samples ran away.")
        yield

    monkeypatch.setattr(Training, "__iter__", snapshots)
    with pytest.raises(ctviz.DataError):
        ctviz.run(TINY, store=store)
    assert store.status(TINY.key).state == "failed" and "ran away" in store.status(TINY.key).message


def test_a_background_job_stops_when_told(home: Path) -> None:
    experiment = TINY.replace({"training.epochs": 50, "seed": 7})
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 4

    run_job(experiment.to_json(), str(home), "cpu", cancelled)
    store = ctviz.open_store(home)
    assert store.status(experiment.key).state == "cancelled"
    assert 0 < store.status(experiment.key).epochs_done < 50


def test_an_absent_run_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="absent"):
        ctviz.load_run(TINY.key, Store(tmp_path))


# -- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "most"), [(5, 10), (10, 10), (101, 10), (11, 10), (3, 2)])
def test_epochs_are_spread_evenly_to_the_ends(count: int, most: int) -> None:
    chosen = evenly_spaced(list(range(count)), most)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    assert len(chosen) == min(count, most)
    assert len(set(chosen)) == len(chosen)
    assert evenly_spaced(list(range(count)), 1) == evenly_spaced(list(range(count)), 0) == [count - 1]


def test_snapshots_may_be_further_apart() -> None:
    every = TINY.replace({"evaluation.every": 3, "training.epochs": 7})
    snapshots = list(ctviz.train(every))
    assert [snapshot.epoch for snapshot in snapshots] == [0, 3, 6, 7]
    for mine, other in zip(snapshots, list(ctviz.train(every.replace({"evaluation.every": 1})))[::3], strict=False):
        assert np.array_equal(mine.weights["0.weight"], other.weights["0.weight"])


def test_field_and_paths_may_be_left_out(tmp_path: Path) -> None:
    bare = TINY.replace({"evaluation.field": 0, "evaluation.paths": 0})
    run = ctviz.run(bare, store=Store(tmp_path))
    assert all(snapshot.field is None and snapshot.paths is None for snapshot in run.snapshots)
    assert run.scene.factuals.shape == (0, 2)
    np.testing.assert_array_equal(run.snapshots[-1].metrics["ip"], list(ctviz.train(TINY))[-1].metrics["ip"])


def test_more_classes_have_a_field_for_each(tmp_path: Path) -> None:
    blobs = Experiment.preset("blobs").replace(
        {
            "data.n_train": 80,
            "data.n_validation": 40,
            "data.n_test": 40,
            "training.epochs": 2,
            "evaluation.field": 10,
            "evaluation.factuals": 10,
            "evaluation.paths": 5,
        }
    )
    run = ctviz.run(blobs, store=Store(tmp_path))
    field = run.snapshot().field
    assert field is not None and field.shape == (2, 4, 10, 10)
    assert (np.abs(field.astype(int).sum(axis=1) - 255) <= 2).all()
    corner = torch.softmax(run.model("full")(torch.from_numpy(run.scene.lower)[None]), dim=1)[0] * 255
    assert np.abs(field[1, :, 0, 0] - corner.detach().numpy()).max() < 0.51
    assert (run.scene.targets != run.scene.factual_labels).all() and run.scene.targets.max() < 4


def test_several_seeds_in_one_run_are_the_runs_of_each() -> None:
    both = TINY.replace({"arms": "full,other", "arms.other.seed": 1})
    last = list(ctviz.train(both))[-1]
    for seed in (0, 1):
        alone = list(ctviz.train(TINY.replace({"arms": "full", "seed": seed})))[-1]
        np.testing.assert_allclose(last.weights["0.weight"][seed], alone.weights["0.weight"][0], rtol=1e-3, atol=1e-4)
    assert not np.allclose(last.weights["0.weight"][0], last.weights["0.weight"][1], atol=1e-2)


def test_the_number_of_threads_does_not_matter() -> None:
    before = torch.get_num_threads()
    try:
        told = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            training = Training(TINY)
            told.append((list(training)[-1], training.summary()))
    finally:
        torch.set_num_threads(before)
    (one, summary), (two, other) = told
    assert summary == other
    for name in ctviz.METRICS:
        np.testing.assert_array_equal(one.metrics[name], two.metrics[name], err_msg=name)


def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="no CUDA"):
        ctviz.run(TINY, device="cuda", store=Store(tmp_path))
    with pytest.raises(DeviceError, match="no CUDA"):
        ctviz.train(TINY, device="cuda")
    with pytest.raises(ConfigError, match="auto, cpu or cuda"):
        ctviz.run(TINY, device="tpu", store=Store(tmp_path))
    assert Store(tmp_path).status(TINY.key).state == "absent"
    assert resolve_device("auto", TINY).type == "cpu"


def test_auto_takes_the_gpu_only_for_what_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto", TINY).type == "cpu"
    large = Experiment.preset("moons").replace({"training.batch": 1000, "model.hidden": [512, 512]})
    assert resolve_device("auto", large).type == "cuda"


# -- to take away --------------------------------------------------------------------------------------


def test_the_python_code_runs_and_means_the_same_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = TINY.replace(
        {"arms.locked.increase_only": ["x2"], "arms.locked.ranges": [["x2", -1, 1]], "training.optimiser": "amsgrad"}
    )
    code = python_code(experiment) + "print(run.key)\n"
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path))
    exec(code, {"__name__": "__main__"})
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == experiment.key
    assert "accuracy" in said and f"# key {experiment.key}" in code


def test_the_python_code_searches_under_the_constraints_that_advice_has() -> None:
    experiment = TINY.replace({"arms.locked.ranges": [["x2", -1, 1]]})
    code = python_code(experiment)
    assert "locked=['x1'], ranges=[('x2', -1.0, 1.0)])" in code
    assert "locked=['x1']" in python_code(experiment.replace({"arms.locked.lock_when": "searching"}))
    for when in ("training", "never"):
        code = python_code(experiment.replace({"arms.locked.lock_when": when}))
        assert "schema=run.data.schema)" in code and "ranges=[(" not in code


# -- constraints and generators ------------------------------------------------------------------------


def test_advice_obeys_where_the_arm_says_so() -> None:
    arms = {f"arms.{when}.{name}": value for when in ("always", "training", "searching", "never")
            for name, value in (("locked", ["x1"]), ("lock_when", when), ("ranges", [["x2", -0.5, 0.9]]))}  # fmt: skip
    experiment = TINY.replace({"arms": "always,training,searching,never", **arms})
    training = Training(experiment)
    *_, last = training
    assert last.paths is not None
    x1, x2 = last.paths.points[..., 0], training.scene.dequantise(last.paths.points)[..., 1]
    assert (x1 == x1[:, :, :1]).all(axis=(1, 2)).tolist() == [True, False, True, False]
    moved = last.paths.steps > 0  # m b: the first step brings a factual into its range
    inside = [((x2[i, moved[i], 1:] > -0.501) & (x2[i, moved[i], 1:] < 0.901)).all() for i in range(4)]
    assert inside == [True, False, True, False]
    assert all(moved.sum(axis=1) > 3)
    same = [np.array_equal(last.weights["0.weight"][i], last.weights["0.weight"][j]) for i, j in ((0, 2), (1, 3))]
    assert same == [False, False]  # training differs


def test_a_range_outside_of_the_data_is_refused_before_training() -> None:
    with pytest.raises(ConfigError) as error:
        Training(TINY.replace({"arms.locked.ranges": [["x2", 90, 95]]}))
    assert error.value.field == "arms.locked.ranges"


def test_several_counterfactuals_of_each_factual_are_measured_side_by_side() -> None:
    training = Training(TINY.replace({"evaluation.generator": "dice", "evaluation.per_factual": 4}))
    factuals = training.scene.factuals
    assert factuals.shape == (12, 2)
    assert [len(np.unique(factuals[i : i + 4], axis=0)) for i in (0, 4, 8)] == [1, 1, 1]
    assert len(np.unique(factuals, axis=0)) == 3
    *_, last = training
    assert last.paths is not None
    ends = last.paths.points[1, :4, -1]
    assert len(np.unique(ends, axis=0)) > 1  # they repel each other
    assert np.isfinite(last.metrics["cost"]).all()


def test_with_few_samples_several_counterfactuals_are_made_of_each_of_them() -> None:
    """Of thirty painted points six are for validation; of a quarter of them, often none would count."""
    points = encode(*spread([15, 15]))
    experiment = Experiment.preset("drawn").replace({"data.points": points, "evaluation.generator": "dice"})
    assert (experiment.data.n_validation, experiment.evaluation.per_factual) == (6, 4)
    evaluator = Training(experiment.replace({"training.epochs": 1}), "cpu")._evaluator
    distinct = {tuple(row) for row in evaluator.factuals.tolist()}
    assert (len(evaluator.factuals), len(distinct)) == (24, 6)


@pytest.mark.usefixtures("hasty_autoencoders_here")
def test_the_autoencoder_of_a_run_is_kept_in_its_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "own")
    experiment = TINY.replace({"data.seed": 77, "arms": "vanilla,full", "arms.full.generator": "revise"})
    ctviz.run(experiment.replace({"training.epochs": 1, "training.n_ce": 10}), store=store)
    assert len(list((store.root / "vaes").iterdir())) == 1


# -- what ships ----------------------------------------------------------------------------------------


def test_presets_are_built_into_a_folder_that_a_store_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Experiment, "preset", lambda name: TINY)
    (folder,) = build_presets(["moons"], tmp_path / "presets")
    assert folder == tmp_path / "presets" / TINY.key
    shipped = Store(tmp_path / "root", presets=tmp_path / "presets")
    assert shipped.status(TINY.key).preset and ctviz.load_run(TINY.key, shipped).summary


def test_the_shipped_runs_are_the_presets_of_today_and_small() -> None:
    folder = assets() / "presets"
    comparisons = {"loans", "lock", "objectives", "generators", "stress", "figure1", "figure1-debt", "where"}
    comparisons |= {"proxies", "proxies-linked", "figure1-short", "figure1-varied", "ls-averaged", "where-short"}
    assert set(SHIPPED) == {"moons", "circles", "ls", "ol", "drawn", "mnist", "readable", *TABLES_SHIPPED, *comparisons}
    swept = {key for path in assets().glob("sweeps/*/runs.txt") for key in path.read_text(encoding="utf-8").split()}
    kept = {path.name for path in folder.iterdir() if path.is_dir()}
    assert kept == {Experiment.preset(n).key for n in SHIPPED} | swept
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    of_digits = {Experiment.preset(name).key for name in ("mnist", "readable")}
    digits = sum(size for path, size in sizes.items() if path.parent.name in of_digits)
    of_tables = {Experiment.preset(name).key for name in TABLES_SHIPPED}
    tables = sum(size for path, size in sizes.items() if path.parent.name in of_tables)
    sweeps = sum(size for path, size in sizes.items() if path.parent.name in swept)
    sweeps += sum(path.stat().st_size for path in (assets() / "sweeps").rglob("*") if path.is_file())
    assert digits < 5e6
    assert tables < 5e6
    assert 0 < sweeps < 3e6
    assert sum(sizes.values()) - digits - tables - sweeps < 9.5e6


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_run_is_whole(name: str) -> None:
    run = ctviz.load_run(Experiment.preset(name).key)
    assert run.experiment == Experiment.preset(name)
    wanted = run.experiment.evaluation
    epochs = range(0, run.experiment.training.epochs + 1, wanted.every)
    assert [snapshot.epoch for snapshot in run.snapshots] == sorted({*epochs, *wanted.also})
    if kind_of_data(run.experiment.data).drawn:
        assert run.snapshot().field is not None and run.snapshot().paths is not None
    assert [summary["name"] for summary in run.summary] == list(run.arms)
    least = {"ol": 0.6, "mnist": 0.88, "adult": 0.84, "california": 0.8, "credit": 0.65, "german": 0.65}.get(name, 0.9)
    assert all(summary["accuracy"] > least for summary in run.summary)


def test_training_a_shipped_run_again_finds_what_was_shipped() -> None:
    """Bits hold only on the same kind of processor."""
    experiment = Experiment.preset("moons")
    shipped = ctviz.load_run(experiment.key)
    for fresh, stored in zip(islice(ctviz.train(experiment, device="cpu"), 4), shipped.snapshots, strict=False):
        assert fresh.epoch == stored.epoch
        for name in ctviz.METRICS:
            np.testing.assert_allclose(fresh.metrics[name], stored.metrics[name], rtol=1e-3, atol=2e-3, err_msg=name)
        assert fresh.field is not None and stored.field is not None
        assert np.abs(fresh.field.astype(int) - stored.field).mean() < 1
        assert fresh.paths is not None and stored.paths is not None
        assert np.abs(fresh.paths.points.astype(int) - stored.paths.points).mean() < 655  # a hundredth of the window


def test_a_run_too_large_to_store_is_refused_before_it_starts(tmp_path: Path) -> None:
    large = Experiment.preset("moons").replace({"model.hidden": [1024] * 8})
    with pytest.raises(ConfigError, match=r"evaluation\.every is 1; allowed: .* GB"):
        ctviz.run(large, store=Store(tmp_path))
    assert not list(tmp_path.iterdir())
    fitting = large.replace({"evaluation.every": 100})
    module.check_size(fitting)
