"""``ctviz evaluate``: a table, JSON and files of a stored run; one sentence for what cannot be."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctviz.cli import app
from ctviz.experiments.reports import Report

SETTINGS = ["--set", "rounds=3", "--set", "factuals=10", "--set", "lambda_egy=[1, 5]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def ctviz(home, monkeypatch):
    """Runs a command in this process; its store is shared by the tests of this module."""
    monkeypatch.setenv("CTVIZ_HOME", str(home))

    def call(*args):
        return CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False)

    return call


def test_a_shipped_preset_needs_no_training(ctviz):
    result = ctviz("evaluate", "moons", *SETTINGS)
    assert result.exit_code == 0, result.stderr
    head, *lines = result.stdout.splitlines()
    assert "99 % interval" in head and "s.e." in head
    assert any(line.startswith("IP ") and "*" in line for line in lines)
    assert sum(line.startswith("FGSM ε = ") for line in lines) == 1
    assert "3 rounds of 10 test samples" in result.stdout


def test_json_has_the_comparison_and_the_means(ctviz):
    result = ctviz("evaluate", "objectives", *SETTINGS, "--against", "energy", "--json")
    found = json.loads(result.stdout)
    assert found["protocol"]["rounds"] == 3 and found["notes"] == []
    assert {row["arm"] for row in found["comparison"]} == {"vanilla", "adversarial", "full"}
    assert {row["reference"] for row in found["comparison"]} == {"energy"}
    assert {row["arm"] for row in found["arms"]} == {"vanilla", "adversarial", "energy", "full"}
    assert all(row["significant"] in (True, False) for row in found["comparison"])


def test_json_has_calibration_and_acceptance(ctviz):
    found = json.loads(ctviz("evaluate", "moons", *SETTINGS, "--json").stdout)
    errors = {row["arm"]: row for row in found["arms"] if row["metric"] == "calibration"}
    assert set(errors) == {"vanilla", "full"} and all(0 <= row["value"] <= row["high"] <= 1 for row in errors.values())
    assert sum(row["count"] for row in found["reliability"]) == 2 * 600
    assert all(row["low"] <= row["confidence"] <= row["high"] + 1e-6 for row in found["reliability"])
    assert [row["arm"] for row in found["acceptance"]] == ["vanilla", "full"]
    assert all(0 < row["threshold"] < 1 and row["rate"] == pytest.approx(0.5, abs=0.1) for row in found["acceptance"])
    said = ctviz("evaluate", "moons", *SETTINGS).stdout
    assert "ECE" in said and "score from which on as many are accepted" in said


def test_the_cheapest_counterfactuals_judge_too_when_asked(ctviz):
    result = ctviz("evaluate", "moons", *SETTINGS, "--exact", 4)
    assert result.exit_code == 0, result.stderr
    assert sum(" exact " in line for line in result.stdout.splitlines()) == 4
    found = json.loads(ctviz("evaluate", "moons", *SETTINGS, "--exact", 4, "--json").stdout)
    assert found["protocol"]["exact"] == 4
    (row,) = (row for row in found["comparison"] if row["metric"] == "exact_proved")
    assert row["value"] == row["base"] == 1 and row["factuals"] <= 4


def test_every_round_goes_into_files(ctviz, tmp_path):
    csv, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    result = ctviz("evaluate", "moons", *SETTINGS, "--csv", csv, "--parquet", parquet)
    assert result.exit_code == 0, result.stderr
    report = Report.read(parquet)
    assert report.arms == ("vanilla", "full") and report.protocol.rounds == 3
    assert len(pd.read_csv(csv)) == len(pd.read_parquet(parquet)) == len(report.table)


def test_a_run_without_a_reference_shows_its_means(ctviz):
    tiny = ["--set", "arms=full", "--set", "training.epochs=1", "--set", "evaluation.field=0"]
    key = json.loads(ctviz("train", "moons", *tiny, "--json").stdout)["key"]
    result = ctviz("evaluate", key, *SETTINGS)
    assert result.exit_code == 0 and "beside" not in result.stdout.splitlines()[0]
    assert any(line.startswith("validity") for line in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["moons", "--set", "rounds=1"], "rounds is 1; allowed"),
        (["moons", "--set", "round=9"], "round is 9; allowed: no such setting"),
        (["moons", "--set", "rounds"], "--set is 'rounds'; allowed: name=value"),
        (["moons", "--against", "nobody"], "--against is 'nobody'; allowed: one of vanilla, full"),
        (["moons", "--device", "tpu"], "device is 'tpu'; allowed: auto, cpu or cuda"),
        (["moons", "--engine", "steam"], "engine is 'steam'; allowed: local or ray"),
        (["moons", "--engine", "ray", "--device", "cuda"], "device is 'cuda'; allowed: cpu with the engine ray"),
        (["moons", "--exact", "-1"], "exact is -1; allowed"),
        (["mnist", *SETTINGS, "--exact", "5"], "generator is 'exact'; allowed: another one for data of more than 256"),
        (["blobs"], "blobs has not been trained yet"),
        (["0123456789abcdef"], "run is '0123456789abcdef'; allowed"),
        (["moons", *SETTINGS, "--csv", "/nowhere/at/all.csv"], "/nowhere/at/all.csv could not be written"),
    ],
)
def test_bad_requests_are_one_sentence(ctviz, args, sentence):
    result = ctviz("evaluate", *args)
    assert result.exit_code == 2 and result.stdout == ""
    *_, last = result.stderr.strip().splitlines()
    assert last.startswith(sentence)


def test_an_estimate_evaluates_nothing(ctviz):
    said = ctviz("evaluate", "moons", "--set", "rounds=4", "--estimate")
    assert said.exit_code == 0 and said.stdout.startswith("About ")
    assert json.loads(ctviz("evaluate", "moons", "--set", "rounds=4", "--estimate", "--json").stdout)["seconds"] > 0


def test_another_engine_evaluates_the_stored_run_and_leaves_its_report(ctviz, monkeypatch):
    from ctviz.experiments.engines import choice
    from tests.studies.reproduce.here import Here

    given = []

    class Elsewhere(Here):
        def __init__(self, workers, address):
            super().__init__()
            self.given = given
            assert address == "ray-host:6379"

        def close(self):
            pass

    monkeypatch.setattr(choice, "engine_of", lambda name, workers, address: Elsewhere(workers, address))
    result = ctviz("evaluate", "moons", *SETTINGS, "--set", "seed=1", "--engine", "ray", "--address", "ray-host:6379")
    assert result.exit_code == 0, result.stderr
    assert [task.protocol.rounds for task in given] == [3]
    assert "evaluating" not in result.stderr  # its report was there when it was asked for here
