"""What the browser says of an image grid, a drawing or a mask is believed only as far as it makes sense."""

import base64

import numpy as np
import pytest

from ctviz.data.schema import mask_ref
from ctviz.errors import DataError
from ctviz.figures.digits.pad import PAD, mask_message
from ctviz.ui.digits.components import Drawn, ImageGridState, _cell, _drawn, _grid_state, _ink, _painted
from tests.figures import digits

GRID = digits.many()
INITIAL = ImageGridState(frame=7, strength=55)
VIEW = {"axis": "Search step", "frame": 12, "strength": 30, "playing": False}


def test_a_view_becomes_a_state():
    assert _grid_state(VIEW, [1, 4], GRID, INITIAL) == ImageGridState(12, 30, False, (1, 4))
    assert _grid_state({**VIEW, "frame": None}, None, GRID, INITIAL) == ImageGridState(None, 30)


@pytest.mark.parametrize("view", [None, "no", [], {}, {**VIEW, "axis": "Epoch"}])
def test_a_view_of_nothing_or_of_another_axis_changes_nothing(view):
    assert _grid_state(view, None, GRID, INITIAL) == INITIAL


def test_a_frame_that_a_grid_has_not_is_its_last():
    assert _grid_state(None, None, digits.single(), INITIAL).frame is None
    assert _grid_state(None, None, GRID, ImageGridState(frame=29)).frame == 29


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("frame", 31, None), ("frame", 30, None), ("frame", -1, None), ("frame", "3", None), ("frame", True, None),
        ("frame", 1.5, None),
        ("strength", 101, 55), ("strength", -1, 55), ("strength", "9", 55), ("strength", None, 55),
        ("playing", "yes", False),
    ],
)  # fmt: skip
def test_nonsense_is_left_out(field, value, expected):
    assert getattr(_grid_state({**VIEW, field: value}, None, GRID, INITIAL), field) == expected


@pytest.mark.parametrize("cell", [[0, 3], [2, 0], [0, 10], [-1, 0], [0], [0, 1, 2], ["0", 1], [0.0, 1], None, "01"])
def test_cells_that_are_not_there_cannot_be_clicked(cell):
    assert _cell(cell, GRID) is None


def drawing(value: int = 255) -> str:
    return base64.b64encode(np.full((PAD, PAD), value, np.uint8).tobytes()).decode()


def test_a_drawing_arrives():
    image = _ink({"ink": drawing(7)})
    assert image.shape == (PAD, PAD) and (image == 7).all()


@pytest.mark.parametrize("view", [None, {}, {"ink": None}, {"ink": "AAAA"}, {"ink": "*" * 104536}, {"ink": 3}, [1]])
def test_what_is_not_a_drawing_is_none(view):
    assert _ink(view) is None


def test_a_drawing_that_cannot_be_used_says_why():
    def refuse(image):
        raise DataError("Nothing is drawn.")

    image = _ink({"ink": drawing()})
    assert _drawn(None, refuse) == Drawn()
    drawn = _drawn(image, refuse)
    assert drawn.prepared is None and drawn.error == "Nothing is drawn."
    assert not drawn.cleared
    assert len(drawn.digest) == 16 and drawn.digest != _drawn(_ink({"ink": drawing(9)}), refuse).digest


def test_a_mask_arrives_if_it_was_painted_from_what_was_shown():
    start = digits.LOCKED
    mask = np.random.default_rng(1).random(784) < 0.3
    view = {"from": mask_ref(start), "ref": mask_ref(mask)}
    painted = _painted(view, start, (28, 28))
    assert (painted.mask == mask).all() and painted.ref == mask_ref(mask) and painted.count == mask.sum()
    other = _painted({**view, "from": mask_ref(~start)}, start, (28, 28))
    assert (other.mask == start).all()


@pytest.mark.parametrize("ref", [None, 3, "mask !", "mask AAAA", "rows 1-5", "mask", "r1c1"])
def test_what_is_not_a_mask_leaves_what_was_shown(ref):
    start = digits.LOCKED
    assert (_painted({"from": mask_ref(start), "ref": ref}, start, (28, 28)).mask == start).all()


def test_a_picture_of_another_size_cannot_be_painted_on():
    with pytest.raises(DataError, match=r"shape \(9,\); expected 28 × 28"):
        mask_message("mask", np.zeros(9, np.uint8), mask_ref(digits.LOCKED), (28, 28))
