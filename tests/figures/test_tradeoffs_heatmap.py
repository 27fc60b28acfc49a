"""The map: every cell in its place, with its number; what has none says why; colours are never alone."""

import math

import numpy as np
import pytest

from ctviz.errors import ConfigError
from ctviz.figures.theme import DARK, ENERGY, LIGHT
from ctviz.figures.tradeoffs.cells import best_cell, cells
from ctviz.figures.tradeoffs.colours import colour_at, contrast, extent, ink_on, luminance, rgb, stops
from ctviz.figures.tradeoffs.heatmap import heatmap, tiled, usual_axes
from tests.figures.sweeps import made, penalties

ACROSS = penalties()
AXES = {"x": "lambda_div", "y": "lambda_adv", "panels": "lambda_reg"}


def texts(figure):
    return [note.text for note in figure.layout.annotations]


def presses(figure):
    return [trace for trace in figure.data if trace.type == "scatter"]


def test_each_cell_lies_at_its_settings():
    drawn = tiled(ACROSS, "ip", **AXES)
    assert len(drawn.tiles) == 45
    frame = cells(ACROSS, "ip").set_index("cell")
    for tile in drawn.tiles:
        (cell,) = tile.cells
        at = (drawn.columns[tile.column], drawn.rows[tile.row], drawn.panels[tile.panel])
        assert at == tuple(frame.loc[cell, ["lambda_div", "lambda_adv", "lambda_reg"]])
        assert tile.number == pytest.approx(frame.loc[cell, "shown"], nan_ok=True)


def test_a_click_gives_the_cell_that_lies_there():
    figure = heatmap(ACROSS, "ip", LIGHT, **AXES)
    heat = [trace for trace in figure.data if trace.type == "heatmap"]
    shown = cells(ACROSS, "ip").set_index("cell")["shown"]
    pressed = []
    for colours, press in zip(heat, presses(figure), strict=True):
        assert (colours.xaxis, colours.yaxis) == (press.xaxis, press.yaxis) and colours.hoverinfo == "skip"
        for x, y, (cell,) in zip(press.x, press.y, press.customdata, strict=True):
            value = colours.z[y][x]
            assert (value is None and math.isnan(shown[cell])) or value == pytest.approx(shown[cell], rel=1e-5)
            pressed.append(int(cell))
    assert sorted(pressed) == list(range(45))


def test_each_known_cell_says_its_number_and_its_error():
    figure = heatmap(ACROSS, "ip", LIGHT, **AXES)
    said = texts(figure)
    assert sum("±" in text for text in said) == 43
    row = cells(ACROSS, "ip").iloc[0]
    assert any(f"<b>{row['shown']:.1f}</b>" in text and f"± {row['error']:.1f}" in text for text in said)
    starred = sum("*</b>" in text for text in said)
    assert starred == cells(ACROSS, "ip")["sure"].sum() > 0


def test_what_has_no_number_is_crossed_out_and_says_why():
    figure = heatmap(ACROSS, "ip", LIGHT, **AXES)
    assert sum("failed" in text for text in texts(figure)) == 1
    assert sum("waits" in text for text in texts(figure)) == 1
    assert sum(shape.type == "line" for shape in figure.layout.shapes) == 2  # the two strokes of one cross
    hovers = {int(cell): text for press in presses(figure) for (cell,), text in zip(press.customdata, press.text,
                                                                                     strict=True)}  # fmt: skip
    assert "out of bounds" in hovers[7] and "not trained yet" in hovers[44]
    assert "99 % interval" in hovers[0] and "3 seeds" in hovers[0] and "λ_div 0.01" in hovers[0]


def test_a_cell_that_failed_at_one_seed_keeps_its_number_and_is_marked():
    across = penalties()
    across.loc[across["cell"] == 3, ["state", "reason"]] = ["failed", "nothing matured (seeds: 1 of 3)"]
    figure = heatmap(across, "ip", LIGHT, **AXES)
    assert sum("†" in text for text in texts(figure)) == 1
    hovers = [text for press in presses(figure) for text in press.text]
    assert any("none of the training searches arrived (seeds: 1 of 3)" in text for text in hovers)


def test_best_paper_and_selected_are_marked_in_words_and_outlines():
    plain = heatmap(ACROSS, "ip", LIGHT, **AXES)
    marked = heatmap(ACROSS, "ip", LIGHT, **AXES, paper=33, selected=12)
    assert "★ best" in texts(plain) and "paper" not in texts(plain)
    assert "paper" in texts(marked)
    outlines = len(marked.layout.shapes) - len(plain.layout.shapes)
    assert outlines == 3 and sum(shape.line.dash == "dash" for shape in marked.layout.shapes) == 1
    both = heatmap(ACROSS, "ip", LIGHT, **AXES, paper=best_cell(ACROSS, "ip"))
    assert "★ paper" in texts(both) and "★ best" not in texts(both)


def test_settings_that_are_not_shown_are_averaged_and_named():
    drawn = tiled(ACROSS, "ip", "lambda_div", "lambda_reg")
    assert drawn.rest == ("lambda_adv",) and len(drawn.tiles) == 15
    frame = cells(ACROSS, "ip")
    for tile in drawn.tiles:
        behind = frame[frame["cell"].isin(tile.cells) & frame["counts"]]
        assert tile.number == pytest.approx(behind["shown"].mean())
        assert tile.press == behind.loc[behind["shown"].idxmax(), "cell"]
        assert math.isnan(tile.low)
    figure = heatmap(ACROSS, "ip", LIGHT, x="lambda_div", y="lambda_reg")
    assert any("mean over λ<sub>adv</sub>" in text for text in texts(figure))
    hovers = [text for press in presses(figure) for text in press.text]
    assert sum("mean of 2 of 3 cells" in text for text in hovers) == 2  # one has failed, one waits
    assert not any("†" in text for text in texts(figure))


def test_one_axis_and_one_cell_are_maps_too():
    row = heatmap(made({"tau": (0.5, 0.75, 0.9)}), "ip", DARK, x="tau")
    assert np.array(row.data[0].z).shape == (1, 3)
    one = heatmap(made({"tau": (0.5,)}), "ip", DARK, x="tau")
    assert np.array(presses(one)[0].customdata).tolist() == [[0]]


def test_a_brush_fades_what_it_leaves_out():
    figure = heatmap(ACROSS, "ip", LIGHT, **AXES, kept=[0, 1])
    veils = [shape for shape in figure.layout.shapes if shape.fillcolor]
    assert len(veils) == 43


@pytest.mark.parametrize(("changes", "named"), [
    ({"x": "lambda_gone"}, "lambda_gone"), ({"y": "lambda_div"}, "lambda_div"),
    ({"panels": "lambda_adv"}, "lambda_adv"),
])  # fmt: skip
def test_a_wrong_axis_is_named(changes, named):
    with pytest.raises(ConfigError, match=named):
        heatmap(ACROSS, "ip", LIGHT, **(AXES | changes))


def test_too_many_values_for_a_map_are_refused():
    with pytest.raises(ConfigError, match="at most 40"):
        heatmap(made({"tau": tuple(np.linspace(0.1, 0.9, 41).tolist())}), "ip", LIGHT, x="tau")


def test_usual_axes_make_a_low_map():
    assert usual_axes(ACROSS) == ("lambda_adv", "lambda_reg", "lambda_div")  # three panels side by side
    four = made(
        {"lambda_div": (0.01, 0.1, 0.5, 1.0), "lambda_adv": (0.1, 0.25, 1.0), "lambda_reg": (0, 0.1, 0.2, 0.3, 0.5)}
    )
    assert usual_axes(four) == ("lambda_reg", "lambda_adv", "lambda_div")  # two rows of two panels, three cells high
    assert usual_axes(made({"tau": (0.5, 0.9)})) == ("tau", None, None)
    assert usual_axes(made({"tau": (0.5, 0.9), "steps": (5, 25, 50)})) == ("steps", "tau", None)


def test_names_of_values_cannot_be_read_as_tags():
    figure = heatmap(made({"generator": ("<b>x</b>", "a & b")}), "ip", LIGHT, x="generator")
    assert list(figure.layout.xaxis.ticktext) == ["&lt;b&gt;x&lt;/b&gt;", "a &amp; b"]


def test_gold_is_better_whatever_the_metric():
    for metric, better_low in (("ip", True), ("validity", False)):
        drawn = tiled(ACROSS, metric, **AXES)
        reduction = tiled(ACROSS, metric, **AXES, measure="value")
        for one, sign in ((drawn, 1), (reduction, -1)):
            good = colour_at(1.0 if (sign > 0) == better_low else 0.0, one.scale, LIGHT)
            assert good == stops("signed", LIGHT)[2]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_numbers_are_legible_on_every_colour(palette):
    for scale in ("signed", "against", "rising", "falling", "plain"):
        for place in np.linspace(0, 1, 41):
            colour = colour_at(place, scale, palette)
            assert contrast(rgb(ink_on(colour)), colour) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_scales_are_read_without_colour_vision(palette):
    for scale in ("rising", "falling", "plain"):
        light = [luminance(colour_at(place, scale, palette)) for place in np.linspace(0, 1, 11)]
        assert (np.diff(light) > 0).all() or (np.diff(light) < 0).all()
    low = rgb(ENERGY["dark" if palette == DARK else "light"])  # of energy, which fades from here into the ground
    assert contrast(low, rgb(palette.ground)) >= 4.5
    worse, middle, better = (luminance(colour) for colour in stops("signed", palette))
    assert (worse < middle > better) or (worse > middle < better)


def test_ends_of_a_scale():
    assert extent([10.0, -30.0, math.nan], "signed") == (-30.0, 30.0)
    assert extent([-480.0, 30.0], "against") == (-100.0, 100.0)
    assert extent([0.0], "signed") == (-1.0, 1.0)
    assert extent([2.0, 3.0], "rising") == (2.0, 3.0)
    low, high = extent([2.0], "plain")
    assert low < 2.0 < high and extent([], "plain") == (0.0, 1.0)


def test_same_numbers_give_the_same_figure():
    one, two = (heatmap(penalties(), "ip", LIGHT, **AXES).to_json() for _ in range(2))
    assert one == two
