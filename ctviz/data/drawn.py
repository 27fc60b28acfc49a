"""Points of one's own: painted on a square or pasted from a table, written as a text that fits into a link.

The square [−3, 3]² is divided into 256 × 256 places, so that a point takes two bytes. ``encode`` writes points and
classes as a text, ``decode`` reads it; the same points give the same text, in whatever order they were painted.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from ctviz.errors import ConfigError
from ctviz.prose import listed
from ctviz.settings import Settings

DRAWN = "drawn"
"""The name of the data set."""

TITLE = "Your own points"

SENTENCE = "Points painted on a square, or pasted from a spreadsheet."

USUAL_NAMES = ("x1", "x2")
"""What the columns of a plane are called."""

EXTENT = 3.0
"""Half the side of the square."""

PLACES = 256
"""Places along each side of the square."""

MOST_POINTS = 1000
"""So that a link stays below 3,000 characters, which mails, chats and servers let through."""

FEWEST = 10
"""Points of a class: of them six are for training, two for validation, two for testing."""

MOST_CLASSES = 4

LONGEST_NAME = 20
"""Characters of the name of a column or a class."""

LEAST_SPREAD = 13
"""Places between the least and the greatest of the points along each axis: a twentieth of the side."""

Places = npt.NDArray[np.uint8]
"""Positions as places of the square (n 2), 0 to 255 along x1 and x2."""

Labels = npt.NDArray[np.uint8]
"""Classes (n)."""

VERSION = "a"
"""The first letter of a text: how the rest is written. After it, in base64: how many classes there are, how many points
each has (two bytes), and the points, class by class, each as its place along x1 and along x2."""

MOST_TEXT = len(VERSION) + math.ceil((1 + 2 * MOST_CLASSES + 2 * MOST_POINTS) * 4 / 3)


def encode(places: Places, labels: Labels) -> str:
    """Points (n 2) and their classes (n) as a text: the same for the same points in another order."""
    order = np.lexsort((places[:, 1], places[:, 0], labels))
    counts = np.bincount(labels) if len(labels) else np.zeros(0, int)
    head = bytes([len(counts)]) + counts.astype(">u2").tobytes()
    return VERSION + base64.urlsafe_b64encode(head + places[order].tobytes()).decode().rstrip("=")


def decode(text: str) -> tuple[Places, Labels]:
    """The points (n 2) and classes (n) of a text.

    Raises:
        ConfigError: a text that ``encode`` does not write.
    """
    try:
        return _decoded(text)
    except (ValueError, binascii.Error, IndexError):
        raise ConfigError("points", text, "points as the painting pad writes them") from None


@lru_cache(64)
def _decoded(text: str) -> tuple[Places, Labels]:
    if not text.startswith(VERSION) or len(text) > MOST_TEXT:
        raise ValueError(text)
    body = text.removeprefix(VERSION)
    raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    k = raw[0]
    counts = np.frombuffer(raw[1 : 1 + 2 * k], ">u2").astype(np.int64)
    places = np.frombuffer(raw[1 + 2 * k :], np.uint8)
    if len(counts) != k or len(places) != 2 * counts.sum():
        raise ValueError(text)
    return places.reshape(-1, 2), np.repeat(np.arange(k), counts).astype(np.uint8)


def values_of(places: Places) -> npt.NDArray[np.float32]:
    """The coordinates of places, in [−3, 3]."""
    return (EXTENT * (2 * places.astype(np.float64) / (PLACES - 1) - 1)).astype(np.float32)


def places_of(values: npt.ArrayLike) -> Places:
    """The places that are nearest to coordinates; those outside of the square are put on its edge."""
    scaled = (np.asarray(values, dtype=np.float64) / EXTENT + 1) / 2 * (PLACES - 1)
    return np.clip(np.rint(scaled), 0, PLACES - 1).astype(np.uint8)


def problem(places: Places, labels: Labels, names: Sequence[str] = ()) -> ConfigError | None:
    """Why models cannot be trained on these points; None if they can. ``names`` are those of the classes."""
    n = len(labels)
    counts = np.bincount(labels, minlength=2) if n else np.zeros(2, int)
    called = class_names(len(counts), names)
    said = listed([f"{count:,} of {name}" for name, count in zip(called, counts, strict=True)])
    if n > MOST_POINTS:
        return ConfigError("points", Words(f"{n:,} points"), f"at most {MOST_POINTS:,}")
    if len(counts) > MOST_CLASSES:
        return ConfigError("points", Words(f"points of {len(counts)} classes"), f"two to {MOST_CLASSES} classes")
    if counts.min() < FEWEST:
        allowed = f"{FEWEST} points or more of each class, and two classes or more"
        return ConfigError("points", Words(said), allowed)
    for name, column in zip(USUAL_NAMES, places.T, strict=True):
        if int(column.max()) - int(column.min()) < LEAST_SPREAD:
            allowed = "points that spread over a twentieth of the square or more, across and up"
            return ConfigError("points", Words(f"{n:,} points at nearly one value of {name}"), allowed)
    return None


def class_names(k: int, names: Sequence[str] = ()) -> tuple[str, ...]:
    """What k classes are called: by ``names`` as far as they go, then by their numbers."""
    return tuple(names[c] if c < len(names) else f"class {c}" for c in range(k))


class Words(str):
    """A value that is told in words and needs no quotation marks."""

    def __repr__(self) -> str:
        return str(self)


def _example() -> str:
    """Two strokes, one above the other, as a hand might paint them: what the pad shows at first."""
    i = np.arange(80)
    along, angle = (i + 0.5) / 80, i * 2.399963  # the golden angle scatters points evenly
    away = 0.34 * np.sqrt((i * 7 % 80 + 0.5) / 80)
    across = 4.2 * along - 2.1
    strokes = [
        np.stack([across + side * 0.4 + away * np.cos(angle), rise + side * 0.9 + away * np.sin(angle)], axis=1)
        for side, rise in ((1, 0.8 * np.sin(1.5 * across)), (-1, 0.8 * np.sin(1.5 * across)))
    ]
    return encode(places_of(np.concatenate(strokes)), np.repeat(np.arange(2), 80).astype(np.uint8))


EXAMPLE = _example()


class DrawnSettings(Settings):
    """Points of one's own: the points as a text (``encode``), the names of columns and classes, the seed of the splits.

    A fifth of the points of each class is for validation, a fifth for testing, and the rest for training.
    """

    name: Literal["drawn"] = "drawn"
    points: str = Field(EXAMPLE, max_length=MOST_TEXT)
    columns: tuple[str, str] = USUAL_NAMES
    labels: tuple[str, ...] = Field((), max_length=MOST_CLASSES)
    seed: int = Field(0, ge=0, lt=2**31)

    @field_validator("points")
    @classmethod
    def _that_can_be_learnt_from(cls, text: str) -> str:
        places, labels = decode(text)
        if (error := problem(places, labels)) is not None:
            raise error
        return encode(places, labels)

    @field_validator("columns")
    @classmethod
    def _two_names(cls, names: tuple[str, str]) -> tuple[str, str]:
        if not _are_names(names):
            raise ConfigError("columns", list(names), f"two different names of 1 to {LONGEST_NAME} characters")
        return names

    @field_validator("labels")
    @classmethod
    def _different_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not _are_names(names):
            raise ConfigError("labels", list(names), f"different names of 1 to {LONGEST_NAME} characters")
        return names

    @property
    def counts(self) -> tuple[int, ...]:
        """Points of each class."""
        return tuple(np.bincount(decode(self.points)[1]).tolist())

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.counts)

    @property
    def n_train(self) -> int:
        """Points to train on."""
        return sum(count - 2 * _share(count) for count in self.counts)

    @property
    def n_validation(self) -> int:
        """Points for validation."""
        return sum(map(_share, self.counts))

    @property
    def n_test(self) -> int:
        """Points for testing."""
        return self.n_validation

    @property
    def features(self) -> tuple[str, ...]:
        """What constraints call the features; ``columns`` is what people call them."""
        return USUAL_NAMES

    @property
    def d(self) -> int:
        """Number of columns; here each feature is one."""
        return len(self.features)

    @property
    def grid(self) -> None:
        """None: the columns are not pixels."""
        return None


def _are_names(names: Sequence[str]) -> bool:
    """Whether these are different names that fit beside a picture."""
    fit = all(0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip() for name in names)
    return fit and len(set(names)) == len(names)


def _share(count: int) -> int:
    """How many of the points of a class are for validation, and as many for testing."""
    return count // 5


def splits(settings: DrawnSettings) -> tuple[npt.NDArray[np.int64], ...]:
    """The rows for training, validation and testing, drawn from the seed: each class is split alike."""
    rng = np.random.default_rng(settings.seed)
    _, labels = decode(settings.points)
    parts: tuple[list[int], ...] = ([], [], [])
    for c in range(settings.classes):
        rows = rng.permutation(np.flatnonzero(labels == c)).tolist()
        share = _share(len(rows))
        for part, own in zip(parts, (rows[2 * share :], rows[:share], rows[share : 2 * share]), strict=True):
            part.extend(own)
    return tuple(rng.permutation(np.array(part, dtype=np.int64)) for part in parts)
