"""The lines: one for each cell through its values; brushes come back from boxes."""

import numpy as np
import pytest

from ctviz.errors import ConfigError
from ctviz.figures.theme import LIGHT
from ctviz.figures.tradeoffs.cells import brushed, dimension
from ctviz.figures.tradeoffs.parallel import boxed, parallel, spread_lines, usual_dimensions
from tests.figures.sweeps import made, penalties

ACROSS = penalties()
DIMENSIONS = ("lambda_div", "lambda_reg", "metric.ip", "metric.validity")


def lines_of(figure):
    """Places of every line, of all traces of lines."""
    found = []
    for trace in figure.data:
        if trace.mode == "lines":
            ends = [at for at, x in enumerate(trace.x) if x is None]
            found += [tuple(trace.y[a:b]) for a, b in zip([0, *(e + 1 for e in ends)], ends, strict=False)]
    return found


def test_every_cell_has_one_line():
    assert len(lines_of(parallel(ACROSS, LIGHT, dimensions=DIMENSIONS))) == 45


def test_few_traces_for_many_cells():
    many = made({"lambda_div": tuple(range(12)), "lambda_adv": tuple(range(5)), "lambda_reg": tuple(range(5))})
    assert len(parallel(many, LIGHT).data) <= 12


def test_brushed_lines_stand_out_and_the_rest_fade():
    ranges = {"lambda_div": frozenset({1.0})}
    figure = parallel(ACROSS, LIGHT, dimensions=DIMENSIONS, ranges=ranges)
    faded = figure.data[0]
    assert sum(x is None for x in faded.x) == 30 and faded.line.color.startswith("rgba")
    points = figure.data[-1]
    assert {int(cell) for (cell,) in points.customdata} == set(brushed(ACROSS, ranges))


def test_lines_stay_within_their_category_and_in_order():
    drawn = [dimension(ACROSS, name) for name in DIMENSIONS]
    numbers = np.random.default_rng(0).normal(size=45)
    places = spread_lines(drawn, numbers)
    off = places[:, 0] - drawn[0].places
    assert np.abs(off).max() <= 0.3 / 3 + 1e-9
    assert (np.argsort(off, kind="stable") == np.argsort(numbers)).all()
    assert np.array_equal(places[:, 2], drawn[2].places, equal_nan=True)


def test_a_box_over_an_axis_is_its_brush():
    box = {"x": [-0.2, 0.2], "y": [0.4, 1.0]}  # the upper two of three categories of the first axis
    assert boxed(ACROSS, [box], DIMENSIONS) == {"lambda_div": frozenset({0.1, 1.0})}
    both = boxed(ACROSS, [{"x": [0.8, 2.2], "y": [1.2, 0.5]}], DIMENSIONS)
    assert set(both) == {"lambda_reg", "metric.ip"}
    one = dimension(ACROSS, "metric.ip")
    inside = {cell for cell, place in enumerate(one.places) if 0.5 <= place <= 1.2}
    assert set(brushed(ACROSS, {"metric.ip": both["metric.ip"]})) == inside


def test_a_box_without_cells_keeps_none_and_nonsense_is_passed_over():
    empty = boxed(ACROSS, [{"x": [1.9, 2.1], "y": [0.0, 0.0001]}], DIMENSIONS)
    assert brushed(ACROSS, empty) == ()
    assert boxed(ACROSS, [{"x": [0]}, {"y": "no"}, {}, {"x": [0.2, 0.4], "y": [0, 1]}], DIMENSIONS) == {}


def test_names_of_axes_and_the_better_side_are_written():
    said = " ".join(note.text for note in parallel(ACROSS, LIGHT, dimensions=DIMENSIONS).layout.annotations)
    for expected in ("λ<sub>div</sub>", "IP ↑", "validity ↓", "% below the conventional model"):
        assert expected in said


def test_usual_dimensions_are_axes_then_metrics():
    assert usual_dimensions(ACROSS) == (
        "lambda_div", "lambda_adv", "lambda_reg", "metric.ip", "metric.ip_star", "metric.cost", "metric.validity",
        "metric.accuracy",
    )  # fmt: skip


def test_selected_and_paper_are_lines_in_ink():
    figure = parallel(ACROSS, LIGHT, selected=12, paper=33)
    inked = [trace for trace in figure.data if trace.mode == "lines" and trace.line.color == LIGHT.ink]
    assert {trace.line.dash for trace in inked} == {"solid", "dash"}


def test_one_dimension_is_not_enough():
    with pytest.raises(ConfigError, match="two"):
        parallel(ACROSS, LIGHT, dimensions=["lambda_div"])
    with pytest.raises(ConfigError, match="lambda_gone"):
        parallel(ACROSS, LIGHT, dimensions=["lambda_gone", "metric.ip"])
