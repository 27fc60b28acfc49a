"""Differences in words: how far, which way, whether for the better; honest with zeros and what is missing."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.catalogue.differences import ABOUT_THE_SAME, UNCLEAR, Difference, difference, difference_words, reduction
from ctviz.catalogue.metrics import METRICS, RECORDED

KNOWN = {**METRICS, **RECORDED}
NAN = math.nan
POSITIVE = st.floats(1e-3, 1e3)


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "words", "verdict"),
    [
        ("ip", 0.44, 1.0, "56 % closer to real data", "better"),
        ("ip", 1.12, 1.0, "12 % farther from real data", "worse"),
        ("ip", 1.003, 1.0, ABOUT_THE_SAME, ""),
        ("ip", 1.0, 1.0, "the same", ""),
        ("ip", NAN, 1.0, "", ""),
        ("ip", 1.0, NAN, "", ""),
        ("ip_star", 0.1, 0.0, "more mismatch with real data (conventional: 0)", "worse"),
        ("ip_star", 0.0, 0.0, "the same", ""),
        ("cost", 2.234, 1.0, "123 % more effort", "worse"),
        ("validation_accuracy", 0.97, 0.98, "1 point less often right", "worse"),
        ("robust_accuracy", 0.9, 0.66, "24 points more often right", "better"),
        ("robust_accuracy", 0.9, 0.898, ABOUT_THE_SAME, ""),
        ("steps", 10.0, 20.0, "50 % fewer steps", ""),
        ("loss_div", -3.0, 1.0, "", ""),
    ],
)
def test_a_value_against_a_reference(name: str, ours: float, theirs: float, words: str, verdict: str) -> None:
    found = difference(KNOWN[name], ours, theirs)
    assert (found.words, found.verdict) == (words, verdict)
    assert found.alike == (bool(words) and not found.side)


@given(st.sampled_from([one for one in KNOWN.values() if one.compared]), POSITIVE, POSITIVE)
def test_words_follow_the_sign_and_the_verdict_the_direction(metric, ours: float, theirs: float) -> None:
    found = difference(metric, ours, theirs)
    assert found.side in ("", "less" if ours < theirs else "more")
    if found.side:
        assert found.words.endswith(getattr(metric, found.side))
        assert not found.words.startswith("0 ")
        assert (found.verdict == "better") == (found.side == metric.direction)
    else:
        assert found.words and not found.verdict and not found.mark


@given(st.sampled_from([one for one in METRICS.values() if one.compared and not one.share]), POSITIVE, POSITIVE)
def test_a_reduction_is_the_same_difference(metric, ours: float, theirs: float) -> None:
    one, other = difference(metric, ours, theirs), reduction(metric, 100 * (theirs - ours) / theirs)
    assert (one.side, one.verdict) == (other.side, other.verdict)
    assert one.words == other.words or ours == theirs


def test_what_chance_may_have_made_is_not_told_as_a_difference() -> None:
    assert difference(METRICS["ip"], 0.5, 1.0, clear=False) == Difference(UNCLEAR)
    assert difference(METRICS["ip"], NAN, 1.0, clear=False).words == ""


def test_a_reduction_of_something_unknown_has_no_verdict() -> None:
    assert reduction(METRICS["skipped"], NAN) == Difference()
    assert reduction(METRICS["skipped"], 50.0).words == "50 % less"


@given(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 0.01))
def test_the_number_is_that_of_the_difference(apart: float) -> None:
    text = difference_words(apart, "%", "less", "more").replace("\u202f", "")
    size, side = re.fullmatch(r"([\d.]+) % (less|more)", text).groups()
    assert float(size) == pytest.approx(abs(apart), rel=0.05)
    assert side == ("less" if apart < 0 else "more")


def test_one_point_is_singular() -> None:
    assert difference_words(1.0, "points", "less", "more") == "1 point more"
    assert difference_words(-2.0, "points", "less", "more") == "2 points less"
