"""Progress: shares, what is left, and the words for it."""

from __future__ import annotations

import pytest

from ctviz.progress import Progress, duration


def test_half_way():
    progress = Progress(done=25, total=100, seconds=5.0)
    assert (progress.share, progress.rate, progress.eta) == (0.25, 5.0, 15.0)
    assert progress.words() == "epoch 25 of 100, about 15 s left"
    assert progress.words(unit="run") == "run 25 of 100, about 15 s left"


def test_before_the_first():
    progress = Progress(done=0, total=100, seconds=3.0)
    assert (progress.share, progress.rate, progress.eta) == (0.0, None, None)
    assert progress.words() == "epoch 0 of 100"


@pytest.mark.parametrize(
    "progress", [Progress(7, 7, 0.0), Progress(7, 7, 3.0), Progress(0, 0, 1.0), Progress(9, 7, 1.0)]
)
def test_the_end(progress):
    assert progress.share == 1 and progress.eta == 0
    assert "left" not in progress.words()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 s"),
        (0.4, "1 s"),
        (8.4, "8 s"),
        (89, "89 s"),
        (91, "2 min"),
        (600, "10 min"),
        (7200, "2 h"),
        (7900, "2 h 12 min"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
