"""Numbers in words: honest with signs, zeros and what is missing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import METRICS as RECORDED
from ctviz.figures.theme import arm_styles, reference_pair
from ctviz.figures.words import METRICS, amount, compare, describe_curve, headline, verdict

NAN = math.nan
STYLES = arm_styles(Experiment.preset("moons"))


def test_every_recorded_metric_has_words() -> None:
    assert set(METRICS) == set(RECORDED)


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "100 %"), (0.9999, "99.9 %"), (0.9751, "97.5 %"), (0.0, "0 %"), (NAN, "—")]
)
def test_share_is_never_rounded_up_to_all(value: float, text: str) -> None:
    assert amount(METRICS["validity"], value) == text


@pytest.mark.parametrize(
    ("metric", "ours", "theirs", "words", "mark"),
    [
        ("ip", 0.44, 1.0, "56 % closer to real data", "better"),
        ("ip", 1.12, 1.0, "12 % farther from real data", "worse"),
        ("ip", 1.003, 1.0, "about the same", ""),
        ("ip", 1.0, 1.0, "the same", ""),
        ("ip", NAN, 1.0, "", ""),
        ("ip", 1.0, NAN, "", ""),
        ("ip_star", 0.1, 0.0, "more mismatch with real data (conventional: 0)", "worse"),
        ("ip_star", 0.0, 0.0, "the same", ""),
        ("cost", 2.0, 1.0, "100 % more effort", "worse"),
        ("validation_accuracy", 0.97, 0.98, "1 point less often right", "worse"),
        ("robust_accuracy", 0.9, 0.66, "24 points more often right", "better"),
        ("robust_accuracy", 0.9, 0.898, "about as often right", ""),
        ("mature", 1.0, 0.5, "50 points more often", ""),
        ("loss_div", -3.0, 1.0, "", ""),
    ],
)
def test_compare(metric: str, ours: float, theirs: float, words: str, mark: str) -> None:
    assert compare(METRICS[metric], ours, theirs) == words
    assert verdict(METRICS[metric], ours, theirs) == mark


@given(
    st.sampled_from([m for m in METRICS.values() if m.kind == "ratio"]),
    st.floats(1e-3, 1e3),
    st.floats(1e-3, 1e3),
)
def test_direction_follows_the_sign(metric, ours: float, theirs: float) -> None:
    words = compare(metric, ours, theirs)
    change = (ours - theirs) / theirs
    if change > 0.01:
        assert words.endswith(metric.more)
    elif change < -0.01:
        assert words.endswith(metric.less)
    else:
        assert words


def test_headline_says_epoch_direction_and_that_it_is_one_run() -> None:
    said = headline(100, STYLES, {"ip": [1.0, 0.44]})
    assert said == (
        "At epoch 100, counterfactuals of the counterfactually trained model end 56 % closer to real data "
        "than the conventional model's in this run."
    )


@pytest.mark.parametrize(
    ("epoch", "ip", "part"),
    [
        (40, [1.0, 1.12], "12 % farther from real data"),
        (40, [1.0, 1.001], "as far from real data"),
        (40, [1.0, 1.0], "as far from real data"),
        (0, [1.0, 1.0], "Before training, the two models still see the data alike."),
        (3, [NAN, 1.0], "the conventional one has none to measure"),
        (3, [1.0, NAN], "the counterfactually trained one has none to measure"),
        (3, [NAN, NAN], "neither has any to measure"),
        (3, [], "nothing has been measured"),
    ],
)
def test_headline_is_honest(epoch: int, ip: list[float], part: str) -> None:
    said = headline(epoch, STYLES, {"ip": ip})
    assert part in said
    assert "closer" not in said


def test_headline_of_one_model_compares_nothing() -> None:
    alone = arm_styles(Experiment.preset("moons").replace({"arms": "vanilla"}))
    assert headline(5, alone, {"ip": [1.0], "validation_accuracy": [0.97]}) == (
        "At epoch 5, the model “Conventional” is right on 97.0 % of new data in this run."
    )
    assert "nothing has been measured" in headline(5, alone, {})


def test_the_pair_compared_is_conventional_and_full() -> None:
    styles = arm_styles(Experiment.preset("moons").replace({"arms": "full,energy,vanilla"}))
    assert reference_pair(styles) == (2, 0)
    assert reference_pair(styles[:2]) == (None, 0)
    assert reference_pair(styles[2:]) == (0, None)


def test_another_name_than_full_is_called_by_it() -> None:
    styles = arm_styles(Experiment.preset("moons").replace({"arms": "vanilla,energy"}))
    assert styles[1].title in headline(9, styles, {"ip": [1.0, 0.5]})


def test_text_alternative_names_every_arm() -> None:
    said = describe_curve(METRICS["ip"], STYLES, 12, [1.9, NAN])
    assert said == "Distance to real data over the epochs. At epoch 12: Conventional 1.90, Counterfactual training —."
