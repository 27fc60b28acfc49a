"""Mounts the image grid, the drawing pad and the mask painter in a Streamlit page.

For the author of a page::

    grid = ImageGrid(
        rows=[Label(style.title, "", style.role, style.dash) for style in styles], columns=["0", "1", …],
        images=greys(points), overlays=over, scale=Scale(limit), frames=["step 0", …], axis="Search step",
        captions=…, marks=…, outline=explorer.locked, alt="…",
    )                                                       # over, limit = quantised(values)
    initial = ImageGridState(frame=view.step, strength=view.strength)
    state = show_image_grid(grid, key="counterfactuals", initial=initial)
    state.frame, state.strength      # where the person has come to rest: for the link
    state.cell                       # (row, column) that was clicked, in the run of the script that the click caused

    drawn = draw_pad(prepare, key="pad", initial=pixels)    # prepare: of ctviz.data.drawing; pixels: of a link, or None
    drawn.prepared                                          # what the models see, or None
    drawn.cleared                                           # whether the person has taken away what was drawn
    painted = paint_mask(mean, key="mask", initial=("rows 1-5", "rows 24-28"))
    painted.ref                                             # "mask …", fit for Arm.locked
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import streamlit as st

from ctviz.data.schema import FeatureRef, mask_ref, resolve
from ctviz.errors import ConfigError, DataError
from ctviz.figures.digits.image_grid import STRENGTH, ImageGrid, grid_message
from ctviz.figures.digits.pad import PAD, mask_message, pad_message
from ctviz.figures.digits.pictures import Greys, greys
from ctviz.ui.kit.component_files import mounted


@dataclass(frozen=True)
class ImageGridState:
    """What the person sees of a grid; all but ``cell`` goes into the link.

    ``frame`` None is the last one; ``strength`` is that of the overlay in per cent. ``cell`` (row and column that
    were clicked) is an event: it is set only in the run of the script that the click caused.
    """

    frame: int | None = None
    strength: int = STRENGTH
    playing: bool = False
    cell: tuple[int, int] | None = None


def show_image_grid(
    grid: ImageGrid,
    key: str,
    initial: ImageGridState = ImageGridState(),
    *,
    on_cell: Callable[[tuple[int, int]], None] | None = None,
) -> ImageGridState:
    """Shows an image grid and returns what the person has come to rest on.

    ``initial`` counts when the grid is mounted, and when its axis becomes another one. Otherwise the person stays where
    they are: at the same frame, or at the end if they were there. The state returned follows with a delay of 150 ms,
    never while dragging or playing.

    Args:
        grid: what to show; sent only when its content changes.
        key: of the component; one grid per key.
        initial: what to show first.
        on_cell: takes a cell that was clicked, before the script runs again, once per click. Cells can be clicked
            where ``grid.clickable`` says what that does.
    """
    sent = _sent()
    result = mounted("ImageGrid")(
        key=key,
        data=grid_message(
            grid,
            {"frame": initial.frame, "strength": initial.strength, "playing": initial.playing},
            held=sent.get(key) == grid.digest,
        ),
        on_view_change=_nothing,
        on_need_change=lambda: sent.pop(key, None),
        on_cell_change=lambda: _tell(on_cell, _cell(st.session_state[key].get("cell"), grid)),
    )
    sent[key] = grid.digest
    return _grid_state(result.get("view"), result.get("cell"), grid, initial)


class Prepared(Protocol):
    """What a drawing becomes: pixels (d) in [−1, 1], and in words what was done to it."""

    @property
    def pixels(self) -> npt.NDArray[np.float32]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Drawn:
    """A drawing at rest: ``image`` (280 280) with 255 where there is ink, None where there is none; ``prepared`` is
    what the models see; ``error`` says why it cannot be used. ``cleared``: the person has emptied the pad."""

    image: Greys | None = None
    prepared: Prepared | None = None
    error: str = ""
    cleared: bool = False

    @cached_property
    def digest(self) -> str:
        """Names the drawing, for keys; empty if there is none."""
        return "" if self.image is None else hashlib.sha256(self.image.tobytes()).hexdigest()[:16]


def draw_pad(prepare: Callable[[npt.NDArray[Any]], Prepared], key: str, initial: npt.ArrayLike | None = None) -> Drawn:
    """Shows a drawing pad with the digit as the models see it beside it, and returns what was drawn.

    Args:
        prepare: makes pixels of a drawing (280 280), uint8, 255 where there is ink; a ``DataError`` of it is shown.
        key: of the component.
        initial: pixels (d) in [−1, 1] of a digit that was drawn elsewhere, as by who made a link. It is shown until
            something is drawn here, or cleared.
    """
    kept = f"_drawing_{key}"  # not the component's own state, which ends when its page is left
    drawn = _drawn(st.session_state.get(kept), prepare)
    if kept in st.session_state and drawn.image is None:
        drawn = replace(drawn, cleared=True)
    given = initial is not None and kept not in st.session_state
    pixels = initial if given else None if drawn.prepared is None else drawn.prepared.pixels
    seen = None if pixels is None else greys(pixels)
    notes = list(drawn.prepared.notes) if drawn.prepared else [drawn.error] if drawn.error else []
    mounted("Pad")(
        key=key,
        data=pad_message(key, seen, notes, held=drawn.image is not None, bad=bool(drawn.error), given=given),
        on_view_change=lambda: st.session_state.update({kept: _ink(st.session_state[key].get("view"))}),
    )
    return drawn


@dataclass(frozen=True)
class Painted:
    """A mask at rest: ``mask`` (d), true where pixels are locked, and ``ref``, the reference that stands for it."""

    mask: npt.NDArray[np.bool_]

    @property
    def ref(self) -> str:
        return mask_ref(self.mask)

    @property
    def count(self) -> int:
        return int(self.mask.sum())


def paint_mask(
    under: npt.ArrayLike,
    key: str,
    initial: Sequence[FeatureRef] = (),
    *,
    grid: tuple[int, int] = (28, 28),
) -> Painted:
    """Shows a painter of masks and returns the mask, in which true pixels are locked.

    Args:
        under: pixels (d) in [−1, 1] to paint over, such as the mean digit.
        key: of the component.
        initial: what is locked at first, as in ``Arm.locked``. Where it changes to something else than what the person
            has painted, the painter follows.
        grid: rows and columns of pixels.

    Raises:
        ConfigError: a reference that stands for no pixels.
        DataError: pixels that do not fill the grid.
    """
    start = np.zeros(math.prod(grid), dtype=bool)
    for ref in initial:
        start[list(resolve(ref, (), grid) if isinstance(ref, str) else [ref])] = True
    result = mounted("MaskPainter")(
        key=key, data=mask_message(key, greys(under), mask_ref(start), grid), on_view_change=_nothing
    )
    return _painted(result.get("view"), start, grid)


# ---- what a browser says is believed only as far as it makes sense --------------------------------------------


def _grid_state(view: Any, cell: Any, grid: ImageGrid, initial: ImageGridState) -> ImageGridState:
    clicked = _cell(cell, grid)
    if not isinstance(view, dict) or view.get("axis") != grid.axis:
        beyond = initial.frame is not None and initial.frame >= grid.shape[2] - 1
        return replace(initial, cell=clicked, frame=None if beyond else initial.frame)
    frame, strength = view.get("frame"), view.get("strength")
    return ImageGridState(
        frame=frame if type(frame) is int and 0 <= frame < grid.shape[2] - 1 else None,
        strength=strength if type(strength) is int and 0 <= strength <= 100 else initial.strength,
        playing=view.get("playing") is True,
        cell=clicked,
    )


def _cell(value: Any, grid: ImageGrid) -> tuple[int, int] | None:
    r, c, _ = grid.shape
    if not isinstance(value, list) or len(value) != 2 or any(type(part) is not int for part in value):
        return None
    row, column = value
    there = 0 <= row < r and 0 <= column < c and (grid.present is None or bool(grid.present[row, column]))
    return (row, column) if there else None


def _drawn(image: Greys | None, prepare: Callable[[npt.NDArray[Any]], Prepared]) -> Drawn:
    if image is None:
        return Drawn()
    try:
        return Drawn(image, prepare(image))
    except DataError as error:
        return Drawn(image, error=str(error))


def _ink(view: Any) -> Greys | None:
    """A drawing of PAD × PAD pixels in base64; anything else is none."""
    value = view.get("ink") if isinstance(view, dict) else None
    length = 4 * math.ceil(PAD * PAD / 3)
    if not isinstance(value, str) or len(value) != length:
        return None
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return np.frombuffer(raw, np.uint8).reshape(PAD, PAD) if len(raw) == PAD * PAD else None


def _painted(value: Any, start: npt.NDArray[np.bool_], grid: tuple[int, int]) -> Painted:
    ref = value.get("ref") if isinstance(value, dict) and value.get("from") == mask_ref(start) else None
    if not isinstance(ref, str) or not ref.startswith("mask "):
        return Painted(start)
    mask = np.zeros(start.shape, dtype=bool)
    try:
        mask[list(resolve(ref, (), grid))] = True
    except ConfigError:
        return Painted(start)
    return Painted(mask)


def _nothing() -> None:
    """A state without a callback would not be returned."""


def _tell(listener: Callable[[tuple[int, int]], None] | None, event: tuple[int, int] | None) -> None:
    if listener is not None and event is not None:
        listener(event)


def _sent() -> dict[str, str]:
    """Of each grid, the digest of the content that this session's browser was sent."""
    sent: dict[str, str] = st.session_state.setdefault("_grids_sent", {})
    return sent
