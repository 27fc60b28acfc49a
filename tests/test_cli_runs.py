"""The commands that name, pin, delete and restore stored runs."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from ctviz.cli import app
from ctviz.experiments.config import Experiment
from ctviz.experiments.store import RunLabel, open_store
from tests.experiments.runs import small, write

KEY = small().key
MOONS = Experiment.preset("moons").key


@pytest.fixture
def ctviz(tmp_path, monkeypatch):
    """Runs ``ctviz …`` on a store with one run."""
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path))
    write(open_store(), small())
    return lambda *words: CliRunner().invoke(app, [*words])


def test_a_run_is_named_and_pinned(ctviz):
    assert ctviz("runs", "rename", KEY, " mine ").exit_code == 0
    assert ctviz("runs", "pin", KEY).exit_code == 0
    assert open_store().labels.of(KEY) == RunLabel("mine", pinned=True)
    first = json.loads(ctviz("runs", "--json").stdout)[0]
    assert (first["key"], first["name"], first["pinned"]) == (KEY, "mine", True)
    listed = ctviz("runs").stdout.splitlines()
    assert "mine" in listed[1] and listed[1].endswith("pinned")
    ctviz("runs", "unpin", KEY)
    assert "has no name" in ctviz("runs", "rename", KEY, "").stdout
    assert open_store().labels.all() == {}


def test_a_run_that_was_overtaken_is_counted_and_not_listed(ctviz):
    open_store().labels.overtake(KEY, by=MOONS)
    said = ctviz("runs").stdout
    assert KEY not in said and "1 more, of points that were painted on" in said
    assert {run["key"]: run["overtaken"] for run in json.loads(ctviz("runs", "--json").stdout)}[KEY] is True


def test_a_preset_goes_by_its_name(ctviz):
    assert ctviz("runs", "pin", "moons").exit_code == 0
    assert open_store().labels.of(MOONS).pinned
    assert ctviz("runs").stdout.splitlines()[1].startswith(MOONS)


def test_what_was_deleted_is_restored(ctviz):
    assert f"ctviz runs restore {KEY}" in ctviz("runs", "delete", KEY).stdout
    assert KEY not in ctviz("runs").stdout and "1 in the bin" in ctviz("runs").stdout
    assert KEY in ctviz("runs", "restore").stdout
    assert ctviz("runs", "restore", KEY).exit_code == 0
    assert open_store().status(KEY).state == "done"
    assert "The bin is empty." in ctviz("runs", "restore").stdout


def test_what_was_deleted_for_good_is_not(ctviz):
    assert ctviz("runs", "delete", KEY, "--for-good").exit_code == 0
    failed = ctviz("runs", "restore", KEY)
    assert failed.exit_code == 2 and "not in the bin" in failed.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("rename", "0123456789abcdef", "x"),
        ("pin", "../../etc"),
        ("pin", "blobs"),
        ("rename", KEY, "x" * 61),
        ("restore", "nothing"),
        ("delete", MOONS),
    ],
    ids=lambda words: " ".join(words)[:30],
)
def test_what_cannot_be_is_a_sentence(ctviz, words):
    failed = ctviz("runs", *words)
    assert failed.exit_code == 2 and failed.stdout == ""
    assert len(failed.stderr.strip().splitlines()) == 1 and "Traceback" not in failed.stderr
