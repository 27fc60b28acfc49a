"""What travels between the machine that asks and the one that computes."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.engines import payload
from ctviz.experiments.engines.task import Task, is_done, is_evaluated
from ctviz.experiments.engines.tasks import read_task
from ctviz.experiments.store import Store
from ctviz.studies.registry import study_of
from tests.experiments.engines.tasks import assert_same_results, tasks
from tests.studies.tables import shortened


def never():
    return False


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("source"))
    for task in tasks(2):
        task.compute(store, "cpu", never)
    return store


@pytest.fixture(scope="module")
def files(source):
    return payload.pack(tasks(1)[0], source)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where scratch folders are made, to see what is left of them."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(payload.tempfile, "tempdir", str(folder))
    return folder


def test_what_arrives_is_what_was_sent(source, files, tmp_path, scratch):
    [task], store = tasks(1), Store(tmp_path / "store")
    assert set(files) == {*payload.RUN_FILES, payload.RESULT}
    payload.unpack(task, files, store, never)
    assert is_done(task, store)
    assert_same_results(task, source, store)
    assert store.summary(task.experiment.key) == source.summary(task.experiment.key)
    assert list(scratch.iterdir()) == []
    payload.unpack(task, files, store, never)  # arrives twice: what is there stays


def test_a_run_without_its_report_travels_alone(files, tmp_path, source):
    [task], store = tasks(1), Store(tmp_path / "store")
    assert payload.pack(task, store) == {}
    payload.unpack(task, {name: files[name] for name in payload.RUN_FILES}, store, never)
    assert store.status(task.experiment.key).state == "done"
    assert not is_evaluated(task, store)
    assert set(payload.pack(task, store)) == set(payload.RUN_FILES)
    before = payload.pack(task, store)
    received = payload.compute_payload(task.to_json(), before, payload.versions(), never)
    assert received.message == ""
    assert set(received.files) == {payload.RESULT}  # what was sent along does not come back
    payload.unpack(task, received.files, store, never)
    assert_same_results(task, source, store)


@pytest.mark.parametrize("name", ["../../run.json", "/etc/passwd", "runs", ""])
def test_no_name_that_arrives_is_made_part_of_a_path(files, name, tmp_path):
    [task], store = tasks(1), Store(tmp_path / "store")
    with pytest.raises(StoreError, match="do not belong"):
        payload.unpack(task, {**files, name: b"x"}, store, never)
    assert store.status(task.experiment.key).state == "absent"


@pytest.mark.parametrize("name", [*payload.RUN_FILES, payload.RESULT])
def test_damage_on_the_way_is_noticed(files, name, tmp_path, scratch):
    [task], store = tasks(1), Store(tmp_path / "store")
    content, middle = files[name], len(files[name]) // 2
    damaged = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    with pytest.raises(StoreError):
        payload.unpack(task, {**files, name: damaged}, store, never)
    assert not is_done(task, store)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", [*payload.RUN_FILES])
def test_a_missing_part_is_noticed(files, name, tmp_path):
    [task], store = tasks(1), Store(tmp_path / "store")
    rest = {other: files[other] for other in files if other != name}
    with pytest.raises(CtvizError):
        payload.unpack(task, rest, store, never)
        raise StoreError("a run without its record is no run")
    assert store.status(task.experiment.key).state != "done"


def test_results_of_another_task_are_refused(source, files, tmp_path):
    first, second = tasks(2)
    store = Store(tmp_path / "store")
    with pytest.raises(StoreError, match="damaged"):
        payload.unpack(second, files, store, never)
    other = dataclasses.replace(first, protocol=first.protocol.model_copy(update={"seed": 1}))
    with pytest.raises(StoreError, match="damaged"):
        payload.unpack(other, files, store, never)
    assert not is_evaluated(other, store)


def test_a_task_is_carried_out_as_it_is_here(source, tmp_path):
    first = tasks(1)[0]
    received = payload.compute_payload(first.to_json(), {}, payload.versions(), never)
    assert received.message == ""
    assert received.seconds > 0
    store = Store(tmp_path / "store")
    payload.unpack(first, received.files, store, never)
    assert_same_results(first, source, store)


def test_errors_come_back_as_sentences(monkeypatch):
    first = tasks(1)[0]

    def fails(*_):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(Task, "compute", fails)
    assert payload.compute_payload(first.to_json(), {}, payload.versions(), never).message == "The disk is full."
    monkeypatch.setattr(Task, "compute", lambda *_: 1 / 0)
    said = payload.compute_payload(first.to_json(), {}, payload.versions(), never).message
    assert said == "Unexpected error: ZeroDivisionError: division by zero"
    assert "task" in payload.compute_payload("{", {}, payload.versions(), never).message


def test_what_was_trained_comes_back_though_its_evaluation_failed(monkeypatch):
    first = tasks(1)[0]

    def fails(task, store, device, cancelled):
        freight_carry_out(task, store, device, cancelled)
        raise StoreError("The evaluation failed.")

    freight_carry_out = Task.compute
    monkeypatch.setattr(Task, "compute", fails)
    received = payload.compute_payload(first.to_json(), {}, payload.versions(), never)
    assert received.message == "The evaluation failed."
    assert set(payload.RUN_FILES) <= set(received.files)


@pytest.mark.parametrize("name", list(payload.versions()))
def test_a_worker_of_another_version_says_so(name):
    wanted = {**payload.versions(), name: "99"}
    received = payload.compute_payload("never read", {}, wanted, never)
    assert f"of {name}, this machine 99; install the same version" in received.message
    assert received.files == {}


def test_scratch_folders_of_processes_that_were_killed_are_removed(scratch, monkeypatch):
    monkeypatch.setattr(payload, "_MIN_AGE", -1.0)
    with payload._scratch() as used:
        left = used.with_name(used.name + "-left")
        (left / "deep").mkdir(parents=True)
        with payload._scratch() as another:
            assert sorted(scratch.iterdir()) == sorted([used, another])  # what is in use stays
    assert list(scratch.iterdir()) == []


def test_a_draw_of_a_limit_travels_as_its_rows(tmp_path):
    study = study_of("energies")
    draw = shortened(replace(study, panels=study.panels[:1]), epochs=1, n_train=40).all_draws(1)[0]
    assert repr(read_task(draw.to_json())) == repr(draw)
    received = payload.compute_payload(draw.to_json(), {}, payload.versions(), never)
    assert (received.message, set(received.files)) == ("", {payload.RESULT})
    store = Store(tmp_path / "store")
    payload.unpack(draw, received.files, store, never)
    assert is_done(draw, store)
    assert payload.pack(draw, store) == received.files
    with pytest.raises(StoreError, match="do not belong"):
        payload.unpack(draw, {payload.RUN_FILES[0]: b"x"}, store, never)
