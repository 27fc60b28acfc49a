"""Every metric that is computed somewhere is described, and nothing besides."""

from __future__ import annotations

import math

import pytest

from ctviz.catalogue.metrics import (
    ATTENTION_METRICS,
    DIGIT_METRICS,
    METRICS,
    RECORDED,
    REPRODUCED,
    RIVAL_METRICS,
    metric,
)
from ctviz.data.kinds import PICTURES
from ctviz.evaluation.ends import metrics_of
from ctviz.evaluation.rounds import ROUND_METRICS
from ctviz.experiments import snapshot
from ctviz.experiments.endpoints import ENDPOINT_METRICS
from ctviz.experiments.reports import REPORT_METRICS
from ctviz.studies.reproduce import published
from ctviz.studies.rivals.result import MEASURES
from ctviz.studies.sweeps import results

FAMILIES = (METRICS, RECORDED, REPRODUCED, DIGIT_METRICS, ATTENTION_METRICS, RIVAL_METRICS)
ALL = [pytest.param(one, id=name) for family in FAMILIES for name, one in family.items()]


def test_every_metric_is_described_and_there_are_no_others() -> None:
    assert set(METRICS) == {*results.METRICS, *REPORT_METRICS, *ROUND_METRICS, *ENDPOINT_METRICS}
    assert set(RECORDED) == set(snapshot.METRICS)
    assert set(REPRODUCED) == set(published.METRICS)
    assert set(DIGIT_METRICS) == set(metrics_of(PICTURES))
    assert list(RIVAL_METRICS) == list(MEASURES)


@pytest.mark.parametrize("one", ALL)
def test_a_metric_is_described_whole(one) -> None:
    assert one.title[0].isupper() and one.symbol and one.help.endswith(".")
    assert bool(one.less) == bool(one.more)
    assert one.share == (one.unit == "%")
    assert one.bounds == (0.0, 1.0) or not one.share


def test_the_same_name_means_the_same_wherever_one_may_take_it_for_that() -> None:
    for name in RECORDED.keys() & METRICS.keys() - {"mature", "steps"}:
        assert RECORDED[name] == METRICS[name]
    for name in ("mature", "steps"):  # a snapshot records those of its training searches
        assert "training" in RECORDED[name].title.lower() and "training" not in METRICS[name].title.lower()


def test_less_distance_and_more_accuracy_are_better() -> None:
    less = {name for name, one in METRICS.items() if one.direction == "less"}
    exact = {"exact_ip", "exact_nearest", "exact_nearest_five", "exact_cost"}
    assert (
        less
        == {"ip", "ip_star", "ip_star_median", "nearest", "cost", "calibration", "read_as_before", "skipped"} | exact
    )
    neither = {"steps", "sensitivity", "accepted", "exact_proved"}
    assert {name for name, one in METRICS.items() if one.direction is None} == neither


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "100 %"), (0.9999, "99.9 %"), (0.9751, "97.5 %"), (0.0, "0 %"), (math.nan, "—")]
)
def test_a_share_is_never_rounded_up_to_all(value: float, text: str) -> None:
    assert METRICS["validity"].amount(value) == text


@pytest.mark.parametrize(("value", "text"), [(1.9, "1.90"), (0.0, "0"), (-0.00123, "−0.00123"), (math.inf, "—")])
def test_other_numbers_have_three_digits(value: float, text: str) -> None:
    assert METRICS["ip_star"].amount(value) == text


def test_a_part_of_a_metric_is_named() -> None:
    assert metric("fgsm", "0.1").title.endswith(", ε = 0.1")
    assert metric("sensitivity", "x1").symbol == "|g| x1"
    assert metric("ip", "") is METRICS["ip"]


def test_a_metric_from_elsewhere_is_shown_but_not_judged() -> None:
    own = metric("my_own")
    assert (own.title, own.direction, own.compared) == ("my own", None, False)
