"""An image grid says what it shows, refuses what does not fit together, and comes back whole from its message."""

import dataclasses
import json

import numpy as np
import pytest

from ctviz.errors import DataError
from ctviz.figures.digits.image_grid import ImageGrid, Label, Scale, grid_message, unpack
from ctviz.figures.stage.recording import MAGIC
from tests.figures import digits

GRID = digits.many()


def changed(**values) -> ImageGrid:
    grid = digits.many()
    fields = {f.name: getattr(grid, f.name) for f in dataclasses.fields(ImageGrid) if f.init}
    return ImageGrid(**{**fields, **values})


def header(raw: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(raw[4:8], "little")
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


def test_a_message_holds_the_grid():
    grid = digits.many()
    raw = grid_message(grid, {"frame": None, "strength": 80, "playing": False})
    head, payload = header(raw)
    assert raw[:4] == MAGIC and head["key"] == grid.digest and head["initial"]["strength"] == 80
    arrays = unpack(head["content"], payload)
    assert (arrays["images"] == grid.images).all() and arrays["images"].dtype == np.uint8
    assert (arrays["overlays"] == grid.overlays).all() and arrays["overlays"].dtype == np.int8
    assert (arrays["outline"] == digits.LOCKED).all() and arrays["outline"].shape == (2, 784)
    assert head["content"]["captions"][1][4][30] == "4 · 97 %"
    assert head["content"]["present"][0] == [k != 3 for k in range(10)]
    assert head["inks"]["light"]["against"] == [118, 42, 131]


def test_what_is_held_is_not_sent_again():
    head, payload = header(grid_message(digits.many(), {}, held=True))
    assert head["content"] is None and payload == b"" and head["key"] == digits.many().digest


def test_the_digest_follows_the_content():
    grid = digits.many()
    assert changed().digest == grid.digest
    image = grid.images.copy()
    image[0, 0, 0, 0] += 1
    others = [
        changed(images=image), changed(alt="Another."), changed(highlight=()), changed(outline=~digits.LOCKED),
        changed(scale=Scale(9.0)), changed(captions=()), changed(names=[["x"] * 10] * 2),
    ]  # fmt: skip
    assert len({grid.digest, *(other.digest for other in others)}) == 8


def test_texts_and_pixels_of_a_cell():
    grid = digits.many()
    assert grid.text("captions", 0, 2, 0) == "2 · 3 %" and grid.text("marks", 0, 2, 30) == "mature"
    image, overlay = grid.pixels(1, 2, 30)
    assert image.shape == overlay.shape == (28, 28)
    assert (overlay == grid.overlays[1, 2, 0].reshape(28, 28)).all(), "one overlay stands for all frames"
    assert digits.single().text("captions", 1, 0, 0) == "3 · 61 %"
    assert changed(marks=()).text("marks", 0, 0, 0) == ""
    each = np.stack([digits.LOCKED, ~digits.LOCKED])
    assert not changed(outline=each).locked(1)[0, 0] and changed(outline=each).locked(0)[0, 0]


def test_a_cell_over_which_nothing_is_laid_is_plain():
    overlays = GRID.overlays.copy()
    overlays[1, 4] = 0
    grid = changed(overlays=overlays)
    assert np.argwhere(grid.plain).tolist() == [[1, 4]]
    assert grid.pixels(1, 4, 0)[1] is None and grid.pixels(0, 4, 0)[1] is not None
    assert digits.gallery().plain.all()
    assert not changed(images=None, overlays=np.zeros_like(overlays)).plain.any()


def test_a_heading_may_be_a_text_alone():
    assert changed(columns=[str(k) for k in range(10)]).column_labels[4] == Label("4")


def test_a_scale_says_where_it_ends():
    assert changed(scale=Scale(0.1234)).ends == ("−0.12", "+0.12")
    assert changed(scale=Scale(0.1234, clipped=True)).ends == ("−0.12 or less", "+0.12 or more")
    assert changed(scale=Scale(2.0, signed=False, clipped=True)).ends == ("0", "2 or more")
    assert ImageGrid([""], [""], digits.single().images[:1], "").ends == ("", "")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"images": GRID.images[:, :4]}, r"shape \(2, 4, 31, 784\); expected \(2, 10, 31, 784\)"),
        ({"images": GRID.images[..., :5]}, r"shape \(2, 10, 31, 5\); expected"),
        ({"images": GRID.images.astype(float)}, "uint8; got float64"),
        ({"overlays": GRID.overlays[:1]}, r"shape \(1, 10, 1, 784\); expected"),
        ({"overlays": GRID.images}, "int8; got uint8"),
        ({"scale": None}, "need a scale"),
        ({"images": None, "overlays": None}, "needs images or overlays"),
        ({"outline": np.ones(783, bool)}, r"outline has shape \(783,\); expected \(784,\)"),
        ({"present": np.ones((10, 2), bool)}, r"shape \(10, 2\); expected \(2, 10\)"),
        ({"captions": [["a"] * 9] * 2}, r"captions are 2 rows of \[9, 9\]; expected 2 of 10"),
        ({"marks": [[["a", "b"]] * 10] * 2}, "marks of a cell are 2; expected one, or 31"),
        ({"highlight": [(2, 0)]}, r"cell \(2, 0\) lies outside 2 × 10"),
        ({"frames": ()}, "got 2, 10 and 0"),
    ],
)
def test_what_does_not_fit_is_named(values, sentence):
    with pytest.raises(DataError, match=sentence):
        changed(**values)
