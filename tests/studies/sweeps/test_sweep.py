"""Sweeps carried out: the same as single runs, resumed, extended, and honest about what failed."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.base import TaskResult
from ctviz.experiments.engines.local import LocalEngine
from ctviz.experiments.evaluate import evaluate
from ctviz.experiments.run import load_run, train
from ctviz.experiments.store import Store
from ctviz.studies.sweeps.declaration import Axis, Sweep
from ctviz.studies.sweeps.plan import CONFIRM_ABOVE, plan
from ctviz.studies.sweeps.results import METRICS, SweepResult, collect
from ctviz.studies.sweeps.sweep import sweep
from ctviz.studies.sweeps.tables import columns, folder, keep_table, stored_table
from tests.studies.sweeps.small import PROTOCOL, base, small
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def here(what, store, **options):
    return sweep(what, store=store, workers=1, **options)


# -- the same as single runs --------------------------------------------------------------------------


def test_an_arm_trained_alone_and_in_a_stack_agree():
    """To float tolerance over the first epochs: a stack only adds rows to its tensors."""
    wanted = Sweep(base=base(training__epochs=3), axes=[Axis(setting="lambda_div", values=[0.1, 0.5, 1.0])])
    task = plan(wanted, Store(Path("/nonexistent"))).tasks[0]
    together = list(train(task.experiment.replace({"evaluation.every": 1}), "cpu"))
    for i, arm in enumerate(task.experiment.arms):
        alone = task.experiment.model_copy(update={"arms": (arm,)}).replace({"evaluation.every": 1})
        for one, all_of_them in zip(train(alone, "cpu"), together, strict=True):
            for name, values in one.weights.items():
                np.testing.assert_allclose(values[0], all_of_them.weights[name][i], rtol=1e-3, atol=1e-4)


def test_a_table_says_what_the_reports_say(store):
    wanted = small({"lambda_div": (0.1, 1.0)}, seeds=2)
    result = here(wanted, store)
    assert list(result.table.columns) == columns(wanted)
    assert len(result.table) == 4 * result.table["metric"].nunique()
    row = result.table[
        (result.table["cell"] == 1) & (result.table["seed"] == 1) & (result.table["metric"] == "ip")
    ].iloc[0]
    arms = {arm.name: arm for arm in store.experiment(row["run"]).arms}
    assert (row["lambda_div"], arms[row["arm"]].lambda_div, arms[row["arm"]].seed) == (1.0, 1.0, 1)
    report = evaluate(load_run(row["run"], store), PROTOCOL, {row["arm"]: row["reference"]}, store)
    said = report.compare()
    said = said[(said["arm"] == row["arm"]) & (said["metric"] == "ip")].iloc[0]
    for name, theirs in {"value": "value", "base": "base", "low": "reduction_low", "high": "reduction_high"}.items():
        assert row[name] == pytest.approx(said[theirs])
    assert row["reduction"] == pytest.approx(100 * (row["base"] - row["value"]) / abs(row["base"]))
    assert result.done
    assert result.failed == 0


def test_a_sweep_of_a_mapping_is_that_of_its_axes(store):
    grid = {"lambda_div": (0.1, 1), "generator": "generic"}
    result = sweep(base(), grid, 1, protocol=PROTOCOL, store=store, workers=1)
    assert result.sweep == small({"lambda_div": (0.1, 1.0), "generator": ("generic",)})
    with pytest.raises(ConfigError, match="none beside a sweep"):
        here(result.sweep, store, grid=grid)


# -- across seeds -------------------------------------------------------------------------------------


def table_of(wanted, reductions, states=()):
    """A made-up table: the reductions of each seed of a single cell."""
    rows = []
    for seed, reduction in enumerate(reductions):
        state, reason = states[seed] if states else ("done", "")
        facts = {"cell": 0, "lambda_div": 0.1, "seed": seed, "run": "r", "arm": "a", "reference": "b"}
        facts |= {"state": state, "reason": reason, "metric": "ip", "part": ""}
        numbers = {"value": 1 - reduction / 100, "base": 1.0, "difference": -reduction / 100, "reduction": reduction}
        rows.append({**facts, **numbers, "low": reduction - 1, "high": reduction + 1, "significant": reduction > 1})
    return pd.DataFrame(rows)[columns(wanted)]


def test_one_seed_has_no_interval_across_seeds():
    wanted = small({"lambda_div": (0.1,)})
    row = SweepResult(wanted, table_of(wanted, [5.0])).across.iloc[0]
    assert math.isnan(row["low"])
    assert math.isnan(row["sd"])
    assert row["significant"]  # by its own bootstrap


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([("done", ""), ("waiting", ""), ("failed", "why")], ("waiting", "")),
        ([("done", ""), ("done", ""), ("failed", "why")], ("failed", "why (seeds: 1 of 3)")),
        ([("failed", "why"), ("failed", "other"), ("failed", "why")], ("failed", "why")),
    ],
)
def test_states_across_seeds(states, found):
    wanted = small({"lambda_div": (0.1,)}, seeds=3)
    row = SweepResult(wanted, table_of(wanted, [1.0, 2.0, 3.0], states)).across.iloc[0]
    assert (row["state"], row["reason"]) == found


def test_many_cells_are_gathered_as_if_one_by_one():
    """Beside a slow reference that goes over each cell and metric."""
    rng = np.random.default_rng(0)
    wanted = small({"lambda_div": (0.1,)}, seeds=4)
    tables = []
    for cell in range(30):
        of_cell = table_of(wanted, rng.normal(3, 3, 4), [rng.choice(STATES) for _ in range(4)])
        gaps = rng.random(4) < 0.4
        of_cell.loc[gaps, ["value", "reduction"]] = math.nan
        tables += [of_cell.assign(cell=cell, metric=metric) for metric in ("ip", "cost")]
    table = pd.concat(tables, ignore_index=True)
    across = SweepResult(wanted, table).across
    assert across.columns.tolist() == ["cell", "lambda_div", "state", "reason", "metric", "part", "value", "base",
                                       "reduction", "low", "high", "sd", "seeds", "significant"]  # fmt: skip
    assert len(across) == 60
    for row in across.to_dict("records"):
        group = table[(table["cell"] == row["cell"]) & (table["metric"] == row["metric"])]
        known, reductions = group[group["value"].notna()], group["reduction"].dropna().to_numpy()
        low, high = student(reductions, 0.99)
        expected = {
            "value": known["value"].mean(), "base": group["base"].mean(), "reduction": known["reduction"].mean(),
            "sd": known["value"].std(), "seeds": len(known), "low": low, "high": high,
        }  # fmt: skip
        assert {name: row[name] for name in expected} == pytest.approx(expected, nan_ok=True)
        alone = bool(known["significant"].iloc[0]) if len(known) == 1 else low > 0 or high < 0
        assert row["significant"] == alone
        assert (row["state"] == "waiting") == ("waiting" in set(group["state"]))


STATES = np.array([("done", ""), ("done", ""), ("waiting", ""), ("failed", "why")], dtype=object)


def student(values, level):
    if len(values) < 2:
        return math.nan, math.nan
    return stats.t.interval(level, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))


# -- what failed --------------------------------------------------------------------------------------


def state_of(result, cell):
    row = result.across[result.across["cell"] == cell].iloc[0]
    return row["state"], row["reason"]


def test_a_cell_in_which_nothing_matures_says_so_and_keeps_its_numbers(store):
    wanted = small({"step_size": (1e-6, 0.25)}, base=base(arms__full__tau=0.99))
    result = here(wanted, store)
    assert state_of(result, 0) == ("failed", "nothing matured")
    assert result.failed >= 1
    found = result.across[result.across["cell"] == 0].set_index("metric")["value"]
    assert found["trained_mature"] == 0.0
    assert math.isfinite(found["accuracy"])


def test_a_cell_whose_numbers_run_out_of_bounds_says_so(store):
    deep = base(training__lr=10.0, training__epochs=20, model__hidden=(64,) * 8, arms__full__lambda_reg=0.0)
    result = here(small({"lambda_div": (1000.0,)}, base=deep), store)
    assert state_of(result, 0) == ("failed", "numbers ran out of bounds")
    assert result.across.set_index("metric")["value"]["skipped"] == 2.0


class Failing:
    """An engine that carries out nothing."""

    def run(self, tasks, store, cancelled):
        for task in tasks:
            yield TaskResult(task, "The machine was struck by lightning.", 0.0)


def test_a_task_that_fails_is_a_reason_and_not_an_error(store):
    seen = []
    result = sweep(small(), store=store, engine=Failing(), on_result=seen.append)
    assert state_of(result, 0) == ("failed", "The machine was struck by lightning.")
    assert [outcome.done for outcome in seen] == [False]
    assert stored_table(small(), store) is None
    assert here(small(), store).failed == 0  # asked again, it is tried again


def test_what_fails_beside_what_is_done_keeps_its_reason_and_its_stack(store):
    wanted = small({"lambda_div": [round(0.1 + 0.01 * i, 2) for i in range(14)]})
    first, second = plan(wanted, store).tasks
    result = sweep(wanted, store=store, engine=FailingBut(first))
    assert {state_of(result, cell) for cell in range(7)} == {("done", "")}
    assert {state_of(result, cell)[1] for cell in range(7, 14)} == {"The machine was struck by lightning."}
    assert [task.key for task in plan(wanted, store).tasks] == [second.key]


class FailingBut(Failing):
    """An engine that carries out a single task, after all others have failed."""

    def __init__(self, kept):
        self.kept = kept

    def run(self, tasks, store, cancelled):
        yield from super().run([task for task in tasks if task.key != self.kept.key], store, cancelled)
        yield from LocalEngine(1).run([self.kept], store, cancelled)


def test_a_full_disk_is_a_sentence_and_loses_nothing(store, monkeypatch):
    wanted = small({"lambda_div": (0.1, 1.0), "training.n_ce": (10, 20)})
    here(small({"lambda_div": (0.1, 1.0), "training.n_ce": (10,)}), store)
    import errno

    def refuse(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ctviz.experiments.store.writer.write_whole", refuse)
        said = here(wanted, store)
        patch.setattr("ctviz.studies.sweeps.catalogue.write_whole", refuse)
        with pytest.raises(StoreError, match="No space is left"):
            here(small({"lambda_div": (0.7,)}), store)
    assert [state_of(said, cell)[0] for cell in range(4)] == ["done", "failed"] * 2
    assert "No space is left" in state_of(said, 1)[1]
    assert here(wanted, store).failed == 0


# -- going on -----------------------------------------------------------------------------------------


def test_results_grow_task_by_task(store):
    wanted = small({"training.n_ce": (10, 20)})
    empty = collect(wanted, store)
    assert (empty.waiting, set(empty.across["state"])) == (2, {"waiting"})
    assert set(METRICS) == set(empty.across["metric"])
    waiting, steps = [], []
    result = here(
        wanted,
        store,
        progress=lambda *at: steps.append(at),
        on_result=lambda _: waiting.append(collect(wanted, store).waiting),
    )
    assert waiting == [1, 0]
    assert steps == [(0, 2), (1, 2), (2, 2)]
    pd.testing.assert_frame_equal(collect(wanted, store).table, result.table)


def test_a_stopped_sweep_goes_on(store):
    wanted, ends = small({"training.n_ce": (10, 20, 30)}), []
    first = here(wanted, store, on_result=ends.append, cancelled=lambda: bool(ends))
    assert first.waiting == 2
    result = here(wanted, store, on_result=ends.append)
    assert result.done
    assert len({outcome.task.key for outcome in ends}) == len(ends) == 3


KILLED = """
import sys
from pathlib import Path
from ctviz.experiments.store import Store
from ctviz.studies.sweeps.declaration import Sweep
from ctviz.studies.sweeps.sweep import sweep
if __name__ == "__main__":
    sweep(Sweep.from_json(sys.argv[2]), store=Store(Path(sys.argv[1])), workers=1)
"""


def test_nothing_is_lost_by_kill_9(store):
    wanted = small({"training.epochs": (2, 4000)})
    first, second = plan(wanted, store).tasks
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(store.root), wanted.to_json()], cwd=ROOT)
    try:
        until(lambda: process.poll() is not None or store.follow(second.run), "the second task's training")
        assert process.poll() is None, "it ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert store.status(second.run).state == "interrupted"
    begun = store.status(first.run).started
    found = collect(wanted, store)
    assert (state_of(found, 0)[0], state_of(found, 1)[0]) == ("done", "waiting")
    assert [task.key for task in plan(wanted, store).tasks] == [second.key]
    shorter = small({"training.epochs": (2, 3)})
    assert here(shorter, store).done
    assert store.status(first.run).started == begun


def test_a_finished_sweep_is_read_from_its_table(store):
    wanted = small()
    result = here(wanted, store)
    for key in set(result.table["run"]):
        store.delete(key)
    pd.testing.assert_frame_equal(here(wanted, store).table, result.table)
    (path,) = folder(store).glob("*.ctviz")
    path.write_bytes(path.read_bytes()[:-200])
    assert collect(wanted, store).waiting == 2
    assert not path.exists()


def test_a_table_that_does_not_cover_the_sweep_is_not_believed(store):
    wanted = small()
    table = here(wanted, store).table
    for other in (
        table.drop(columns="low"),
        table.iloc[:3],
        table.assign(state="waiting"),
        table.assign(cell=table["cell"] + 1),
        table.assign(lambda_div=0.3),
        table.assign(seed=7),
        pd.concat([table] * 20, ignore_index=True),
    ):
        keep_table(wanted, other, store)
        assert stored_table(wanted, store) is None
        assert [path.suffix for path in folder(store).iterdir()] == [".json"]


# -- what is refused ----------------------------------------------------------------------------------


def test_very_many_models_are_confirmed_with_their_price(store):
    wanted = small({name: [0.001 * (i + 1) for i in range(100)] for name in ("lambda_div", "lambda_adv", "lambda_reg")})
    asked = []
    with pytest.raises(ConfigError) as caught:
        here(wanted, store)
    assert "1,000,000 models" in str(caught.value)
    assert "GB" in str(caught.value)
    with pytest.raises(ConfigError):
        here(wanted, store, confirm=lambda price: asked.append(price))
    assert asked[0].models == 1_000_000 > CONFIRM_ABOVE
    assert not folder(store).exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "steam"}, "engine is 'steam'; allowed: local or ray"),
        ({"address": "somewhere:1"}, "none for the local engine"),
        ({"workers": 0}, "workers is 0; allowed: 1 to 1024"),
    ],
)
def test_an_engine_that_is_not_there(store, options, words):
    with pytest.raises(ConfigError, match=words):
        sweep(small(), store=store, **options)


def test_files(store, tmp_path):
    result = here(small(), store)
    result.to_csv(tmp_path / "a.csv")
    result.to_parquet(tmp_path / "a.parquet")
    assert len(pd.read_csv(tmp_path / "a.csv")) == len(result.table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), result.table)
    with pytest.raises(StoreError, match="could not be written"):
        result.to_csv(tmp_path / "no" / "a.csv")


def test_lists_and_words_are_columns(store):
    result = here(small({"model.hidden": ([], [8, 8]), "generator": ("generic",)}), store)
    assert result.across["model.hidden"].unique().tolist() == ["none", "8-8"]
    assert result.across["generator"].unique().tolist() == ["generic"]
    assert stored_table(result.sweep, store) is not None


def test_a_lock_asks_for_the_sensitivity_to_what_is_locked(store):
    protocol = PROTOCOL.model_copy(update={"also": ("sensitivity",)})
    result = here(small({"locked": ([], [1])}, protocol=protocol), store)
    found = result.table[result.table["metric"] == "sensitivity"]
    assert found.sort_values("cell")["part"].tolist() == ["x1", "x2"]


def test_a_preset_is_a_base_too(store):
    wanted = Experiment.preset("moons").replace({"training.epochs": 1, "data.n_train": 60, "training.n_ce": 10})
    assert sweep(wanted, {"tau": (0.6,)}, protocol=PROTOCOL, store=store, workers=1).done
