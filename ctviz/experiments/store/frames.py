"""Tables as the bytes of Parquet files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ctviz.experiments.store.codec import Damaged

if TYPE_CHECKING:
    import pandas as pd


def to_parquet(table: pd.DataFrame, names: Sequence[str] = (), **options: Any) -> bytes:
    """A table as the content of a file; columns of ``names`` repeat few texts, which are written once each."""
    buffer = io.BytesIO()
    table.astype(dict.fromkeys(names, "category")).to_parquet(buffer, index=False, compression="zstd", **options)
    return buffer.getvalue()


def from_parquet(content: bytes, columns: Sequence[str], max_rows: int) -> pd.DataFrame:
    """The table with these columns, in this order.

    Raises:
        Damaged: it has other columns, or more rows; checked before anything is unpacked, since a small file can claim
            billions of equal rows. Other errors: the content is no Parquet.
    """
    import pyarrow
    from pyarrow import parquet

    file = parquet.ParquetFile(pyarrow.BufferReader(content))
    if file.schema_arrow.names != list(columns) or file.metadata.num_rows > max_rows:
        raise Damaged("it has other columns, or more rows")
    table: pd.DataFrame = file.read().to_pandas()
    return table
