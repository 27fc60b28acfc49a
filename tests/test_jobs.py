"""Jobs: the queue, cancelling, and workers that die."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from ctviz import jobs
from ctviz.errors import JobError
from ctviz.jobs import NOT_STARTED, STOPPED, JobManager
from tests import jobs_work as work
from tests.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def shared():
    """Two workers for all tests that leave them as they are, or let them recover."""
    with JobManager(2) as manager:
        yield manager


@pytest.fixture
def single():
    with JobManager(1) as manager:
        yield manager


@pytest.fixture
def notes(tmp_path):
    return tmp_path / "notes"


def lines(path):
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def in_threads(count, call):
    found = [None] * count

    def keep(i):
        found[i] = call(i)

    threads = [threading.Thread(target=keep, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return found


# -- the queue -------------------------------------------------------------------------------------------


def test_a_job(shared, notes):
    job = shared.submit("one", work.write, notes, "hello")
    status = job.wait(PATIENCE)
    assert (status.key, status.state, status.position, status.message) == ("one", "done", 0, "")
    assert status.started > 0
    assert lines(notes) == ["hello"]
    assert shared.status("one") == status
    assert shared.status("unknown") is None
    shared.cancel("unknown")
    shared.cancel("one")
    assert shared.status("one") == status


@pytest.mark.skipif(not hasattr(os, "nice"), reason="a system without priorities")
def test_workers_step_back_behind_the_server(shared, notes):
    assert shared.submit("nice", work.nice, notes).wait(PATIENCE).state == "done"
    assert lines(notes) == [str(min(os.nice(0) + jobs.NICENESS, 19))]


def test_one_job_per_key_however_many_ask(shared, notes, tmp_path):
    found = in_threads(30, lambda _: shared.submit("same", work.wait_for, tmp_path / "gate", notes, "x"))
    assert len(set(found)) == 1
    (tmp_path / "gate").touch()
    assert found[0].wait(PATIENCE).state == "done"
    assert lines(notes) == ["+x", "-x"]


def test_thirty_at_once(shared, notes, tmp_path):
    (tmp_path / "gate").touch()
    found = in_threads(30, lambda i: shared.submit(f"many{i}", work.wait_for, tmp_path / "gate", notes, i))
    assert [job.wait(PATIENCE).state for job in found] == ["done"] * 30
    assert sorted(lines(notes)) == sorted(f"{sign}{i}" for i in range(30) for sign in "+-")
    running = 0
    for line in lines(notes):
        running += 1 if line[0] == "+" else -1
        assert running <= 2


def test_first_come_first_served(single, notes, tmp_path):
    gate = tmp_path / "gate"
    found = [single.submit(name, work.wait_for, gate, notes, name) for name in "abcd"]
    until(lambda: lines(notes) == ["+a"])
    assert [job.status.position for job in found] == [0, 1, 2, 3]
    assert [job.status.state for job in found] == ["running", "queued", "queued", "queued"]
    assert found[3].wait(timeout=0.01).state == "queued"
    single.cancel("b")
    assert single.status("b").state == "cancelled"  # at once
    assert [job.status.position for job in found] == [0, 0, 1, 2]
    gate.touch()
    assert [job.wait(PATIENCE).state for job in found] == ["done", "cancelled", "done", "done"]
    assert lines(notes) == ["+a", "-a", "+c", "-c", "+d", "-d"]


def test_what_is_over_may_be_submitted_again(shared, notes):
    first = shared.submit("again", work.write, notes, "first")
    first.wait(PATIENCE)
    second = shared.submit("again", work.write, notes, "second")
    assert second is not first and second.wait(PATIENCE).state == "done"
    assert lines(notes) == ["first", "second"]


def test_old_jobs_are_forgotten(single, notes, monkeypatch):
    monkeypatch.setattr(jobs, "_MAX_REMEMBERED", 3)
    for i in range(6):
        single.submit(f"{i}", work.write, notes, i).wait(PATIENCE)
    assert [i for i in range(6) if single.status(f"{i}")] == [3, 4, 5]


# -- workers ------------------------------------------------------------------------------------------------


def test_workers_are_kept(single, notes):
    assert single.warm(timeout=PATIENCE)
    for i in range(3):
        single.submit(f"{i}", work.pid, notes).wait(PATIENCE)
    assert len(set(lines(notes))) == 1 and int(lines(notes)[0]) != os.getpid()


def test_workers_are_not_forked(shared, notes, monkeypatch):
    monkeypatch.setattr(work, "VALUE", "of the parent")
    shared.submit("value", work.value, notes).wait(PATIENCE)
    assert lines(notes) == ["as imported"]


def test_workers_are_prepared(notes):
    with JobManager(1, initializer=work.set_value, modules=("tests.jobs_work",)) as manager:
        manager.submit("value", work.value, notes).wait(PATIENCE)
    assert lines(notes) == ["by the initializer"]


@pytest.mark.parametrize("how", [{"initializer": work.refuse}, {"modules": ("no_such_module",)}])
def test_workers_that_cannot_be_prepared(notes, tmp_path, how):
    with JobManager(1, log=tmp_path / "log" / "jobs.log", **how) as manager:
        status = manager.submit("value", work.value, notes).wait(PATIENCE)
    assert status.state == "failed" and status.message.startswith("Unexpected error: ")
    assert "Traceback" in (tmp_path / "log" / "jobs.log").read_text(encoding="utf-8")
    assert not notes.exists()


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (3, 3), (None, range(1, 5))])
def test_the_number_of_workers(asked, given):
    with JobManager(asked) as manager:
        assert manager.slots in given if asked is None else manager.slots == given


# -- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "message", "logged"),
    [
        ("ours", "The data is odd.", False),
        ("odd", "Unexpected error: OddError: odd one", True),
        ("exit", "Unexpected error: SystemExit: 3", True),
        ("other", "Unexpected error: ZeroDivisionError: a secret detail", True),
    ],
)
def test_errors_travel_as_sentences(tmp_path, kind, message, logged):
    log = tmp_path / "jobs.log"
    with JobManager(1, log=log) as manager:
        status = manager.submit(kind, work.fail, kind).wait(PATIENCE)
        assert (status.state, status.message) == ("failed", message)
        assert manager.submit("next", work.write, tmp_path / "notes", "fine").wait(PATIENCE).state == "done"
    assert log.exists() == logged
    if logged:
        said = log.read_text(encoding="utf-8")
        assert "Traceback" in said and "in fail" in said and f"job {kind}" in said


def test_what_cannot_be_sent(shared):
    lock = threading.Lock()
    status = shared.submit("lock", work.write, lock, "x").wait(PATIENCE)
    assert status.state == "failed" and "pickle" in status.message


# -- cancelling ------------------------------------------------------------------------------------------------


def test_cancelling_one_that_listens(shared, notes):
    job = shared.submit("polite", work.polite, notes)
    until(lambda: lines(notes))
    job.cancel()
    assert job.wait(PATIENCE).state == "cancelled"
    until(lambda: lines(notes)[1:] == ["stopped by itself"])
    assert work.alive(int(lines(notes)[0]))  # its worker was not killed


def test_cancelling_one_that_does_not_listen(shared, notes):
    job = shared.submit("stubborn", work.stubborn, notes)
    until(lambda: lines(notes))
    shared.cancel("stubborn")
    shared.cancel("stubborn")
    assert job.wait(PATIENCE).state == "cancelled"
    assert not work.alive(int(lines(notes)[0]))
    assert shared.submit("after", work.write, notes, "x").wait(PATIENCE).state == "done"


def test_an_error_while_stopping_is_a_cancelled_job(shared, notes):
    job = shared.submit("error", work.polite_with_error, notes)
    until(lambda: lines(notes))
    job.cancel()
    assert job.wait(PATIENCE).state == "cancelled"


def test_a_job_that_ends_before_it_looks_is_done(shared, notes, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "GRACE", PATIENCE)
    job = shared.submit("quick", work.wait_for, tmp_path / "gate", notes, "x")
    until(lambda: lines(notes))
    job.cancel()
    assert job.status.state == "running" and job.status.message == "Stopping."
    (tmp_path / "gate").touch()
    assert job.wait(PATIENCE).state == "done"


def test_submitting_again_while_it_stops(shared, notes, tmp_path):
    old = shared.submit("eager", work.stubborn, notes)
    until(lambda: lines(notes))
    old.cancel()
    new = shared.submit("eager", work.write, tmp_path / "other", "new")
    assert new is not old
    assert new.wait(PATIENCE).state == "done" and old.wait(PATIENCE).state == "cancelled"
    assert shared.status("eager").state == "done"


# -- killing -------------------------------------------------------------------------------------------------------


def test_kill_9_of_a_worker(shared, notes, tmp_path):
    gate, other = tmp_path / "gate", tmp_path / "other"
    neighbour = shared.submit("neighbour", work.wait_for, gate, other, "x")
    job = shared.submit("victim", work.stubborn, notes)
    until(lambda: lines(notes) and lines(other))
    os.kill(int(lines(notes)[0]), signal.SIGKILL)
    status = job.wait(PATIENCE)
    assert (status.state, status.message) == ("failed", STOPPED)
    assert neighbour.status.state == "running"
    assert shared.submit("victim", work.write, notes, "retried").wait(PATIENCE).state == "done"
    gate.touch()
    assert neighbour.wait(PATIENCE).state == "done"


def test_what_may_be_tried_again_is_begun_once_more_and_then_given_up(single, notes):
    status = single.submit("deadly", work.note_and_die, notes, tries=2).wait(PATIENCE)
    assert (status.state, status.message) == ("failed", STOPPED)
    assert lines(notes) == ["begun"] * 2


def test_a_worker_that_died_while_idle(single, notes):
    single.submit("pid", work.pid, notes).wait(PATIENCE)
    os.kill(int(lines(notes)[0]), signal.SIGKILL)
    assert single.submit("next", work.write, notes, "fine").wait(PATIENCE).state == "done"
    assert lines(notes)[1:] == ["fine"]


def test_no_worker_can_be_started(notes, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no more processes")

    monkeypatch.setattr(jobs, "start_worker", refuse)
    with JobManager(1) as manager:
        status = manager.submit("x", work.write, notes, "x").wait(PATIENCE)
        assert (status.state, status.message) == ("failed", NOT_STARTED)
        monkeypatch.undo()
        assert manager.submit("x", work.write, notes, "x").wait(PATIENCE).state == "done"


# -- the end ---------------------------------------------------------------------------------------------------------


def test_shutdown(notes, tmp_path):
    manager = JobManager(1)
    running = manager.submit("running", work.stubborn, notes)
    queued = manager.submit("queued", work.write, notes, "never")
    until(lambda: lines(notes))
    folder = manager.folder
    assert folder.exists()
    manager.shutdown()
    manager.shutdown()
    assert running.status.state == queued.status.state == "cancelled"
    assert not work.alive(int(lines(notes)[0])) and not folder.exists()
    for call in (manager.warm, lambda: manager.submit("late", work.write, notes, "x")):
        with pytest.raises(JobError, match="shutting down"):
            call()


@pytest.mark.parametrize("how", ["end", signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=str)
def test_no_worker_outlives_the_server(tmp_path, how):
    root = Path(__file__).resolve().parents[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.jobs_work", str(tmp_path), "end" if how == "end" else "wait"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    workers = []
    try:
        assert server.stdout.readline() == "serving\n"
        workers += [int(lines(tmp_path / name)[0]) for name in "ab"]
        if how != "end":
            server.send_signal(how)
        server.wait(PATIENCE)
        until(lambda: not any(work.alive(worker) for worker in workers))
    finally:
        server.kill()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        server.communicate()


def test_what_a_killed_server_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = tmp_path / f"ctviz-jobs-{int(ended.stdout)}-abc"
    alive = tmp_path / f"ctviz-jobs-{os.getpid()}-abc"
    for folder in (dead, alive):
        folder.mkdir()
    with JobManager(slots=1):
        assert not dead.exists() and alive.exists()


def test_small_jobs_go_first_and_those_of_one_length_in_turn(single, notes, tmp_path):
    gate = tmp_path / "gate"
    first = single.submit("first", work.wait_for, gate, notes, "first")
    until(lambda: first.status.state == "running")
    lengths = {"long": 5000, "short": 100, "longer": 9000, "short too": 100, "shortest": 0}
    found = {name: single.submit(name, work.write, notes, name, seconds=s) for name, s in lengths.items()}
    order = ["shortest", "short", "short too", "long", "longer"]
    assert [found[name].status.position for name in order] == [1, 2, 3, 4, 5]
    gate.touch()
    for job in found.values():
        job.wait(PATIENCE)
    assert lines(notes) == ["+first", "-first", *order]
