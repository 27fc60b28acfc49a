"""``ctviz sweep`` and ``ctviz sweeps``."""

import csv
import json
import os
import signal
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from ctviz.cli import app
from ctviz.experiments.store import Store
from ctviz.studies.sweeps.declaration import Sweep
from ctviz.studies.sweeps.plan import plan
from tests.studies.sweeps.small import CHANGES, PROTOCOL, small
from tests.waiting import PATIENCE, until

SETTINGS = [word for path, value in CHANGES.items() for word in ("--set", f"{path}={json.dumps(value)}")]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def ctviz(home, monkeypatch):
    monkeypatch.setenv("CTVIZ_HOME", str(home))

    def call(*args):
        return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)

    return call


@pytest.fixture
def file(tmp_path):
    """A sweep as a file: two cells that take a moment."""
    path = tmp_path / "sweep.toml"
    path.write_text(small(name="tiny").to_toml(), encoding="utf-8")
    return path


def test_a_grid_from_the_command_line(ctviz, tmp_path):
    grid = ["--grid", "lambda_div=0.1,1", "--grid", "model.hidden=[],[8]", "--seeds", 2, "--rounds", 3]
    files = ["--csv", tmp_path / "a.csv", "--parquet", tmp_path / "a.parquet"]
    result = ctviz("sweep", "moons", *grid, *SETTINGS, "--workers", 1, "--json", *files)
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert (said["models"], said["waiting"]) == (8, 0)
    assert {row["model.hidden"] for row in said["rows"]} == {"none", "8"}
    assert "moons: 8 of 8 models" in result.stderr
    with (tmp_path / "a.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["lambda_div"] for row in rows} == {"0.1", "1.0"}
    assert len(pd.read_parquet(tmp_path / "a.parquet")) == len(rows)


def test_a_sweep_from_a_file_with_its_table(ctviz, file):
    result = ctviz("sweep", file, "--workers", 1)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0].split()[:4] == ["lambda_div", "ip", "less", "%"]
    assert small().key in result.stdout
    listed = json.loads(ctviz("sweeps", "--json").stdout)
    assert {"key": small().key, "name": "tiny", "complete": True}.items() <= next(
        each for each in listed if each["key"] == small().key
    ).items()
    assert small().key in ctviz("sweeps").stdout
    assert ctviz("sweeps", "delete", small().key).exit_code == 0
    assert ctviz("sweeps", "delete", small().key).exit_code == 2


def test_an_estimate_trains_nothing(ctviz, file, home):
    result = ctviz("sweep", file, "--seeds", 40, "--estimate", "--json")
    assert json.loads(result.stdout)["models"] == 80
    assert "80 models" in ctviz("sweep", file, "--seeds", 40, "--estimate").stdout
    seconds = [
        json.loads(ctviz("sweep", file, "--exact", n, "--rounds", 2, "--estimate", "--json").stdout)["seconds"]
        for n in (0, 50)
    ]
    assert seconds[1] > seconds[0], "what is solved exactly takes time too"
    assert "45 models" in ctviz("sweep", "--study", "penalties", "--data", "moons", "--estimate").stdout
    key = Sweep.from_toml(file.read_text(encoding="utf-8")).model_copy(update={"seeds": 40}).key
    assert not (home / "sweeps" / f"{key}.json").exists()


def test_a_sample_from_ranges(ctviz):
    ranges = ["--range", "tau=0.5:0.9", "--range", "training.lr=0.001:0.1:log"]
    result = ctviz("sweep", "moons", "--sample", "sobol", "--count", 8, *ranges, *SETTINGS, "--estimate")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("8 models")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["moons"], "grid is []; allowed: one setting to twelve"),
        (["moons", "--grid", "lambda_dvi=1"], "grid is 'lambda_dvi'"),
        (["moons", "--grid", "lambda_div"], "--grid is 'lambda_div'; allowed: setting=values"),
        (["moons", "--grid", "lambda_div="], "lambda_div is []; allowed: one value or more"),
        (["moons", "--grid", "tau=0.6,7"], "tau is 7; allowed: less than 1 (first in cell 1: tau 7)"),
        (["moons", "--range", "tau=0.5", "--sample", "random"], "--range is 'tau=0.5'"),
        (["moons", "--grid", "tau=0.6", "--engine", "steam"], "engine is 'steam'; allowed: local or ray"),
        (["moons", "--grid", "tau=0.6", "--workers", "0"], "workers is 0"),
        (["moons", "--grid", "tau=0.6", "--csv", "/no/such/folder/a.csv"], "a file in a folder that is there"),
        (["--study", "penalty"], "study is 'penalty'; allowed: one of penalties"),
        (["moons", "--data", "ls", "--grid", "tau=0.6"], "data is 'ls'; allowed: none beside"),
        ([], "sweep is None; allowed: a preset"),
        (["moons", "--sample", "sobol", "--count", "99999", "--range", "tau=0.5:0.9"], "99,999 models"),
    ],
)
def test_a_bad_request_is_one_sentence(ctviz, words, said):
    result = ctviz("sweep", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_ctrl_c_keeps_what_is_done(home, tmp_path):
    wanted = small({"training.epochs": (3, 9999)}, protocol=PROTOCOL)
    path = tmp_path / "long.toml"
    path.write_text(wanted.to_toml(), encoding="utf-8")
    command = [sys.executable, "-m", "ctviz", "sweep", str(path), "--workers", "1"]
    store = Store(home)
    _, long = plan(wanted, store).tasks
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "CTVIZ_HOME": str(home)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        until(lambda: process.poll() is not None or store.follow(long.run), "the second task's training")
        assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "What is done is kept" in said
    assert "Traceback" not in said
    assert sum(info.state == "done" and info.epochs == 3 for info in store.list()) >= 1
