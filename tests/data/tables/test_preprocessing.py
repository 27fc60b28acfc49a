"""From original units to columns and back: what is scaled, and that everything returns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz.data.people import to_person, to_row
from ctviz.data.tables.declaration import Column
from ctviz.data.tables.preprocessing import Preprocessing

LEVELS = ("low", "middle", "high")


def fit(frame: pd.DataFrame, *columns: Column) -> tuple[Preprocessing, np.ndarray]:
    return Preprocessing.fit(columns, frame, np.arange(len(frame)))


def test_by_hand():
    frame = pd.DataFrame(
        {
            "age": [20.0, 40, 60, 40],
            "job": ["nurse", "clerk", "nurse", "smith"],
            "grade": ["low", "high", "low", "high"],
        }
    )
    made, X = fit(
        frame, Column("age", "age", "integer", unit="years", step=5),
        Column("job", "job", "category", {name: name for name in ("clerk", "nurse", "smith")}, effort=4),
        Column("grade", "grade", "ordered", {name: name for name in LEVELS}),
    )  # fmt: skip
    root = 200**0.5
    np.testing.assert_allclose(
        X, [[-20 / root, 0, 1, 0, -1], [0, 1, 0, 0, 1], [20 / root, 0, 1, 0, -1], [0, 0, 0, 1, 1]], rtol=1e-6
    )
    age, job, grade = made.schema.features
    assert (age.display.unit, age.spacing, age.shown_domain) == ("years", 5, (20, 60)), "few values: those of the data"
    assert age.deviation == pytest.approx(10 / root), "the median distance from 40"
    assert (job.effort, job.levels, job.width) == (4, ("clerk", "nurse", "smith"), 3)
    assert (grade.shown_domain, grade.levels, grade.deviation) == ((0, 2), LEVELS, 1)


def test_what_most_people_share_is_measured_by_its_standard_deviation():
    frame = pd.DataFrame({"gain": [0.0] * 9 + [9000.0]})
    made, X = fit(frame, Column("gain", "gain"))
    assert made.schema.features[0].deviation == pytest.approx(1) == X.std()


def test_the_domain_is_that_of_the_paper_within_what_is_possible():
    x = np.random.default_rng(0).normal(50, 10, 500).round(2)
    both = pd.DataFrame({"balance": x - 50, "income": x, "age": x.round()})
    columns = (Column("balance", "", rounding=0.01), Column("income", "", rounding=0.01), Column("age", "", "integer"))
    made, _ = fit(both, *columns)
    for feature, name in zip(made.schema.features, both, strict=True):
        values = both[name]
        low, high = min(values.mean() - 3 * values.std(ddof=0), values.min()), values.mean() + 3 * values.std(ddof=0)
        least, most = feature.shown_domain
        assert most == pytest.approx(max(high, values.max()), abs=1 if feature.kind == "integer" else 0.01)
        assert least == pytest.approx(
            low if name == "balance" else max(low, 0), abs=1 if feature.kind == "integer" else 0.01
        )


def test_means_are_those_of_the_training_rows_and_ends_those_of_all():
    frame = pd.DataFrame({"age": [*np.arange(20.0, 60.0), 99.0]})
    made, X = Preprocessing.fit((Column("age", "age", "integer"),), frame, np.arange(40))
    assert X[:40].mean() == pytest.approx(0, abs=1e-6)
    assert made.schema.features[0].shown_domain[1] == 99


tables = st.integers(2, 40).flatmap(
    lambda n: st.fixed_dictionaries(
        {
            "age": st.lists(st.integers(-500, 5000), min_size=n, max_size=n),
            "bill": st.lists(st.integers(-1_000_000, 1_000_000), min_size=n, max_size=n),
            "rate": st.lists(st.integers(-9999, 9999).map(lambda v: v / 100), min_size=n, max_size=n),
            "job": st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=n, max_size=n),
            "grade": st.lists(st.sampled_from(LEVELS), min_size=n, max_size=n),
        }
    )
)


@settings(max_examples=20)  # each fits anew; the tables that ship come back in test_known
@given(tables)
def test_every_table_comes_back(values):
    frame = pd.DataFrame(values).astype({"age": float, "bill": float, "rate": float, "job": object, "grade": object})
    made, X = fit(
        frame, Column("age", "age", "integer"), Column("bill", "bill", "integer", prefix="$"),
        Column("rate", "rate", rounding=0.01), Column("job", "job", "category", {name: name for name in "abcd"}),
        Column("grade", "grade", "ordered", {name: name for name in LEVELS}),
    )  # fmt: skip
    back = made.inverse(X)
    for name in ("age", "bill", "job", "grade"):
        assert back[name].tolist() == frame[name].tolist()
    np.testing.assert_allclose(back["rate"], frame["rate"], atol=1e-9)
    np.testing.assert_array_equal(made.transform(back.astype(frame.dtypes.to_dict())), X)
    low, high = made.schema.bounds()
    assert (low <= X).all() and (high >= X).all()
    for row in X:
        np.testing.assert_array_equal(to_row(made.schema, to_person(made.schema, row)), row)
