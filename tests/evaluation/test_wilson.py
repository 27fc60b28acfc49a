"""Wilson's interval against scipy's, and at its edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from ctviz.errors import ConfigError
from ctviz.evaluation.wilson import wilson


@pytest.mark.parametrize(("right", "n"), [(198, 198), (0, 20), (150, 200), (1, 2)])
def test_shares_have_wilsons_interval(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(0.99, method="wilson")
    found = wilson(np.array([right / n, math.nan]), np.array([float(n), 3.0]), 0.99)
    assert found.low[0] == pytest.approx(expected.low, abs=1e-12)
    assert found.high[0] == pytest.approx(expected.high, abs=1e-12)
    assert found.low[0] < found.high[0] and math.isnan(found.low[1]) and math.isnan(found.high[1])
    with pytest.raises(ConfigError, match="level"):
        wilson(np.array([0.5]), np.array([3.0]), 1.0)
