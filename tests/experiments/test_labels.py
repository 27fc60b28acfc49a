"""Names and pins of runs, and the bin: kept, shared, damaged, and what eviction makes of them."""

from __future__ import annotations

import errno
import json
import os
import threading
import time

import pytest

from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.store import Busy, RunLabel, Store, labels
from ctviz.experiments.store.bin import DAYS
from tests.experiments.runs import same_snapshot, small, snapshot, write

FIRST, SECOND, THIRD = (small(seed) for seed in range(3))
KEY = FIRST.key


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def full_disk(monkeypatch):
    """The disk takes no more labels."""

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    return lambda: monkeypatch.setattr(labels, "write_whole", refuse)


# -- labels ----------------------------------------------------------------------------------------------


def test_a_run_has_a_name_and_a_pin_for_every_process_that_looks(store):
    write(store, FIRST)
    other = Store(store.root)
    assert other.labels.of(KEY) == RunLabel()
    store.labels.rename(KEY, "  the   classic ")
    store.labels.pin(KEY)
    assert other.labels.of(KEY) == RunLabel("the classic", pinned=True)
    (info,) = other.list()
    assert (info.name, info.pinned) == ("the classic", True)
    store.labels.rename(KEY, "")
    store.labels.pin(KEY, False)
    assert other.labels.all() == {}


def test_pinned_runs_are_listed_first(store):
    for experiment in (FIRST, SECOND, THIRD):
        write(store, experiment)
    usual = [info.key for info in store.list()]
    store.labels.pin(usual[-1])
    assert [info.key for info in store.list()] == [usual[-1], *usual[:-1]]


def test_a_preset_can_be_pinned_and_named_but_not_deleted(tmp_path):
    source = Store(tmp_path / "source")
    write(source, FIRST)
    source.export(KEY, tmp_path / "presets")
    store = Store(tmp_path / "store", tmp_path / "presets")
    store.labels.pin(KEY)
    store.labels.rename(KEY, "ours")
    (info,) = store.list()
    assert info.preset and info.pinned and info.name == "ours"
    with pytest.raises(StoreError, match="cannot be deleted"):
        store.bin(KEY)
    assert store.status(KEY).state == "done"


@pytest.mark.parametrize("name", ["x" * 61, "a\x00b", "\ud800", 3, None])
def test_a_name_that_cannot_be_shown_is_refused(store, name):
    with pytest.raises(ConfigError, match="name is"):
        store.labels.rename(KEY, name)
    assert store.labels.all() == {}


def test_many_who_rename_at_once_lose_nothing(store):
    keys = [f"{number:016x}" for number in range(48)]
    mistakes = []

    def rename(mine):
        own = Store(store.root)
        try:
            for key in mine:
                own.labels.rename(key, f"run {key}")
                own.labels.pin(key)
        except Exception as error:  # whatever it is, the test tells
            mistakes.append(error)

    threads = [threading.Thread(target=rename, args=(keys[start::6],)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mistakes == []
    assert store.labels.all() == {key: RunLabel(f"run {key}", pinned=True) for key in keys}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b'{"format": 1, "runs": {"a": {"name": "x"}}}',
        b'{"format": 1, "runs": {"a": {"name": "x\\u0000", "pinned": true}}}',
        b'{"format": 7, "runs": {}}',
        b"[" * 100_000,
    ],
    ids=["empty", "no text", "a list", "no pin", "a name of control characters", "another format", "deep"],
)
def test_damaged_labels_are_set_aside_with_a_notice(store, data):
    write(store, FIRST)
    store.labels.rename(KEY, "mine")
    path = store.root / "labels.json"
    path.write_bytes(data)
    assert [info.name for info in store.list()] == [""]
    assert len(store.notices()) == 1 and "names and pins" in store.notices()[0]
    (aside,) = (store.root / "aside").iterdir()
    assert aside.read_bytes() == data
    store.labels.rename(KEY, "again")
    assert Store(store.root).labels.of(KEY).name == "again"


def test_a_full_disk_is_a_sentence_and_the_old_names_stay(store, full_disk):
    store.labels.rename(KEY, "before")
    full_disk()
    with pytest.raises(StoreError, match="No space is left"):
        store.labels.rename(KEY, "after")
    assert store.labels.of(KEY).name == "before"
    assert sorted(path.name for path in store.root.glob("*")) == ["labels.json", "locks"]


def test_a_store_from_before_has_no_labels(store):
    write(store, FIRST)
    assert not (store.root / "labels.json").exists()
    assert store.labels.all() == {} and [info.pinned for info in store.list()] == [False]


# -- the bin ---------------------------------------------------------------------------------------------


def test_what_was_deleted_comes_back_whole(store):
    write(store, FIRST)
    store.labels.rename(KEY, "mine")
    store.labels.pin(KEY)
    before = time.time()
    store.bin(KEY)
    assert store.status(KEY).state == "absent" and store.list() == []
    (binned,) = Store(store.root).binned()
    assert (binned.key, binned.name, binned.state) == (KEY, "mine", "done")
    assert int(before) <= binned.deleted <= time.time()
    Store(store.root).restore(KEY)
    assert store.binned() == []
    (info,) = store.list()
    assert (info.name, info.pinned, info.state) == ("mine", True, "done")
    for found in store.snapshots(KEY):
        same_snapshot(found, snapshot(found.epoch))
    assert store.follow(KEY) == list(range(6))


def test_an_unfinished_run_comes_back_too(store):
    write(store, FIRST, epochs=2, finish=False)
    store.bin(KEY)
    assert store.binned()[0].state == "interrupted"
    store.restore(KEY)
    assert store.status(KEY).state == "interrupted" and store.follow(KEY) == [0, 1, 2]


def test_a_run_that_is_being_written_is_not_deleted(store):
    with store.writer(FIRST, "cpu") as writer:
        writer.append(snapshot(0))
        with pytest.raises(Busy, match="is being written"):
            store.bin(KEY)
        assert store.status(KEY).state == "running" and store.binned() == []


def test_nothing_comes_back_that_is_not_in_the_bin(store):
    with pytest.raises(StoreError, match="not in the bin"):
        store.restore(KEY)
    with pytest.raises(ConfigError, match="16 hexadecimal"):
        store.restore("../runs")
    store.bin(KEY)  # absent: nothing to do
    assert store.binned() == []


def test_a_run_that_was_trained_again_is_left_as_it_is(store):
    write(store, FIRST)
    store.bin(KEY)
    write(store, FIRST)
    again = store.status(KEY).started
    store.restore(KEY)
    assert store.status(KEY).started == again and store.binned() == []


def test_a_finished_run_from_the_bin_takes_the_place_of_one_that_was_stopped(store):
    write(store, FIRST)
    store.bin(KEY)
    write(store, FIRST, epochs=1, finish=False)
    store.restore(KEY)
    assert store.status(KEY).state == "done"


def test_the_last_of_two_deleted_is_what_comes_back(store):
    for _ in range(2):
        write(store, FIRST)
        started = store.status(KEY).started
        store.bin(KEY)
    assert len(store.binned()) == 1
    store.restore(KEY)
    assert store.status(KEY).started == started


def test_an_emptied_bin_forgets_the_names_of_what_is_gone(store):
    for experiment, name in ((FIRST, "gone"), (SECOND, "kept")):
        write(store, experiment)
        store.labels.rename(experiment.key, name)
    store.bin(KEY)
    store.empty_bin()
    assert store.binned() == [] and store.labels.all() == {SECOND.key: RunLabel("kept")}
    assert not list((store.root / "tmp").iterdir())


def test_deleted_for_good_is_forgotten(store):
    write(store, FIRST)
    store.labels.pin(KEY)
    store.delete(KEY)
    assert store.labels.all() == {} and store.binned() == []


def test_what_is_damaged_in_the_bin_hides_nothing_else(store):
    for experiment in (FIRST, SECOND):
        write(store, experiment)
        store.bin(experiment.key)
    (store.root / "bin" / KEY / "run.json").write_text("{}", encoding="utf-8")
    assert [info.key for info in store.binned()] == [SECOND.key]


# -- space -----------------------------------------------------------------------------------------------


def sized(store, *experiments):
    """Runs written in this order, each used a second after the one before."""
    for index, experiment in enumerate(experiments):
        write(store, experiment)
        os.utime(store.root / "runs" / experiment.key / "used", (1000 + index, 1000 + index))
    return max(info.bytes for info in store.list())


def test_the_bin_goes_before_any_run(store):
    size = sized(store, FIRST, SECOND, THIRD)
    store.bin(THIRD.key)  # the last used
    store.cap_bytes = 2 * size + size // 2
    store.evict()
    assert store.binned() == []
    assert {info.key for info in store.list()} == {FIRST.key, SECOND.key}


def test_what_fits_stays_in_the_bin(store):
    sized(store, FIRST, SECOND)
    store.bin(KEY)
    store.evict()
    assert [info.key for info in store.binned()] == [KEY]


def test_a_pinned_run_is_never_evicted(store):
    sized(store, FIRST, SECOND, THIRD)
    store.labels.pin(KEY)  # used least recently
    store.cap_bytes = 1
    store.evict()
    assert {info.key for info in store.list()} == {FIRST.key, THIRD.key}


def test_what_was_overtaken_goes_first_unless_somebody_holds_to_it(store):
    size = sized(store, FIRST, SECOND, THIRD)
    store.labels.overtake(SECOND.key, by=THIRD.key)
    assert [info.key for info in store.list() if info.overtaken] == [SECOND.key], "it can be read as before"
    store.labels.rename(SECOND.key, "mine")
    store.labels.overtake(SECOND.key, by=THIRD.key)
    assert store.labels.all() == {SECOND.key: RunLabel("mine")}, "what has a name is not overtaken"
    store.labels.rename(SECOND.key, "")
    store.labels.overtake(SECOND.key, by=KEY)
    store.labels.overtake(KEY, by=SECOND.key)
    assert store.labels.all() == {KEY: RunLabel(overtaken=True)}, "who goes back to a run has it again"
    store.labels.overtake(SECOND.key, by=KEY)
    store.cap_bytes = 2 * size + size // 2
    store.evict()
    assert {info.key for info in store.list()} == {KEY, THIRD.key}, "though the first was used less recently"
    assert Store(store.root).labels.all() == {}


def test_the_name_of_a_run_that_is_evicted_goes_with_it(store):
    sized(store, FIRST, SECOND)
    for key in (KEY, SECOND.key):
        store.labels.rename(key, "ours")
    store.cap_bytes = 1
    store.evict()
    assert list(store.labels.all()) == [SECOND.key]


def test_the_name_of_a_preset_stays_when_a_run_of_its_key_is_deleted(tmp_path):
    store = Store(tmp_path / "store", tmp_path / "presets")
    write(store, FIRST)
    write(store, SECOND)
    store.export(KEY, tmp_path / "presets")
    for key in (KEY, SECOND.key):
        store.labels.rename(key, "ours")
        store.delete(key)
    assert list(store.labels.all()) == [KEY]


def test_after_days_the_bin_is_emptied(store):
    for experiment in (FIRST, SECOND):
        write(store, experiment)
        store.bin(experiment.key)
    long_ago = time.time() - (DAYS + 1) * 86_400
    os.utime(store.root / "bin" / KEY, (long_ago, long_ago))
    store.evict()
    assert [info.key for info in store.binned()] == [SECOND.key]


def test_the_file_of_labels_is_plain_json(store):
    store.labels.rename(KEY, "Größe")
    body = json.loads((store.root / "labels.json").read_text(encoding="utf-8"))
    assert body == {"format": 1, "runs": {KEY: {"name": "Größe", "pinned": False}}}
