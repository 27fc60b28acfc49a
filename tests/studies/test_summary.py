"""Gains, means over draws and their words, against numbers worked out by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from ctviz.studies.study import interval, number, percent
from ctviz.studies.summary import (
    Mean,
    across,
    by_draw,
    difference,
    gains,
    geometric,
    mean,
)

COLUMNS = ["panel", "variant", "dose", "seed", "epoch", "metric", "value"]


def table(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_interval_is_students_t() -> None:
    # By hand: mean 2, s = 1, n = 3; t(2) at 99 % is 9.9248.
    found = mean([1.0, 2.0, 3.0])
    assert found.value == 2
    assert found.high - found.value == pytest.approx(9.9248 / math.sqrt(3), rel=1e-4)
    assert found.value - found.low == pytest.approx(found.high - found.value)
    assert (found.n, found.sign, found.error) == (3, 0, pytest.approx(1 / math.sqrt(3)))


def test_one_draw_has_no_interval_and_none_no_mean() -> None:
    one, none = mean([4.0, math.nan]), mean([])
    assert (one.value, one.n, one.sign) == (4.0, 1, 0)
    assert math.isnan(one.low)
    assert math.isnan(none.value)


@pytest.mark.parametrize(("low", "high", "sign"), [(1, 3, 1), (-3, -1, -1), (-1, 3, 0), (math.nan, math.nan, 0)])
def test_a_sign_is_claimed_only_where_zero_lies_outside(low: float, high: float, sign: int) -> None:
    assert Mean(2, low, high, 5).sign == sign


def test_a_gain_is_taken_against_the_conventional_model_of_the_same_draw_and_epoch() -> None:
    found = gains(
        table(
            ("a", "conventional", math.nan, 0, 1, "ip", 4.0),
            ("a", "conventional", math.nan, 1, 1, "ip", 10.0),
            ("b", "conventional", math.nan, 0, 1, "ip", 0.0),
            ("a", "full", 0.5, 0, 1, "ip", 1.0),
            ("a", "full", 0.5, 1, 1, "ip", 15.0),
            ("b", "full", 0.5, 0, 1, "ip", 1.0),
            ("a", "full", 0.5, 0, 1, "cost", 99.0),
        ),
        "ip",
    )
    assert found["value"].tolist()[:2] == [75.0, -50.0]
    assert math.isnan(found["value"].iloc[2])  # nothing can be less than nothing


def test_means_are_taken_over_draws_of_the_same_variant_dose_and_epoch() -> None:
    rows = [("a", "full", dose, seed, 1, "ip", dose + seed) for dose in (1.0, 2.0) for seed in (0, 1, 2)]
    found = across(table(*rows).drop(columns="metric"))
    assert found["value"].tolist() == [2.0, 3.0]
    assert found["n"].tolist() == [3, 3]
    # As one by one, with gaps, and on a logarithmic axis.
    values = [1.0, math.nan, 4.0, -2.0, 8.0, math.inf, 3.0]
    whole = table(*(("a", "full", 1.0, seed, 1, "ip", value) for seed, value in enumerate(values)))
    for log, slow in ((False, mean), (True, geometric)):
        one, expected = across(whole, log=log).iloc[0], slow(values)
        assert (one["value"], one["low"], one["high"]) == pytest.approx((expected.value, expected.low, expected.high))
        assert one["n"] == expected.n


def test_differences_are_taken_draw_by_draw() -> None:
    first = table(*(("a", "x", 1.0, seed, 1, "ip", 10.0 * seed + 1) for seed in range(3)))
    second = table(*(("a", "y", 1.0, seed, 1, "ip", 10.0 * seed) for seed in range(4)))
    found = difference(first, second)
    assert (found.value, found.n) == (1.0, 3)
    assert found.sign == 1  # though the draws themselves lie far apart
    assert by_draw(first).sign == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (0.0432, "0.043"),
        (4.2, "4.2"),
        (-12.4, "−12"),
        (3387.0, "3,400"),
        (0.996, "1.0"),
        (math.inf, "unknown"),
    ],
)
def test_numbers_have_two_significant_digits(value: float, said: str) -> None:
    assert number(value) == said


def test_words() -> None:
    assert percent(-0.4) == "0 %"
    assert percent(-12.6) == "−13 %"
    assert percent(math.nan) == "unknown"
    assert interval(Mean(35.2, 30.1, 41, 5), "%") == "35 % (30 to 41 %)"
    assert interval(Mean(3.52, math.nan, math.nan, 1)) == "3.5"


def test_what_grows_by_factors_has_its_interval_on_the_logarithms() -> None:
    values = [1.0, 10.0, 1000.0, -3.0, 0.0, math.nan]
    found, logs = geometric(values), mean([0.0, math.log(10), math.log(1000)])
    assert (found.value, found.low, found.high, found.n) == pytest.approx(
        (math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), 3)
    )
    assert found.low > 0 > mean(values[:3]).low
    assert geometric([]).n == 0
