"""People in original units, and as columns: there and back, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.data.people import to_person, to_row, to_texts
from ctviz.errors import DataError
from tests.data.table_people import GRADES, JOBS, SCHEMA

PERSON = {"age": 39, "job": "nurse", "grade": "high", "bill": -3913, "rooms": 6.98}
TEXTS = {"age": "39 years", "job": "nurse", "grade": "high", "bill": "−NT$3,913", "rooms": "6.98"}


def test_a_person_by_hand():
    row = to_row(SCHEMA, PERSON)
    expected = [(39 - 38.6) / 13.6, 0, 1, 0, (2 - 1.2) / 0.7, (-3913 + 5000.5) / 73635.86, (6.98 - 5.4) / 2.5]
    np.testing.assert_array_equal(row, np.array(expected, dtype=np.float32))
    assert to_person(SCHEMA, row) == PERSON and to_texts(SCHEMA, row) == TEXTS
    assert [type(value) for value in to_person(SCHEMA, row).values()] == [int, str, str, int, float]


def test_texts_are_read_back():
    np.testing.assert_array_equal(to_row(SCHEMA, TEXTS), to_row(SCHEMA, PERSON))
    loose = {**TEXTS, "age": " 39 ", "bill": "-3913"}
    np.testing.assert_array_equal(to_row(SCHEMA, loose), to_row(SCHEMA, PERSON))


def test_of_a_relaxed_category_the_largest_counts():
    row = to_row(SCHEMA, PERSON)
    row[1:4] = 0.4, 0.3, 0.7
    assert to_person(SCHEMA, row)["job"] == "smith"


@given(
    st.integers(17, 90), st.sampled_from(JOBS), st.sampled_from(GRADES),
    st.integers(-200_000, 1_000_000), st.integers(80, 14_190),
)  # fmt: skip
def test_there_and_back(age, job, grade, bill, rooms):
    person = {"age": age, "job": job, "grade": grade, "bill": bill, "rooms": rooms / 100}
    row = to_row(SCHEMA, person)
    assert to_person(SCHEMA, row) == person
    np.testing.assert_array_equal(to_row(SCHEMA, to_texts(SCHEMA, row)), row)
    low, high = SCHEMA.bounds()
    assert (low <= row).all() and (row <= high).all()


BAD = {
    "a missing feature": ({"age": None}, "The person lacks age"),
    "an unknown one": ({"wage": 3}, "There is no feature 'wage'; known are age, job"),
    "an unknown level": ({"job": "king"}, "job is 'king'; expected one of clerk, nurse, smith"),
    "an unknown rank": ({"grade": "top"}, "grade is 'top'; expected one of low, middle, high"),
    "too old": ({"age": 150}, "age is 150; allowed: from 17 to 90, as in the data"),
    "too much": ({"bill": 2e6}, "bill is NT\\$2,000,000; allowed: from −NT\\$200,000 to NT\\$1,000,000"),
    "half a year": ({"age": 39.5}, "age is 39.5; expected a whole number"),
    "no number": ({"age": "old"}, "age is 'old'; expected a number"),
    "not a number": ({"rooms": float("nan")}, "rooms is nan; expected a number"),
    "a truth": ({"age": True}, "age is True; expected a number"),
    "a list": ({"age": [39]}, r"age is \[39\]; expected a number"),
    "a number of 300 digits": ({"age": 1e300}, r"age is 1e\+300; allowed: from 17 to 90"),
    "nothing": ({"rooms": ""}, "rooms is ''; expected a number"),
}


@pytest.mark.parametrize(("change", "said"), BAD.values(), ids=BAD)
def test_what_no_person_can_have_is_refused(change, said):
    person = {name: value for name, value in {**PERSON, **change}.items() if value is not None}
    with pytest.raises(DataError, match=said):
        to_row(SCHEMA, person)


def test_a_person_without_a_number_is_refused():
    with pytest.raises(DataError, match="age is None; expected a number"):
        to_row(SCHEMA, {**PERSON, "age": None})
