"""What travels to and from the painting pad: messages (``recording.py``) without a recording."""

from __future__ import annotations

import base64
import binascii

import numpy as np

from ctviz.data.drawn import MOST_CLASSES, MOST_POINTS, DrawnSettings, Labels, Places, class_names, decode
from ctviz.figures.stage.palette import palette
from ctviz.figures.stage.recording import message


def painting_message(key: str, data: DrawnSettings, notes: str = "", *, own: bool, held: bool, bad: bool) -> bytes:
    """What the painting pad shows.

    Args:
        key: names the pad; what was painted on it survives a change of page.
        data: the points and the names of their classes.
        notes: why what was painted cannot be used; empty if it can.
        own: whether the points came from this pad, which may have gone on since: it keeps what it shows.
        held: whether something that was painted here has arrived.
        bad: whether that cannot be used.
    """
    places, labels = decode(data.points)
    payload = np.column_stack([labels, places]).astype(np.uint8).tobytes()
    return message(
        None, payload, key=key, mark=data.points, notes=notes, own=own, held=held, bad=bad,
        most=MOST_POINTS, names=class_names(MOST_CLASSES, data.labels), palette=palette(),
    )  # fmt: skip


def painted_points(told: object) -> tuple[Places, Labels] | None:
    """The points and classes that a pad tells of; None for anything else."""
    value = told.get("points") if isinstance(told, dict) else None
    if not isinstance(value, str) or len(value) > 4 * MOST_POINTS:
        return None
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) % 3 or len(raw) > 3 * MOST_POINTS:
        return None
    triples = np.frombuffer(raw, np.uint8).reshape(-1, 3)
    return (triples[:, 1:], triples[:, 0]) if (triples[:, 0] < MOST_CLASSES).all() else None
