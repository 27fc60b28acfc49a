"""IDX files: there and back, and no byte sequence that does more than raise a sentence."""

from __future__ import annotations

import gzip
import hashlib
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ctviz.data import idx
from ctviz.errors import DataError

DIGITS = np.arange(3 * 28 * 28, dtype=np.uint64).reshape(3, 28, 28).astype(np.uint8)
IMAGES = (None, 28, 28)


def head(*shape, kind=8, start=b"\0\0"):
    return start + bytes((kind, len(shape))) + b"".join(n.to_bytes(4, "big") for n in shape)


@given(arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4, max_side=6, min_side=0)), st.booleans())
def test_there_and_back(array, packed):
    data = idx.pack(array) if packed else idx.content(array)
    back = idx.read(data, (None, *array.shape[1:]))
    assert back.shape == array.shape
    assert (back == array).all()
    assert not back.flags.writeable


def test_the_bytes_by_hand():
    assert idx.content(np.array([[7, 8, 9]], np.uint8)) == b"\0\0\x08\x02\0\0\0\x01\0\0\0\x03\x07\x08\x09"


def test_what_is_packed_does_not_tell_the_time():
    data = idx.pack(DIGITS)
    assert data[4:8] == b"\0\0\0\0"
    assert gzip.decompress(data) == idx.content(DIGITS)


def test_the_digest_is_that_of_the_unpacked_file():
    assert idx.digest(DIGITS) == hashlib.sha256(idx.content(DIGITS)).hexdigest()
    assert idx.digest(DIGITS[::-1]) != idx.digest(DIGITS)


def test_a_file_is_read_packed_or_not(tmp_path):
    (tmp_path / "plain").write_bytes(idx.content(DIGITS))
    (tmp_path / "packed").write_bytes(idx.pack(DIGITS))
    for name in ("plain", "packed"):
        assert (idx.read(tmp_path / name, IMAGES) == DIGITS).all()


WHOLE = idx.content(DIGITS)
PACKED = idx.pack(DIGITS)
BAD = {
    "empty": (b"", "not an IDX file"),
    "text": (b"label,pixel0,pixel1\n", "not an IDX file"),
    "no axis": (head(), "not an IDX file"),
    "only a magic number": (head(3, 28, 28)[:4], "middle of its header"),
    "half a head": (head(3, 28, 28)[:9], "middle of its header"),
    "another type": (head(3, 28, 28, kind=0x0D), "type 13"),
    "labels for pictures": (idx.content(DIGITS[:, 0, 0]), "holds 3 values; expected up to 100,000 × 28 × 28"),
    "other pictures": (idx.content(np.zeros((2, 32, 32), np.uint8)), "2 × 32 × 32"),
    "too many": (head(2**32 - 1, 28, 28), "4294967295 × 28 × 28"),
    "cut off": (WHOLE[:-1], "cut off: it holds 2,351 of 2,352"),
    "more behind": (WHOLE + b"x", "holds more than the 2,352"),
    "packed and cut off": (PACKED[:-20], "damaged"),
    "packed and spoilt": (PACKED[:60] + bytes(40) + PACKED[100:], "damaged"),
    "packed, more behind": (gzip.compress(WHOLE + b"x"), "holds more than"),
    "packed, another file behind": (PACKED + PACKED, "holds more than"),
    "nothing packed": (b"\x1f\x8b", "damaged"),
}


@pytest.mark.parametrize(("data", "told"), BAD.values(), ids=BAD)
def test_what_is_no_such_file_is_told_in_a_sentence(data, told, tmp_path):
    with pytest.raises(DataError, match=f"The file .*{told}"):
        idx.read(data, IMAGES)
    (tmp_path / "digits").write_bytes(data)
    with pytest.raises(DataError, match=rf"digits .*{told}.*\.$"):
        idx.read(tmp_path / "digits", IMAGES)


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x1f\x8b", b"\0\0\x08\x01", b"\0\0\x08\x03", PACKED[:30]]))
def test_random_bytes_are_refused_or_read(noise, start):
    data = start + noise
    try:
        array = idx.read(data, (None,))
    except DataError:
        return
    assert idx.content(array) == data


def test_what_unpacks_to_far_more_is_not_unpacked():
    bomb = gzip.compress(head(3, 28, 28) + bytes(32 * 2**20), 6)
    assert len(bomb) < 2**18
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="holds more than"):
            idx.read(bomb, IMAGES)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(DataError, match=r"none cannot be read: no such file"):
        idx.read(tmp_path / "none", IMAGES)
    with pytest.raises(DataError, match="is not a file"):
        idx.read(tmp_path, IMAGES)
    os.mkfifo(tmp_path / "pipe")  # which would be waited for, for ever
    with pytest.raises(DataError, match="is not a file"):
        idx.read(tmp_path / "pipe", IMAGES)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(200 * 2**20)
    with pytest.raises(DataError, match="larger than any"):
        idx.read(tmp_path / "huge", IMAGES)


@pytest.mark.parametrize("array", [np.zeros(3, np.float32), np.uint8(3), [1, 2]])
def test_only_bytes_are_written(array):
    with pytest.raises(DataError, match="unsigned bytes"):
        idx.content(array)
