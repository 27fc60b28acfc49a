"""What travels between the machine that asks and the one that computes."""

from __future__ import annotations

import dataclasses

import pytest

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.engines import freight
from ctviz.experiments.engines.portion import carry_out, evaluated, is_done
from ctviz.experiments.store import Store
from tests.experiments.engines.portions import assert_same_results, portions


def never():
    return False


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("source"))
    for portion in portions(2):
        carry_out(portion, store, "cpu", never)
    return store


@pytest.fixture(scope="module")
def files(source):
    return freight.pack(portions(1)[0], source)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where scratch folders are made, to see what is left of them."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(freight.tempfile, "tempdir", str(folder))
    return folder


def test_what_arrives_is_what_was_sent(source, files, tmp_path, scratch):
    [portion], store = portions(1), Store(tmp_path / "store")
    assert set(files) == {*freight.RUN_FILES, freight.REPORT}
    freight.unpack(portion, files, store, never)
    assert is_done(portion, store)
    assert_same_results(portion, source, store)
    assert store.summary(portion.experiment.key) == source.summary(portion.experiment.key)
    assert list(scratch.iterdir()) == []
    freight.unpack(portion, files, store, never)  # arrives twice: what is there stays


def test_a_run_without_its_report_travels_alone(files, tmp_path, source):
    [portion], store = portions(1), Store(tmp_path / "store")
    assert freight.pack(portion, store) == {}
    freight.unpack(portion, {name: files[name] for name in freight.RUN_FILES}, store, never)
    assert store.status(portion.experiment.key).state == "done"
    assert not evaluated(portion, store)
    assert set(freight.pack(portion, store)) == set(freight.RUN_FILES)
    before = freight.pack(portion, store)
    delivery = freight.carry_out_here(portion.to_json(), before, freight.versions(), never)
    assert delivery.message == ""
    assert set(delivery.files) == {freight.REPORT}  # what was sent along does not come back
    freight.unpack(portion, delivery.files, store, never)
    assert_same_results(portion, source, store)


@pytest.mark.parametrize("name", ["../../run.json", "/etc/passwd", "runs", ""])
def test_no_name_that_arrives_is_made_part_of_a_path(files, name, tmp_path):
    [portion], store = portions(1), Store(tmp_path / "store")
    with pytest.raises(StoreError, match="do not belong"):
        freight.unpack(portion, {**files, name: b"x"}, store, never)
    assert store.status(portion.experiment.key).state == "absent"


@pytest.mark.parametrize("name", [*freight.RUN_FILES, freight.REPORT])
def test_damage_on_the_way_is_noticed(files, name, tmp_path, scratch):
    [portion], store = portions(1), Store(tmp_path / "store")
    content, middle = files[name], len(files[name]) // 2
    # Of Parquet single bits are never read; that what is read is intact is checked by the report.
    flipped = bytes([content[middle] ^ 1]) if name != freight.REPORT else b""
    damaged = content[:middle] + flipped + content[middle + 1 :]
    with pytest.raises(StoreError):
        freight.unpack(portion, {**files, name: damaged}, store, never)
    assert not is_done(portion, store)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", [*freight.RUN_FILES])
def test_a_missing_part_is_noticed(files, name, tmp_path):
    [portion], store = portions(1), Store(tmp_path / "store")
    rest = {other: files[other] for other in files if other != name}
    with pytest.raises(CtvizError):
        freight.unpack(portion, rest, store, never)
        raise StoreError("a run without its record is no run")
    assert store.status(portion.experiment.key).state != "done"


def test_results_of_another_portion_are_refused(source, files, tmp_path):
    first, second = portions(2)
    store = Store(tmp_path / "store")
    with pytest.raises(StoreError, match="damaged"):
        freight.unpack(second, files, store, never)
    other = dataclasses.replace(first, protocol=first.protocol.model_copy(update={"seed": 1}))
    with pytest.raises(StoreError, match="another evaluation"):
        freight.unpack(other, files, store, never)
    assert not evaluated(other, store)


def test_a_portion_is_carried_out_as_it_is_here(source, tmp_path):
    first = portions(1)[0]
    delivery = freight.carry_out_here(first.to_json(), {}, freight.versions(), never)
    assert delivery.message == ""
    assert delivery.seconds > 0
    store = Store(tmp_path / "store")
    freight.unpack(first, delivery.files, store, never)
    assert_same_results(first, source, store)


def test_errors_come_back_as_sentences(monkeypatch):
    first = portions(1)[0]

    def fails(*_):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(freight, "carry_out", fails)
    assert freight.carry_out_here(first.to_json(), {}, freight.versions(), never).message == "The disk is full."
    monkeypatch.setattr(freight, "carry_out", lambda *_: 1 / 0)
    said = freight.carry_out_here(first.to_json(), {}, freight.versions(), never).message
    assert said == "Unexpected error: ZeroDivisionError: division by zero"
    assert "portion" in freight.carry_out_here("{", {}, freight.versions(), never).message


def test_what_was_trained_comes_back_though_its_evaluation_failed(monkeypatch):
    first = portions(1)[0]

    def fails(portion, store, device, cancelled):
        freight_carry_out(portion, store, device, cancelled)
        raise StoreError("The evaluation failed.")

    freight_carry_out = freight.carry_out
    monkeypatch.setattr(freight, "carry_out", fails)
    delivery = freight.carry_out_here(first.to_json(), {}, freight.versions(), never)
    assert delivery.message == "The evaluation failed."
    assert set(freight.RUN_FILES) <= set(delivery.files)


@pytest.mark.parametrize("name", list(freight.versions()))
def test_a_worker_of_another_version_says_so(name):
    wanted = {**freight.versions(), name: "99"}
    delivery = freight.carry_out_here("never read", {}, wanted, never)
    assert f"of {name}, this machine 99; install the same version" in delivery.message
    assert delivery.files == {}


def test_scratch_folders_of_processes_that_were_killed_are_removed(scratch, monkeypatch):
    monkeypatch.setattr(freight, "_YOUNG", -1.0)
    with freight._scratch() as used:
        left = used.with_name(used.name + "-left")
        (left / "deep").mkdir(parents=True)
        with freight._scratch() as another:
            assert sorted(scratch.iterdir()) == sorted([used, another])  # what is in use stays
    assert list(scratch.iterdir()) == []
