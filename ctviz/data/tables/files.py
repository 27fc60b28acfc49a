"""Raw files in a folder, plain or compressed with gzip; and the digest of what is in a table."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctviz.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def raw_bytes(folder: Path, *names: str) -> bytes:
    """The content of the first of these files that the folder holds, plain or as ``.gz``.

    Raises:
        DataError: it holds none of them, or it cannot be read.
    """
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            try:
                if path.is_file():
                    raw = path.read_bytes()
                    return gzip.decompress(raw) if path.suffix == ".gz" else raw
            except (OSError, EOFError) as error:
                raise DataError(f"{path} cannot be read: {str(error).lower()}.") from None
    raise DataError(f"{folder} does not hold {' or '.join(names)}, neither plain nor as .gz.")


def digest(frame: pd.DataFrame) -> str:
    """32 hexadecimal digits of the SHA-256 of a table's names and values, whatever file and types they were kept in:
    numbers count as float64, all else as text."""
    found = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        found.update(f"{name}\0{len(column)}\0".encode())
        if column.dtype.kind in "biuf":
            found.update(np.ascontiguousarray(column.to_numpy(dtype="<f8")).tobytes())
        else:
            found.update("\0".join(column.astype(str).to_numpy(dtype=object)).encode())
    return found.hexdigest()[:32]
