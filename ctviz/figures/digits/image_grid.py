"""A grid of images: rows of models, columns of digits, frames of a search, of a training or of an attack.

Wire format: a message of the stage (``recording.py``) without a recording. The header's ``content`` describes the
content, and its arrays, deflated, follow: ``images`` (uint8, r c f h w) and ``overlays`` (uint8 that stand for int8,
r c f h w), each with an axis of frames of its own length, 1 or f; from the second frame on as the difference to the
frame before, modulo 256. ``outline`` (uint8, r h w) is 1 where a pixel is locked.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ctviz.errors import DataError
from ctviz.figures.digits.pictures import INKS, Greys, Overlay
from ctviz.figures.stage.palette import palette
from ctviz.figures.stage.recording import Role, message

Texts: TypeAlias = Sequence[Sequence[str | Sequence[str]]]
"""One text for each cell (r c), or one for each of its frames (r c f)."""

MARKS = ("mature", "failed", "right", "wrong", "searching")
"""Words that are drawn with a shape of their own; other words stand alone."""

STRENGTH = 80
"""How strongly attributions are laid over digits, in per cent, before anybody has moved the slider."""


@dataclass(frozen=True)
class Label:
    """How a row or a column is headed. ``role`` and ``dash`` are those of an arm, if the row is one."""

    title: str
    note: str = ""
    role: Role | None = None
    dash: str = "solid"


@dataclass(frozen=True)
class Scale:
    """What the colours of an overlay mean: ±127 are ±``limit``.

    ``signed`` False: one colour, from nothing to ``limit``; ``low`` and ``high`` are the words at the ends.
    ``clipped``: there are values beyond ``limit``, drawn as strongly.
    """

    limit: float
    name: str = "attribution"
    low: str = "speaks against"
    high: str = "speaks for"
    signed: bool = True
    clipped: bool = False


@dataclass(frozen=True, eq=False)
class ImageGrid:
    """What an image grid shows: ``r`` rows of ``c`` cells, each with ``f`` frames of ``h × w`` pixels.

    Attributes:
        rows: headings of the rows; a string is a heading without colour.
        columns: headings of the columns.
        frames: what each frame is called ("step 0"); one frame needs no name.
        axis: what the slider moves along ("Search step").
        images: brightness 0 to 255, (r c f d) or (r c 1 d); None where overlays stand alone.
        overlays: attributions, (r c f d) or (r c 1 d), see ``quantised``. A cell whose overlay is 0 in all frames is
            drawn as if it had none: plainly, at any strength.
        scale: what their colours mean; needed with overlays.
        captions: under each cell, (r c) or (r c f).
        marks: state of each cell in a word, the same shapes; see ``MARKS``. Empty: none.
        names: what each cell is called where it is read out, the same shapes; by default its column's title and its
            caption.
        outline: locked pixels, (d), or (r d) where rows differ.
        outlined: what the outline is called in the key.
        present: which cells there are, (r c); all by default.
        highlight: cells to point out.
        alt: what is seen, in a sentence.
        size: rows and columns of pixels of a picture.
        clickable: whether a click on a cell is told, and what it does.
    """

    rows: Sequence[Label | str]
    columns: Sequence[Label | str]
    images: Greys | None
    alt: str
    frames: Sequence[str] = ("",)
    axis: str = "Frame"
    overlays: Overlay | None = None
    scale: Scale | None = None
    captions: Texts = ()
    marks: Texts = ()
    names: Texts = ()
    outline: npt.NDArray[np.bool_] | None = None
    outlined: str = "locked pixels"
    present: npt.NDArray[np.bool_] | None = None
    highlight: Sequence[tuple[int, int]] = ()
    size: tuple[int, int] = (28, 28)
    clickable: str = ""
    _labels: dict[str, list[Label]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("rows", "columns"):
            self._labels[name] = [Label(v) if isinstance(v, str) else v for v in getattr(self, name)]
        _check(self)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and frames."""
        return len(self.rows), len(self.columns), len(self.frames)

    @property
    def row_labels(self) -> list[Label]:
        """Headings of the rows."""
        return self._labels["rows"]

    @property
    def column_labels(self) -> list[Label]:
        """Headings of the columns."""
        return self._labels["columns"]

    @cached_property
    def meta(self) -> dict[str, Any]:
        """All but the pixels, fit for JSON."""
        return _meta(self)

    @cached_property
    def payload(self) -> bytes:
        """The arrays, deflated."""
        differences = (array if name == "outline" else _differences(array) for name, array in _arrays(self).items())
        # Level 6 takes twice the time of level 1 and saves a third; this is done once for each content.
        return zlib.compress(b"".join(array.tobytes() for array in differences), 6)

    @cached_property
    def digest(self) -> str:
        """Names the content: grids that look and read the same share it. Of what is not deflated yet, since a grid
        that the browser holds need not be."""
        found = hashlib.sha256(json.dumps(self.meta, separators=(",", ":")).encode())
        for array in _arrays(self).values():
            found.update(np.ascontiguousarray(array).data)
        return found.hexdigest()[:24]

    @cached_property
    def plain(self) -> npt.NDArray[np.bool_]:
        """Cells over which nothing is laid, (r c)."""
        if self.overlays is None:
            return np.ones(self.shape[:2], dtype=bool)
        if self.images is None:
            return np.zeros(self.shape[:2], dtype=bool)
        return np.asarray(~self.overlays.any((2, 3)), dtype=bool)

    def text(self, kind: str, row: int, column: int, frame: int) -> str:
        """The caption or the mark (``captions``, ``marks``) of a cell in a frame."""
        texts: Texts = getattr(self, kind)
        cell = texts[row][column] if texts else ""
        return cell if isinstance(cell, str) else cell[frame]

    def pixels(self, row: int, column: int, frame: int) -> tuple[Greys | None, Overlay | None]:
        """Brightness and overlay of a cell in a frame, (h w) each."""
        image = None if self.images is None else self.images[row, column, min(frame, self.images.shape[2] - 1)]
        if self.overlays is None or self.plain[row, column]:
            over = None
        else:
            over = self.overlays[row, column, min(frame, self.overlays.shape[2] - 1)].reshape(self.size)
        return None if image is None else image.reshape(self.size), over

    @property
    def ends(self) -> tuple[str, str]:
        """The numbers at both ends of the scale, in two significant digits."""
        if self.scale is None:
            return "", ""
        value = f"{self.scale.limit:.2g}"
        beyond = (" or less", " or more") if self.scale.clipped else ("", "")
        return (f"−{value}{beyond[0]}", f"+{value}{beyond[1]}") if self.scale.signed else ("0", f"{value}{beyond[1]}")

    def locked(self, row: int) -> npt.NDArray[np.bool_] | None:
        """Outlined pixels of a row, (h w)."""
        if self.outline is None:
            return None
        rows = np.broadcast_to(self.outline, (len(self.rows), self.outline.shape[-1]))
        mask: npt.NDArray[np.bool_] = rows[row].reshape(self.size)
        return mask


def _check(grid: ImageGrid) -> None:
    r, c, f = grid.shape
    d = grid.size[0] * grid.size[1]
    if not (r and c and f):
        raise DataError(f"An image grid needs rows, columns and frames; got {r}, {c} and {f}.")
    if grid.images is None and grid.overlays is None:
        raise DataError("An image grid needs images or overlays.")
    for name, kind in (("images", np.uint8), ("overlays", np.int8)):
        array = getattr(grid, name)
        if array is None:
            continue
        if array.dtype != kind:
            raise DataError(f"The {name} of an image grid are {np.dtype(kind)}; got {array.dtype}.")
        if array.shape not in ((r, c, f, d), (r, c, 1, d)):
            raise DataError(
                f"The {name} of an image grid have shape {array.shape}; expected {(r, c, f, d)} or {(r, c, 1, d)}."
            )
    if grid.overlays is not None and grid.scale is None:
        raise DataError("Overlays need a scale that says what their colours mean.")
    if grid.outline is not None and grid.outline.shape not in ((d,), (r, d)):
        raise DataError(f"The outline has shape {grid.outline.shape}; expected {(d,)} or {(r, d)}.")
    if grid.present is not None and grid.present.shape != (r, c):
        raise DataError(f"The cells that are present have shape {grid.present.shape}; expected {(r, c)}.")
    for name in ("captions", "marks", "names"):
        _check_texts(name, getattr(grid, name), (r, c, f))
    for row, column in grid.highlight:
        if not (0 <= row < r and 0 <= column < c):
            raise DataError(f"The highlighted cell {(row, column)} lies outside {r} × {c} cells.")


def _check_texts(name: str, texts: Texts, shape: tuple[int, int, int]) -> None:
    r, c, f = shape
    if not texts:
        return
    if len(texts) != r or any(len(row) != c for row in texts):
        raise DataError(f"The {name} are {len(texts)} rows of {[len(row) for row in texts]}; expected {r} of {c}.")
    for row in texts:
        for cell in row:
            if not isinstance(cell, str) and len(cell) != f:
                raise DataError(f"The {name} of a cell are {len(cell)}; expected one, or {f}.")


def _arrays(grid: ImageGrid) -> dict[str, npt.NDArray[np.uint8]]:
    """What the message holds, by name and in order."""
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    if grid.images is not None:
        arrays["images"] = grid.images
    if grid.overlays is not None:
        arrays["overlays"] = grid.overlays.view(np.uint8)
    if grid.outline is not None:
        shape = (len(grid.rows), grid.outline.shape[-1])
        arrays["outline"] = np.broadcast_to(grid.outline, shape).astype(np.uint8)
    return arrays


def _meta(grid: ImageGrid) -> dict[str, Any]:
    r, c, f = grid.shape
    h, w = grid.size
    present = np.ones((r, c), dtype=bool) if grid.present is None else grid.present
    return {
        "rows": [asdict(label) for label in grid.row_labels],
        "columns": [asdict(label) for label in grid.column_labels],
        "frames": list(grid.frames),
        "axis": grid.axis,
        "dims": {"r": r, "c": c, "f": f, "h": h, "w": w},
        "scale": None if grid.scale is None else {**asdict(grid.scale), "ends": grid.ends},
        "captions": grid.captions,
        "marks": grid.marks,
        "names": grid.names,
        "outlined": grid.outlined,
        "present": present.tolist(),
        "plain": grid.plain.tolist(),
        "highlight": [list(cell) for cell in grid.highlight],
        "alt": grid.alt,
        "clickable": grid.clickable,
        "sections": [[name, "uint8", array.size] for name, array in _arrays(grid).items()],
    }


def _differences(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Each frame minus the one before, modulo 256; the first as it is (r c f d)."""
    out = np.ascontiguousarray(frames).copy()
    out[:, :, 1:] -= frames[:, :, :-1]
    return out


def unpack(meta: dict[str, Any], payload: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a packed grid, frames restored: the inverse, for tests and notebooks."""
    raw, at, arrays = zlib.decompress(payload), 0, {}
    r, c, h, w = (meta["dims"][name] for name in "rchw")
    for name, _, size in meta["sections"]:
        flat = np.frombuffer(raw, np.uint8, size, at)
        at += size
        if name == "outline":
            arrays[name] = flat.reshape(r, h * w).astype(bool)
            continue
        restored = np.cumsum(flat.reshape(r, c, -1, h * w), axis=2, dtype=np.uint8)
        arrays[name] = restored.view(np.int8) if name == "overlays" else restored
    return arrays


def grid_message(grid: ImageGrid, initial: dict[str, Any], *, held: bool = False) -> bytes:
    """What travels to the browser; ``held``: it has the content already and needs but its name."""
    header = {"key": grid.digest, "content": None if held else grid.meta, "initial": initial, **inks()}
    return message(None, b"" if held else grid.payload, **header)


def inks() -> dict[str, Any]:
    """The colours of digits and of everything else, for the header of a message."""
    return {"palette": palette(), "inks": {name: asdict(value) for name, value in INKS.items()}}
