"""Hypothesis in this suite: slow examples fail nothing, and a second run sees the same ones."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SLOW = 0.3
"""Seconds for an example; Hypothesis by itself allows 0.2."""


@pytest.fixture(params=["as loaded", "random"])
def profile(request):
    """What a test of this suite takes over, by itself or with a number of examples of its own."""
    before = settings.get_current_profile_name()
    if request.param != "as loaded":
        settings.load_profile(request.param)
    yield
    settings.load_profile(before)


def test_a_slow_example_passes(profile):
    @settings(max_examples=2)
    @given(st.integers())
    def slow(_):
        time.sleep(SLOW)

    slow()


def test_slow_making_of_examples_passes(profile, monkeypatch):
    """Hypothesis gives up after 30 seconds of it; here a clock says that they have passed."""
    clock, passed = time.perf_counter, [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + passed[0])

    @st.composite
    def slowly(draw):
        passed[0] += 20
        return draw(st.integers())

    @settings(max_examples=20)
    @given(slowly())
    def fine(_):
        pass

    fine()


def test_a_second_run_sees_the_same_examples(request):
    if request.config.getoption("--hypothesis-profile"):
        pytest.skip("another profile was asked for")
    seen = []

    @settings(max_examples=5)
    @given(st.text())
    def note(text):
        seen.append(text)

    note()
    first = seen.copy()
    seen.clear()
    note()
    assert seen == first
