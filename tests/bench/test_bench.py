"""The benchmark's arithmetic, and that each part of it still runs and finds what it is to find."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
import torch

from ctviz.bench import browser, digits, generators, main, search, training
from ctviz.bench.measure import BenchRow, Goal, alternate, one_core, ratio, table, timed
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import TrainingGeneratorName
from ctviz.data.catalogue import load
from ctviz.errors import ConfigError, CtvizError
from ctviz.evaluation.attribution import AttributionSettings, attribute
from ctviz.evaluation.baselines import uniform_baselines
from ctviz.experiments.config import Experiment
from ctviz.models.stack import Stack
from ctviz.training.arm import Arm


def test_contenders_take_turns_and_the_warm_up_does_not_count():
    calls: list[str] = []

    def contender(name: str, taken: list[float]):
        times = iter(taken)

        def run() -> float:
            calls.append(name)
            return next(times)

        return run

    times = alternate({"a": contender("a", [9, 1, 2, 3]), "b": contender("b", [9, 4, 5, 6])}, rounds=3)
    assert times == {"a": [1, 2, 3], "b": [4, 5, 6]}
    assert calls == ["a", "b", "b", "a", "a", "b", "b", "a"]


def test_ratio_is_the_median_of_the_rounds_ratios():
    assert ratio([10.0, 30.0, 8.0], [1.0, 10.0, 2.0]) == 4.0


def test_timed_takes_the_time_of_the_work():
    done = []
    assert timed(lambda: done.append(1))() > 0
    assert done == [1]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not bind processes to cores")
@pytest.mark.usefixtures("two_threads")
def test_one_core_is_given_back():
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    with one_core():
        assert len(os.sched_getaffinity(0)) == torch.get_num_threads() == 1
    assert (os.sched_getaffinity(0), torch.get_num_threads()) == (cores, threads)


@pytest.mark.parametrize(
    ("goal", "figure", "verdict"),
    [
        (Goal("≥", 3), 3.0, "yes"),
        (Goal("≥", 3), 2.9, "NO"),
        (Goal("≤", 5), 5.0, "yes"),
        (Goal("≤", 5), 5.1, "NO"),
        (None, 1.0, ""),
        (Goal("≤", 5), None, ""),
    ],
)
def test_verdict(goal: Goal | None, figure: float | None, verdict: str):
    assert BenchRow("group", "what", "ms", figure=figure, goal=goal).verdict == verdict


def test_table_aligns_columns_and_shows_what_is_missing():
    rows = [
        BenchRow("Speed", "fast", "ms", 1.5, 1234.5, 823.0, Goal("≥", 3), "note"),
        BenchRow("Speed", "a peer", "µs", note="not installed"),
        BenchRow("App", "page", "s", ours=2.0),
    ]
    lines = table(rows).splitlines()
    assert lines[1].split() == ["fast", "1.5", "1,234", "ms", "823", "≥", "3", "yes", "note"]
    assert lines[2].split() == ["a", "peer", "–", "–", "µs", "–", "not", "installed"]
    assert lines[1].index("ms") == lines[2].index("µs") == lines[0].index("unit")
    assert lines[3] == "" and lines[4].startswith("App")


def test_grid_is_the_papers():
    arms = training.grid(Experiment.preset("ls").arms[-1])
    weights = {(arm.lambda_div, arm.lambda_adv, arm.lambda_reg) for arm in arms}
    assert len(arms) == len(weights) == len({arm.name for arm in arms}) == 45


def test_training_part_measures_two_and_45_arms(monkeypatch: pytest.MonkeyPatch):
    few = Experiment.preset("ls").replace({"data.n_train": 200, "training.batch": 50, "training.n_ce": 40})
    monkeypatch.setattr(training, "Experiment", SimpleNamespace(preset=lambda name: few))
    two, many, *rivals, scaling = training.measure(epochs=1, rounds=1)
    assert [row.goal for row in rivals] == [goal for _, goal in training.RIVALS.values()]
    assert (two.goal, many.goal, scaling.goal) == (Goal("≥", 3), Goal("≥", 15), Goal("≤", 5))
    for row in (two, many, scaling, *rivals):
        assert row.ours and row.beside and row.figure
    assert many.beside == pytest.approx(many.figure * many.ours)
    assert scaling.figure == pytest.approx(scaling.ours / scaling.beside)


def interpreter(folder: Path, there: str) -> str:
    """Stands in for a Python with one of the peers, whose answers are made up, and without the others."""
    path = folder / "python"
    program = f"""#!{sys.executable} -S
import sys
if sys.argv[-2] == {there!r}:
    print('{{"ready": "peer 1.0"}}', flush=True)
    for line in sys.stdin:
        print('{{"microseconds": 7.0}}', flush=True)
else:
    print('{{"missing": "no such library"}}')
"""
    path.write_text(program, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_search_part_measures_peers_and_says_which_are_missing(tmp_path: Path):
    rows = search.measure(rounds=1, at_once=50, interpreters=[interpreter(tmp_path, "jax")])
    assert [bool(row.figure) for row in rows] == [True, True, False, True, False]
    assert [row.note for row in (rows[2], rows[4])] == ["not installed (no such library)"] * 2
    assert rows[3].beside == 7.0 and rows[3].note.endswith("peer 1.0")


def test_a_peer_that_ends_is_reported(tmp_path: Path):
    peer = tmp_path / "python"
    peer.write_text(f'#!{sys.executable} -S\nprint(\'{{"ready": "peer 1.0"}}\')\n', encoding="utf-8")
    peer.chmod(0o755)
    with pytest.raises(CtvizError, match="ended in the middle"):
        search.measure(rounds=1, at_once=20, interpreters=[str(peer)])


@pytest.mark.usefixtures("hasty_autoencoders_here")
def test_generators_part_measures_each_and_peers_and_says_which_are_missing(tmp_path: Path):
    rows = generators.measure(rounds=1, at_once=50, interpreters=[interpreter(tmp_path, "dice genetic")])
    assert [row.what for row in rows[:-2]] == [GENERATORS[name].title for name in get_args(TrainingGeneratorName)]
    assert all(row.ours and row.figure == pytest.approx(1e6 / row.ours) and "mature" in row.note for row in rows[:-2])
    several, genetic = rows[-2:]
    assert several.note == "not installed (no such library)"
    assert genetic.beside == 7.0 and genetic.figure and genetic.note == "× faster than peer 1.0"


def few_digits() -> tuple[Experiment, tuple[Arm, Arm]]:
    changes = {"data.n_train": 60, "data.n_validation": 20, "data.n_test": 20, "training.batch": 30}
    experiment = Experiment.preset("mnist").replace({**changes, "training.n_ce": 10})
    return experiment, (experiment.arms[0], experiment.arms[-1])


def test_the_papers_two_models_are_the_first_and_the_one_with_locks() -> None:
    experiment, (vanilla, full) = digits.setting()
    assert vanilla == experiment.arms[0] and not vanilla.trains_on_counterfactuals
    assert full.trains_on_counterfactuals and full.locked == ("rows 1-5", "rows 24-28")
    assert (experiment.training.epochs, experiment.training.batch, experiment.training.n_ce) == (100, 1000, 5000)


def test_digits_part_measures_training_memory_and_attributions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "setting", few_digits)
    monkeypatch.setattr(digits, "DIGITS", 10)
    asked: list[tuple[int, str]] = []

    def run(epochs: int, device: str) -> dict[str, float | None]:
        asked.append((epochs, device))
        return {"seconds": 80.0, "megabytes": 2500.0}

    monkeypatch.setattr(digits, "_in_a_process", run)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    beside, whole, memory, attributions, gpu = digits.measure(epochs=100, rounds=1)
    assert asked == [(100, "cpu")]
    assert beside.ours and beside.beside and beside.figure and "10 epochs" in beside.note
    assert (whole.figure, whole.verdict, memory.figure, memory.verdict) == (80.0, "yes", 2500.0, "NO")
    assert attributions.figure == attributions.ours and attributions.beside and attributions.goal == Goal("≤", 2)
    assert gpu.figure is None and gpu.note == "not measured: torch has no GPU here"


def test_a_shorter_run_of_digits_has_no_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "_in_a_process", lambda epochs, device: {"seconds": 1.0, "megabytes": None})
    assert [row.goal for row in digits._whole(5)] == [None, None]


def test_a_run_of_digits_tells_its_time_and_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(digits, "setting", few_digits)
    digits.main(2, "cpu")
    told = json.loads(capsys.readouterr().out)
    assert told["seconds"] > 0 and (told["megabytes"] is None or 50 < told["megabytes"] < 50_000)


def test_a_run_of_digits_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    fails = ["/bin/sh", "-c", "echo first; echo 'no such device' >&2; exit 1"]
    monkeypatch.setattr(digits, "python", lambda *words: (fails, dict(os.environ)))
    with pytest.raises(CtvizError, match="The run of 1 epochs did not come to its end: no such device"):
        digits._in_a_process(1, "no such device")


def test_attributions_beside_ours_are_the_same_numbers() -> None:
    experiment, _ = few_digits()
    data = load(experiment.data)
    stack = Stack.initialise(experiment.model, data.d, data.k, [0, 1])
    X, classes = data.test[0][:3], torch.tensor([[0, 1, 2], [3, 4, 5]])
    start = uniform_baselines(*X.shape)
    own = attribute(stack, X, classes, AttributionSettings(steps=digits.STEPS), baselines=start)
    torch.testing.assert_close(digits.one_by_one(stack, X, classes, start), own.values, rtol=1e-3, atol=1e-4)


def test_app_part_says_why_it_could_not_be_measured(monkeypatch: pytest.MonkeyPatch):
    def fail() -> None:
        raise CtvizError("The server did not start.")

    monkeypatch.setattr(browser, "serving", fail)
    rows = browser.measure(rounds=1)
    assert len(rows) == len(browser.FIGURES)
    assert {row.note for row in rows} == {"not measured: The server did not start."}


def test_report_is_printed_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    row = BenchRow("Training", "an epoch", "ms", 2.0, 8.0, 4.0, Goal("≥", 5), "note")
    monkeypatch.setattr(training, "measure", lambda epochs, rounds: [row])
    file = tmp_path / "report.json"
    arguments = ["--only", "training", "--json", str(file)]
    assert main(arguments) == 0
    assert main([*arguments, "--strict"]) == 1
    assert "an epoch" in capsys.readouterr().out
    report = json.loads(file.read_text(encoding="utf-8"))
    assert report["rows"] == [
        {
            "group": "Training", "what": "an epoch", "unit": "ms", "ours": 2.0, "beside": 8.0, "figure": 4.0,
            "goal": {"sign": "≥", "value": 5}, "note": "note", "met": False,
        }
    ]  # fmt: skip
    assert report["machine"]["cores"] >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "magic"],
        ["--epochs", "0"],
        ["--rounds", "x"],
        ["--peers", "no-such-python"],
        ["--json", "no-such-folder/report.json"],
    ],
)
def test_bad_arguments_are_named(arguments: list[str], capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert arguments[1] in error and "allowed" in error


def test_an_interpreter_may_be_named_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As ``make bench`` does, though the process starts elsewhere."""
    monkeypatch.chdir(Path(sys.executable).parent)
    with search.talking_to(Path(sys.executable).name, "dice", tmp_path / "problem") as process:
        assert process.poll() is None
    with pytest.raises(ConfigError, match="nowhere"), search.talking_to("nowhere/python", "dice", tmp_path / "problem"):
        pass
