"""A drawn digit as text, short enough for a link, and back."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import numpy.typing as npt

from ctviz.data.image_sets import PIXEL_NAMES
from ctviz.errors import ConfigError

Floats = npt.NDArray[np.float32]

D = len(PIXEL_NAMES)

MOST_TEXT = 300
"""Characters that a drawing may take with 16 levels of grey; where it takes more, 4 levels have to do."""

BITS = {16: 4, 4: 2}
"""Levels of grey → bits of a pixel."""


def encode(pixels: Floats) -> str:
    """A digit as text: 16 levels of grey, or 4 where that takes too much.

    Args:
        pixels: (d) in [−1, 1].
    """
    text = _packed(pixels, 16)
    return text if len(text) <= MOST_TEXT else _packed(pixels, 4)


def _packed(pixels: Floats, levels: int) -> str:
    grey = np.rint((np.clip(pixels, -1, 1) + 1) / 2 * (levels - 1)).astype(np.uint8)
    shifts = _shifts(BITS[levels])
    raw = (grey.reshape(-1, len(shifts)) << shifts).sum(1).astype(np.uint8).tobytes()
    return base64.urlsafe_b64encode(zlib.compress(raw, 9)).rstrip(b"=").decode()


def _shifts(bits: int) -> npt.NDArray[np.uint8]:
    """How far each pixel of a byte is shifted in it."""
    return np.arange(0, 8, bits, dtype=np.uint8)[::-1]


def decode(text: str) -> Floats:
    """The digit (d) of a text that ``encode`` wrote.

    Raises:
        ConfigError: any other text.
    """
    refusal = ConfigError("drawing", text, "a drawing as this page writes it")
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        unpack = zlib.decompressobj()
        raw = unpack.decompress(packed, D // 2 + 1)
    except (ValueError, TypeError, zlib.error):
        raise refusal from None
    bits = {D * bits // 8: bits for bits in BITS.values()}.get(len(raw))
    if bits is None or not unpack.eof:
        raise refusal
    grey = (np.frombuffer(raw, dtype=np.uint8)[:, None] >> _shifts(bits)) & (2**bits - 1)
    pixels: Floats = grey.reshape(-1).astype(np.float32) / np.float32(2**bits - 1) * 2 - 1
    return pixels
