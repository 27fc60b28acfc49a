"""Percentages over draws: by hand, against a plain loop, and how often their intervals hold."""

import numpy as np
import pytest

from ctviz.errors import ConfigError
from ctviz.studies.reproduce.intervals import Paired, combine


def test_reduction_is_that_of_the_means():
    assert Paired.of([1, 3], [4, 4]).reduction == pytest.approx(50)
    assert combine([Paired.of([1, 3], [4, 4]), Paired.of([6, 6], [4, 4])]).value == pytest.approx(0)


def test_rounds_that_either_lacks_are_left_out():
    paired = Paired.of([1, np.nan, 2, 9], [2, 5, 4, np.nan])
    assert paired.value.tolist() == [1, 2]
    assert paired.reduction == pytest.approx(50)


def test_nothing_measured_is_not_a_number():
    for draws in ([], [Paired.of([], [])], [Paired.of([1.0], [0.0])]):
        found = combine(draws)
        assert np.isnan([found.value, found.low, found.high]).all()
        assert not found.significant


def test_a_draw_without_rounds_does_not_count():
    good = Paired.of([1.0, 2.0], [4.0, 4.0])
    assert combine([good, Paired.of([], [])]) == combine([good])


def test_the_same_draws_give_the_same_bits():
    chance = np.random.default_rng(0)
    draws = [Paired.of(chance.uniform(1, 2, 20), chance.uniform(2, 3, 20)) for _ in range(3)]
    assert combine(draws) == combine(draws)


def test_interval_of_one_draw_is_that_of_a_plain_loop_over_rounds():
    chance, other = np.random.default_rng(1), np.random.default_rng(2)
    draw = Paired.of(chance.normal(2, 0.3, 30), chance.normal(6, 0.5, 30))
    means = []
    for _ in range(4000):
        rows = other.integers(0, 30, 30)
        value, base = draw.value[rows].mean(), draw.base[rows].mean()
        means.append(100 * (base - value) / base)
    low, high = np.percentile(means, [5, 95])
    found = combine([draw], 0.9)
    assert found.low == pytest.approx(low, abs=0.08 * (high - low))
    assert found.high == pytest.approx(high, abs=0.08 * (high - low))
    assert found.error == pytest.approx(np.std(means), rel=0.08)


def test_no_interval_reaches_beyond_what_can_be_reduced():
    found = combine([Paired.of([100 - r], [100]) for r in (90, 99, 80)])
    assert found.high == 100
    assert found.low < 80


def test_interval_over_rounds_holds_about_as_often_as_it_says():
    """One draw of normal rounds with a true reduction of 20 %."""
    chance, held = np.random.default_rng(3), 0
    for trial in range(200):
        base = chance.normal(5, 0.5, 60)
        value = base - 1 + chance.normal(0, 0.4, 60)
        found = combine([Paired.of(value, base)], 0.95, seed=trial, resamples=600)
        held += found.low <= 20 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_zero_outside_is_significant():
    assert combine([Paired.of([1.0, 1.1, 0.9], [2.0, 2.0, 2.1])]).significant
    assert not combine([Paired.of([1.0, 3.1, 2.0], [2.0, 2.0, 2.0])]).significant


@pytest.mark.parametrize("level", [0, 1, -0.5, 2])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        combine([Paired.of([1.0], [2.0])], level)
