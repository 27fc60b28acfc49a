"""Student's intervals against those of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ctviz.errors import ConfigError
from ctviz.evaluation.student import half_width, interval


@pytest.mark.parametrize("level", [0.9, 0.99])
@pytest.mark.parametrize("n", [2, 5, 30])
def test_the_interval_is_that_of_scipy(n: int, level: float) -> None:
    values = np.random.default_rng(n).normal(3, 2, (4, n))
    low, high = interval(values, level)
    for row, ends in zip(values, zip(low, high, strict=True), strict=True):
        assert ends == pytest.approx(stats.t.interval(level, n - 1, row.mean(), stats.sem(row)))
    assert (high - low) / 2 == pytest.approx(half_width(values.std(axis=1, ddof=1), n, level))
    across = interval(values.T, level, axis=0)
    assert across[0] == pytest.approx(low)


def test_what_is_no_number_does_not_count() -> None:
    low, high = interval([[1.0, 2.0, np.nan, 4.0], [np.nan, np.inf, 1.0, np.nan]], 0.99)
    assert (low[0], high[0]) == pytest.approx(tuple(map(float, interval([1.0, 2.0, 4.0], 0.99))))
    assert np.isnan(low[1])
    assert np.isnan(high[1])


@pytest.mark.parametrize("values", [[], [3.0]])
def test_fewer_than_two_values_have_no_interval(values: list[float]) -> None:
    assert np.isnan(interval(values, 0.99)).all()


@pytest.mark.parametrize("level", [0.0, 1.0, 99.0])
def test_a_level_is_between_zero_and_one(level: float) -> None:
    with pytest.raises(ConfigError, match="level"):
        interval([1.0, 2.0], level)
