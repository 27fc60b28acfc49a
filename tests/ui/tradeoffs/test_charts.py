"""What a picture of a sweep is made of: axes, cells that are left, clicks and boxes."""

from __future__ import annotations

import pytest

from ctviz.errors import ConfigError
from ctviz.figures.theme import DARK, LIGHT
from ctviz.ui.tradeoffs.charts import cell_of_click, figure, key_words, only_of, pinned
from ctviz.ui.tradeoffs.sweep_controls import _swapped, brushes_of, chosen_axes, kept_cells
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView
from tests.ui.tradeoffs.results import grid


@pytest.mark.parametrize(
    ("points", "cell"),
    [
        ([{"customdata": 3}], 3),
        ([{"customdata": [2]}], 2),
        ([{"customdata": {"0": 4}}], 4),
        ([{"x": 1}, {"customdata": [1.0]}], 1),
        ([{"customdata": 99}], None),
        ([{"customdata": [1.5]}], None),
        ([{"customdata": [True]}], None),
        ([{"customdata": "3"}], None),
        (["nonsense"], None),
        ("nonsense", None),
        (None, None),
        ([], None),
    ],
)
def test_a_click_is_a_cell_or_nothing(points, cell: int | None) -> None:
    assert cell_of_click({"points": points}, set(range(6))) == cell


def test_brushes_go_into_the_link_and_come_back() -> None:
    only = only_of({"lambda_reg": frozenset({0.1, 0.5}), "metric.ip": (2.0, 40.0), "tau": frozenset()})
    assert set(only) == {"lambda_reg", "metric.ip"}
    back = brushes_of(TradeoffsView(only=only))
    assert back["lambda_reg"] == frozenset({0.1, 0.5})
    low, high = back["metric.ip"]
    assert 1.9 < low <= 2 < 40 <= high < 40.1


def test_cells_that_are_left_lie_within_every_brush() -> None:
    assert kept_cells(grid(), TradeoffsView()) is None
    assert kept_cells(grid(), TradeoffsView(only={"lambda_reg": "0.1|0.5"})) == (1, 2, 4, 5)
    both = TradeoffsView(only={"lambda_reg": "0.1|0.5", "metric.ip": "10:"})
    assert kept_cells(grid(), both) == (2, 5)


def test_axes_are_those_of_the_link_where_the_sweep_has_them() -> None:
    usual = chosen_axes(grid(), TradeoffsView())
    assert set(usual) == {"lambda_div", "lambda_reg", None}
    assert chosen_axes(grid(), TradeoffsView(x="lambda_reg", y="lambda_div")) == ("lambda_reg", "lambda_div", None)
    assert chosen_axes(grid(), TradeoffsView(x="tau")) == usual
    assert chosen_axes(grid(), TradeoffsView(x="lambda_reg", y="lambda_reg")) == usual


def test_an_axis_taken_from_elsewhere_leaves_its_own_there() -> None:
    before = {"x": "a", "y": "b", "by": ""}
    assert _swapped(before, "x", "b") == {"x": "b", "y": "a", "by": ""}
    assert _swapped(before, "by", "b") == {"x": "a", "y": "", "by": "b"}
    assert _swapped(before, "y", "") == {"x": "a", "y": "", "by": ""}


def test_a_mean_over_an_axis_takes_only_what_is_looked_at() -> None:
    view = TradeoffsView(x="lambda_div", only={"lambda_reg": "0.5"})
    left, _ = pinned(grid(), view, (2, 5))
    assert set(left["lambda_reg"]) == {0.5}
    unpinned, _ = pinned(grid(), TradeoffsView(x="lambda_div", y="lambda_reg", only={"lambda_reg": "0.5"}), (2, 5))
    assert len(unpinned) == len(grid())


@pytest.mark.parametrize("chart", ["map", "lines", "front"])
def test_a_chart_is_the_same_whatever_else_is_looked_at(chart: str) -> None:
    view = TradeoffsView(chart=chart, x="lambda_reg", y="lambda_div", show="value", only={"lambda_reg": "0.1|0.5"})
    other = view.model_copy(update={"sweep": "mine", "draw": 3, "grid": (("tau", "0.5"),), "seeds": 2, "lock": "x1"})
    assert view.of_chart() == other.of_chart() == view
    assert figure(grid(), view, LIGHT) == figure(grid(), other, LIGHT)


@pytest.mark.parametrize("chart", ["map", "lines", "front"])
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_picture_is_drawn_in_either_theme(chart: str, palette) -> None:
    drawn = figure(grid(), TradeoffsView(chart=chart), palette, 1, 2, (0, 1, 2))
    assert drawn.to_plotly_json()["data"]


def test_what_cannot_be_drawn_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="metric"):
        figure(grid(), TradeoffsView(metric="beauty"), LIGHT)


@pytest.mark.parametrize("chart", ["map", "lines", "front"])
def test_every_mark_is_explained(chart: str) -> None:
    said = key_words(grid(), TradeoffsView(chart=chart), 0.9)
    wanted = {
        "map": ("Gold: better", "±: standard error over the seeds.", "*: the 90 % Student’s t interval", "6 cells"),
        "lines": ("gold is better, purple worse",),
        "front": ("Filled", "Hollow", "Bars: one standard error", "Grey diamonds"),
    }[chart]
    assert all(words in said for words in wanted)
    of_one = key_words(grid().assign(seeds=1), TradeoffsView(chart=chart), 0.9)
    assert "±" not in of_one
    assert "Bars" not in of_one


def test_intervals_in_a_picture_are_those_of_the_level() -> None:
    drawn = figure(grid(), TradeoffsView(), LIGHT, level=0.9).to_json()
    assert "90 % interval" in drawn
    assert "99 % interval" not in drawn
    drawn = figure(grid(), TradeoffsView(chart="front", against="cost"), LIGHT, level=0.9).to_json()
    assert "90 % interval" in drawn
    assert "99 % interval" not in drawn
