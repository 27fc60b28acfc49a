"""The still picture of a boundary: which side is which, where the line runs, in both themes."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageColor

from ctviz.experiments.energy import EnergyField, MeanEnergies, levels_of
from ctviz.figures.boundary import EnergyTint, Way, boundary_png, energy_tints
from ctviz.figures.theme import CLASS_COLOURS, DARK, ENERGY, LIGHT
from tests.figures import fake


def drawn(plane, palette=LIGHT, points=False, k=2, ways=(), energy=None):
    scene = fake.scene(k=k, b=2, n=40)
    if not points:
        scene = replace(scene, points=scene.points[:0], labels=scene.labels[:0])
    png = boundary_png(scene, np.uint8(plane), palette, side=60, ways=ways, energy=energy)
    return np.asarray(Image.open(io.BytesIO(png)), dtype=int)


def colour(text):
    return np.array(ImageColor.getrgb(text)[:3])


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_each_side_has_the_tint_of_its_class_and_a_line_lies_between(palette):
    plane = np.zeros((1, 10, 10))
    plane[:, 5:] = 255  # class 1 above
    pixels = drawn(plane, palette)
    assert pixels.shape == (120, 120, 3)
    ground = colour(palette.ground)
    for place, label in ((pixels[5, 60], 1), (pixels[115, 60], 0)):
        towards = [
            (place - ground) @ (colour(c) - ground) / np.linalg.norm(colour(c) - ground) for c in CLASS_COLOURS[:2]
        ]
        assert int(np.argmax(towards)) == label
    rows = np.flatnonzero((pixels == colour(palette.ink)).all(axis=2).all(axis=1))
    assert 1 <= len(rows) <= 4 and abs(rows.mean() - 60) < 4


def test_without_two_classes_to_part_there_is_no_line():
    assert not (drawn(np.full((1, 10, 10), 255)) == colour(LIGHT.ink)).all(axis=2).any()


def test_of_several_classes_each_has_its_region():
    plane = np.zeros((3, 9, 9))
    for label in range(3):
        plane[label, :, 3 * label : 3 * label + 3] = 255
    pixels = drawn(plane, k=3)
    assert len({tuple(pixels[60, x]) for x in (15, 60, 105)}) == 3


def test_samples_are_drawn_on_it():
    plane = np.full((1, 10, 10), 128)
    assert (drawn(plane, points=True) != drawn(plane)).any(axis=2).sum() > 100


def test_a_search_is_drawn_from_its_start_to_its_end_and_on_to_the_nearest_sample():
    scene = fake.scene(k=2, b=2, n=40)

    def at(u, v):
        """A place of the unit square in data units; v upwards."""
        return scene.lower + np.array([u, v]) * (scene.upper - scene.lower)

    line = np.float32([at(0.25, 0.5), at(0.75, 0.5)])
    pixels = drawn(np.full((1, 10, 10), 128), ways=[Way(line, 1, 0, True, tuple(at(0.75, 0.9)))])
    assert (pixels[60, 30] == colour(CLASS_COLOURS[1])).all(), "begins in class 1"
    assert (pixels[60, 90] == colour(CLASS_COLOURS[0])).all(), "ends in class 0"
    assert (pixels[60, 60] == colour(LIGHT.ink)).all(), "the line"
    assert (pixels[24, 89:92] == colour(LIGHT.ink)).all(axis=1).any(), "to the nearest one"
    failed = drawn(np.full((1, 10, 10), 128), ways=[Way(line, 1, 0, False)])
    assert (failed[60, 90] == colour(LIGHT.ground)).all(), "open where it has not arrived"
    alone = drawn(np.full((1, 10, 10), 128), ways=[Way(line[:1], 1, 0, False)])
    assert (alone != drawn(np.full((1, 10, 10), 128))).any(axis=2).sum() < 26**2, "nobody is searched from"


@pytest.mark.parametrize(("palette", "theme"), [(LIGHT, "light"), (DARK, "dark")], ids=["light", "dark"])
def test_energies_are_strong_where_they_are_low_and_show_the_samples_of_their_class(palette, theme):
    plane = np.full((1, 10, 10), 255)  # no line
    shares = np.repeat(np.linspace(0, 1, 10)[:, None], 10, axis=1)  # low below, high above
    pixels = drawn(plane, palette, energy=EnergyTint(1, shares))
    low, ground = colour(ENERGY[theme]), colour(palette.ground)
    assert np.abs(pixels[5, 60] - ground).max() <= 2
    share = 0.12 if palette == DARK else 0.06
    assert np.abs(pixels[115, 60] - (low + share * (ground - low))).max() <= 2
    assert (pixels[60, 60] - low) @ (ground - low) / ((ground - low) @ (ground - low)) == pytest.approx(0.55, abs=0.06)
    marked = drawn(plane, palette, points=True, energy=EnergyTint(1, shares))
    changed = (marked != pixels).any(axis=2)
    seen = {tuple(pixel) for pixel in marked[changed]}
    assert changed.any() and tuple(colour(CLASS_COLOURS[0])) not in seen


def test_all_models_are_tinted_on_one_scale():
    levels = levels_of([[[[-4.0, 0.0]], [[4.0, 9.0]]]])
    means = MeanEnergies(1, (3,), *(np.zeros((1, 2)) for _ in range(3)), 0, *(np.zeros((1, 2)) for _ in range(2)))
    first, second = energy_tints(EnergyField(means, levels, (-4.0, 4.0)))
    assert first.target == second.target == 1
    np.testing.assert_allclose([first.shares, second.shares], [[[0.0, 0.5]], [[1.0, 1.0]]], atol=0.01)
