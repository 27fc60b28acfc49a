"""Turns a drawing or a picture into a digit in the format of MNIST.

MNIST's digits are light on dark, fit into 20 × 20 pixels with their proportions kept, and lie in 28 × 28 so that their
centre of mass is in the middle (LeCun et al., 1998). Drawings and uploads are prepared in the same way, and each step
is reported in a sentence.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy.ndimage import maximum_filter

from ctviz.data.image_sets import PIXELS
from ctviz.data.images import to_pixels
from ctviz.data.schema import Array
from ctviz.errors import DataError

MAX_SIDE = 4096
"""Longest side of a picture, in pixels."""

MAX_UPLOAD = 2 * 2**20
"""Largest size of an uploaded file, in bytes."""

BOX = 20
"""Length of a digit's longer side, in pixels."""

_RESIZE_ABOVE = 1024
"""Length of the longer side, in pixels, above which a picture is shrunk first."""

_MIN_INK = 0.2
"""Share of the strongest ink below which a pixel counts as background: paper grain, compression artefacts."""

_LEAST_CONTRAST, _FULL_CONTRAST = 12.0, 240.0
"""Least contrast of ink and background, and the contrast that counts as full, in levels out of 255."""

_EVEN_LIGHT = 4.0
"""Largest median deviation of the edge's brightness under even light, in levels out of 255."""

_MIN_STROKE, _USUAL_STROKE = 1.2, 2.0
"""Stroke widths as ``stroke_width`` measures them, in pixels of the 20 × 20 box: few MNIST digits have thinner strokes
than the first; the second is the median."""

_Grey = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PreparedDigit:
    """A digit as models see it: float32 in [−1, 1], shape (784), read-only. ``notes`` say what was done to it."""

    pixels: Array
    notes: tuple[str, ...]


def prepare(image: npt.ArrayLike) -> PreparedDigit:
    """Prepare an image as an MNIST digit.

    Args:
        image: (h w) grey, (h w 3) RGB or (h w 4) RGBA, up to ``MAX_SIDE`` pixels a side. Integers from 0 to 255;
            booleans; or fractions in [0, 1], in [−1, 1] if one is negative, in [0, 255] if one is above 1.

    Raises:
        DataError: not an image, values that are not finite or out of range, nothing drawn, or one pixel only.
    """
    return _prepare(_grey(_as_bytes(image)))


def prepare_file(data: bytes) -> PreparedDigit:
    """Prepare a PNG or JPEG file as an MNIST digit.

    Raises:
        DataError: the file is too large, damaged, neither PNG nor JPEG, or ``prepare`` refuses its picture.
    """
    if len(data) > MAX_UPLOAD:
        raise DataError(f"The file takes {len(data) / 2**20:.1f} MB; at most {MAX_UPLOAD // 2**20} MB are read.")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            _check_sides(picture.height, picture.width)
            picture.load()
            turned = ImageOps.exif_transpose(picture)  # as the camera was held
            image = _plain(turned)
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise DataError(f"The image has far more pixels than {MAX_SIDE:,} a side.") from None
    except UnidentifiedImageError:
        raise DataError("The file is neither a PNG nor a JPEG picture.") from None
    except Exception:  # a damaged file can make a decoder fail in any way
        raise DataError("The file is damaged: its picture cannot be read.") from None
    return _prepare(_grey(image))


# -- to pictures of 8 bits -----------------------------------------------------------------------------


def _as_bytes(image: npt.ArrayLike) -> Image.Image:
    """Convert an array to a picture of mode L, RGB or RGBA."""
    try:
        values = np.asarray(image)
    except (TypeError, ValueError):
        raise DataError("This is not an image: its rows differ in length.") from None
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.dtype.kind not in "buif" or not (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))):
        raise DataError(
            f"This is not an image: {values.dtype} of shape {values.shape}; expected numbers of shape (height, width), "
            "or (height, width, 3 or 4)."
        )
    _check_sides(*values.shape[:2])
    return Image.fromarray(_scaled(values))


def _scaled(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Rescale values of any allowed range to 0 … 255."""
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):  # both are NaN where any value is
        raise DataError("The image holds pixels that are not finite numbers.")
    if values.dtype.kind == "f" and low >= -1 and high <= 1:
        values = (values + 1) * 127.5 if low < 0 else values * 255.0
    elif low < 0 or high > 255:
        raise DataError(f"The image holds values from {low:g} to {high:g}; expected 0 to 255, or fractions up to 1.")
    scaled: npt.NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    return scaled


def _check_sides(height: int, width: int) -> None:
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise DataError(f"The image has {width} × {height} pixels; allowed are 1 to {MAX_SIDE:,} a side.")


def _plain(picture: Image.Image) -> Image.Image:
    """Convert a picture of any mode to L, RGB or RGBA."""
    if picture.mode.startswith("I"):  # 16 bits per pixel, which a conversion would clip
        return Image.fromarray((np.clip(np.asarray(picture), 0, 65535) // 257).astype(np.uint8))
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


# -- grey, ink, digit ----------------------------------------------------------------------------------


def _grey(picture: Image.Image) -> tuple[_Grey, list[str]]:
    """Brightness from 0 to 255, at most ``_RESIZE_ABOVE`` pixels a side; and notes."""
    notes = []
    size = picture.size
    if (size[1], size[0]) != PIXELS:
        notes.append(f"Resized from {size[0]} × {size[1]} pixels.")
    if picture.mode == "RGBA":
        colours, opacity = picture.convert("RGB"), picture.getchannel("A")
        picture = colours
        if opacity.getextrema() != (255, 255):
            picture = _filled(colours, opacity)
            notes.append("Transparent parts were taken as background.")
    if picture.mode == "RGB":
        red, green, blue = picture.split()
        if not red.tobytes() == green.tobytes() == blue.tobytes():
            notes.append("Colours were turned to grey.")
        picture = picture.convert("L")
    if max(size) > _RESIZE_ABOVE:
        picture = picture.reduce(-(-max(size) // _RESIZE_ABOVE))
    return np.asarray(picture, dtype=np.float32), notes


def _filled(colours: Image.Image, opacity: Image.Image) -> Image.Image:
    """A drawing with transparency, placed on white if it is dark and on black if it is light."""
    grey = colours.convert("L")
    weight = np.asarray(opacity, dtype=np.float32)
    mean = float((np.asarray(grey, dtype=np.float32) * weight).sum() / max(float(weight.sum()), 1.0))
    return Image.composite(grey, Image.new("L", grey.size, 255 if mean < 127.5 else 0), opacity)


def _prepare(found: tuple[_Grey, list[str]]) -> PreparedDigit:
    grey, notes = found
    ink, inverted, stretched = _ink(grey)
    if inverted:
        notes.append("Dark on light was inverted: MNIST's digits are light on dark.")
    if stretched:
        notes.append("Contrast was stretched to its full range.")
    if np.count_nonzero(ink >= _MIN_INK) < 2:
        raise DataError("The drawing is a single pixel; draw a digit.")
    if _laid_out(ink):
        picture = ink
    else:
        cut = _cut(ink)
        width = stroke_width(cut) * BOX / max(cut.shape)
        if width < _MIN_STROKE:
            radius = round((_USUAL_STROKE - width) / 2 * max(cut.shape) / BOX)
            cut = _cut(maximum_filter(np.pad(cut, radius), 2 * radius + 1))
            notes.append("Thin lines were thickened to what is usual for MNIST.")
        picture = centred(_fit(cut))
        box, whole = f"{BOX} × {BOX}", f"{PIXELS[1]} × {PIXELS[0]}"
        notes.append(f"Cropped, scaled to fit {box} pixels and centred by its mass in {whole}.")
    pixels = to_pixels(np.rint(picture * 255).astype(np.uint8)).ravel()
    pixels.flags.writeable = False
    return PreparedDigit(pixels, tuple(notes))


def _laid_out(ink: _Grey) -> bool:
    """Whether the picture already has MNIST's layout: ink within the box, centre of mass in the middle."""
    if ink.shape != PIXELS:
        return False
    inside = max(np.ptp(np.flatnonzero(ink.any(axis))) + 1 for axis in (0, 1))
    middle = [ink.sum(1 - axis) @ np.arange(PIXELS[axis]) / ink.sum() - PIXELS[axis] / 2 for axis in (0, 1)]
    return bool(inside == BOX and max(np.abs(middle)) < 0.55)


def _cut(ink: _Grey) -> _Grey:
    """The bounding box of the ink."""
    drawn = ink >= _MIN_INK
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def stroke_width(ink: _Grey) -> float:
    """Width of the strokes in pixels: twice the drawn area over the length of its outline, along rows and columns."""
    drawn = np.pad(ink >= 0.5, 1)
    outline = sum(int(np.count_nonzero(np.diff(drawn, axis=axis))) for axis in (0, 1))
    return 2 * int(drawn.sum()) / max(outline, 1)


def _ink(grey: _Grey) -> tuple[_Grey, bool, bool]:
    """Ink of each pixel, 0 to 1; whether it is darker than the background; whether its contrast is weak.

    Ink is whatever differs most from the background, in one direction.
    """
    ground = _ground(grey)
    lighter = grey - ground
    darker = -lighter * (ground.max() / ground.clip(1))  # shade lowers the contrast of ink and paper alike
    inverted = bool(darker.max() > lighter.max())
    ink = darker if inverted else lighter
    strongest = float(ink.max())
    if strongest < _LEAST_CONTRAST:
        raise DataError("The drawing is empty: all of it shows one shade.")
    weak = strongest < _FULL_CONTRAST  # the strongest ink of some of MNIST's digits is a little below 255
    ink = ink / np.float32(strongest if weak else 255)
    if ground.min() < ground.max():
        ink[ink < _MIN_INK] = 0  # removes the grain of photographed paper
    return np.clip(ink, 0, 1), inverted, weak


def _ground(grey: _Grey) -> _Grey:
    """Brightness of the background: the median of the edge or, under uneven light, a plane fitted to it.

    The plane is fitted twice by least squares; the second fit leaves out outliers of the first, such as ink that
    reaches the edge.
    """
    inside = np.zeros(grey.shape, dtype=bool)
    inside[1:-1, 1:-1] = True
    rows, columns = np.nonzero(~inside)
    edge = grey[rows, columns]
    middle = np.median(edge)
    if np.median(np.abs(edge - middle)) < _EVEN_LIGHT:
        return np.full(grey.shape, middle, dtype=np.float32)
    terms = np.stack([np.ones(len(edge)), rows, columns], axis=1)
    kept = np.ones(len(edge), dtype=bool)
    for _ in range(2):
        plane = np.linalg.lstsq(terms[kept], edge[kept], rcond=None)[0]
        off = np.abs(edge - terms @ plane)
        kept = off <= 3 * np.median(off)
    down, across = np.ogrid[: grey.shape[0], : grey.shape[1]]
    ground: _Grey = (plane[0] + plane[1] * down + plane[2] * across).clip(0, 255).astype(np.float32)
    return ground


def _fit(ink: _Grey) -> _Grey:
    """Scale the ink, with its proportions kept, so that the longer side takes ``BOX`` pixels; its maximum is 1
    again."""
    h, w = ink.shape
    scale = BOX / max(h, w)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    small = Image.fromarray(ink).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR)
    values: _Grey = np.asarray(small, dtype=np.float32)
    values = values / np.float32(max(float(values.max()), 1e-6))
    return values.clip(0, 1)


def centred(small: _Grey) -> _Grey:
    """Place a small picture into 28 × 28, its centre of mass as near to pixel (14, 14) as whole pixels allow.

    It is shifted back inside where it would stick out. Empty pictures are placed in the middle.
    """
    placed = np.zeros(PIXELS, dtype=np.float32)
    total = float(small.sum(dtype=np.float64))
    start = []
    for axis, (length, room) in enumerate(zip(small.shape, PIXELS, strict=True)):
        profile = small.sum(1 - axis, dtype=np.float64)
        middle = float(profile @ np.arange(length)) / total if total else (length - 1) / 2
        start.append(int(np.clip(np.floor(room / 2 - middle + 0.5), 0, room - length)))
    placed[start[0] : start[0] + small.shape[0], start[1] : start[1] + small.shape[1]] = small
    return placed
