"""The catalogue of image sets: their names, settings and columns."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import Field, model_validator

from ctviz.data.schema import Grid
from ctviz.errors import ConfigError
from ctviz.settings import Settings

PIXELS: Grid = (28, 28)
"""Rows and columns of the images."""

PIXEL_NAMES = tuple(f"r{row + 1}c{column + 1}" for row in range(PIXELS[0]) for column in range(PIXELS[1]))
"""Names of the columns of the image sets, row by row."""

SHIPPED_TRAINING = 10_000
"""Training digits that come with ctviz."""


class ImageSettings(Settings):
    """Settings of an image set: its name and source, the size of each split, and the seed that chooses samples."""

    name: Literal["mnist"] = "mnist"
    source: Literal["shipped", "folder"] = "shipped"
    n_train: int = Field(10_000, ge=10, le=59_000)
    n_validation: int = Field(1_000, ge=10, le=1_000)
    n_test: int = Field(10_000, ge=10, le=10_000)
    seed: int = Field(0, ge=0, lt=2**31)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return 10

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return PIXEL_NAMES

    @property
    def d(self) -> int:
        """Number of columns; here each feature is one."""
        return len(self.features)

    @property
    def grid(self) -> Grid:
        """Rows and columns."""
        return PIXELS

    @model_validator(mode="after")
    def _as_many_as_there_are(self) -> ImageSettings:
        if self.source == "shipped" and self.n_train > SHIPPED_TRAINING:
            raise ConfigError("n_train", self.n_train, f"at most {SHIPPED_TRAINING:,} of the digits that are shipped")
        return self


@dataclass(frozen=True)
class ImageInfo:
    """Title of an image set, and one plain sentence about it."""

    title: str
    sentence: str


IMAGES = MappingProxyType(
    {
        "mnist": ImageInfo(
            "Handwritten digits (MNIST)",
            "Digits written by hand, 28 × 28 grey pixels each: which of the ten is it?",
        ),
    }
)
"""The sets of images by name."""
