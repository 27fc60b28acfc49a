"""A table in a file: the same table comes back, bit for bit, and what is no such file is refused."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

import ctviz
from ctviz.data.given import given
from ctviz.data.rules import Rules
from ctviz.data.tables.kept import of_parquet, to_parquet
from ctviz.data.tables.own import TableOptions, table_from
from ctviz.data.tables.table import Table
from ctviz.errors import DataError


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame(
        {"age": rng.integers(18, 80, n).astype(float), "pay": rng.normal(3000, 800, n).round(2),
         "job": rng.choice(["clerk", "nurse", "smith"], n), "grade": rng.choice(["low", "mid", "high"], n)}
    )  # fmt: skip
    frame["loan"] = np.where(frame["pay"] + rng.normal(0, 300, n) > 3000, "yes", "no")
    rules = Rules().locking("job").changed("age", change="up", low=20)
    return table_from(frame, "loans", TableOptions("loan", kinds={"grade": ("low", "mid", "high")}, rules=rules))


def test_it_comes_back_bit_for_bit(table) -> None:
    found = of_parquet(to_parquet(table))
    assert given(found).digest == given(table).digest
    for part in ("train", "validation", "test"):
        for mine, other in zip(getattr(found, part), getattr(table, part), strict=True):
            assert torch.equal(mine, other)
    for name in ("name", "schema", "classes", "rules", "protected", "favourable", "notes"):
        assert getattr(found, name) == getattr(table, name), name
    X = table.test[0]
    pd.testing.assert_frame_equal(found.frame(X), table.frame(X))
    np.testing.assert_array_equal(
        found.preprocessing.transform(table.frame(X)), table.preprocessing.transform(table.frame(X))
    )


def test_what_is_no_such_file_is_refused(table) -> None:
    content = to_parquet(table)
    other = io.BytesIO()
    parquet.write_table(pa.table({"a": [1]}), other)
    found = parquet.read_table(io.BytesIO(content))
    said = json.loads(found.schema.metadata[b"ctviz"])
    newer, short = io.BytesIO(), io.BytesIO()
    parquet.write_table(found.replace_schema_metadata({b"ctviz": json.dumps({**said, "format": 9}).encode()}), newer)
    parquet.write_table(found.drop_columns(["1"]), short)
    for bad, reason in (
        (b"nothing", "No table can be read"), (content[:-9], "No table can be read"),
        (other.getvalue(), "No table can be read"), (short.getvalue(), "No table can be read"),
        (newer.getvalue(), "in format 9"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=reason):
            of_parquet(bad)


def test_a_run_is_kept_with_its_table(table, tmp_path) -> None:
    store = ctviz.Store(tmp_path)
    settings = {"training.epochs": 3, "training.n_ce": 40, "training.batch": 50}
    experiment = ctviz.Experiment.on_table(table).replace(settings)
    run = ctviz.run(experiment, device="cpu", store=store)
    assert not store.list()
    ctviz.keep(run, store)
    (info,) = store.list()
    assert (info.key, info.state, info.pinned, info.name) == (run.key, "done", True, "loans")
    ctviz.keep(run, store)  # once more does nothing
    found = ctviz.load_run(run.key, ctviz.Store(tmp_path))
    assert found.data is not table and given(found.data).digest == experiment.data.digest
    assert found.data.rules == table.rules and found.summary == run.summary and found.key == run.key
    asked = {"plans": 1, "exact": False}
    row = int(np.flatnonzero((ctviz.Adviser(run).scores(table.test[0].numpy()) < 0.5).all(axis=0))[0])
    assert ctviz.advise(found, row, **asked).words() == ctviz.advise(run, row, **asked).words()
    again = ctviz.run(experiment, device="cpu", store=store)
    assert again.seconds == found.seconds and again.data is table, "it is not trained again"


def test_a_damaged_table_sets_the_run_aside(table, tmp_path) -> None:
    store = ctviz.Store(tmp_path)
    settings = {"training.epochs": 1, "training.n_ce": 20, "training.batch": 50}
    run = ctviz.run(ctviz.Experiment.on_table(table).replace(settings), device="cpu", store=store)
    ctviz.keep(run, store)
    other = table_from(
        pd.DataFrame({"a": np.arange(60.0) % 7, "b": np.arange(60.0) % 11, "y": ["yes", "no"] * 30}),
        "o",
        TableOptions("y"),
    )
    (tmp_path / "runs" / run.key / "table.parquet").write_bytes(to_parquet(other))
    with pytest.raises(ctviz.StoreError, match="damaged and has been set aside"):
        ctviz.load_run(run.key, store)
    assert store.status(run.key).state == "absent" and "another run" in " ".join(store.notices())


def test_what_cannot_be_kept(tmp_path, table, monkeypatch) -> None:
    store = ctviz.Store(tmp_path)
    moons = ctviz.Experiment.preset("moons").replace({"training.epochs": 1, "data.n_train": 60, "training.n_ce": 10})
    with pytest.raises(DataError, match="no table of your own"):
        ctviz.keep(ctviz.run(moons, device="cpu", store=store), store)
    settings = {"training.epochs": 1, "training.n_ce": 20, "training.batch": 50}
    run = ctviz.run(ctviz.Experiment.on_table(table).replace(settings), device="cpu", store=store)
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("ctviz.experiments.store.writer.write_whole", lambda *a, **k: (_ for _ in ()).throw(full))
    with pytest.raises(ctviz.StoreError, match="No space is left on the disk"):
        ctviz.keep(run, store)
    assert store.status(run.key).state == "absent" and not (tmp_path / "runs" / run.key).exists()
