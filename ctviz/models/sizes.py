"""Sizes of models, for which nothing has to be built, nor torch imported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ctviz.errors import ConfigError
from ctviz.models.model_settings import ModelSettings

Grid = tuple[int, int]

KERNEL, POOL = 5, 2
"""Of a convolutional layer: rows and columns of its kernel, and of the outputs of which it gives the mean."""


NETWORK_HIDDEN = (50,)
"""Widths of the hidden layers of a network that answers with counterfactuals, as in the authors' code of CounterNet."""


def pictures(grid: Grid, channels: Sequence[int]) -> list[Grid]:
    """Rows and columns before each convolutional layer, and after the last.

    Raises:
        ConfigError: pictures that are too small for so many layers.
    """
    sizes = [grid]
    for _ in channels:
        rows, columns = ((size - KERNEL + 1) // POOL for size in sizes[-1])
        if min(rows, columns) < 1:
            allowed = f"at most {len(sizes) - 1} of them for pictures of {grid[0]} × {grid[1]} pixels"
            raise ConfigError("channels", tuple(channels), allowed)
        sizes.append((rows, columns))
    return sizes


def check_channels(settings: ModelSettings, d: int, grid: Grid | None) -> Grid:
    """The grid of the pictures on which convolutions work.

    Raises:
        ConfigError: the ``d`` inputs are no pictures.
    """
    if grid is None or math.prod(grid) != d:
        raise ConfigError("channels", settings.channels, "none, for this data set has no pictures")
    return grid


def parameters(settings: ModelSettings, d: int, k: int, grid: Grid | None = None) -> int:
    """Number of parameters of one model for ``d`` inputs, ``k`` classes, pictures of ``grid`` pixels.

    Raises:
        ConfigError: convolutions for data without pictures, or for pictures that are too small.
    """
    convolutions = 0
    if settings.channels:
        *_, last = pictures(check_channels(settings, d, grid), settings.channels)
        convolutions = sum(out * (inputs * KERNEL**2 + 1) for inputs, out in pairwise((1, *settings.channels)))
        d = settings.channels[-1] * math.prod(last)
    return convolutions + sum(out * (inputs + 1) for inputs, out in pairwise((d, *settings.hidden, k)))
