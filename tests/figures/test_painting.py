"""What travels to the painting pad, and what a pad tells: only what makes sense is believed."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.data.drawn import EXAMPLE, MOST_POINTS, DrawnSettings, decode
from ctviz.figures.painting import painted_points, painting_message
from ctviz.figures.player.source import component
from tests.data.paintings import paintings


def test_a_message_holds_the_points_and_what_is_said_of_them():
    raw = painting_message("pad", DrawnSettings(labels=("no",)), "Too few.", own=True, held=False, bad=True)
    header, payload = _parts(raw)
    assert (header["key"], header["mark"], header["notes"]) == ("pad", EXAMPLE, "Too few.")
    assert (header["own"], header["held"], header["bad"], header["most"]) == (True, False, True, MOST_POINTS)
    assert header["names"] == ["no", "class 1", "class 2", "class 3"]
    places, labels = decode(EXAMPLE)
    triples = np.frombuffer(payload, np.uint8).reshape(-1, 3)
    assert (triples[:, 0] == labels).all() and (triples[:, 1:] == places).all()


def _parts(raw):
    length = int.from_bytes(raw[4:8], "little")
    return json.loads(raw[8 : 8 + length]), raw[8 + length :]


@given(paintings())
def test_what_a_pad_tells_is_read(painting):
    places, labels = painting
    told = base64.b64encode(np.column_stack([labels, places]).astype(np.uint8).tobytes()).decode()
    found = painted_points({"points": told})
    assert found is not None
    assert (found[0] == places).all() and (found[1] == labels).all()


@pytest.mark.parametrize(
    "told",
    [
        None, [], "AAAA", {}, {"points": None}, {"points": "AA"}, {"points": "AAAAAA=="}, {"points": "ä"},
        {"points": "BAEB"},  # a class beyond the last
        {"points": "AAEB" * (MOST_POINTS + 1)},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_none(told):
    assert painted_points(told) is None


@given(st.text(max_size=30))
def test_any_text_is_points_or_none(text):
    found = painted_points({"points": text})
    assert found is None or len(found[0]) == len(found[1])


def test_the_pad_is_one_script():
    assert "class PointPainter" in component("PointPainter")
