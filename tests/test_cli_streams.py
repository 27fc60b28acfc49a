"""The command line where output is of another encoding, full, closed or gone; where it is stopped; without a home."""

import faulthandler
import json
import os
import pwd
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctviz.cli import app, streams
from ctviz.experiments.reproduce.result import read, shipped
from ctviz.experiments.store import Store
from tests.tiny import SETTINGS
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[1]
ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "iso-8859-1"},
    "C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}


@pytest.fixture
def call(tmp_path):
    """Runs a command in a process of its own; its store is that of the test."""

    def run(*args, env=(), **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "CTVIZ_HOME": str(tmp_path / "home"), **dict(env)}
        return subprocess.run([sys.executable, "-m", "ctviz", *args], env=variables, check=False, **options)

    return run


@pytest.mark.parametrize("how", ENCODINGS.values(), ids=ENCODINGS)
def test_what_cannot_be_encoded_is_replaced(call, how):
    done = call("sweep", "--help", env=how)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "SETTING=V1,V2,?" in done.stdout.decode("ascii")


def test_so_it_is_in_tables_progress_and_errors(call, tmp_path):
    name = os.fsdecode(b"name\xff.toml")
    done = call("train", name, env=ENCODINGS["latin-1"], cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    (tmp_path / name).write_text("[data]\nn_train = 60\n[training]\nepochs = 1", encoding="utf-8")
    done = call("train", name, env=ENCODINGS["ascii"], cwd=tmp_path)
    assert done.returncode == 0
    assert b"name?.toml (vanilla, full): epoch 1 of 1" in done.stderr
    vanilla = done.stdout.decode("ascii").splitlines()[1].split()
    assert (vanilla[0], vanilla[2]) == ("vanilla", "?"), "a dash where it does not apply"


def test_json_says_all_of_it_in_any_encoding(call):
    done = call("reproduce", "table1", "--stored", "--json", env=ENCODINGS["ascii"])
    assert done.returncode == 0
    assert json.loads(done.stdout.decode("ascii")) == json.loads(read(shipped()))


DEVICE = Path("/dev/full")
FULL = [
    ("export", "moons", "--toml"),
    ("reproduce", "table1", "--stored", "--json"),
    ("bench", "--help"),
]


@pytest.mark.skipif(not DEVICE.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("words", FULL, ids=" ".join)
def test_a_full_device_is_told_in_one_sentence(call, words):
    with DEVICE.open("wb") as full:
        done = call(*words, stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode() == "The output could not be written: no space left on device.\n"


@pytest.mark.parametrize("words", FULL, ids=" ".join)
def test_whoever_stops_reading_is_told_nothing(call, words):
    reading, writing = os.pipe()
    os.close(reading)
    done = call(*words, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_work_goes_on_where_standard_error_is_closed(call, tmp_path):
    done = call("train", "moons", *SETTINGS, "--json", preexec_fn=lambda: [os.close(number) for number in (0, 2)])
    assert done.returncode == 0
    assert Store(tmp_path / "home").status(json.loads(done.stdout)["key"]).state == "done"


# Becomes ``ctviz train`` again and again, each time with another seed, without importing anew what takes seconds. Its
# first argument names the descriptors of standard error, one for each training.
TRAININGS = """
import os, signal, sys
import captum.robust, ctviz.experiments.run
from ctviz.cli import main

for asked in (signal.SIGINT, signal.SIGHUP):  # which a shell has its background ignore
    signal.signal(asked, signal.SIG_DFL)
for seed, messages in enumerate(sys.argv[1].split(",")):
    child = os.fork()
    if not child:
        os.dup2(int(messages), 2)
        sys.argv = ["ctviz", "train", "moons", *sys.argv[2:], "--set", f"seed={seed}"]
        sys.exit(main())
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def trainings(tmp_path):
    """Starts the process that trains again and again; all in one store."""

    @contextmanager
    def start(descriptors, *words, **options):
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "CTVIZ_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-c", TRAININGS, ",".join(map(str, descriptors)), *SETTINGS, *words]
        options |= {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "env": variables, "encoding": "utf-8"}
        with subprocess.Popen(command, start_new_session=True, **options) as process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    return start


@pytest.mark.skipif(not DEVICE.exists(), reason="this system has no device that is always full")
def test_work_goes_on_where_nobody_reads_the_messages_or_their_device_is_full(trainings, tmp_path):
    reading, nobody_reads = os.pipe()
    os.close(reading)
    full = os.open(DEVICE, os.O_WRONLY)
    with trainings([2, full], stderr=nobody_reads, pass_fds=[full]) as process:
        os.close(nobody_reads)
        os.close(full)
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0
    assert [line for line in said.splitlines() if line == "0"] == ["0", "0"], said
    assert [info.state for info in Store(tmp_path / "home").list()] == ["done", "done"]


# -- signals --------------------------------------------------------------------------------------------------


def test_a_signal_ends_with_a_sentence_that_the_run_keeps(trainings, tmp_path, monkeypatch):
    """And of a process that was killed, the store knows which it was."""
    store, seen = Store(tmp_path / "home"), set()

    def trains():
        return next((info for info in store.list() if info.key not in seen and store.follow(info.key)), None)

    with trainings([2] * 4, "--set", "training.epochs=9999", "--json", stderr=subprocess.PIPE) as process:
        for asked in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL):
            child = int(process.stdout.readline())
            until(lambda: process.poll() is not None or trains(), "training")
            key = trains().key
            seen.add(key)
            os.kill(child, asked)
            code, [info] = int(process.stdout.readline()), [info for info in store.list() if info.key == key]
            if asked == signal.SIGKILL:
                break
            assert code == 128 + asked
            assert (info.state, info.message) == ("cancelled", f"Stopped by {asked.name}")
        said = process.communicate(timeout=PATIENCE)[1]
    told = [line for line in said.splitlines() if ": epoch " not in line]
    assert told == [f"Stopped by {name}; what is stored is kept." for name in ("SIGTERM", "SIGHUP", "SIGINT")]
    assert code == -signal.SIGKILL
    assert info.state == store.status(key).state == "interrupted"
    assert info.message.startswith(f"Process {child} on ") and "ended unexpectedly" in info.message
    monkeypatch.setenv("CTVIZ_HOME", str(store.root))
    assert info.message in CliRunner().invoke(app, ["runs"]).stdout


def test_nohup_is_respected(monkeypatch):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    before = {asked: signal.getsignal(asked) for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    crashes = faulthandler.is_enabled()
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        streams.prepare()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)
    finally:
        for asked, handler in before.items():
            signal.signal(asked, handler)
        if not crashes:
            faulthandler.disable()


# -- no home --------------------------------------------------------------------------------------------------


@pytest.fixture
def homeless(monkeypatch):
    """A user whom the system does not know, and who has no HOME, as in a container."""

    def unknown(_):
        raise KeyError

    for variable in ("HOME", "CTVIZ_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for name in ("getpwuid", "getpwnam"):
        monkeypatch.setattr(pwd, name, unknown)


@pytest.mark.parametrize(
    ("variables", "words", "said"),
    [
        ({}, ["runs"], "CTVIZ_HOME is None; allowed: a folder that can be written; this user has no home folder."),
        ({}, ["train", "moons"], "this user has no home folder"),
        ({}, ["evaluate", "moons"], "this user has no home folder"),
        ({"CTVIZ_HOME": "~/x"}, ["runs"], "CTVIZ_HOME is '~/x'; allowed: a path without ~"),
        ({"CTVIZ_HOME": "~nobody/x"}, ["train", "moons"], "CTVIZ_HOME is '~nobody/x'; allowed: a path without ~"),
        ({"CTVIZ_HOME": "/tmp", "CTVIZ_DATASETS": "~who/x"}, ["datasets"], "CTVIZ_DATASETS is '~who/x'"),
        ({"CTVIZ_HOME": "/tmp"}, ["datasets", "use", "~who/x"], "folder is '~who/x'"),
    ],
)
def test_without_a_home_there_is_one_sentence(homeless, monkeypatch, tmp_path, variables, words, said):
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 2
    assert said in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_address_that_cannot_be_one_is_refused():
    done = CliRunner().invoke(app, ["serve", "--address", os.fsdecode(b"a\xfd")], catch_exceptions=False)
    assert (done.exit_code, "an address of this computer" in done.stderr) == (2, True)
