"""Wilson's interval of a share."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from ctviz.errors import ConfigError
from ctviz.evaluation.bootstrap import Floats, Interval


def wilson(share: Floats, counted: Floats, level: float) -> Interval:
    """Wilson's interval of a share, which has a positive width even at 0 and 1, where all resamples are alike.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n) with z the normal quantile of (1 + level)/2 (Wilson 1927).

    Args:
        share: p, (…); NaN stays NaN.
        counted: n of each, of a shape that fits.

    Raises:
        ConfigError: a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError("level", level, "a number between 0 and 1, such as 0.99")
    z = NormalDist().inv_cdf((1 + level) / 2)
    n = np.where(np.isnan(share), np.nan, np.broadcast_to(counted, np.shape(share)))
    middle = share + z * z / (2 * n)
    away = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((middle + side) / (1 + z * z / n) for side in (-away, away))
    # At 0 and 1, one end is the share itself, which rounding may miss.
    return Interval(share, np.minimum(low, share).clip(0, 1), np.maximum(high, share).clip(0, 1))
