"""Tables of finished sweeps on disk, of this machine and shipped."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.store import Store
from ctviz.experiments.store.files import remove, store_errors
from ctviz.experiments.sweeps.declaration import Sweep, Value, shown
from ctviz.paths import write_whole

if TYPE_CHECKING:
    import pandas as pd

State = Literal["done", "waiting", "failed"]

NUMBERS = ("value", "base", "difference", "reduction", "low", "high")

MAX_BYTES = 256 << 20
"""Largest size of a table; a larger one is not read."""

MAX_METRICS = 20
"""Most rows per model."""

_SEAL = b"ctviz"
_TEXTS = ("run", "arm", "reference", "state", "reason", "metric", "part")


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
    own = folder(store) / f"{sweep.key}.parquet"
    if (table := read_table(own, sweep)) is not None:
        return table
    if own.exists():
        remove(own)
    known = shipped(store).get(sweep.key)
    return read_table(known[0] / "table.parquet", sweep) if known else None


def keep_table(sweep: Sweep, table: pd.DataFrame, store: Store) -> None:
    """Store the table of a finished sweep; ``StoreError`` if the disk cannot be written."""
    with store_errors(store.root):
        folder(store).mkdir(parents=True, exist_ok=True)
        write_whole(folder(store) / f"{sweep.key}.parquet", sealed(table, sweep))


def to_parquet(table: pd.DataFrame) -> bytes:
    """A table as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def sealed(table: pd.DataFrame, sweep: Sweep) -> bytes:
    """Like ``to_parquet``, with the sweep's key and a checksum, which ``read_table`` checks."""
    import pyarrow
    from pyarrow import parquet

    made = pyarrow.Table.from_pandas(table, preserve_index=False)
    seal = json.dumps({"sweep": sweep.key, "sha256": _digest(table)}, sort_keys=True)
    out = io.BytesIO()
    parquet.write_table(
        made.replace_schema_metadata({**(made.schema.metadata or {}), _SEAL: seal.encode()}), out, compression="zstd"
    )
    return out.getvalue()


def _digest(table: pd.DataFrame) -> str:
    """Digest of all numbers and texts, in the order of the columns."""
    digest = hashlib.sha256()
    for name in table.columns:
        column = table[name]
        if column.dtype.kind in "iufb":
            numbers = column.to_numpy(dtype=np.float64)
            digest.update(np.where(np.isnan(numbers), np.nan, numbers).tobytes())
        else:
            digest.update(json.dumps([name, column.tolist()]).encode())
    return digest.hexdigest()


def read_table(path: Path, sweep: Sweep) -> pd.DataFrame | None:
    """A table of a sweep from a file; None unless it is intact and covers all models of this sweep."""
    import pyarrow

    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        table = _unsealed(path.read_bytes(), sweep)
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException):
        return None
    if table is None or not set(table["state"]) <= {"done", "failed"}:
        return None
    names = [name for name in columns(sweep)[: 2 + len(sweep.axes)] if name != "seed"]
    found = set(zip(*(table[name].tolist() for name in (*names, "seed")), strict=True))
    cells = [(cell.index, *(table_value(value) for _, value in cell.values)) for cell in sweep.walk()]  # noqa: PD011 (a cell is no table)
    return table if found == {(*cell, seed) for cell in cells for seed in sweep.seed_values} else None


def _unsealed(content: bytes, sweep: Sweep) -> pd.DataFrame | None:
    """The size is checked before anything is unpacked."""
    import pandas as pd
    import pyarrow
    from pyarrow import parquet

    file = parquet.ParquetFile(pyarrow.BufferReader(content))
    if file.schema_arrow.names != columns(sweep) or file.metadata.num_rows > MAX_METRICS * sweep.models:
        return None
    seal = json.loads((file.schema_arrow.metadata or {})[_SEAL])
    if seal["sweep"] != sweep.key:
        return None
    table: pd.DataFrame = file.read().to_pandas()
    if not all(pd.api.types.is_numeric_dtype(table[name]) for name in (*NUMBERS, "cell", "seed")):
        return None
    if not all(table[name].map(lambda entry: isinstance(entry, str)).all() for name in _TEXTS):
        return None
    return table if seal["sha256"] == _digest(table) else None


def table_value(value: Value) -> int | float | str:
    """A value of an axis as a table stores it."""
    return shown(value) if isinstance(value, tuple) else value


def write_table(path: Path, data: bytes) -> None:
    """Write a file for a user; raises ``StoreError`` if the disk cannot be written."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise StoreError(f"{path} could not be written: {(error.strerror or str(error)).lower()}.") from None
