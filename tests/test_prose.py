"""Numbers, shares and lists as they are written in sentences and tables."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.prose import begun, clipped, decimal, inside, listed, number, percent, quoted, signed, spelled, unbroken

NOTHING = (None, math.nan, math.inf, -math.inf)
FINITE = st.floats(-1e307, 1e307)


def read(text):
    return float(text.replace("−", "-").replace("\u202f", "").replace(",", ""))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (1.0, "1.0"), (0.0123, "0.012"), (0.0996, "0.10"), (9.96, "10"), (56.4, "56"),
        (1234.0, "1\u202f200"), (-0.5, "−0.50"), (999999.9, "1\u202f000\u202f000"), (1e9, "1.0e+09"),
        (-1.26e-7, "−1.3e-07"), (1e300, "1.0e+300"), (5e-324, "4.9e-324"),
    ],
)  # fmt: skip
def test_a_number_has_significant_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        (1.3, {"digits": 3}, "1.30"), (5.0, {"trim": True}, "5"), (5.6, {"trim": True}, "5.6"),
        (120.0, {"trim": True}, "120"), (0.0, {"trim": True}, "0"), (3387.0, {"group": ","}, "3,400"),
        (-2.5e7, {"group": ",", "exponents": False}, "−25,000,000"), (2.5e-7, {"exponents": False}, "0.00000025"),
        (1.7e308, {"exponents": False}, "1.7e+308"), (-5e-324, {"exponents": False}, "−4.9e-324"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_asked(value, how, text):
    assert number(value, **how) == text


@given(FINITE, st.integers(1, 6), st.booleans())
def test_a_number_reads_back_to_its_digits(value, digits, exponents):
    text = number(value, digits, exponents=exponents)
    assert "-" not in text.split("e")[0]
    assert read(text) == pytest.approx(value, rel=0.5 * 10.0 ** (1 - digits) + 1e-9, abs=1e-322)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-1.25, 1, "−1.2"), (-0.01, 1, "0.0"), (-0.0, 0, "0"), (-0.4, 0, "0"), (0.05, 2, "0.05"),
        (1e15, 0, "1" + 15 * "0"), (5e-324, 2, "0.00"),
    ],
)  # fmt: skip
def test_a_decimal_has_decimals_and_no_minus_zero(value, digits, text):
    assert decimal(value, digits) == text


def test_a_decimal_has_a_scale_and_a_unit():
    assert decimal(0.426, 0, scale=100, unit=" %") == "43 %"
    assert decimal(-12.6, 0, unit=" %") == "−13 %"
    assert decimal(-0.001, 0, scale=100, unit=" %") == "0 %"


@given(FINITE, st.integers(0, 5))
def test_a_decimal_reads_back(value, digits):
    text = decimal(value, digits)
    assert read(text) == pytest.approx(value, abs=0.5001 * 10.0**-digits, rel=1e-9)
    assert (len(text.partition(".")[2]), "-" in text) == (digits, False)


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.0, 0, "0 %"), (1e-9, 0, "under 1 %"), (0.005, 0, "under 1 %"), (0.006, 0, "1 %"), (0.439, 0, "44 %"),
        (0.994, 0, "99 %"), (0.995, 0, "over 99 %"), (1.0, 0, "100 %"), (0.0004, 1, "under 0.1 %"),
        (0.9999, 1, "over 99.9 %"), (0.1234, 1, "12.3 %"),
    ],
)  # fmt: skip
def test_nearly_all_is_not_called_all(share, digits, text):
    assert percent(share, digits) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.43, 0, "43 %"), (0.439, 0, "43 %"), (0.57, 0, "57 %"), (0.0, 0, "0 %"), (0.004, 0, "under 1 %"),
        (0.0004, 1, "under 0.1 %"), (1.0, 0, "over 99 %"), (0.99, 0, "99 %"), (0.9999, 1, "99.9 %"),
        (1.0, 1, "over 99.9 %"), (0.123, 1, "12.3 %"),
    ],
)  # fmt: skip
def test_rounded_down_nothing_is_certain(share, digits, text):
    assert percent(share, digits, down=True) == text


@given(st.floats(0, 1), st.integers(0, 3), st.booleans())
def test_only_none_is_nothing_and_only_all_is_everything(share, digits, down):
    text = percent(share, digits, down=down)
    assert bool(re.fullmatch(r"0(\.0+)? %", text)) == (share == 0)
    assert text.startswith("100") == (share == 1 and not down)


@pytest.mark.parametrize("value", NOTHING)
@pytest.mark.parametrize("write", [number, decimal, percent])
def test_what_is_no_number_is_missing(write, value):
    assert write(value, missing="unknown") == "unknown"
    assert write(value) in ("–", "—")


def test_no_line_breaks_between_a_number_and_its_percent_sign():
    assert unbroken("37 % closer, 3 points") == "37\u00a0% closer, 3 points"
    assert unbroken("from 1 → 2 %") == "from 1\u00a0→\u00a02\u00a0%"


def test_parts_are_listed():
    assert [listed("abcd"[:n]) for n in range(5)] == ["", "a", "a and b", "a, b and c", "a, b, c and d"]
    assert listed(("one thing",)) == "one thing"


def test_parts_that_hold_words_of_the_sentence_are_quoted():
    assert quoted(("below 0 DM", "0 to 200 DM"), " to ") == ("“below 0 DM”", "“0 to 200 DM”")
    assert quoted(("no", "yes"), " to ") == ("no", "yes")


def test_zeros_of_an_exponent_are_no_decimals() -> None:
    assert number(1e10, trim=True) == "1.0e+10"
    assert number(-2.5e30, 3, trim=True) == "−2.50e+30"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "0.25"), (1, "1"), (-1.0, "−1"), (None, "none"), ((), "none"), ((32, 16), "32, 16"), (True, "yes"),
        ("eccco", "eccco"), (np.float64(0.5), "0.5"), (1e-05, "1e−05"), (math.nan, "none"), ("", "none"),
        (np.bool_(False), "no"), (np.array([1, 2]), "1, 2"), (0.123456, "0.1235"),
    ],
)  # fmt: skip
def test_values_of_settings_are_spelled(value, text):
    assert spelled(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.84, "+1.8"), (-0.0321, "−0.032"), (0.0, "0"), (12.34, "+12"), (1234.5, "+1\u202f200"), (0.999, "+1.0"),
        (math.inf, "+∞"), (-math.inf, "−∞"), (math.nan, "not a number"), (-9.96, "−10"),
        (4.9e-7, "≈ 0"), (-4e-4, "≈ 0"), (6e-4, "+0.00060"),
    ],
)  # fmt: skip
def test_a_number_with_its_sign(value, text):
    assert signed(value) == text


@pytest.mark.parametrize(("share", "text"), [(0.004, "< 1 %"), (0.9999, "> 99 %"), (0.5, "50 %"), (1.0, "100 %")])
def test_where_there_is_little_room_nearly_all_is_not_called_all_either(share, text):
    assert percent(share, short=True) == text


def test_a_title_within_a_sentence_and_at_its_beginning():
    assert (inside("Step size"), begun("no change"), inside(""), begun("")) == ("step size", "No change", "", "")
    assert [inside(name) for name in ("CounterNet", "PGD training", "A")] == ["CounterNet", "PGD training", "a"]


def test_a_long_text_is_clipped():
    assert clipped("a" * 120) == "a" * 120 and clipped("a" * 121) == "a" * 119 + "…"
    assert clipped("abcdef", 4) == "abc…"
