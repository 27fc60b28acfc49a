"""What travels to the drawing pad and the mask painter: messages (``recording.py``) without a recording."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctviz.errors import DataError
from ctviz.figures.digits.image_grid import inks
from ctviz.figures.digits.pictures import Greys
from ctviz.figures.stage.recording import message

PAD = 280
"""Pixels per side of a drawing."""

PRESETS = ({"title": "Top and bottom five rows", "rows": 5}, {"title": "None", "rows": 0})
"""Masks that are a click away: so many rows at both ends."""


def pad_message(
    key: str, seen: Greys | None, notes: list[str], *, held: bool = False, bad: bool = False, given: bool = False
) -> bytes:
    """What the pad shows beside the drawing.

    Args:
        key: names the pad; its strokes survive a change of page.
        seen: brightness (784) of the digit as the models see it; None while there is none.
        notes: what was done to the drawing, or why it cannot be used.
        held: whether the drawing has arrived.
        bad: whether it cannot be used.
        given: whether ``seen`` was not drawn on this pad: it lies on it until somebody draws here.
    """
    payload = b"" if seen is None else np.ascontiguousarray(seen, dtype=np.uint8).tobytes()
    return message(None, payload, key=key, held=held, notes=notes, bad=bad, given=given, size=PAD, side=28, **inks())


def mask_message(key: str, under: npt.NDArray[np.uint8], ref: str, grid: tuple[int, int]) -> bytes:
    """What the mask painter shows: the picture under the mask, and the mask to begin with.

    Raises:
        DataError: a picture that does not fill the grid.
    """
    if under.size != grid[0] * grid[1]:
        raise DataError(f"The picture under the mask has shape {under.shape}; expected {grid[0]} × {grid[1]} pixels.")
    payload = np.ascontiguousarray(under, dtype=np.uint8).tobytes()
    return message(None, payload, key=key, ref=ref, grid=list(grid), presets=list(PRESETS), **inks())
