"""Tables of finished sweeps on disk, of this machine and shipped."""

from __future__ import annotations

import contextlib
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import ENDING, Kind
from ctviz.experiments.store.codec import Damaged
from ctviz.experiments.store.frames import from_parquet, to_parquet
from ctviz.paths import write_whole
from ctviz.studies.sweeps.declaration import Sweep, Value, shown

if TYPE_CHECKING:
    import pandas as pd

State = Literal["done", "waiting", "failed"]

NUMBERS = ("value", "base", "difference", "reduction", "low", "high")

MAX_BYTES = 256 << 20
"""Largest size of a table; a larger one is not read."""

MAX_METRICS = 24
"""Most rows per model."""

SHIPPED_TABLES = (f"table{ENDING}", "table.parquet")
"""Names of the table of a sweep that ships, as written today and formerly."""


def columns(sweep: Sweep) -> list[str]:
    """Names of the columns of a sweep's table, in order."""
    axes = [axis.setting for axis in sweep.axes]
    return [
        *("cell", *axes, "seed", "run", "arm", "reference", "state", "reason", "metric", "part"),
        *(*NUMBERS, "significant"),
    ]


def folder(store: Store) -> Path:
    """The folder of a store's sweeps: ``<key>.json`` and, once complete, ``<key>.parquet``."""
    return store.root / "sweeps"


def shipped(store: Store) -> dict[str, tuple[Path, Sweep]]:
    """Sweeps that ship with ctviz: key → their folder and settings."""
    found: dict[str, tuple[Path, Sweep]] = {}
    if store.presets is None:
        return found
    for path in sorted((store.presets.parent / "sweeps").glob("*/sweep.json")):
        with contextlib.suppress(OSError, CtvizError):
            sweep = _read_sweep(path)
            found[sweep.key] = path.parent, sweep
    return found


_sweeps: dict[Path, tuple[int, Sweep]] = {}


def _read_sweep(path: Path) -> Sweep:
    """Parsed again only if the file has changed."""
    written = path.stat().st_mtime_ns
    known = _sweeps.get(path)
    if known is None or known[0] != written:
        known = _sweeps[path] = written, Sweep.from_json(path.read_bytes())
    return known[1]


def stored_table(sweep: Sweep, store: Store) -> pd.DataFrame | None:
    """The stored table of a finished sweep; a damaged one is removed."""
    kind = tables_of(sweep)
    table = kind.read(store, sweep.key)
    if table is None and (known := shipped(store).get(sweep.key)):
        for name in SHIPPED_TABLES:
            with contextlib.suppress(OSError, Damaged):
                return kind.read_file(known[0] / name, sweep.key)
    return table


def keep_table(sweep: Sweep, table: pd.DataFrame, store: Store) -> None:
    """Store the table of a finished sweep; ``StoreError`` if the disk cannot be written."""
    tables_of(sweep).keep(store, sweep.key, table)


def tables_of(sweep: Sweep) -> Kind[pd.DataFrame]:
    """The tables of finished sweeps in a store; only one that covers all models of ``sweep`` is read."""
    return Kind(
        "table of a sweep",
        folder="sweeps",
        encode=to_parquet,
        decode=partial(_decode, sweep),
        old_name="{key}.parquet",
        decode_old=partial(_decode_old, sweep),
        max_bytes=MAX_BYTES,
    )


def _digest(table: pd.DataFrame) -> str:
    """Digest of all numbers and texts, in the order of the columns, by which old tables were sealed."""
    digest = hashlib.sha256()
    for name in table.columns:
        column = table[name]
        if column.dtype.kind in "iufb":
            numbers = column.to_numpy(dtype=np.float64)
            digest.update(np.where(np.isnan(numbers), np.nan, numbers).tobytes())
        else:
            digest.update(json.dumps([name, column.tolist()]).encode())
    return digest.hexdigest()


def _decode(sweep: Sweep, content: bytes) -> pd.DataFrame:
    table = from_parquet(content, columns(sweep), MAX_METRICS * sweep.models)
    names = [name for name in columns(sweep)[: 2 + len(sweep.axes)] if name != "seed"]
    found = set(zip(*(table[name].tolist() for name in (*names, "seed")), strict=True))
    cells = [(cell.index, *(table_value(value) for _, value in cell.values)) for cell in sweep.walk()]  # noqa: PD011 (a cell is no table)
    models = {(*cell, seed) for cell in cells for seed in sweep.seed_values}
    if found != models or not set(table["state"]) <= {"done", "failed"}:
        raise Damaged("it does not cover all models")
    return table


def _decode_old(sweep: Sweep, content: bytes, key: str | None) -> pd.DataFrame:
    """Key and digest are in the metadata of the Parquet file."""
    import pyarrow
    from pyarrow import parquet

    seal = json.loads((parquet.read_schema(pyarrow.BufferReader(content)).metadata or {})[b"ctviz"])
    table = _decode(sweep, content)
    if seal["sweep"] != sweep.key or seal["sha256"] != _digest(table):
        raise Damaged("its numbers are not those that were written")
    return table


def table_value(value: Value) -> int | float | str:
    """A value of an axis as a table stores it."""
    return shown(value) if isinstance(value, tuple) else value


def write_table(path: Path, data: bytes) -> None:
    """Write a file for a user; raises ``StoreError`` if the disk cannot be written."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise StoreError(f"{path} could not be written: {(error.strerror or str(error)).lower()}.") from None
