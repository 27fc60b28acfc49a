"""The sweep that the controls describe, and what is said where they describe none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctviz.catalogue.settings import OFFERED
from ctviz.cli import app
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.cost import Estimate
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store
from ctviz.studies.sweeps.declaration import Axis, Sweep
from ctviz.studies.sweeps.paper_studies import STUDIES, study
from ctviz.studies.sweeps.sweep import steps_of
from ctviz.ui.tradeoffs.bounds import MOST_MODELS
from ctviz.ui.tradeoffs.new_sweep import axes_of, axes_of_study, planned, sweep_of, takes, wanted_by_study
from ctviz.ui.tradeoffs.sweep_export import command_line, python_code
from ctviz.ui.tradeoffs.tradeoffs_view import FIRST, TradeoffsView
from tests.studies.sweeps.small import small

MOONS = Experiment.preset("moons")


def values(sweep: Sweep) -> dict[str, tuple]:
    return {axis.setting: axis.values for axis in sweep.axes}  # noqa: PD011 (an axis is no table)


def test_without_a_wish_there_is_a_sweep_to_start_from() -> None:
    sweep = sweep_of(MOONS, TradeoffsView())
    assert tuple(values(sweep)) == FIRST
    assert sweep.models <= MOST_MODELS
    assert sweep.arm == "full"


@pytest.mark.parametrize("name", OFFERED)
def test_every_setting_that_is_offered_can_be_swept_with_its_first_values(name: str) -> None:
    sweep = sweep_of(MOONS, TradeoffsView(grid={name: OFFERED[name]}))
    assert sweep.size == len(OFFERED[name].split(","))


def test_values_seeds_rounds_and_lock_are_those_of_the_controls() -> None:
    view = TradeoffsView(
        grid={"generator": "eccco,  generic", "training.n_ce": "100,1000,"}, seeds=2, rounds=8, lock="x2"
    )
    sweep = sweep_of(MOONS, view)
    assert values(sweep) == {"generator": ("eccco", "generic"), "training.n_ce": (100, 1000)}
    assert (sweep.seeds, sweep.protocol.rounds) == (2, 8)
    assert all(arm.locked == ("x2",) for arm in sweep.base.arms)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"lambda_div": "0.1, abc"}, "lambda_div"),
        ({"tau": "0.5, 2"}, "tau"),
        ({"tau": " , "}, "one value or more"),
        ({"lambda_dvi": "1"}, "lambda_div"),
        ({"generator": "magic"}, "eccco"),
        ({"training.epochs": "0"}, "training.epochs"),
        ({"lambda_div": ",".join(str(i) for i in range(1, 201))}, f"at most {MOST_MODELS} models"),
        (dict.fromkeys(list(OFFERED)[:3] + list(OFFERED)[4:7], "1"), "at most 5"),
    ],
)  # fmt: skip
def test_what_is_not_possible_is_a_sentence(grid: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        sweep_of(MOONS, TradeoffsView(grid=grid))


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_of_the_paper_fills_the_form(name: str) -> None:
    written = TradeoffsView(grid=axes_of_study(name, MOONS))
    of_form = {setting: tuple(part.strip() for part in text.split(",")) for setting, text in axes_of(written).items()}
    assert {setting: len(parts) for setting, parts in of_form.items()} == {
        axis.setting: len(axis.values) for axis in study(name, MOONS).axes
    }
    assert set(of_form) <= set(OFFERED)


@pytest.mark.parametrize("name", ["", 'three """ quotes', "'" * 3, "a back\\slash\\", '\\"""\n{0}'])
def test_the_code_describes_the_same_sweep(name: str, monkeypatch) -> None:
    view = TradeoffsView(grid={"tau": "0.5,0.9"}, lock="x1", rounds=7)
    sweep = sweep_of(MOONS.replace({"data.noise": 0.2}), view).model_copy(update={"name": name})
    asked = []
    result = SimpleNamespace(across=pd.DataFrame({"metric": []}), to_csv=asked.append)
    monkeypatch.setattr("ctviz.sweep", lambda what: asked.append(what) or result, raising=False)
    exec(compile(python_code(sweep, "stem"), "code", "exec"), {})
    assert asked == [sweep, "stem.csv"]


def test_the_command_computes_the_same_sweep_from_its_file(tmp_path, monkeypatch) -> None:
    sweeps = [
        sweep_of(MOONS.replace({"data.noise": 0.2}), TradeoffsView(grid={"tau": "0.5,0.9"}, lock="x1", rounds=7)),
        Sweep(base=MOONS.replace({"seed": 3}), arm="vanilla", sample="sobol", count=4, seed=1,
              axes=(Axis(setting="training.lr", low=0.001, high=0.01, scale="log"),), protocol=Protocol(tau=0.6)),
    ]  # fmt: skip
    asked = []
    monkeypatch.chdir(tmp_path)

    def estimate(wanted: Sweep, *_: object) -> Estimate:
        asked.append(wanted)
        return Estimate(seconds=0.0)

    monkeypatch.setattr("ctviz.studies.sweeps.plan.estimate", estimate)
    for sweep in sweeps:
        Path("stem.toml").write_text(sweep.to_toml(), encoding="utf-8")
        done = CliRunner().invoke(app, [*command_line("stem").split()[1:], "--estimate"])
        assert done.exit_code == 0, done.output
    assert asked == sweeps


@pytest.mark.parametrize(("name", "seeds"), [("generators", 2), ("penalties", 3), ("ablation", 3)])
def test_a_study_is_proposed_with_as_many_seeds_as_the_page_bears(name: str, seeds: int) -> None:
    wanted = wanted_by_study(name, MOONS, 3)
    assert wanted["seeds"] == seeds
    sweep_of(MOONS, TradeoffsView(**wanted))


def test_the_models_that_are_announced_are_those_of_the_sweep(tmp_path) -> None:
    service = SimpleNamespace(store=Store(tmp_path))
    found = planned(service, sweep_of(MOONS, TradeoffsView(grid={"lambda_reg": "0.1, 0.5, 1"}, seeds=10)))
    # Each stack holds the conventional models that its own need; here some are in two.
    assert sum(len(task.experiment.arms) for task in found.tasks) > 40
    step = next(steps_of(found, service.store))
    assert sum(map(step.units, step.tasks)) == 30
    told = takes(found)
    assert told.startswith(
        "3 cells × 10 seeds: 30 models, and 10 conventional to compare with. 30 are still to be done"
    )


def test_what_is_solved_exactly_is_in_the_estimate(tmp_path) -> None:
    service, grid = SimpleNamespace(store=Store(tmp_path)), {"lambda_reg": "0.1, 0.5"}
    without, judged = (planned(service, sweep_of(MOONS, TradeoffsView(grid=grid, exact=n))) for n in (0, 100))
    assert judged.solving == pytest.approx(judged.seconds - without.seconds) and without.solving == 0
    assert "of it for what is solved exactly" in takes(judged) and "exactly" not in takes(without)


def test_a_network_that_cannot_be_solved_exactly_is_told_before_it_is_trained(tmp_path) -> None:
    service = SimpleNamespace(store=Store(tmp_path))
    smooth = MOONS.replace({"model.activation": "tanh"})
    view = TradeoffsView(grid={"lambda_reg": "0.1, 0.5"}, exact=25)
    with pytest.raises(ConfigError, match="exact is 25; allowed: 0, but for networks of ReLU layers"):
        planned(service, sweep_of(smooth, view))
    planned(service, sweep_of(smooth, view.model_copy(update={"exact": 0})))


def test_models_of_a_stack_that_was_trained_for_another_sweep_are_not_counted(tmp_path) -> None:
    service = SimpleNamespace(store=Store(tmp_path))
    wide, narrow = small({"lambda_div": (0.1, 0.5, 1.0)}), small({"lambda_div": (0.5,)}, protocol=Protocol(rounds=2))
    planned(service, wide).tasks[0].compute(service.store, "cpu", lambda: False)
    found = planned(service, narrow)
    assert [len(task.experiment.arms) for task in found.tasks] == [4]  # trained, and to be evaluated
    assert takes(found).startswith(
        "1 cell × 1 seed: 1 model, and 1 conventional to compare with. 1 is still to be done"
    )
    assert takes(planned(service, wide)).endswith("All of them are trained and evaluated already.")
