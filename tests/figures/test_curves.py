"""The curves: gaps stay gaps, labels keep apart, the page's line at an epoch fits over them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.catalogue.metrics import RECORDED as METRICS
from ctviz.experiments.config import Experiment
from ctviz.figures.curves import HEIGHT, MARGINS, CurveLine, curve, overlay, spread
from ctviz.figures.theme import DARK, LIGHT, arm_styles
from ctviz.ui.kit.frame import STYLE

STYLES = arm_styles(Experiment.preset("moons"))
EPOCHS = np.arange(5)


def test_lines_differ_in_colour_and_dash_and_are_named_at_their_ends() -> None:
    values = np.stack([np.linspace(1, 2, 5), np.linspace(1, 0.5, 5)], 1)
    figure = curve(METRICS["ip"], EPOCHS, values, STYLES, LIGHT, 10)
    first, second = figure.data
    assert first.line.color != second.line.color
    assert first.line.dash != second.line.dash
    assert {note.text for note in figure.layout.annotations} == {"Conventional", "Counterfactual"}
    assert tuple(figure.layout.xaxis.range) == (0, 10)


def test_the_line_that_the_page_draws_over_a_chart_lies_between_its_margins() -> None:
    style = STYLE.read_text(encoding="utf-8")
    rule = next(line for line in style.splitlines() if line.startswith(".ctviz-epoch {"))
    sides, ends = MARGINS["l"] + MARGINS["r"], MARGINS["t"] + MARGINS["b"]
    assert f"bottom: {MARGINS['b']}px; height: calc({HEIGHT}px - {ends}px);" in rule
    assert f"left: calc({MARGINS['l']}px + var(--place) * (100% - {sides}px));" in rule


def test_missing_values_stay_gaps_and_have_no_label() -> None:
    values = np.stack([np.full(5, np.nan), [1, np.nan, 3, 4, 5]], 1)
    figure = curve(METRICS["loss_div"], EPOCHS, values, STYLES, DARK, 4)
    assert list(figure.data[1].y) == [1, None, 3, 4, 5]
    assert [note.text for note in figure.layout.annotations] == ["Counterfactual"]


def test_nothing_measured_says_so() -> None:
    figure = curve(METRICS["mature"], EPOCHS, np.full((5, 2), np.nan), STYLES, LIGHT, 4)
    assert [note.text for note in figure.layout.annotations] == ["does not apply in this run"]


def test_shares_are_drawn_in_percent() -> None:
    figure = curve(METRICS["validity"], EPOCHS, np.full((5, 2), 0.5), STYLES, LIGHT, 4)
    assert set(figure.data[0].y) == {50.0}
    assert figure.layout.yaxis.ticksuffix == " %"


def test_same_numbers_give_the_same_figure() -> None:
    # A figure that changes is drawn anew in the browser, which interrupts who is reading it.
    values = np.random.default_rng(0).normal(size=(5, 2))
    one, two = (curve(METRICS["cost"], EPOCHS, values.copy(), STYLES, LIGHT, 4) for _ in range(2))
    assert one.to_json() == two.to_json()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.3))
def test_labels_keep_apart_within_the_extent_and_in_order(ends: list[float], gap: float) -> None:
    places = spread(ends, gap, (0.0, 1.0))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    order = sorted(range(len(ends)), key=lambda i: ends[i])
    apart = min(gap, 1 / max(len(ends) - 1, 1))
    steps = np.diff([places[i] for i in order])
    assert (steps >= apart - 1e-9).all()


def test_runs_of_several_lengths_share_one_chart() -> None:
    long = CurveLine(STYLES[0], np.array([0, 1, 2, 3]), np.array([4.0, np.nan, 2.0, 1.0]))
    short = CurveLine(STYLES[1], np.array([0, 2]), np.array([4.0, 3.0]))
    figure = overlay(METRICS["ip"], [long, short], LIGHT)
    assert [list(trace.x) for trace in figure.data] == [[0, 2, 3], [0, 2]]
    assert [list(trace.y) for trace in figure.data] == [[4.0, 2.0, 1.0], [4.0, 3.0]]
    assert list(figure.layout.xaxis.range) == [0, 3]
    assert [note.text for note in figure.layout.annotations] == ["Conventional", "Counterfactual"]


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]], ids=["no epochs", "no values"])
def test_runs_without_values_say_so(values) -> None:
    line = CurveLine(STYLES[0], np.arange(len(values)), np.array(values, dtype=float))
    for lines in ([line], []):
        (note,) = overlay(METRICS["ip"], lines, LIGHT).layout.annotations
        assert note.text == "does not apply in these runs"
