"""A table in one Parquet file, from which the same table comes back, bit for bit; nothing in it is ever unpickled.

Numbers are kept as models see them, in float32, since what people read is rounded; categories by the position of their
level. All else, the schema among it, is JSON in the metadata of the file.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ctviz.data.dataset import Split
from ctviz.data.rules import Rules
from ctviz.data.schema import Schema
from ctviz.data.tables.preprocessing import Preprocessing
from ctviz.data.tables.table import Table
from ctviz.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1

MOST_BYTES = 1 << 28
"""Largest file; a larger one is not opened."""

_META, _PART, _CLASS = b"ctviz", "part", "class"
_PARTS = ("train", "validation", "test")


def to_parquet(table: Table) -> bytes:
    """The content of a file that ``of_parquet`` reads."""
    import pyarrow as pa
    from pyarrow import parquet

    splits: list[Split] = [getattr(table, part) for part in _PARTS]
    X = np.concatenate([X.numpy() for X, _ in splits])
    y = np.concatenate([y.numpy() for _, y in splits])
    columns: dict[str, Any] = {
        _PART: np.repeat(np.arange(len(_PARTS), dtype=np.int8), [len(y) for _, y in splits]),
        _CLASS: y.astype(np.int16),
    }
    for i, (feature, span) in enumerate(zip(table.schema.features, table.schema.spans, strict=True)):
        values = X[:, span]
        columns[f"{i}"] = values.argmax(axis=1).astype(np.int16) if feature.kind == "category" else values[:, 0]
    said = {
        "format": FORMAT,
        "name": table.name,
        "schema": table.schema.model_dump_json(),
        "classes": list(table.classes),
        "rules": table.rules.model_dump(mode="json"),
        "protected": list(table.protected),
        "favourable": table.favourable,
        "notes": list(table.notes),
    }
    found = pa.table(columns).replace_schema_metadata({_META: json.dumps(said).encode()})
    sink = io.BytesIO()
    parquet.write_table(found, sink, compression="zstd")
    return sink.getvalue()


def of_parquet(content: bytes) -> Table:
    """Inverse of ``to_parquet``.

    Raises:
        DataError: another file, or one that was changed.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        said = json.loads((file.schema_arrow.metadata or {})[_META])
        if said["format"] != FORMAT:
            raise DataError(f"The table is in format {said['format']}, which this version of ctviz does not read.")
        return _table(file.read(), said)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"No table can be read from the file that was kept ({type(error).__name__}).") from None


def _table(found: pa.Table, said: dict[str, Any]) -> Table:
    schema = Schema.model_validate_json(said["schema"])
    X = np.zeros((found.num_rows, schema.d), dtype=np.float32)
    for i, (feature, span) in enumerate(zip(schema.features, schema.spans, strict=True)):
        values = found[f"{i}"].to_numpy()
        if feature.kind == "category":
            X[:, span] = np.eye(feature.width, dtype=np.float32)[values]
        else:
            X[:, span.start] = values
    y, part = found[_CLASS].to_numpy().astype(np.int64), found[_PART].to_numpy()
    splits = {name: (torch.from_numpy(X[part == i]), torch.from_numpy(y[part == i])) for i, name in enumerate(_PARTS)}
    return Table(
        name=str(said["name"]),
        schema=schema,
        classes=tuple(said["classes"]),
        **splits,
        preprocessing=Preprocessing.of(schema),
        rules=Rules.from_mapping(said["rules"]),
        protected=tuple(said["protected"]),
        favourable=int(said["favourable"]),
        notes=tuple(said["notes"]),
    )
