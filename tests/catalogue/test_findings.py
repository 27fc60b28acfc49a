"""Headlines by one rule; shares that differ beyond chance, against the normal approximation by hand."""

from __future__ import annotations

import math

import pytest

from ctviz.catalogue.differences import Difference
from ctviz.catalogue.findings import PRICES, diverged, finding, shares_differ
from ctviz.catalogue.metrics import METRICS, RECORDED

WORSE, BETTER = (
    Difference("20 % more effort", "more", "worse"),
    Difference("3 points more often right", "more", "better"),
)


def test_a_gain_stands_with_its_price_and_its_caveat() -> None:
    assert finding("They end closer", []) == "They end closer."
    assert finding("They end closer", [BETTER]) == "They end closer."
    assert finding("They end closer", [BETTER, WORSE]) == "They end closer, at the price of 20 % more effort."
    assert (
        finding("They end closer", [WORSE], "So it is.")
        == "They end closer, at the price of 20 % more effort. So it is."
    )
    assert finding("They end farther", [WORSE], better=False) == "They end farther, with 20 % more effort."


def test_prices_are_metrics_that_know_which_side_is_worse() -> None:
    for name in PRICES:
        assert RECORDED.get(name, METRICS.get(name)).direction is not None


@pytest.mark.parametrize(
    ("share", "other", "n", "differ"),
    [
        (0.5, 0.67, 100, False),  # 2.576 √((.25 + .2211) / 100) = .177
        (0.4, 0.6, 100, True),  # 2.576 √(.48 / 100) = .178
        (0.998, 0.92, 600, True),
        (0.992, 0.975, 600, False),  # 2.576 √((.00794 + .02438) / 600) = .0189
        (1.0, 1.0, 10, False),
        (0.0, 1.0, 10, True),
        (math.nan, 0.5, 100, False),
        (0.2, 0.8, 0, False),
    ],
)
def test_shares_differ_beyond_chance(share: float, other: float, n: float, differ: bool) -> None:
    assert shares_differ(share, other, n) is differ
    assert shares_differ(other, share, n) is differ


def test_a_model_that_left_out_most_batches_has_diverged() -> None:
    said = diverged(["Conventional", "JEM", "PGD"], [0.0, 7.0, 5.0], 10)
    assert said.startswith("JEM: training has diverged; 7 of 10 batches of this epoch") and "PGD" not in said
    assert not diverged(["JEM"], [math.nan], 10) and not diverged(["JEM"], [], 10)
