"""The charts of locks: numbers with their intervals, gaps said, settings joined only where they may be."""

from __future__ import annotations

import math

from ctviz.figures.advice import Span
from ctviz.figures.locks import IntervalRow, Tried, intervals, over_correlation
from ctviz.figures.theme import DARK, LIGHT

ROWS = (
    IntervalRow("Conventional", "conventional", Span(2.0, 1.5, 2.25)),
    IntervalRow("Counterfactual training", "counterfactual", Span(4.0, 3.0, 6.0)),
)
NONE = Span(math.nan)


def test_each_row_is_a_dot_on_its_interval() -> None:
    figure = intervals(ROWS, LIGHT)
    first, second = figure.data
    assert (list(first.x), list(second.x)) == ([2.0], [4.0])
    assert (list(second.error_x.array), list(second.error_x.arrayminus)) == ([2.0], [1.0])
    assert first.marker.color != second.marker.color and first.marker.symbol != second.marker.symbol
    assert figure.layout.xaxis.range[1] > 6.0
    assert {note.text for note in figure.layout.annotations} == {"Conventional", "Counterfactual training"}


def test_shares_are_drawn_in_percent_up_to_all() -> None:
    figure = intervals([IntervalRow("a", "conventional", Span(0.25, 0.2, 0.3))], DARK, percent=True, most=1.0)
    assert list(figure.data[0].x) == [25.0]
    assert tuple(figure.layout.xaxis.range) == (0, 100)


def test_a_number_that_is_missing_is_said_to_be() -> None:
    figure = intervals([IntervalRow("a", "conventional", NONE)], LIGHT)
    assert not figure.data
    assert "none in this run" in {note.text for note in figure.layout.annotations}


TITLES = (("Conventional", "conventional"), ("Counterfactual training, age locked", "counterfactual"))


def test_settings_are_joined_by_correlation_if_nothing_else_differs() -> None:
    shares = (Span(0.5, 0.4, 0.6), Span(0.1, 0.05, 0.2))
    tried = [
        Tried(0.5, shares),
        Tried(-0.5, shares, now=True),
        Tried(0.0, (NONE, Span(0.3, 0.2, 0.4))),
        Tried(0.9, shares, alike=False),
    ]
    figure = over_correlation(tried, TITLES, LIGHT, (0, 1), percent=True)
    joined = [trace for trace in figure.data if trace.mode == "lines+markers"]
    apart = [trace for trace in figure.data if trace.mode == "markers"]
    assert [list(trace.x) for trace in joined] == [[-0.5, 0.5], [-0.5, 0.0, 0.5]]
    assert [list(trace.x) for trace in apart] == [[0.9], [0.9]]
    assert list(joined[0].y) == [50.0, 50.0]
    assert joined[0].marker.size[0] > joined[0].marker.size[1], "the setting on the page stands out"
    assert joined[0].line.dash != joined[1].line.dash


def test_same_numbers_give_the_same_figure() -> None:
    tried = [Tried(0.0, (Span(0.5, 0.4, 0.6), Span(0.1, 0.05, 0.2)), now=True)]
    one, two = (over_correlation(tried, TITLES, DARK, (-1, 1), percent=False) for _ in range(2))
    assert one.to_json() == two.to_json()
    assert tuple(one.layout.yaxis.range) == (-1, 1)
