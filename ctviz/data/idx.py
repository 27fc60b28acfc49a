"""IDX, the format of MNIST's files: a header with the shape, then one byte per pixel or label.

The header: two zero bytes, the type (8: unsigned bytes), the number of axes, then the length of each axis in four
bytes, most significant first. A file is checked before memory is reserved for its content, and a compressed one is
unpacked no further than its header allows.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ctviz.errors import DataError, shorten

Bytes = npt.NDArray[np.uint8]

MAX_ROWS = 100_000
"""Most samples in a file."""

_MAX_BYTES = 80 * 2**20
_UNSIGNED_BYTES = 8
_GZIP = b"\x1f\x8b"


def read(source: Path | bytes, shape: Sequence[int | None], name: str = "") -> Bytes:
    """The array in an IDX file, plain or compressed with gzip; read-only.

    Args:
        source: the file, or its content.
        shape: expected length of each axis; None for the first one allows any, up to ``MAX_ROWS``.
        name: what to call the file in a sentence; by default its path.

    Raises:
        DataError: a file that cannot be read, is not IDX, is of another type or shape, or ends too early or too late.
    """
    name = name or (str(source) if isinstance(source, Path) else "The file")
    try:
        with ExitStack() as opened:
            return _parse(_open(source, name, opened), tuple(shape), name)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{name} is damaged: it cannot be unpacked to its end.") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {(error.strerror or str(error)).lower()}.") from None


def content(array: npt.ArrayLike) -> bytes:
    """The bytes of an IDX file, not compressed, that holds ``array`` (unsigned bytes, 1 to 255 axes)."""
    array = np.asarray(array)
    if array.dtype != np.uint8 or not 1 <= array.ndim <= 255:
        raise DataError(f"An IDX file holds unsigned bytes along some axes; got {array.dtype} of shape {array.shape}.")
    return _head(array.shape) + array.tobytes()


def pack(array: npt.ArrayLike) -> bytes:
    """``content`` compressed with gzip, without a timestamp, so that the same array gives the same bytes."""
    return gzip.compress(content(array), 9, mtime=0)


def digest(array: Bytes) -> str:
    """SHA-256 of ``content(array)`` in hexadecimal digits, whatever the compression."""
    told = hashlib.sha256(_head(array.shape))
    told.update(np.ascontiguousarray(array).data)
    return told.hexdigest()


def _head(shape: Sequence[int]) -> bytes:
    return bytes((0, 0, _UNSIGNED_BYTES, len(shape))) + np.array(shape, ">u4").tobytes()


def _open(source: Path | bytes, name: str, opened: ExitStack) -> BinaryIO:
    if isinstance(source, Path):
        if source.exists() and not source.is_file():
            raise DataError(f"{name} is not a file.")
        if source.stat().st_size > _MAX_BYTES + 2**20:
            raise DataError(f"{name} is larger than any file of MNIST.")
        raw: BinaryIO = opened.enter_context(source.open("rb"))
    else:
        raw = io.BytesIO(source)
    packed = raw.read(2) == _GZIP
    raw.seek(0)
    return opened.enter_context(gzip.GzipFile(fileobj=raw)) if packed else raw  # type: ignore[return-value]


def _parse(file: BinaryIO, expected: tuple[int | None, ...], name: str) -> Bytes:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[3] == 0:
        raise DataError(f"{name} is not an IDX file: it begins with {shorten(magic)}.")
    if magic[2] != _UNSIGNED_BYTES:
        raise DataError(f"{name} is an IDX file of type {magic[2]}; expected unsigned bytes, type {_UNSIGNED_BYTES}.")
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise DataError(f"{name} is not a whole IDX file: it ends in the middle of its header.")
    shape = tuple(int(n) for n in np.frombuffer(lengths, ">u4"))
    fits = len(shape) == len(expected) and all(e is None or n == e for n, e in zip(shape, expected, strict=True))
    size = math.prod(shape)
    if not fits or shape[0] > MAX_ROWS or size > _MAX_BYTES:
        wanted = " × ".join(f"up to {MAX_ROWS:,}" if n is None else str(n) for n in expected)
        raise DataError(f"{name} holds {' × '.join(map(str, shape[:4]))} values; expected {wanted}.")
    body = file.read(size)
    if len(body) < size:
        raise DataError(f"{name} is cut off: it holds {len(body):,} of {size:,} values.")
    if file.read(1):
        raise DataError(f"{name} holds more than the {size:,} values that its header names.")
    return np.frombuffer(body, np.uint8).reshape(shape)
