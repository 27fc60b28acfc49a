"""What is said of a sweep is what its numbers say."""

import math

import pytest

from ctviz.catalogue.metrics import METRICS
from ctviz.figures.tradeoffs import metrics
from ctviz.figures.tradeoffs.cells import axes_of, best_cell, cells, setting_of
from ctviz.figures.tradeoffs.words import (
    describe_front,
    describe_lines,
    describe_map,
    finding,
    marginal_means,
)
from tests.figures.sweeps import GRID, made, penalties

ACROSS = penalties()


def test_a_reduction_is_better_on_the_other_side():
    for name, one in METRICS.items():
        assert metrics.better_of(name, "value") == one.direction
        assert metrics.better_of(name, "reduction") == {"less": "more", "more": "less", None: None}[one.direction]


@pytest.mark.parametrize(("name", "value", "measure", "text"), [
    ("ip", 54.64, "reduction", "55"), ("ip", 9.94, "reduction", "9.9"), ("ip", 9.96, "reduction", "10"),
    ("ip", -0.04, "reduction", "0"), ("ip", -123.4, "reduction", "−123"), ("ip", math.nan, "reduction", "—"),
    ("accuracy", 0.9996, "value", "99.9"), ("accuracy", 1.0, "value", "100"), ("accuracy", 0.974, "value", "97.4"),
    ("accuracy", 0.0, "value", "0"), ("ip", 1.2345, "value", "1.23"), ("ip_star", 0.00123, "value", "0.00123"),
])  # fmt: skip
def test_numbers_as_people_read_them(name, value, measure, text):
    assert metrics.shown(name, value, measure) == text


def test_axes_go_by_their_symbols_unless_they_are_named():
    assert metrics.what("lambda_div") == "λ_div" and metrics.what("training.n_ce") == "n_ce"
    assert metrics.what("tau", {"tau": "Confidence"}) == "Confidence"


def test_the_finding_names_the_setting_that_matters_and_the_best_cell():
    said = finding(ACROSS, "ip")
    assert "λ_div matters most" in said
    best = best_cell(ACROSS, "ip")
    assert f"Best at {setting_of(ACROSS, best)}" in said and "the best of 43 and so likely flattered" in said
    row = cells(ACROSS, "ip").set_index("cell").loc[best]
    assert row["low"] > 0 and "which leaves out zero" in said
    assert "In 43 of 43 cells the mean is better" in said
    assert "1 of 45 cells failed and is left out" in said and "1 of 45 cells is still to be trained" in said


def test_an_interval_with_zero_is_said_to_include_it():
    assert "which includes zero" in finding(ACROSS, "ip_star")
    across = penalties()
    across["low"], across["high"] = 1.0, 2.0
    assert "which leaves out zero" in finding(across, "ip_star")


def test_the_range_of_marginal_means_decides():
    axes = dict(reversed(GRID.items()))  # now λ_reg comes first, and matters most in what is made up
    across = made(axes)
    assert "λ_reg matters most" in finding(across, "ip")
    frame = cells(across, "ip")
    means = dict(marginal_means(frame, "lambda_reg"))
    assert list(means) == [0.0, 0.01, 0.1, 0.25, 0.5]
    assert means[0.1] == pytest.approx(frame[frame["lambda_reg"] == 0.1]["shown"].mean())


def test_one_seed_one_axis_one_cell():
    assert "from one seed" in finding(made(GRID, seeds=1), "ip")
    assert "τ matters:" in finding(made({"tau": (0.5, 0.9)}), "ip")
    said = finding(made({"tau": (0.5,)}), "ip")
    assert "matters" not in said and "best of" not in said and "Best at τ 0.5:" in said


def test_nothing_measured_says_why():
    failed = made({"tau": (0.5,)}, failed={0: ("failed", "nothing matured (seeds: 3 of 3)")})
    assert "none of the training searches arrived" in finding(failed, "ip")
    assert finding(ACROSS.iloc[:0], "ip") == "Nothing has been measured yet."
    assert finding(ACROSS, "steps", "value")  # a metric of which neither side is better


def test_each_figure_has_a_text_in_its_place():
    said = describe_map(ACROSS, "ip", axes_of(ACROSS))
    assert said.startswith("Distance to real data: % below the conventional model over λ_div, λ_adv and λ_reg: ")
    assert "43 cells" in said
    assert "beaten by no other in both" in describe_front(ACROSS, "ip", "cost")
    assert "no cell has both" in describe_front(made({"tau": (1,)}, failed={0: ("waiting", "")}), "ip", "cost")
    lines = describe_lines(ACROSS, ["lambda_div", "metric.ip"], [1, 2])
    assert lines.startswith("One line for each of 45 cells through λ_div, Distance to real data; 2 of them lie within")
