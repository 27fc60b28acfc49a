"""Names of a pasted table stay with its points, and leave with them."""

from __future__ import annotations

import numpy as np

from ctviz.data.drawn import DrawnSettings, decode, encode
from ctviz.ui.kit.painted import are_left
from tests.data.paintings import spread


def test_points_that_were_added_to_keep_their_names_and_others_do_not() -> None:
    data = DrawnSettings(points=encode(*spread([30, 20])), labels=("no", "yes"))
    places, labels = decode(data.points)
    more = np.concatenate([places, [[1, 2]] * 60]).astype(np.uint8), np.concatenate([labels, [2] * 60]).astype(np.uint8)
    assert are_left(data, *more)
    assert are_left(data, places[:6], labels[:6]) and not are_left(data, places[:5], labels[:5])
    assert not are_left(data, *spread([0]))
    assert not are_left(data, places, (1 - labels).astype(np.uint8)), "a point of another class is another point"
