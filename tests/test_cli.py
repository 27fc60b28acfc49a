"""The command line: results on standard output, one sentence for every bad request, nothing half-written."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from safetensors import safe_open
from typer.testing import CliRunner

from ctviz import __version__
from ctviz.cli import app
from ctviz.experiments.config import Experiment
from tests.tiny import SETTINGS, TINY
from tests.waiting import PATIENCE

RESULTS = {"name", "accuracy", "mature", "ip", "ip_star", "cost", "validity", "robust_accuracy"}


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


@pytest.fixture
def trained(ctviz):
    """The key of a tiny run in the store."""
    result = ctviz("train", "moons", *SETTINGS, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["key"]


def start(home, *args):
    """Starts a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "ctviz", *args],
        env={**os.environ, "CTVIZ_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def test_help_names_every_command(ctviz):
    result = ctviz("--help")
    assert result.exit_code == 0
    for command in ("serve", "train", "runs", "presets", "datasets", "export", "bench"):
        assert f"  {command} " in result.stdout


def test_what_is_loaded_besides_neither_complains_nor_writes_into_the_home(tmp_path):
    """Into an empty one, and into one that cannot be written: from where torch is there on, a process for each.

    Matplotlib, which captum asks for, would do both.
    """
    code = """
import contextlib, os, sys
import torch
child = os.fork()
if not child:
    os.environ.update(HOME="/dev/null", CTVIZ_HOME=sys.argv[1])
from ctviz.cli import main
sys.argv = ["ctviz", "--version"]
with contextlib.suppress(SystemExit):
    main()
import captum.attr, captum.robust, ctviz.evaluation.methods, ctviz.evaluation.robustness, ctviz.figures.boundary
if child:
    sys.exit(os.waitpid(child, 0)[1])
"""
    home = tmp_path / "empty"
    home.mkdir()
    variables = {**os.environ, "HOME": str(home), "CTVIZ_HOME": str(tmp_path / "0")}
    variables.pop("MPLCONFIGDIR", None)
    command = [sys.executable, "-c", code, str(tmp_path / "1")]
    done = subprocess.run(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stdout) == (0, f"ctviz {__version__}\n" * 2)
    assert not list(home.iterdir())


def test_the_command_line_loads_nothing_heavy():
    code = "import sys, ctviz.cli; print(sorted({'torch', 'pandas', 'streamlit', 'plotly'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], encoding="utf-8").strip() == "[]"


def test_train_prints_one_json_object_and_progress_beside_it(ctviz, tmp_path, monkeypatch):
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path))  # where nothing has been trained
    result = ctviz("train", "moons", *SETTINGS, "--json")
    out, err = result.stdout, result.stderr
    assert result.exit_code == 0, err
    assert out.count("\n") == 1
    report = json.loads(out)
    assert set(report) == {"key", "seconds", "arms"}
    assert report["key"] == Experiment.preset("moons").replace(TINY).key
    assert [arm["name"] for arm in report["arms"]] == ["vanilla", "full"]
    for arm in report["arms"]:
        assert set(arm) == RESULTS
        assert 0 <= arm["accuracy"] <= 1
    assert "epoch 2 of 2" in err


def test_what_does_not_apply_is_null(ctviz):
    result = ctviz("train", "moons", *SETTINGS, "--json")
    assert result.exit_code == 0, result.stderr
    arms = {arm["name"]: arm for arm in json.loads(result.stdout)["arms"]}
    assert arms["vanilla"]["mature"] is None, "a conventional arm searches no counterfactuals while it trains"


def test_without_json_a_table(ctviz):
    result = ctviz("train", "moons", *SETTINGS)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split()[:2] == ["arm", "accuracy"]
    assert [line.split()[0] for line in lines[1:3]] == ["vanilla", "full"]
    assert "diverged" not in result.stdout


def test_a_model_that_has_diverged_is_named_beside_the_results_and_by_the_exit_code(ctviz):
    jem = ("arms.full.method=jem", "arms.full.sgld_step_size=1000", "arms.full.lambda_gen=1000")
    wild = ("training.lr=10", *jem)
    result = ctviz("train", "moons", *SETTINGS, *(word for one in wild for word in ("--set", one)), "--json")
    assert result.exit_code == 3 and len(json.loads(result.stdout)["arms"]) == 2
    assert "full: training has diverged; " in result.stderr and "vanilla: training" not in result.stderr


def test_out_holds_everything_about_the_run(ctviz, tmp_path):
    out = tmp_path / "new" / "results"
    result = ctviz("train", "moons", *SETTINGS, "--out", out, "--json")
    assert result.exit_code == 0, result.stderr
    names = {"history.csv", "experiment.toml", "summary.json", "weights.safetensors"}
    assert {path.name for path in out.iterdir()} == names
    report = json.loads(result.stdout)
    assert json.loads((out / "summary.json").read_text(encoding="utf-8")) == report
    assert Experiment.from_toml((out / "experiment.toml").read_text(encoding="utf-8")).key == report["key"]
    rows = list(csv.DictReader((out / "history.csv").open(encoding="utf-8")))
    assert set(rows[0]) == {"epoch", "arm", "metric", "value"}
    with safe_open(out / "weights.safetensors", "numpy") as weights:
        assert "full/0.weight" in weights.keys()  # noqa: SIM118 (a safetensors file is no dict)
        assert weights.get_tensor("full/0.weight").shape == (32, 2)


def test_a_range_with_one_end_and_half_way_boxes_survive_training_and_export(ctviz, tmp_path):
    settings = [*SETTINGS, "--set", 'arms.full.ranges=[["x1", null, 0.5], [1, -1, null]]', "--json"]
    settings += ["--set", "arms.full.epsilon_rule=halfway", "--set", "arms.full.epsilon_share=0.75"]
    first = ctviz("train", "circles", *settings, "--out", tmp_path)
    assert first.exit_code == 0, first.stderr
    text = (tmp_path / "experiment.toml").read_text(encoding="utf-8")
    experiment = Experiment.from_toml(text)
    assert experiment.arms[1].ranges == ((1, -1.0, None), ("x1", None, 0.5))
    assert (experiment.arms[1].epsilon_rule, experiment.arms[1].epsilon_share) == ("halfway", 0.75)
    assert experiment.key == json.loads(first.stdout)["key"]
    again = ctviz("train", tmp_path / "experiment.toml", "--json")
    assert json.loads(again.stdout)["key"] == experiment.key


def test_a_toml_file_is_trained(ctviz, tmp_path):
    path = tmp_path / "mine.toml"
    experiment = Experiment.preset("circles").replace(TINY)
    path.write_text(experiment.to_toml(), encoding="utf-8")
    result = ctviz("train", path, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["key"] == experiment.key


BAD = {
    "no such preset": (["train", "mons"], ["mons", "moons"]),
    "no such file": (["train", "none.toml"], ["none.toml"]),
    "no path in --set": (["train", "moons", "--set", "epochs"], ["epochs", "path=value"]),
    "nothing named in --set": (["train", "moons", "--set", "=3"], ["--set", "path=value"]),
    "a name unfit for links": (["train", "moons", "--set", "arms=a/b"], ["a/b", "letters"]),
    "unknown setting": (["train", "moons", "--set", "training.epoch=3"], ["training.epoch"]),
    "wrong type": (["train", "moons", "--set", "training.epochs=many"], ["training.epochs", "many"]),
    "out of range": (["train", "moons", "--set", "training.epochs=0"], ["training.epochs", "0"]),
    "not a number": (["train", "moons", "--set", "training.lr=NaN"], ["training.lr"]),
    "tau below 1/k": (["train", "moons", "--set", "arms.full.tau=0.4"], ["arms.full.tau", "0.4"]),
    "all locked": (["train", "moons", "--set", "arms.full.locked=[0, 1]"], ["locked", "free"]),
    "batch above n": (["train", "moons", "--set", "training.batch=5000"], ["training.batch", "5000"]),
    "a name twice": (["train", "moons", "--set", "arms=full,full"], ["full", "once"]),
    "unknown device": (["train", "moons", "--device", "tpu"], ["tpu", "cuda"]),
    "a port that is none": (["serve", "--port", "99999"], ["port", "99999", "65535"]),
    "a foreign address": (["serve", "--address", "192.0.2.1"], ["address", "192.0.2.1"]),
    "a path that leads out": (["serve", "--base-path", "a/../b"], ["base-path", "a/../b", "letters"]),
    "an address for a path": (["serve", "--base-path", "http://host/a"], ["base-path", "http://host/a", "letters"]),
    "a path with a space": (["serve", "--base-path", "my app"], ["base-path", "my app", "letters"]),
    "no such run": (["runs", "delete", "0123456789abcdef"], ["0123456789abcdef"]),
    "a key that is a path": (["runs", "delete", "../../etc"], ["../../etc"]),
    "no such run to export": (["export", "0123456789abcdef", "--csv"], ["0123456789abcdef"]),
    "a preset without a run": (["export", "blobs", "--csv"], ["ctviz train blobs"]),
    "no format": (["export", "moons"], ["--html"]),
    "two formats": (["export", "moons", "--csv", "--toml"], ["--html"]),
    "a table without a target": (["train", "people.CSV"], ["--target", "people.CSV"]),
    "no table": (["train", "people.csv", "--target", "paid"], ["people.csv", "not a file"]),
    "a kind without a column": (["train", "people.csv", "--target", "paid", "--kind", "date"], ["COLUMN=KIND"]),
    "a folder without digits": (["datasets", "use", "."], ["train-images-idx3-ubyte"]),
    "no folder of digits": (["datasets", "build", "none"], ["none", "not a folder"]),
    "no data of that name": (["datasets", "build", ".", "adults"], ["adults", "mnist, adult"]),
    "no original of a table": (["datasets", "build", ".", "adult"], ["adult.data", "plain nor as .gz"]),
    "no open licence": (["datasets", "build", ".", "gmsc"], ["no open licence"]),
    "unknown preset to build": (["presets", "build", "mons"], ["mons", "moons"]),
}


@pytest.mark.parametrize(("args", "words"), BAD.values(), ids=BAD)
def test_a_bad_request_is_answered_with_one_sentence(ctviz, args, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = ctviz(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in result.stderr
    assert not list(tmp_path.iterdir())


def test_cuda_is_refused_where_there_is_none(ctviz):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    result = ctviz("train", "moons", *SETTINGS, "--set", "seed=2", "--device", "cuda")
    assert result.exit_code == 2
    assert "cuda" in result.stderr.lower()
    assert len(result.stderr.strip().splitlines()) == 1


def test_broken_toml_is_answered_with_one_sentence(ctviz, tmp_path):
    bad = {
        "syntax": b"seed = = 1",
        "bytes": b"\xff\xfe",
        "type": b'seed = "one"',
        "digits": b"seed = " + b"9" * 5000,
        "lines": b'"a\\nb\\u001b[31m" = 1',
    }
    for name, content in bad.items():
        path = tmp_path / f"{name}.toml"
        path.write_bytes(content)
        result = ctviz("train", path)
        assert result.exit_code == 2, name
        assert len(result.stderr.strip().splitlines()) == 1, name
        assert result.stderr.strip().isprintable(), name


def test_a_folder_that_cannot_be_made_is_refused_before_training(ctviz, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for a short path, which is told in full
    Path("file").write_text("", encoding="utf-8")
    result = ctviz("train", "moons", "--out", Path("file", "below"))
    assert result.exit_code == 2
    assert "epoch" not in result.stderr
    assert str(Path("file", "below")) in result.stderr


def test_a_port_in_use_is_refused(ctviz):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = ctviz("serve", "--port", port)
    assert result.exit_code == 2
    assert str(port) in result.stderr


def test_runs_are_listed_and_deleted(ctviz, trained):
    listed = {run["key"]: run for run in json.loads(ctviz("runs", "--json").stdout)}
    assert listed[trained]["state"] == "done"
    assert listed[trained]["arms"] == ["vanilla", "full"]
    assert trained in ctviz("runs").stdout
    assert ctviz("runs", "delete", trained).exit_code == 0
    assert trained not in ctviz("runs").stdout


def test_presets_are_listed(ctviz):
    found = {preset["name"]: preset for preset in json.loads(ctviz("presets", "--json").stdout)}
    assert {"ls", "ol", "circles", "moons"} <= set(found)
    assert found["moons"]["key"] == Experiment.preset("moons").key
    assert found["moons"]["key"] in ctviz("presets").stdout


def test_a_table_of_ones_own_is_trained_on_and_not_stored(ctviz, tmp_path):
    rows = [f"{i % 50 + 18},{'abc'[i % 3]},{['low', 'middle', 'high'][i % 3]},{int(i % 50 > 25)}" for i in range(300)]
    (tmp_path / "people.csv").write_text("\n".join(["age,job,grade,paid", *rows, "?,a,low,1"]), encoding="utf-8")
    command = ["train", tmp_path / "people.csv", "--target", "paid", "--kind", "grade=low|middle|high"]
    settings = ["--set", "training.epochs=2", "--set", "evaluation.every=2"]
    result = ctviz(*command, *settings, "--json")
    assert result.exit_code == 0, result.stderr
    assert "Missing values were imputed: 1 of age by the median" in result.stderr
    found = json.loads(result.stdout)
    assert "By the names of columns, age may only rise; rules of your own replace this." in result.stderr
    assert [arm["name"] for arm in found["arms"]] == ["vanilla", "full", "full rules"]
    assert found["key"] not in ctviz("runs").stdout


def test_data_sets_are_listed(ctviz, monkeypatch):
    monkeypatch.delenv("CTVIZ_DATASETS", raising=False)
    shipped, folder, *tables = json.loads(ctviz("datasets", "--json").stdout)
    assert (shipped["training"], shipped["test"], shipped["verified"]) == (11_000, 10_000, True)
    assert not folder["verified"]
    assert {one["name"]: one["verified"] for one in tables} == {
        "adult": True, "california": True, "credit": True, "german": True, "gmsc": False,
    }  # fmt: skip
    assert "ctviz datasets use FOLDER" in ctviz("datasets").stdout


def test_the_benchmark_gets_its_own_arguments(ctviz):
    result = ctviz("bench", "--help")
    assert result.exit_code == 0
    assert "--only" in result.stdout


def test_export_of_settings_metrics_and_code(ctviz, trained):
    experiment = Experiment.preset("moons").replace(TINY)
    assert Experiment.from_toml(ctviz("export", trained, "--toml").stdout) == experiment
    rows = list(csv.DictReader(io.StringIO(ctviz("export", trained, "--csv").stdout)))
    assert {row["arm"] for row in rows} == {"vanilla", "full"}
    code = ctviz("export", trained, "--python").stdout
    assert "import ctviz" in code
    compile(code, "exported.py", "exec")


def test_export_of_the_animation(ctviz, trained, tmp_path):
    path = tmp_path / "moons.html"
    result = ctviz("export", trained, "--html", path)
    assert result.exit_code == 0, result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["moons.html"]
    assert path.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


def test_a_failed_export_leaves_nothing(ctviz, trained, tmp_path):
    (tmp_path / "taken").mkdir()
    result = ctviz("export", trained, "--html", tmp_path / "taken")
    assert result.exit_code == 2
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("name", [".", "", "/"])
def test_an_export_into_a_folder_is_refused(ctviz, trained, name):
    result = ctviz("export", trained, "--html", name)
    assert result.exit_code == 2
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_export_into_a_pipe_leaves_the_pipe(ctviz, trained, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert ctviz("export", trained, "--html", pipe).exit_code == 0
    reader.join(PATIENCE)
    assert received[0].lstrip().lower().startswith(b"<!doctype html>")
    assert pipe.is_fifo()


def test_the_module_is_the_command(tmp_path):
    out, _ = start(tmp_path, "--version").communicate(timeout=PATIENCE)
    assert out == f"ctviz {__version__}\n"
