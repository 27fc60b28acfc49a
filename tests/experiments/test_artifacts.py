"""Sealed files: what is read is what was written under this key, or nothing; and files of earlier versions."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from ctviz.data.catalogue import DataSettings
from ctviz.errors import StoreError
from ctviz.experiments.reports import REPORTS
from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import Kind
from ctviz.experiments.store.codec import Damaged
from ctviz.experiments.store.frames import from_parquet, to_parquet
from ctviz.experiments.vae import VAES, vae_key
from ctviz.models.vae import Vae
from ctviz.studies.draw import DRAWS
from ctviz.studies.registry import study_of
from ctviz.studies.reproduce.result import RESULTS
from ctviz.studies.sweeps.tables import keep_table, stored_table, tables_of
from tests.studies.reproduce.made_up import result as table1
from tests.studies.sweeps.small import small
from tests.studies.tables import shortened

OLD = Path(__file__).parent / "old_store"
"""Results as they were stored before files had a header: a report, a sweep, a draw of a limit, an autoencoder."""

KEY, OTHER = "0123456789abcdef", "f" * 16

TEXTS = Kind("text", "texts", str.encode, bytes.decode, old_name="old-{key}.txt", max_bytes=1000)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


# -- one file ------------------------------------------------------------------------------------------


def test_what_is_read_is_what_was_written(store: Store) -> None:
    assert TEXTS.read(store, KEY) is None and not TEXTS.has(store, KEY)
    TEXTS.keep(store, KEY, "line\nof\n\ntext")
    assert TEXTS.read(store, KEY) == "line\nof\n\ntext" and TEXTS.has(store, KEY)
    assert TEXTS.read(store, OTHER) is None
    TEXTS.delete(store, KEY)
    assert TEXTS.read(store, KEY) is None and TEXTS.files(store) == {}


def test_no_changed_byte_goes_unnoticed() -> None:
    whole = TEXTS.seal(KEY, "text")
    assert TEXTS.unseal(whole, KEY) == TEXTS.unseal(whole) == "text"
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        if place < 6:  # no header any more: text of an earlier version, which has no digest
            continue
        for key in (KEY, None):
            with pytest.raises(Damaged):
                TEXTS.unseal(bytes(changed), key)
    for cut in (whole[:-1], whole[:50], whole + b"x", whole[:7]):
        with pytest.raises(Damaged):
            TEXTS.unseal(cut, KEY)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b"\xff"),
        lambda path: path.write_bytes(TEXTS.seal(OTHER, "text")),
        lambda path: path.write_bytes(replace(TEXTS, name="word").seal(KEY, "text")),
        lambda path: path.write_bytes(replace(TEXTS, version=2).seal(KEY, "text")),
        lambda path: path.write_bytes(TEXTS.seal(KEY, "x" * 1001)),
    ],
    ids=["cut", "no text", "another's", "another kind", "another version", "too large"],
)
def test_a_file_that_is_not_whole_is_removed(store: Store, spoil: Callable[[Path], Any]) -> None:
    TEXTS.keep(store, KEY, "text")
    path = TEXTS.path(store, KEY)
    spoil(path)
    assert TEXTS.read(store, KEY) is None and not path.exists()


def test_what_does_not_fit_is_removed(store: Store) -> None:
    TEXTS.keep(store, KEY, "text")
    assert TEXTS.read(store, KEY, lambda text: text == "text") == "text"
    assert TEXTS.read(store, KEY, lambda text: text == "other") is None and not TEXTS.has(store, KEY)


def test_a_file_of_an_earlier_version_is_read_and_replaced(store: Store) -> None:
    old = store.root / "texts" / f"old-{KEY}.txt"
    old.parent.mkdir()
    old.write_text("before", encoding="utf-8")
    assert TEXTS.has(store, KEY) and TEXTS.read(store, KEY) == "before"
    assert TEXTS.files(store) == {KEY: old}
    TEXTS.keep(store, KEY, "now")
    assert TEXTS.read(store, KEY) == "now" and list(TEXTS.files(store)) == [KEY] and not old.exists()


def test_want_of_memory_says_nothing_of_the_file(store: Store) -> None:
    def full(content: bytes) -> str:
        raise MemoryError

    TEXTS.keep(store, KEY, "text")
    with pytest.raises(MemoryError):
        replace(TEXTS, decode=full).read(store, KEY)
    assert TEXTS.read(store, KEY) == "text"


def test_a_disk_that_is_full_is_a_sentence_and_leaves_nothing(store: Store, monkeypatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ctviz.experiments.store.artifacts.write_whole", full)
    with pytest.raises(StoreError, match=r"No space is left.*CTVIZ_HOME"):
        TEXTS.keep(store, KEY, "text")
    assert list((store.root / "texts").iterdir()) == []


# -- many files ----------------------------------------------------------------------------------------


def test_only_what_was_used_last_is_kept(store: Store) -> None:
    few = replace(TEXTS, max_files=3)
    for i, key in enumerate("abc"):
        few.keep(store, key, "text")
        os.utime(few.path(store, key), (1000 + i,) * 2)
    assert few.read(store, "a") == "text"  # used now
    few.keep(store, "d", "text")
    assert set(few.files(store)) == {"a", "c", "d"}
    small_room = replace(few, room=lambda store: 2 * few.path(store, "a").stat().st_size)
    small_room.keep(store, "e", "text")
    assert len(few.files(store)) == 2 and TEXTS.has(store, "e")


def test_without_a_limit_everything_stays_in_the_order_it_was_written(store: Store) -> None:
    for i, key in enumerate("abc"):
        TEXTS.keep(store, key, "text")
        os.utime(TEXTS.path(store, key), (1000 + i,) * 2)
    assert TEXTS.read(store, "a") == "text" and list(TEXTS.files(store)) == ["c", "b", "a"]


def test_what_a_crash_left_goes_after_an_hour(store: Store) -> None:
    folder = store.root / "texts"
    folder.mkdir(parents=True)
    old, young = folder / ".a.ctviz.1.tmp", folder / ".b.ctviz.2.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 3600,) * 2)
    replace(TEXTS, max_files=9).keep(store, KEY, "text")
    assert not old.exists() and young.exists()


# -- the kinds -----------------------------------------------------------------------------------------


def test_what_was_stored_before_is_read_resumed_and_sealed_anew(store: Store) -> None:
    """Files that an earlier version of ctviz wrote, bit for bit; damaged ones are computed again."""
    study = study_of("energies")
    draw = shortened(replace(study, panels=study.panels[:1], seeds=2), epochs=2, n_train=60).all_draws(1)[0]
    vae = vae_key(DataSettings(name="moons", n_train=60, n_validation=10, n_test=10), 2)
    sweep = small()
    of_sweep = tables_of(sweep)
    kinds: list[tuple[Kind[Any], str, Callable[[Any], Any]]] = [
        (DRAWS, draw.key, lambda table: table),
        (VAES, vae, lambda found: pd.Series(dict(enumerate(found.arrays()["scale"].tolist()))).to_frame()),
        (of_sweep, sweep.key, lambda table: table),
        (REPORTS, next((OLD / "reports").iterdir()).stem, lambda report: report.table),
    ]
    for kind, key, frame in kinds:
        shutil.copytree(OLD / kind.folder, store.root / kind.folder)
        old = store.root / kind.folder / kind.old_name.format(key=key)
        whole = old.read_bytes()
        before = kind.read(store, key)
        assert before is not None and len(frame(before))
        kind.keep(store, key, before)
        assert not old.exists()
        pd.testing.assert_frame_equal(frame(kind.read(store, key)), frame(before), check_exact=True)
        kind.delete(store, key)
        for spoiled in (b"", whole[: len(whole) // 2], b"PAR1 no table"):
            old.write_bytes(spoiled)
            assert kind.read(store, key) is None and not old.exists()
    assert DRAWS.read(store, draw.key) is None


def test_an_old_table_of_a_sweep_with_another_number_is_not_believed(store: Store) -> None:
    sweep = small()
    path = OLD / "sweeps" / f"{sweep.key}.parquet"
    table = tables_of(sweep).unseal(path.read_bytes(), sweep.key)
    other = pa.Table.from_pandas(table.assign(value=table["value"] + 0.001), preserve_index=False)
    sink = pa.BufferOutputStream()
    parquet.write_table(other.replace_schema_metadata(parquet.read_schema(path).metadata), sink)
    with pytest.raises(Damaged):
        tables_of(sweep).unseal(sink.getvalue().to_pybytes(), sweep.key)
    keep_table(sweep, table, store)
    pd.testing.assert_frame_equal(stored_table(sweep, store), table, check_exact=True)


def test_an_old_autoencoder_of_another_key_is_not_believed() -> None:
    (path,) = (OLD / "vaes").iterdir()
    assert isinstance(VAES.unseal(path.read_bytes(), path.stem), Vae)
    with pytest.raises(Damaged):
        VAES.unseal(path.read_bytes(), KEY)


def test_table_1_comes_back_as_it_was(store: Store) -> None:
    RESULTS.keep(store, KEY, table1("moons"))
    assert RESULTS.read(store, KEY) == table1("moons")


# -- tables --------------------------------------------------------------------------------------------


def test_a_table_of_billions_of_rows_is_not_unpacked(monkeypatch) -> None:
    few = pd.DataFrame({"name": ["a", "a"], "value": [1.0, np.nan]})
    content = to_parquet(few, ("name",))
    pd.testing.assert_frame_equal(from_parquet(content, ("name", "value"), 2).astype({"name": str}), few)
    monkeypatch.setattr(parquet.ParquetFile, "read", lambda *_, **__: pytest.fail("it was unpacked"))
    for columns, rows in ((("name", "value"), 1), (("value", "name"), 2), (("name",), 2)):
        with pytest.raises(Damaged):
            from_parquet(content, columns, rows)
