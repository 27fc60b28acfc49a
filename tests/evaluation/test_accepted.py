"""Distances to accepted people, against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from ctviz.data.people import to_row
from ctviz.errors import DataError
from ctviz.evaluation.accepted import AcceptedPeople
from tests.data.table_people import SCHEMA, someone

CHANCE = np.random.default_rng(3)
PEOPLE = [someone(CHANCE) for _ in range(40)]
ROWS = np.stack([to_row(SCHEMA, person) for person in PEOPLE])


def distance(one, other):
    total = 0.0
    for feature, span in zip(SCHEMA.features, SCHEMA.spans, strict=True):
        if feature.kind == "category":
            total += float(one[span].argmax() != other[span].argmax())
        else:
            total += abs(float(one[span][0]) - float(other[span][0]))
    return total


def test_the_nearest_of_them_and_how_far_the_others_are_apart():
    accepted = AcceptedPeople(SCHEMA, ROWS[:30])
    found, which = accepted.nearest(ROWS[30:])
    for row, at, who in zip(ROWS[30:], found, which, strict=True):
        every = [distance(row, other) for other in ROWS[:30]]
        assert at == pytest.approx(min(every)) and every[who] == pytest.approx(at)
    apart = [min(distance(a, b) for j, b in enumerate(ROWS[:30]) if j != i) for i, a in enumerate(ROWS[:30])]
    np.testing.assert_allclose(accepted.own, apart)
    at = float(np.median(apart))
    assert accepted.closer_than([at, 0.0, 1e9]).tolist() == [np.mean(np.array(apart) > at), 1, 0]


def test_who_is_among_them_is_at_no_distance():
    accepted = AcceptedPeople(SCHEMA, ROWS)
    assert accepted.nearest(ROWS[[7]])[0].tolist() == [0] and accepted.own.min() > 0


def test_one_alone_and_nobody():
    alone = AcceptedPeople(SCHEMA, ROWS[:1])
    assert np.isnan(alone.closer_than([1.0])).all()
    with pytest.raises(DataError, match="Nobody"):
        AcceptedPeople(SCHEMA, ROWS[:0])
