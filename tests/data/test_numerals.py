"""Numbers as people write them; everything else is none."""

from __future__ import annotations

import math

import pytest

from ctviz.data.numerals import number_in


@pytest.mark.parametrize(
    ("text", "commas", "value"),
    [(" 3 ", "none", 3.0), ("−1.5", "none", -1.5), ("+.5", "none", 0.5), ("2.", "none", 2.0), ("1e-3", "none", 0.001),
     ("1,5", "decimal", 1.5), ("-0,25", "decimal", -0.25), ("17,500", "thousands", 17_500.0),
     ("1,234,567.5", "thousands", 1_234_567.5), ("1e999", "none", math.inf)],
)  # fmt: skip
def test_a_number_is_read(text, commas, value):
    assert number_in(text, commas) == value


@pytest.mark.parametrize("text", ["", "-", ".", "1,5", "1_000", "nan", "inf", "0x10", "3 4", "1e", "٣", "five", "--1"])
def test_everything_else_is_none(text):
    assert math.isnan(number_in(text))
