"""The command line where output is of another encoding, full, closed or gone; where it is stopped; without a home."""

import faulthandler
import json
import os
import pwd
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctviz.cli import app, streams
from ctviz.experiments.store import Store
from ctviz.studies.reproduce.result import shipped
from tests.jobs_work import alive
from tests.tiny import SETTINGS
from tests.waiting import until

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
    assert json.loads(done.stdout.decode("ascii")) == json.loads(shipped().read_bytes())


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


# Becomes ``ctviz train`` for each line of its input, without importing anew what takes seconds.
TRAININGS = """
import json, os, signal, sys
import captum.robust, ctviz.experiments.run
from ctviz.cli import main

for line in sys.stdin:
    home, messages, *words = json.loads(line)
    child = os.fork()
    if child:
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for asked in (signal.SIGINT, signal.SIGHUP):  # which a shell has its background ignore
        signal.signal(asked, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if messages == "nobody":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(messages, os.O_WRONLY | os.O_CREAT)
    os.dup2(writing, 2)
    os.close(writing)
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8")
    os.environ["CTVIZ_HOME"] = home
    sys.argv = ["ctviz", "train", "moons", *words]
    sys.exit(main())
"""


@pytest.fixture(scope="module")
def trainings():
    """The process of the trainings."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    with subprocess.Popen([sys.executable, "-c", TRAININGS], encoding="utf-8", **options) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def train(trainings, tmp_path):
    """Starts a training whose messages go to a file, or to nobody; its process id, and a way to get its exit code."""
    started = []

    def start(messages, *words):
        line = json.dumps([str(tmp_path / "home"), str(messages), *SETTINGS, *words])
        trainings.stdin.write(f"{line}\n")
        trainings.stdin.flush()
        started.append(int(trainings.stdout.readline()))
        return started[-1], lambda: started.append(None) or int(trainings.stdout.readline())

    yield start
    if started and started[-1] is not None:  # the test failed before the training's end
        with suppress(ProcessLookupError):
            os.kill(started[-1], signal.SIGKILL)
        trainings.stdout.readline()


@pytest.mark.parametrize("messages", ["nobody", DEVICE], ids=str)
def test_work_goes_on_where_nobody_reads_the_messages_or_their_device_is_full(train, tmp_path, messages):
    if messages == DEVICE and not DEVICE.exists():
        pytest.skip("this system has no device that is always full")
    _, exit_code = train(messages)
    assert exit_code() == 0
    assert [info.state for info in Store(tmp_path / "home").list()] == ["done"]


# -- signals --------------------------------------------------------------------------------------------------


@pytest.fixture
def long_training(train, tmp_path):
    """A training that is under way: its process id, a way to get its exit code, its messages, the store."""
    store, messages = Store(tmp_path / "home"), tmp_path / "messages"
    process, exit_code = train(messages, "--set", "training.epochs=9999")
    until(lambda: not alive(process) or any(store.follow(info.key) for info in store.list()), "training")
    return process, exit_code, messages, store


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda asked: asked.name)
def test_a_signal_ends_with_a_sentence_that_the_run_keeps(long_training, asked):
    process, exit_code, messages, store = long_training
    os.kill(process, asked)
    assert exit_code() == 128 + asked
    said = [line for line in messages.read_text(encoding="utf-8").splitlines() if ": epoch " not in line]
    assert said == [f"Stopped by {asked.name}; what is stored is kept."]
    (info,) = store.list()
    assert (info.state, info.message) == ("cancelled", f"Stopped by {asked.name}")


def test_of_a_process_that_was_killed_the_store_knows_which(long_training, monkeypatch):
    process, exit_code, _, store = long_training
    os.kill(process, signal.SIGKILL)
    assert exit_code() == -signal.SIGKILL
    (info,) = store.list()
    assert info.state == store.status(info.key).state == "interrupted"
    assert info.message.startswith(f"Process {process} on ") and "ended unexpectedly" in info.message
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
