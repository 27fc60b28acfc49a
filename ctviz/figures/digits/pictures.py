"""Pixels as pictures: greys, attributions over them, outlines, PNG.

What is drawn here for a file and what ``grid.js`` draws on a screen is the same, by the same formulas; a browser test
compares the two.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from ctviz.errors import DataError

Greys = npt.NDArray[np.uint8]
Overlay = npt.NDArray[np.int8]
Colour = tuple[int, int, int]
Edge = tuple[int, int, int, int]
Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Inks:
    """Colours of a picture in one theme, of an attribution at its full strength.

    ``paper`` is what black becomes under it, ``chalk`` what white becomes; ``bare`` is the ground where no digit lies
    under it. ``against`` and ``speaks_for`` are the ends of a signed scale, ``much`` that of a scale without signs.
    """

    paper: Colour
    chalk: Colour
    bare: Colour
    against: Colour
    speaks_for: Colour
    much: Colour


INKS: dict[Theme, Inks] = {
    # Purple and ochre: told apart by every kind of colour vision, and neither a class's colour nor a model's.
    "light": Inks((222, 226, 231), (255, 255, 255), (248, 249, 251), (118, 42, 131), (171, 112, 0), (27, 36, 48)),
    "dark": Inks((24, 32, 41), (92, 104, 118), (14, 20, 27), (201, 148, 230), (244, 190, 60), (232, 236, 241)),
}


def greys(x: npt.ArrayLike) -> Greys:
    """Pixels x ∈ [−1, 1] as brightness: 255·(x + 1)/2, rounded; values outside are drawn as the nearest inside."""
    values = np.asarray(x, dtype=np.float64)
    return np.rint(np.clip((np.nan_to_num(values) + 1) * 127.5, 0, 255)).astype(np.uint8)


def quantised(values: npt.ArrayLike, limit: float | None = None, keep: float = 1.0) -> tuple[Overlay, float]:
    """Attributions as −127 … 127 of a limit, and the limit.

    Args:
        values: of any shape; what is not finite is drawn as 0.
        limit: value of ±127; by default the largest magnitude (1 where all are 0). Beyond it colours no longer grow.
        keep: where no limit is given, the share of the magnitudes that it leaves room for: with 0.998 a few large ones
            do not pale all others. ``Scale.clipped`` says so.

    Raises:
        DataError: a limit that is not positive.
    """
    found = np.nan_to_num(np.asarray(values, dtype=np.float64), posinf=0.0, neginf=0.0)
    if limit is not None:
        most = float(limit)
    else:
        most = float(np.quantile(np.abs(found), keep)) if found.size else 0.0
    if limit is not None and not (np.isfinite(most) and most > 0):
        raise DataError(f"The limit of a colour scale is a positive number; got {limit}.")
    most = most or 1.0
    return np.rint(np.clip(found / most, -1, 1) * 127).astype(np.int8), most


def clear(strength: int) -> float:
    """How far black and white have given way to an overlay at a strength of 0 to 100: s ↦ 1 − (1 − s/100)²."""
    return 1 - (1 - strength / 100) ** 2


def paint(
    image: Greys | None, overlay: Overlay | None, strength: int, theme: Theme = "light", *, signed: bool = True
) -> Greys:
    """The colours of a picture.

    With strength s, black and white move towards the theme's paper and chalk by ``clear(s)``, and the attribution's
    colour is laid over each pixel with opacity ``clear(s)`` · |o|/127.

    Args:
        image: brightness, of any shape (…); None is a bare ground.
        overlay: attributions, of the same shape; None leaves the image as it is.
        strength: 0 to 100.
        theme: whose paper, chalk and colours.
        signed: whether the overlay's sign chooses between two colours.

    Returns:
        Red, green and blue, (… 3).

    Raises:
        DataError: image and overlay of different shapes, or neither.
    """
    if image is None and overlay is None:
        raise DataError("A picture needs pixels or an overlay.")
    if image is not None and overlay is not None and image.shape != overlay.shape:
        raise DataError(f"Pixels of shape {image.shape} under an overlay of shape {overlay.shape}.")
    inks = INKS[theme]
    share = clear(strength) if overlay is not None else 0.0
    low = _mixed((0, 0, 0), inks.bare if image is None else inks.paper, share)
    high = _mixed((255, 255, 255), inks.chalk, share)
    light = np.zeros((*(overlay.shape if overlay is not None else ()), 1)) if image is None else image[..., None] / 255
    picture = low + (high - low) * light
    if overlay is not None:
        amount = overlay[..., None].astype(np.float64) / 127
        ends = np.array([inks.speaks_for, inks.against] if signed else [inks.much, inks.much], dtype=np.float64)
        colour = np.where(amount < 0, ends[1], ends[0])
        picture = picture + (colour - picture) * (share * np.abs(amount))
    painted: Greys = np.floor(picture + 0.5).astype(np.uint8)
    return painted


def _mixed(start: Colour, end: Colour, share: float) -> npt.NDArray[np.float64]:
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    return a + (b - a) * share


def png(pixels: Greys) -> bytes:
    """A PNG of grey (h w) or coloured (h w 3) pixels."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", optimize=True)
    return out.getvalue()


def png_uri(pixels: Greys) -> str:
    """The same, fit for ``href`` and ``src``."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def edges(mask: npt.NDArray[np.bool_]) -> list[Edge]:
    """Border of a mask (h w) as lines between corners of pixels: (x1, y1, x2, y2), joined where they go on straight."""
    h, w = mask.shape
    padded = np.zeros((h + 2, w + 2), dtype=bool)
    padded[1:-1, 1:-1] = mask
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]  # h+1 w: a line above pixel (y, x)
    down = padded[1:-1, 1:] != padded[1:-1, :-1]  # h w+1: a line left of it
    lines = [(a, y, b, y) for y in range(h + 1) for a, b in _runs(across[y])]
    return lines + [(x, a, x, b) for x in range(w + 1) for a, b in _runs(down[:, x])]


def _runs(line: npt.NDArray[np.bool_]) -> Sequence[tuple[int, int]]:
    """Start and end of each run of true."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(ends[::2], ends[1::2], strict=True)]
