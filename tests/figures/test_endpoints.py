"""Where searches end, drawn: densities by hand, bands for every arm, words for who does not see them."""

from __future__ import annotations

import numpy as np
import pytest

from ctviz.experiments.config import Experiment
from ctviz.figures.endpoints import LEAST, Ends, Reference, bandwidth, density, describe, endpoints
from ctviz.figures.theme import DARK, LIGHT, arm_styles

STYLES = arm_styles(Experiment.preset("moons"))
CHANCE = np.random.default_rng(0)
REAL = Reference("class 1", 1, CHANCE.normal(0, 1, 200))


def test_the_density_of_two_values_by_hand() -> None:
    found = density(np.array([0.0, 2.0]), np.array([0.0, 1.0]), 1.0)
    bell = [1 / np.sqrt(2 * np.pi), np.exp(-0.5) / np.sqrt(2 * np.pi), np.exp(-2.0) / np.sqrt(2 * np.pi)]
    np.testing.assert_allclose(found, [(bell[0] + bell[2]) / 2, bell[1]])


def test_a_density_has_area_one() -> None:
    nodes = np.linspace(-8, 8, 2001)
    found = density(REAL.values, nodes, bandwidth(REAL.values))
    assert np.trapezoid(found, nodes) == pytest.approx(1, abs=1e-6)


def test_the_bandwidth_is_silvermans_and_never_nothing() -> None:
    values = np.array([0.0, 2.0])
    assert bandwidth(values) == pytest.approx(1.06 * 2**-0.2)
    assert bandwidth(np.ones(4)) > 0
    assert bandwidth(np.array([])) > 0


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("count", [0, 1, LEAST - 1, LEAST, 1000])
def test_every_arm_has_a_band(palette, count: int) -> None:
    ends = [Ends(style, CHANCE.normal(0, 1, count)) for style in STYLES]
    figure = endpoints("x1", ends, REAL, (-3.0, 3.0), palette)
    names = [note.text for note in figure.layout.annotations]
    assert [name.partition(":")[0] for name in names] == [style.title for style in STYLES]
    assert all(name.endswith("none to show") == (count == 0) for name in names)
    lines = [trace for trace in figure.data if trace.line.dash]
    assert len(lines) == (len(STYLES) if count >= LEAST else 0)
    assert figure.layout.xaxis.range == (-3.0, 3.0)


def test_bands_do_not_run_into_each_other() -> None:
    needles = [Ends(style, np.full(50, 2.5)) for style in STYLES]
    figure = endpoints("x1", needles, REAL, (-3.0, 3.0), LIGHT)
    heights = [max(trace.y) for trace in figure.data if trace.line.dash]
    assert heights[0] <= 2
    assert heights[1] <= 1


def test_a_class_without_samples_is_no_error() -> None:
    figure = endpoints("x1", [Ends(STYLES[0], np.zeros(9))], Reference("class 3", 3, np.array([])), (0.0, 1.0), LIGHT)
    assert figure.data


def test_it_is_told_in_words() -> None:
    ends = [Ends(STYLES[0], np.array([0.0, 1.0, 2.0, 3.0, 4.0])), Ends(STYLES[1], np.array([]))]
    said = describe("x1", ends, Reference("class 1", 1, np.array([5.0, 5.0])))
    assert "real data of class 1 from 5.0 to 5.0" in said
    assert "Conventional from 1.0 to 3.0" in said
    assert "Counterfactual training has none" in said
