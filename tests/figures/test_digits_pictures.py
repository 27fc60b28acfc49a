"""Pixels become pictures by the formulas that their scale promises."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from ctviz.errors import DataError
from ctviz.figures.digits.pictures import INKS, clear, edges, greys, paint, png_uri, quantised


def test_brightness_of_pixels():
    assert greys([-1, 0, 1]).tolist() == [0, 128, 255]
    assert greys([-3.0, 1.5, np.nan]).tolist() == [0, 255, 128]
    every = np.arange(256)
    assert greys((every / 127.5 - 1).astype(np.float32)).tolist() == every.tolist()


def test_attributions_share_one_scale_around_zero():
    over, limit = quantised([[-0.5, 0.0], [0.25, 2.0]])
    assert limit == 2.0 and over.tolist() == [[-32, 0], [16, 127]]
    assert quantised([1.0, -9.0], limit=0.5)[0].tolist() == [127, -127]
    over, limit = quantised([*range(1, 100), 1000.0], keep=0.98)
    assert 98 <= limit <= 99 and over[-1] == 127 and over[48] == round(127 * 49 / limit)
    over, limit = quantised([np.nan, np.inf, 0.0])
    assert over.tolist() == [0, 0, 0] and limit == 1.0
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(DataError, match="positive number"):
            quantised([1.0], limit=wrong)


def test_at_no_strength_the_digit_is_as_it_is():
    image = np.array([0, 77, 255], np.uint8)
    over = np.array([127, -127, 60], np.int8)
    assert paint(image, over, 0).tolist() == [[v] * 3 for v in (0, 77, 255)]
    assert paint(image, None, 80).tolist() == [[v] * 3 for v in (0, 77, 255)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_at_full_strength_colours_are_those_of_the_scale(theme):
    inks = INKS[theme]
    over = np.array([127, -127, 0, 0], np.int8)
    image = np.array([9, 200, 0, 255], np.uint8)
    assert paint(image, over, 100, theme).tolist() == [
        list(inks.speaks_for), list(inks.against), list(inks.paper), list(inks.chalk),
    ]  # fmt: skip
    assert paint(None, over[:3], 100, theme, signed=False).tolist() == [list(inks.much)] * 2 + [list(inks.bare)]


def test_halfway_is_mixed():
    share = clear(50)
    assert share == 0.75
    red = INKS["light"].paper[0] * share
    expected = red + (INKS["light"].speaks_for[0] - red) * share * 64 / 127
    assert paint(np.array([0], np.uint8), np.array([64], np.int8), 50)[0, 0] == round(expected)


def test_colours_of_both_signs_differ_for_every_eye():
    for inks in INKS.values():
        against, speaks_for, paper = (np.array(getattr(inks, n), float) for n in ("against", "speaks_for", "paper"))
        assert abs(against[2] - speaks_for[2]) > 100  # blue tells them apart, whatever becomes of red and green
        light = np.array([0.2126, 0.7152, 0.0722])
        assert all(abs((light * (end - paper)).sum()) > 40 for end in (against, speaks_for))


def test_shapes_that_differ_are_named():
    with pytest.raises(DataError, match=r"\(3,\) under an overlay of shape \(2,\)"):
        paint(np.zeros(3, np.uint8), np.zeros(2, np.int8), 50)
    with pytest.raises(DataError, match="needs pixels or an overlay"):
        paint(None, None, 50)


def test_a_png_holds_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    head, data = png_uri(pixels).split(",")
    assert head == "data:image/png;base64"
    assert (np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) == pixels).all()


def test_edges_go_around_a_mask():
    mask = np.zeros((4, 5), bool)
    mask[1:3, 1:3] = True
    mask[2, 3] = True
    assert sorted(edges(mask)) == sorted(
        [(1, 1, 3, 1), (1, 3, 4, 3), (3, 2, 4, 2), (1, 1, 1, 3), (3, 1, 3, 2), (4, 2, 4, 3)]
    )
    assert edges(np.zeros((3, 3), bool)) == []
    assert len(edges(np.ones((28, 28), bool))) == 4
