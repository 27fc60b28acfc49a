"""The store: round trips, damage, concurrent processes, a full disk, eviction."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import resource
import shutil
import struct
import subprocess
import threading
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ctviz.errors import ConfigError, CtvizError, StoreError
from ctviz.experiments.snapshot import METRICS
from ctviz.experiments.store import (
    Absent,
    Busy,
    Finished,
    Store,
    claim,
    codec,
    default_root,
    files,
    open_store,
    wait_for_other_writer,
)
from ctviz.experiments.store import store as store_module
from ctviz.experiments.store import writer as writer_module
from ctviz.experiments.store.codec import Damaged, expand, squeeze
from tests.experiments.runs import EPOCHS, process, same_scene, same_snapshot, scene, small, snapshot, write
from tests.waiting import PATIENCE

EXPERIMENT = small()
KEY = EXPERIMENT.key


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run, to be copied."""
    root = tmp_path_factory.mktemp("finished")
    write(Store(root), EXPERIMENT)
    return root / "runs" / KEY


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory):
    """A run whose writer was killed, to be copied."""
    root = tmp_path_factory.mktemp("interrupted")
    write(Store(root), EXPERIMENT, epochs=2, finish=False)
    return root / "runs" / KEY


def place(store, source, key=KEY):
    target = store.root / "runs" / key
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


def leftovers(root):
    return [path for path in root.rglob("*") if path.name.endswith(".tmp")] + list((root / "tmp").glob("*"))


# -- round trips -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("finish", [True, False], ids=["sealed", "live"])
def test_what_is_written_is_read(store, finish):
    write(store, EXPERIMENT, finish=finish)
    assert store.follow(KEY) == list(range(EPOCHS + 1))
    for found in (store.snapshots(KEY), (store.snapshot(KEY, epoch) for epoch in range(EPOCHS + 1))):
        count = 0
        for epoch, read in enumerate(found):
            same_snapshot(read, snapshot(epoch))
            count += 1
        assert count == EPOCHS + 1
    same_scene(store.scene(KEY), scene())
    assert store.experiment(KEY) == EXPERIMENT
    assert store.summary(KEY) == ({"arms": ["vanilla", "full"]} if finish else None)


def test_a_sealed_run_is_one_file_of_snapshots(store):
    write(store, EXPERIMENT)
    names = {path.name for path in (store.root / "runs" / KEY).iterdir()}
    assert names == {"run.json", "scene.safetensors", "snapshots.safetensors", "used"}
    assert not leftovers(store.root)


def test_a_snapshot_without_field_and_paths(store):
    with store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(snapshot(0, plane=False))
        same_snapshot(store.snapshot(KEY, 0), snapshot(0, plane=False))


def test_a_metric_that_came_after_a_run_was_stored_does_not_apply_to_it(store):
    old = dataclasses.replace(snapshot(0), metrics={"loss_class": np.array([0.5, 0.25])})
    with store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(old)
        read = store.snapshot(KEY, 0)
    assert tuple(read.metrics) == METRICS and read.metrics["loss_class"].tolist() == [0.5, 0.25]
    assert all(np.isnan(values).all() for name, values in read.metrics.items() if name != "loss_class")


@pytest.mark.parametrize("order", [1, 2])
def test_paths_of_either_kind(store, order):
    """Smooth paths are kept by changes of steps, others by steps."""
    rng = np.random.default_rng(0)
    bent = (np.arange(7, dtype=np.uint16) ** 2)[:, None] * rng.integers(300, 1300, (2, 3, 1, 2)).astype(np.uint16)
    erratic = np.repeat(rng.integers(0, 65536, (2, 3, 1, 2)), 7, axis=2).astype(np.uint16)
    good = snapshot(0)
    found = dataclasses.replace(good, paths=dataclasses.replace(good.paths, points=bent if order == 2 else erratic))
    with store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(found)
        file = codec.EntryFile(store.root / "runs" / KEY / "snapshots" / "00000.safetensors", 1 << 20)
        assert file.entry(KEY, "00000")[0]["order"] == order
        same_snapshot(store.snapshot(KEY, 0), found)


def test_snapshots_from_an_epoch_on(store):
    write(store, EXPERIMENT)
    assert [s.epoch for s in store.snapshots(KEY, start=3)] == [3, 4, 5]
    assert list(store.snapshots(KEY, start=6)) == []


def test_a_growing_run_is_followed(store):
    with store.writer(EXPERIMENT, "cpu") as writer:
        assert store.status(KEY).state == "running" and store.follow(KEY) == [] and store.scene(KEY) is None
        for epoch in (0, 2, 4):
            writer.append(snapshot(epoch))
            assert store.follow(KEY) == list(range(0, epoch + 1, 2))
            status = store.status(KEY)
            assert (status.state, status.epochs_done, status.epochs) == ("running", epoch, EPOCHS)
        assert status.updated >= status.started > 0
        writer.finish({"accuracy": np.float64(0.5), "cost": float("nan"), "n": np.int64(3)})
    assert store.status(KEY).state == "done"
    assert store.summary(KEY) == {"accuracy": 0.5, "cost": None, "n": 3}


def test_a_list_made_while_the_run_grows_has_no_gaps(store, monkeypatch):
    """A folder that grows while it is listed may show what came later and not what came before."""
    listed = os.listdir
    with store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(snapshot(0))

        def while_it_grows(path):
            monkeypatch.setattr(os, "listdir", listed)
            names = listed(path)
            writer.append(snapshot(1))
            writer.append(snapshot(2))
            return [*names, "00002.safetensors"]

        monkeypatch.setattr(os, "listdir", while_it_grows)
        assert store.follow(KEY) == [0, 1, 2]


def test_a_list_made_while_the_run_is_sealed_is_whole(store, monkeypatch):
    listed, ended = os.listdir, list[bool]()
    writer = store.writer(EXPERIMENT, "cpu")
    for epoch in range(EPOCHS + 1):
        writer.append(snapshot(epoch))

    def while_it_is_sealed(path):
        if Path(path).name != "snapshots":
            return listed(path)
        if not ended:
            ended.append(True)
            writer.finish({})
        return ["00004.safetensors"]  # the others have been removed by now

    assert store.status(KEY).state == "running"
    monkeypatch.setattr(os, "listdir", while_it_is_sealed)
    assert store.follow(KEY) == list(range(EPOCHS + 1))


def test_list(store):
    other = small(seed=1)
    write(store, EXPERIMENT)
    write(store, other, epochs=1, finish=False)
    os.utime(store.root / "runs" / KEY / "used", (1, 1))
    first, second = store.list()
    assert (first.key, first.state, second.key, second.state) == (other.key, "interrupted", KEY, "done")
    assert (second.data, second.arms, second.epochs) == ("moons", ("vanilla", "full"), EPOCHS)
    assert second.bytes == files.size_of(store.root / "runs" / KEY) > 0 and second.last_used == 1


def test_an_empty_store(store):
    assert store.status(KEY).state == "absent" and store.follow(KEY) == [] and store.list() == []
    assert store.notices() == []
    for read in (store.experiment, store.scene, store.summary):
        with pytest.raises(Absent, match=KEY):
            read(KEY)
    store.delete(KEY)
    store.touch(KEY)
    store.evict()
    assert not store.root.exists()  # looking leaves no trace


def test_a_snapshot_that_is_not_there(store):
    write(store, EXPERIMENT)
    with pytest.raises(StoreError, match="no snapshot of epoch 77"):
        store.snapshot(KEY, 77)
    assert store.status(KEY).state == "done"


@given(
    hnp.arrays(
        np.uint16, hnp.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=5), elements=st.integers(0, 65535)
    ),
    st.sampled_from([(), (3,), (3, 3), (3, 2), (2, 3, 1)]),
)
def test_squeezing_is_inverted(values, axes):
    np.testing.assert_array_equal(expand(squeeze(values, axes), np.uint16, values.shape, axes), values)
    low = (values >> 8).astype(np.uint8)
    np.testing.assert_array_equal(expand(squeeze(low, axes), np.uint8, low.shape, axes), low)


@pytest.mark.parametrize("shape", [(0, 1, 2, 3), (2, 0, 3, 2)])
def test_squeezing_nothing(shape):
    nothing = np.zeros(shape, np.uint16)
    np.testing.assert_array_equal(expand(squeeze(nothing, (2,)), np.uint16, shape, (2,)), nothing)


# -- what does not belong ----------------------------------------------------------------------------------


def test_a_snapshot_must_fit_its_experiment(store):
    good = snapshot(0)
    wrong = [
        {"field": good.field[:1]},
        {"field": good.field.astype(np.float32)},
        {"paths": dataclasses.replace(good.paths, points=np.zeros((2, 3, 99, 2), np.uint16))},
        {"paths": dataclasses.replace(good.paths, steps=good.paths.steps + np.uint16(99))},
        {"metrics": {"cost": np.zeros(3)}},
        {"metrics": {"no such": np.zeros(2)}},
        {"weights": {"0.weight": np.zeros((3, 4, 2), np.float32)}},
        {"epoch": EPOCHS + 1},
        {"seconds": float("nan")},
    ]
    with store.writer(EXPERIMENT, "cpu") as writer:
        for changes in wrong:
            with pytest.raises(StoreError, match="does not fit"):
                writer.append(dataclasses.replace(good, **changes))
        assert store.follow(KEY) == []
        with pytest.raises(StoreError, match="does not fit"):
            writer.scene(dataclasses.replace(scene(), labels=np.full(20, 7, np.uint8)))


def test_snapshots_come_in_order(store):
    with store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(snapshot(1))
        with pytest.raises(StoreError, match="cannot follow"):
            writer.append(snapshot(1))


def test_a_summary_that_is_not_json(store):
    with pytest.raises(StoreError, match="JSON"), store.writer(EXPERIMENT, "cpu") as writer:
        writer.finish({"what": object()})
    assert store.status(KEY).state == "failed"


@pytest.mark.parametrize(
    "key", ["", "..", "../../etc", "0" * 15, "0" * 17, "G" * 16, KEY.upper() + " ", "0" * 15 + "\n", None, 7]
)
@pytest.mark.parametrize(
    "method", ["status", "follow", "experiment", "scene", "summary", "delete", "touch", "snapshots", "export"]
)
def test_keys_are_checked_before_the_disk_is_touched(store, method, key):
    extra = (store.root,) if method == "export" else ()
    with pytest.raises(ConfigError, match="16 hexadecimal digits"):
        getattr(store, method)(key, *extra)
    assert not store.root.exists()


# -- damage ------------------------------------------------------------------------------------------------


def assert_intact_or_gone(store):
    """Everything that can be read is what was written; the rest says so in a ``StoreError``."""
    state = store.status(KEY).state
    assert state in ("absent", "done", "interrupted"), state
    try:
        assert store.experiment(KEY) == EXPERIMENT
        read = store.scene(KEY)
        if read is not None:
            same_scene(read, scene())
        for found in store.snapshots(KEY):
            same_snapshot(found, snapshot(found.epoch))
        if state == "done":
            assert store.summary(KEY) == {"arms": ["vanilla", "full"]}
    except StoreError:
        assert store.status(KEY).state == "absent"
        assert store.notices()


def corruptions(data):
    """Truncated, flipped, overwritten and grown copies of a file."""
    rng = np.random.default_rng(0)
    size = len(data)
    for at in {0, 1, 7, 8, 9, size // 2, size - 1, *rng.integers(0, size, 12).tolist()}:
        yield data[:at]
    for at in [*range(16), *rng.integers(0, size, 60).tolist()]:
        yield data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    for at in rng.integers(0, size, 8).tolist():
        yield data[:at] + rng.bytes(30) + data[at + 30 :]
    yield data + b"\0"
    yield data + data
    yield rng.bytes(size)
    yield b"{}"


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("finished", "run.json"),
        ("finished", "scene.safetensors"),
        ("finished", "snapshots.safetensors"),
        ("interrupted", "run.json"),
        ("interrupted", "scene.safetensors"),
        ("interrupted", "snapshots/00001.safetensors"),
    ],
)
def test_a_corrupt_file_is_never_wrong_data(store, request, state, name):
    source = request.getfixturevalue(state)
    for data in corruptions((source / name).read_bytes()):
        (place(store, source) / name).write_bytes(data)
        assert_intact_or_gone(Store(store.root))


@pytest.mark.parametrize("name", ["run.json", "snapshots.safetensors", "scene.safetensors"])
def test_a_missing_file(store, finished, name):
    (place(store, finished) / name).unlink()
    assert_intact_or_gone(store)


def test_damage_is_set_aside_with_a_notice(store, finished):
    path = place(store, finished) / "snapshots.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    assert store.status(KEY).state == "done"  # nobody has looked inside
    with pytest.raises(Absent, match="set aside"):
        list(store.snapshots(KEY))
    assert store.status(KEY).state == "absent"
    assert [p.name.split("-")[0] for p in (store.root / "aside").iterdir()] == [KEY]
    (notice,) = store.notices()
    assert KEY in notice and "changed after it was written" in notice
    assert Store(store.root).notices() == [notice]  # another process shows it too
    write(store, EXPERIMENT)
    assert store.status(KEY).state == "done"
    store.clear_notices()
    assert Store(store.root).notices() == []


def rewrite(path, change):
    """Change ``run.json`` as a program would, with a right checksum."""
    from ctviz.experiments.store import record

    body = json.loads(path.read_bytes())
    del body["sha256"]
    change(body)
    path.write_text(json.dumps({**body, "sha256": record._digest(body)}), encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"algorithm": -1},
        {"key": "0" * 16},
        {"state": "odd"},
        {"experiment": {}},
        {"experiment": {"seed": "many"}},
        {"experiment": None},
        {"epochs": 3},
        {"sealed_bytes": 5},
        {"surprise": 1},
        {"started": "soon"},
        {"summary": 7},
        {"message": None},
    ],
    ids=str,
)
def test_a_foreign_record(store, finished, change):
    rewrite(place(store, finished) / "run.json", lambda body: body.update(change))
    assert store.status(KEY).state == "absent"
    assert store.notices()


def test_a_record_that_promises_too_much(store, finished):
    rewrite(place(store, finished) / "run.json", lambda body: body.update(epochs=[0, 1, 99]))
    with pytest.raises(Absent):
        list(store.snapshots(KEY))
    assert store.status(KEY).state == "absent" and store.notices()


def test_a_run_under_the_key_of_another(store, finished):
    place(store, finished, key="0123456789abcdef")
    assert store.status("0123456789abcdef").state == "absent"
    assert "key" in store.notices()[0]


@pytest.mark.parametrize("text", ["[" * 100_000, "null", "[]", "1e999", '{"sha256": 1}', '{"a": NaN}'])
def test_strange_json(store, finished, text):
    (place(store, finished) / "run.json").write_text(text, encoding="utf-8")
    assert store.status(KEY).state == "absent"


@pytest.mark.parametrize("kind", ["a file", "an empty folder", "a dangling link", "snapshots is a file"])
def test_strange_things_in_the_place_of_a_run(store, interrupted, kind):
    path = store.root / "runs" / KEY
    path.parent.mkdir(parents=True)
    if kind == "a file":
        path.write_text("hello", encoding="utf-8")
    elif kind == "an empty folder":
        path.mkdir()
    elif kind == "a dangling link":
        path.symlink_to(store.root / "nowhere")
    else:
        place(store, interrupted)
        shutil.rmtree(path / "snapshots")
        (path / "snapshots").write_text("hello", encoding="utf-8")
    (store.root / "runs" / ".DS_Store").write_text("ignored", encoding="utf-8")
    assert store.status(KEY).state == "absent"
    assert store.list() == []
    write(store, EXPERIMENT)
    assert store.status(KEY).state == "done"


def test_a_snapshot_file_of_another_run_or_epoch(store, interrupted, tmp_path):
    other = Store(tmp_path / "other")
    key = write(other, small(seed=9), epochs=2, finish=False)
    for source in (other.root / "runs" / key / "snapshots" / "00001.safetensors",
                   interrupted / "snapshots" / "00002.safetensors"):  # fmt: skip
        target = place(store, interrupted) / "snapshots" / "00001.safetensors"
        shutil.copy(source, target)
        with pytest.raises(Absent):
            list(store.snapshots(KEY))


# -- bombs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def little_memory():
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def bomb(megabytes=100):
    machine = zlib.compressobj()
    parts = [machine.compress(bytes(1 << 20)) for _ in range(megabytes)]
    return np.frombuffer(b"".join([*parts, machine.flush()]), np.uint8)


def test_a_zlib_bomb_is_not_expanded(little_memory):
    with pytest.raises(Damaged, match="size"):
        expand(bomb(), np.uint8, (2, 1, 9, 9), (3, 2))


@pytest.mark.parametrize(
    "data",
    [b"", b"no", zlib.compress(bytes(10)), zlib.compress(bytes(162)) + b"x", zlib.compress(bytes(162))[:-1]],
    ids=["empty", "noise", "short", "long", "cut"],
)
def test_squeezed_bytes_of_the_wrong_length(data):
    with pytest.raises(Damaged):
        expand(np.frombuffer(data, np.uint8), np.uint8, (2, 1, 9, 9), (3, 2))


@pytest.mark.parametrize(
    "shape", [[2, 1, 10**6, 10**6], [10**9, 1, 9, 9], [2, 1, -9, -9], [2, 1, 9], [], "x", [None] * 4]
)
@pytest.mark.parametrize("what", ["field", "paths"])
def test_huge_and_odd_shapes_are_refused_before_allocation(store, interrupted, what, shape, little_memory):
    path = place(store, interrupted) / "snapshots" / "00001.safetensors"
    facts, arrays = codec.EntryFile(path, 1 << 20).entry(KEY, "00001")
    facts["shapes"][what] = shape
    arrays |= {"field": bomb(30)} if what == "field" else {"paths.points": bomb(30)}
    path.write_bytes(codec.to_bytes(*codec.pack(KEY, "00001", facts, arrays)))
    with pytest.raises(StoreError):
        store.snapshot(KEY, 1)
    assert store.status(KEY).state == "absent"


def test_a_header_that_promises_gigabytes(store, interrupted, little_memory):
    path = place(store, interrupted) / "snapshots" / "00001.safetensors"
    header = json.dumps({"00001/field": {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 2**42]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(StoreError):
        store.snapshot(KEY, 1)


def test_a_file_that_is_too_large_is_not_opened(store, interrupted, little_memory):
    path = place(store, interrupted) / "snapshots" / "00001.safetensors"
    os.truncate(path, 1 << 40)  # a sparse file
    with pytest.raises(StoreError):
        store.snapshot(KEY, 1)
    path = place(store, interrupted) / "run.json"
    os.truncate(path, 1 << 40)
    assert store.status(KEY).state == "absent"


# -- how a writer ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (StoreError("Out of luck."), "failed", "Out of luck."),
        (ValueError("odd"), "failed", "Unexpected error: ValueError: odd"),
        (GeneratorExit(), "cancelled", ""),
        (KeyboardInterrupt(), "cancelled", ""),
        (None, "cancelled", ""),
    ],
    ids=repr,
)
def test_how_a_writer_ends(store, error, state, message):
    def run():
        with store.writer(EXPERIMENT, "cpu") as writer:
            writer.append(snapshot(0))
            if error is not None:
                raise error

    if error is None:
        run()
    else:
        with pytest.raises(type(error)):
            run()
    status = store.status(KEY)
    assert (status.state, status.message) == (state, message)
    same_snapshot(store.snapshot(KEY, 0), snapshot(0))
    with pytest.raises(StoreError), store.writer(EXPERIMENT, "cpu") as writer:
        writer.fail("Again.")
        writer.append(snapshot(0))


def test_a_new_attempt_starts_clean(store):
    write(store, EXPERIMENT, epochs=3, finish=False)
    before = store.status(KEY)
    assert before.state == "interrupted" and before.epochs_done == 3
    with store.writer(EXPERIMENT, "cpu") as writer:
        status = store.status(KEY)
        assert (status.state, status.epochs_done) == ("running", 0) and status.started > before.started
        assert store.scene(KEY) is None
        writer.finish({})
    assert not leftovers(store.root) or all(p.parent.name == "tmp" for p in leftovers(store.root))


def test_a_finished_run_is_not_written_again(store):
    write(store, EXPERIMENT)
    with pytest.raises(Finished, match=KEY):
        store.writer(EXPERIMENT, "cpu")
    assert claim(store, EXPERIMENT, "cpu", lambda: False) is None
    store.delete(KEY)
    assert store.status(KEY).state == "absent"
    store.writer(EXPERIMENT, "cpu").cancel()


def test_a_damaged_run_can_be_written_again_at_once(store, finished):
    (place(store, finished) / "snapshots.safetensors").write_bytes(b"")
    write(store, EXPERIMENT)
    assert store.status(KEY).state == "done" and store.notices()


# -- several at once -------------------------------------------------------------------------------------------


def test_one_writer_at_a_time(store):
    with store.writer(EXPERIMENT, "cpu") as writer:
        for _ in range(3):
            with pytest.raises(Busy):
                store.writer(EXPERIMENT, "cpu")
        with pytest.raises(Busy):
            store.delete(KEY)
        store.writer(small(seed=1), "cpu").cancel()  # another run is another lock
        writer.append(snapshot(0))
    store.writer(EXPERIMENT, "cpu").cancel()


def test_a_live_run_is_never_set_aside(store):
    with store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(snapshot(0))
        path = store.root / "runs" / KEY
        good = (path / "run.json").read_bytes()
        (path / "run.json").write_bytes(b"half")
        assert store.status(KEY).state == "running"
        assert store.follow(KEY) == []
        (path / "run.json").unlink()
        assert store.status(KEY).state == "running"
        shutil.move(path, store.root / "elsewhere")
        assert store.status(KEY).state == "running"
        shutil.move(store.root / "elsewhere", path)
        (path / "run.json").write_bytes(good)
        assert store.status(KEY).state == "running" and store.follow(KEY) == [0]
        assert store.notices() == []


def test_readers_meet_no_moment_between_two_states(store):
    """Readers hammer a run while it is written, sealed, and written again; what they read is always whole."""
    problems, stop = [], threading.Event()

    def read():
        mine = Store(store.root)
        while not stop.is_set():
            try:
                status = mine.status(KEY)
                if status.state not in ("absent", "running", "done"):
                    problems.append(status)
                epochs = mine.follow(KEY)
                if epochs != list(range(len(epochs))):
                    problems.append(epochs)
                for found in mine.snapshots(KEY):
                    same_snapshot(found, snapshot(found.epoch))
            except (Absent, Busy):
                pass  # deleted between two looks
            except Exception as error:
                problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for _ in range(12):
        write(store, EXPERIMENT)
        store.delete(KEY)
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert store.notices() == []


def test_a_writer_that_ends_between_two_looks_was_not_interrupted(store, monkeypatch):
    writer = store.writer(EXPERIMENT, "cpu")

    def look(path):
        writer.finish({})
        return files.is_locked(path)

    monkeypatch.setattr(store_module, "is_locked", look)
    assert store.status(KEY).state == "done"


def test_an_attempt_that_begins_between_two_looks_was_not_interrupted(store, monkeypatch):
    first, second = store.writer(EXPERIMENT, "cpu"), []

    def look(path):
        first.cancel()
        looked = files.is_locked(path)
        second.append(store.writer(EXPERIMENT, "cpu"))
        return looked

    monkeypatch.setattr(store_module, "is_locked", look)
    assert store.status(KEY).state == "running"
    second[0].cancel()


def test_a_lock_whose_file_was_removed_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """A run deleted and begun anew by others, between our opening of the lock's file and our locking of it."""
    path, others = tmp_path / "x.lock", []

    def lock_late(fd, kind):
        if not others:
            path.unlink()
            others.append(os.open(path, os.O_RDWR | os.O_CREAT))
            assert really(others[0], fcntl.LOCK_EX)
        return really(fd, kind)

    really = files._try_lock
    monkeypatch.setattr(files, "_try_lock", lock_late)
    with pytest.raises(Busy):
        files.FileLock(path).acquire()
    os.close(others[0])
    files.FileLock(path).acquire()


def test_looking_does_not_disturb_a_writer(store):
    stop = threading.Event()

    def look():
        while not stop.is_set():
            store.status(KEY)

    write(store, EXPERIMENT, epochs=0, finish=False)
    lookers = [threading.Thread(target=look) for _ in range(4)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(50):
            store.writer(EXPERIMENT, "cpu").cancel()
    finally:
        stop.set()
        for looker in lookers:
            looker.join()


@pytest.fixture
def holder(store):
    other = process(store.root, "hold")
    assert other.stdout.readline() == "holding\n"
    yield other
    other.kill()
    other.communicate()


def test_a_writer_in_another_process(store, holder):
    assert store.status(KEY).state == "running" and store.follow(KEY) == [0, 1]
    with pytest.raises(Busy):
        store.writer(EXPERIMENT, "cpu")
    assert wait_for_other_writer(store, KEY, cancelled=lambda: True).state == "running"
    assert claim(store, EXPERIMENT, "cpu", cancelled=lambda: True) is None
    store.cap_bytes = 0
    write(store, small(seed=1))
    assert store.status(KEY).state == "running"  # not evicted


def test_kill_9_of_a_writer(store, holder):
    holder.kill()
    holder.wait()
    assert store.status(KEY).state == "interrupted"
    assert wait_for_other_writer(store, KEY, cancelled=lambda: False).state == "interrupted"
    same_snapshot(store.snapshot(KEY, 1), snapshot(1))
    with store.writer(EXPERIMENT, "cpu") as writer:
        assert store.follow(KEY) == []
        writer.append(snapshot(0))
        writer.finish({})
    assert store.follow(KEY) == [0] and store.status(KEY).state == "done"


def test_whoever_waits_takes_over_when_the_writer_is_killed(store, holder):
    got = []
    waiting = threading.Thread(target=lambda: got.append(claim(store, EXPERIMENT, "cpu", lambda: False)))
    waiting.start()
    holder.kill()
    waiting.join(PATIENCE)
    got[0].finish({})
    assert store.status(KEY).state == "done"


def test_two_processes_compute_the_same_run_once(store, tmp_path):
    count = tmp_path / "count"
    both = [process(store.root, "compute", count) for _ in range(2)]
    for other in both:
        assert other.stdout.readline() == "ready\n"
    for other in both:
        other.stdin.write("go\n")
        other.stdin.flush()
    assert [other.communicate(timeout=PATIENCE)[0] for other in both] == ["done\n", "done\n"]
    assert count.read_text(encoding="utf-8") == "computed\n"
    assert store.follow(KEY) == list(range(EPOCHS + 1))


# -- crashes around the seal ------------------------------------------------------------------------------------


class Crash(BaseException):
    """The end of the process at this line."""


def crash(*_, **__):
    raise Crash


@pytest.mark.parametrize("where", ["before the seal", "after the seal", "after the record"])
def test_a_crash_while_sealing(store, monkeypatch, where):
    writer = store.writer(EXPERIMENT, "cpu")
    writer.scene(scene())
    for epoch in range(EPOCHS + 1):
        writer.append(snapshot(epoch))
    if where == "before the seal":
        monkeypatch.setattr(writer_module, "write_whole", crash)
    elif where == "after the seal":
        monkeypatch.setattr(writer, "_write_record", crash)
    else:
        monkeypatch.setattr(writer_module, "remove", crash)
    with pytest.raises(Crash):
        writer.finish({"arms": ["vanilla", "full"]})
    writer._lock.release()
    monkeypatch.undo()
    assert store.status(KEY).state == ("done" if where == "after the record" else "interrupted")
    assert [s.epoch for s in store.snapshots(KEY)] == list(range(EPOCHS + 1))
    assert_intact_or_gone(store)
    assert store.notices() == []
    store.evict()
    folder = store.root / "runs" / KEY
    assert (folder / "snapshots").exists() == (where != "after the record")
    if where == "after the seal":
        shutil.rmtree(folder / "snapshots")
        assert store.follow(KEY) == list(range(EPOCHS + 1))
        assert_intact_or_gone(store)


# -- no space, no permission -------------------------------------------------------------------------------------


@contextlib.contextmanager
def files_no_larger_than(size):
    """A limit that the system itself enforces; lifted before the test ends, since a log may be a large file too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_snapshot_that_cannot_be_written(store):
    with pytest.raises(StoreError, match="CTVIZ_HOME"), store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(snapshot(0))
        with files_no_larger_than(2000):  # the snapshot is larger
            writer.append(snapshot(1))
    assert not leftovers(store.root)
    status = store.status(KEY)
    assert status.state == "failed" and "CTVIZ_HOME" in status.message
    assert store.follow(KEY) == [0]
    same_snapshot(store.snapshot(KEY, 0), snapshot(0))
    write(store, EXPERIMENT)
    assert store.status(KEY).state == "done"


def test_a_run_that_cannot_be_sealed_is_done_all_the_same(store):
    writer = store.writer(EXPERIMENT, "cpu")
    for epoch in range(EPOCHS + 1):
        writer.append(snapshot(epoch))
    largest = max(path.stat().st_size for path in (store.root / "runs" / KEY).rglob("*") if path.is_file())
    with files_no_larger_than(largest + 1000):
        writer.finish({"arms": ["vanilla", "full"]})
    assert store.status(KEY).state == "done"
    assert_intact_or_gone(store)
    assert store.follow(KEY) == list(range(EPOCHS + 1)) and not leftovers(store.root)
    (store.root / "runs" / KEY / "snapshots" / "00003.safetensors").unlink()
    assert store.status(KEY).state == "absent"


def test_a_run_that_cannot_even_be_begun(store):
    with pytest.raises(StoreError, match="CTVIZ_HOME"), files_no_larger_than(10):
        store.writer(EXPERIMENT, "cpu")
    assert store.status(KEY).state == "absent" and not leftovers(store.root)


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 100 kB; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", disk], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk(small_disk):
    store = Store(small_disk / "store")
    with pytest.raises(StoreError, match="No space is left"), store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(snapshot(0))
        (small_disk / "filler").write_bytes(bytes(60_000))
        for epoch in range(1, EPOCHS + 1):
            writer.append(snapshot(epoch))
            with contextlib.suppress(OSError):
                (small_disk / f"filler{epoch}").write_bytes(bytes(8_000))
    assert store.status(KEY).state in ("failed", "interrupted")
    assert not leftovers(store.root)
    for found in store.snapshots(KEY):
        same_snapshot(found, snapshot(found.epoch))
    for filler in small_disk.glob("filler*"):
        filler.unlink()
    write(store, EXPERIMENT)
    assert store.status(KEY).state == "done"


def test_a_read_only_disk(small_disk):
    store = Store(small_disk / "store")
    write(store, EXPERIMENT)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert store.status(KEY).state == "done" and len(list(store.snapshots(KEY))) == EPOCHS + 1
    store.touch(KEY)
    assert claim(store, EXPERIMENT, "cpu", lambda: False) is None
    for ask in (store.writer, lambda *args: claim(store, *args, lambda: False)):
        with pytest.raises(StoreError, match=r"read-only.*CTVIZ_HOME"):
            ask(small(seed=1), "cpu")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "sweeps").write_text("", encoding="utf-8")
    for act in (lambda: (tmp_path / "sweeps").mkdir(exist_ok=True), lambda: (tmp_path / "sweeps" / "a").read_bytes()):
        with pytest.raises(StoreError, match=r"sweeps is not a folder"), files.store_errors(tmp_path):
            act()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space is left"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_what_the_disk_says_becomes_a_sentence(store, monkeypatch, number, words):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    with pytest.raises(StoreError, match=words) as caught, store.writer(EXPERIMENT, "cpu") as writer:
        monkeypatch.setattr(Path, "replace", refuse)
        writer.append(snapshot(0))
    monkeypatch.undo()
    assert "CTVIZ_HOME" in str(caught.value) and str(store.root) in str(caught.value)
    assert not leftovers(store.root) and store.follow(KEY) == []


def test_a_root_that_is_a_file(tmp_path, finished):
    (tmp_path / "root").write_text("not a folder", encoding="utf-8")
    store = Store(tmp_path / "root", presets=finished.parent)
    assert store.status(KEY).state == "done"  # what ships with ctviz can be seen all the same
    assert len(list(store.snapshots(KEY))) == EPOCHS + 1
    other = small(seed=1)
    for action in (lambda: store.writer(other, "cpu"), lambda: store.status(other.key), store.list, store.evict):
        with pytest.raises(StoreError, match=r"not a folder.*CTVIZ_HOME"):
            action()
    assert (tmp_path / "root").read_text(encoding="utf-8") == "not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_root_without_permission(tmp_path):
    store = Store(tmp_path / "root")
    write(store, EXPERIMENT)
    for folder in ("runs", "locks", "tmp"):
        (store.root / folder).chmod(0o500)
    try:
        with pytest.raises(StoreError, match=r"no permission.*CTVIZ_HOME"):
            store.writer(small(seed=1), "cpu")
        assert store.status(KEY).state == "done"
    finally:
        for folder in ("runs", "locks", "tmp"):
            (store.root / folder).chmod(0o700)


def test_default_root(monkeypatch, tmp_path):
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path / "home"))
    assert default_root() == tmp_path / "home" and open_store().root == tmp_path / "home"
    assert open_store(tmp_path / "mine").root == tmp_path / "mine"
    monkeypatch.setenv("CTVIZ_HOME", "")
    assert default_root().name == "ctviz"


# -- eviction and presets -----------------------------------------------------------------------------------------


def runs(store, count):
    keys = []
    for seed in range(count):
        keys.append(write(store, small(seed=seed)))
        os.utime(store.root / "runs" / keys[-1] / "used", (1000 + seed, 1000 + seed))
    return keys


def present(store, keys):
    return [store.status(key).state == "done" for key in keys]


def test_the_least_recently_used_goes_first(store):
    keys = runs(store, 4)
    store.touch(keys[0])
    store.cap_bytes = sum(files.size_of(store.root / "runs" / key) for key in keys) - 1
    store.evict()
    assert present(store, keys) == [True, False, True, True]
    store.cap_bytes = 0
    store.evict()
    assert present(store, keys) == [True, False, False, False]  # never the one used last
    assert not leftovers(store.root)


def test_finishing_evicts(store):
    keys = runs(store, 3)
    store.cap_bytes = files.size_of(store.root / "runs" / keys[0]) * 5 // 2
    keys.append(write(store, small(seed=3)))
    assert present(store, keys) == [False, False, True, True]


def test_what_lies_beside_the_runs_counts(store):
    """Results of evaluations go with the runs, the least recently used first; sweeps count and stay."""
    keys = runs(store, 3)
    sizes = [files.size_of(store.root / "runs" / key) for key in keys]
    for folder, used in (("reports", 1000.5), ("limits", 2000), ("sweeps", 1)):
        (store.root / folder).mkdir()
        (store.root / folder / "a.parquet").write_bytes(bytes(10_000))
        os.utime(store.root / folder / "a.parquet", (used, used))
    store.cap_bytes = sum(sizes) + 30_000
    store.evict()
    assert present(store, keys) == [True] * 3
    store.cap_bytes -= sizes[0] + 1  # the first run, and then the report
    store.evict()
    assert present(store, keys) == [False, True, True]
    assert [(store.root / name / "a.parquet").exists() for name in ("reports", "limits", "sweeps")] == [
        False,
        True,
        True,
    ]
    store.cap_bytes = 0
    store.evict()
    assert present(store, keys) == [False, False, True]
    assert [(store.root / name / "a.parquet").exists() for name in ("limits", "sweeps")] == [False, True]


def test_a_file_that_vanishes_meanwhile_is_no_error(tmp_path, monkeypatch):
    for name in ("a.x", "b.x", "c.x", "d"):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (ord(name[0]), ord(name[0])))
    scan = os.scandir

    @contextlib.contextmanager
    def late(folder):
        with scan(folder) as entries:
            found = list(entries)
        (tmp_path / "b.x").unlink()
        yield iter(found)

    monkeypatch.setattr(files.os, "scandir", late)
    files.trim(tmp_path, most_files=1, most_bytes=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_running_runs_are_not_evicted(store):
    with store.writer(EXPERIMENT, "cpu") as writer:
        writer.append(snapshot(0))
        os.utime(store.root / "runs" / KEY / "used", (1, 1))
        key = write(store, small(seed=1))
        store.cap_bytes = 0
        store.evict()
        assert store.status(KEY).state == "running" and store.status(key).state == "done"
        writer.finish({})


def test_a_reader_of_an_evicted_run(store):
    write(store, EXPERIMENT)
    reading = store.snapshots(KEY)
    next(reading)
    store.delete(KEY)
    try:
        rest = [found.epoch for found in reading]
    except StoreError:
        rest = []
    assert rest in ([], list(range(1, EPOCHS + 1)))
    assert store.status(KEY).state == "absent" and store.notices() == []


def test_what_was_set_aside_does_not_pile_up(store, finished):
    for _ in range(15):
        (place(store, finished) / "snapshots.safetensors").write_bytes(b"")
        assert store.status(KEY).state == "absent"
    store.evict()
    assert len(list((store.root / "aside").iterdir())) == 10


def test_remains_of_crashes_are_removed_when_they_are_old(store):
    runs(store, 1)
    old, new = store.root / "tmp" / f"{KEY}-old", store.root / "tmp" / f"{KEY}-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (1, 1))
    store.evict()
    assert not old.exists() and new.exists()


def test_presets(tmp_path):
    source = Store(tmp_path / "source")
    write(source, EXPERIMENT)
    presets = tmp_path / "presets"
    presets.mkdir()
    assert source.export(KEY, presets) == presets / KEY
    assert source.export(KEY, presets) == presets / KEY  # replaced
    assert sorted(path.name for path in presets.rglob("*") if path.is_file()) == [
        "run.json", "scene.safetensors", "snapshots.safetensors"]  # fmt: skip
    store = Store(tmp_path / "store", presets)
    status = store.status(KEY)
    assert status.state == "done" and status.preset and store.list()[0].preset
    assert len(list(store.snapshots(KEY))) == EPOCHS + 1
    before = {path: path.stat().st_mtime_ns for path in presets.rglob("*")}
    with pytest.raises(Finished, match="ships"):
        store.writer(EXPERIMENT, "cpu")
    with pytest.raises(StoreError, match="cannot be deleted"):
        store.delete(KEY)
    store.cap_bytes = 0
    store.touch(KEY)
    store.evict()
    assert {path: path.stat().st_mtime_ns for path in presets.rglob("*")} == before


@pytest.mark.parametrize("name", ["run.json", "snapshots.safetensors"])
def test_a_damaged_preset(tmp_path, finished, name):
    presets = tmp_path / "presets"
    shutil.copytree(finished, presets / KEY)
    data = bytearray((presets / KEY / name).read_bytes())
    data[-9] ^= 4
    (presets / KEY / name).write_bytes(data)
    store = Store(tmp_path / "store", presets)
    with pytest.raises(Absent):
        list(store.snapshots(KEY) if store.status(KEY).state == "done" else [store.experiment(KEY)])
    assert store.status(KEY).state == "absent"
    assert len(store.notices()) == 1 and "ships with ctviz" in store.notices()[0]
    assert (presets / KEY / name).read_bytes() == data  # left where it is
    write(store, EXPERIMENT)
    assert store.status(KEY).state == "done" and not store.status(KEY).preset


def test_only_finished_runs_are_exported(store, tmp_path):
    write(store, EXPERIMENT, epochs=1, finish=False)
    with pytest.raises(StoreError, match="not done"):
        store.export(KEY, tmp_path)


def test_every_error_is_one_of_ctviz():
    for kind in (Absent, Busy, Finished):
        assert issubclass(kind, StoreError) and issubclass(kind, CtvizError)


def test_one_run_that_cannot_be_read_does_not_hide_the_others(store):
    write(store, EXPERIMENT)
    other = small(seed=1)
    loop = store.root / "runs" / other.key
    loop.mkdir(parents=True)
    (loop / "run.json").symlink_to("run.json")
    assert [info.key for info in store.list()] == [KEY]
    assert any(other.key in said for said in store.notices())
