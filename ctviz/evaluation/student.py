"""Student's t intervals of means over a few draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit  # the same in scipy.stats takes half a second to import

from ctviz.errors import ConfigError

Floats = npt.NDArray[np.float64]


def half_width(sd: Any, n: Any, level: float) -> Floats:
    """Half the width of Student's t interval of a mean, ``t(n−1) · s / √n``; NaN for fewer than two values.

    Args:
        sd: standard deviations s, with n − 1 in the denominator, (…).
        n: number of values of each, (…).
        level: share of such intervals that hold the true mean, between 0 and 1.

    Raises:
        ConfigError: a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError("level", level, "a number between 0 and 1, such as 0.99")
    number = np.asarray(n, dtype=np.float64)
    number = np.where(number >= 2, number, np.nan)
    return np.asarray(stdtrit(number - 1, (1 + level) / 2) * np.asarray(sd, dtype=np.float64) / np.sqrt(number))


def interval(values: Any, level: float, axis: int = -1) -> tuple[Floats, Floats]:
    """Ends of Student's t interval of the mean of values along an axis, ``x̄ ± t(n−1) · s / √n``.

    Values that are not finite do not count; NaN where fewer than two do. Shapes: (… n …) → (… …) each.

    Raises:
        ConfigError: a level that is not between 0 and 1.
    """
    given = np.asarray(values, dtype=np.float64)
    counted = np.isfinite(given)
    n = counted.sum(axis=axis)
    number = np.where(n >= 2, n, np.nan)
    middle = np.where(counted, given, 0.0).sum(axis=axis) / number
    apart = np.where(counted, given - np.expand_dims(middle, axis), 0.0)
    wide = half_width(np.sqrt((apart**2).sum(axis=axis) / (number - 1)), n, level)
    return middle - wide, middle + wide
