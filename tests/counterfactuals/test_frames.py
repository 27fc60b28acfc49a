"""Frames: their own names count in locks, directions, ranges and results; what holds no numbers is named."""

from __future__ import annotations

import datetime
import decimal
import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from torch import Tensor, nn

import ctviz
from ctviz import AttributionSettings, CtvizError, DataError, Feature, Schema

SWAPPED = ["x2", "x1"]


def model(d: int = 2) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(d, 2)


def points(b: int = 9, d: int = 2) -> Tensor:
    return torch.randn(b, d, generator=torch.Generator().manual_seed(1))


def frame(columns: Any, b: int = 9, **given: Any) -> pd.DataFrame:
    return pd.DataFrame(points(b, len(columns)).double().numpy(), columns=columns, **given)


def samples() -> tuple[Tensor, Tensor]:
    return 2 * torch.randn(40, 2, generator=torch.Generator().manual_seed(2)), torch.arange(40) % 2


class Foreign:
    """A table of a library that is not here, such as polars."""

    def __init__(self, table: pd.DataFrame | pd.Series[Any]) -> None:
        self._table = table

    def to_pandas(self) -> pd.DataFrame | pd.Series[Any]:
        return self._table


FRAMES = {"pandas": lambda table: table, "pyarrow": pa.Table.from_pandas, "another": Foreign}


def refused(*given: Any, **named: Any) -> str:
    """What a search is refused with."""
    with pytest.raises(CtvizError) as caught:
        ctviz.search(*given, **named)
    said = str(caught.value)
    assert said.endswith(".") and "\n" not in said and len(said) < 250
    return said


# -- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize(("columns", "ref"), [(SWAPPED, "x1"), (["debt", "age"], "age"), (SWAPPED, 1)], ids=str)
def test_the_column_that_is_named_is_locked(columns: list[str], ref: str | int, kind: Any) -> None:
    found = ctviz.search(model(), kind(frame(columns)), 1, locked=ref, tau=0.95)
    assert torch.equal(found.final[:, 1], found.factuals[:, 1])
    assert (found.final[:, 0] != found.factuals[:, 0]).any()
    assert found.names == tuple(columns)


@pytest.mark.parametrize("constraint", ["increase_only", "decrease_only", "ranges"])
def test_names_count_in_directions_and_ranges(constraint: str) -> None:
    def found(X: Any, ref: str | int) -> Tensor:
        given = (ref, -0.1, 0.2) if constraint == "ranges" else ref
        target = 0 if constraint == "decrease_only" else 1  # which leads up, or down
        return ctviz.search(model(), X, target, tau=0.95, **{constraint: given}).final

    for name, place in (("x2", 0), ("x1", 1)):
        assert torch.equal(found(frame(SWAPPED), name), found(points().double(), place))
    assert not torch.equal(found(frame(SWAPPED), "x1"), found(frame(SWAPPED), "x2"))


def test_a_table_without_names_goes_by_position() -> None:
    for given in (points(), points().numpy(), pd.DataFrame(points().numpy())):
        found = ctviz.search(model(), given, 1, locked="x2", tau=0.95)
        assert torch.equal(found.final[:, 1], found.factuals[:, 1]) and found.names == ("x1", "x2")


@pytest.mark.parametrize("columns", [SWAPPED, ["debt", "age"]], ids=str)
def test_a_schema_of_other_names_is_refused(columns: list[str]) -> None:
    said = refused(model(), frame(columns), 1, schema=Schema.infer(points(), ["x1", "x2"]))
    assert f"'{columns[0]}'" in said and "'x1'" in said and "factuals" in said and "the schema" in said


def test_samples_of_other_names_are_refused_and_an_array_of_them_goes_by_position() -> None:
    X, y = samples()
    asked = {"generator": "nearest", "tau": 0.6}
    said = refused(model(), frame(["x1", "x2"]), 1, samples=(pd.DataFrame(X.numpy(), columns=SWAPPED), y), **asked)
    assert "'x1' in factuals" in said and "'x2' in samples" in said
    same = ctviz.search(model(), frame(SWAPPED), 1, samples=(pd.DataFrame(X.numpy(), columns=SWAPPED), y), **asked)
    plain = ctviz.search(model(), points().double(), 1, samples=(X, y), **asked)
    assert torch.equal(same.final, plain.final)
    schema = Schema.infer(X, ["x1", "x2"])
    assert "the schema" in refused(
        model(), points(), 1, samples=(pd.DataFrame(X.numpy(), columns=SWAPPED), y), schema=schema, **asked
    )


def test_the_names_of_samples_count_where_the_factuals_have_none() -> None:
    X, y = samples()
    known = pd.DataFrame(X.numpy(), columns=SWAPPED), y
    found = ctviz.search(model(), points(), 1, samples=known, locked="x1", tau=0.95)
    assert torch.equal(found.final[:, 1], found.factuals[:, 1]) and found.names == tuple(SWAPPED)


def test_columns_of_a_category_are_named_after_its_levels() -> None:
    schema = Schema(features=(Feature(name="kind", kind="category", levels=("a", "b")), Feature(name="size")))
    given = pd.get_dummies(pd.DataFrame({"kind": ["a", "b"], "size": [1.0, 2.0]}))[["kind_a", "kind_b", "size"]]
    found = ctviz.search(model(3), given, 1, schema=schema, locked="kind", tau=0.95)
    assert found.names == ("kind_a", "kind_b", "size") == schema.columns
    assert torch.equal(found.final[:, :2], torch.eye(2))
    assert "'size' in factuals" in refused(model(3), given[["size", "kind_a", "kind_b"]], 1, schema=schema)


# -- labels that are no names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns", [[7, 9], [1, 0], [0, 2], ["a", 0], [np.int64(1), "b"], [Decimal(1), Decimal(0)]], ids=str
)
@pytest.mark.parametrize("ref", [1, np.int64(0), [0]], ids=repr)
def test_a_number_is_no_reference_among_labels_that_are_numbers(columns: list[Any], ref: Any) -> None:
    assert "locked is" in refused(model(), frame(columns), 1, locked=ref)
    assert "ranges is" in refused(model(), frame(columns), 1, ranges=(1, 0, 1))


def test_truth_values_are_names() -> None:
    found = ctviz.search(model(), frame([False, True]), 1, locked="False", tau=0.95)
    assert torch.equal(found.final[:, 0], found.factuals[:, 0]) and found.names == ("False", "True")


def test_rows_of_a_frame_and_a_structured_array_have_names() -> None:
    table = frame(SWAPPED)
    expected = ctviz.search(model(), table, 1, locked="x1", tau=0.95)
    for given in ([row for _, row in table.iterrows()], table.to_records(index=False)):
        found = ctviz.search(model(), given, 1, locked="x1", tau=0.95)
        assert torch.equal(found.final, expected.final) and found.names == tuple(SWAPPED)
    wide = np.asarray(table, dtype=np.longdouble)
    assert torch.equal(ctviz.search(model(), wide, 1, tau=0.95).factuals, expected.factuals)


def test_numbers_as_text_are_names() -> None:
    found = ctviz.search(model(), frame([7, 9]), 1, locked="9", tau=0.95)
    assert torch.equal(found.final[:, 1], found.factuals[:, 1]) and found.names == ("7", "9")
    assert found.frame().columns.tolist() == [7, 9]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (["a", "a"], "'a'"),
        (["7", 7], "'7'"),
        (pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]), "2 levels"),
    ],
    ids=["a name twice", "text and number", "two levels"],
)
def test_labels_that_name_no_column(columns: Any, told: str) -> None:
    assert told in refused(model(), frame(columns), 1)


# -- rows ------------------------------------------------------------------------------------------------


def test_rows_go_by_position_unless_their_labels_say_otherwise() -> None:
    expected = ctviz.search(model(), points(3).double(), [1, 0, 1], tau=0.9).final
    given = frame(["a", "b"], 3, index=[5, 3, 1])
    for index in ([5, 3, 1], [0, 1, 2], ["x", "x", "y"]):
        assert torch.equal(ctviz.search(model(), given, pd.Series([1, 0, 1], index=index), tau=0.9).final, expected)
    assert "targets" in refused(model(), given, pd.Series([1, 0, 1], index=[1, 3, 5]))
    known = pd.DataFrame(samples()[0].numpy()), pd.Series(samples()[1].numpy()).iloc[::-1]
    assert "the samples' classes" in refused(model(), points(3), 1, samples=known)


def test_results_have_the_labels_of_the_factuals() -> None:
    given = frame(["debt", "age"], 3, index=["Ann", "Bob", "Cem"])
    found = ctviz.search(model(), given, 1, locked="age", tau=0.9).frame()
    assert found.columns.tolist() == ["debt", "age"] and found.index.tolist() == given.index.tolist()
    assert ((found - given)["age"].abs() < 1e-6).all()
    several = ctviz.search(model(), given, 1, generator="dice", per_factual=2).frame()
    assert several.index.tolist() == ["Ann", "Ann", "Bob", "Bob", "Cem", "Cem"]
    plain = ctviz.search(model(), points(2), 1, generator="dice", per_factual=2).frame()
    assert plain.columns.tolist() == ["x1", "x2"] and plain.index.tolist() == [0, 0, 1, 1]
    half = ctviz.search(model().bfloat16(), points(2), 1).frame()
    assert half.shape == (2, 2)
    again = pickle.loads(pickle.dumps(ctviz.search(model(), given, 1)))
    assert again.frame().index.tolist() == given.index.tolist()


@pytest.mark.parametrize("b", [0, 1])
def test_frames_of_no_row_and_of_one(b: int) -> None:
    found = ctviz.search(model(), frame(["a", "b"], 3).iloc[:b], 1, locked="b")
    assert len(found) == b and found.frame().shape == (b, 2) and found.frame().columns.tolist() == ["a", "b"]
    assert len(ctviz.search(model(), pd.DataFrame(columns=["a", "b"]), 1)) == 0  # whose columns have no type
    assert "shape (0, 0)" in refused(model(), pd.DataFrame(), 1)


# -- kinds of columns ------------------------------------------------------------------------------------

WHOLE = ["int8", "uint8", "bool", "Int64", "UInt8", "boolean", "int64[pyarrow]", "bool[pyarrow]", "object"]
PARTS = ["float32", "Float32", "Float64", "float[pyarrow]", "double[pyarrow]", "object", "Sparse[float64]"]


@pytest.mark.parametrize(
    ("values", "dtype", "other"),
    [
        *(([1, 0], name, "float64") for name in WHOLE),
        *(([0.5, 1.0], name, "float64") for name in PARTS),
        *(([1, 0], name, other) for name in ("int8", "Int64", "bool[pyarrow]") for other in ("bool", "object")),
    ],
    ids=str,
)
def test_columns_of_numbers_of_any_kind(values: list[float], dtype: str, other: str) -> None:
    given = pd.DataFrame({"a": pd.Series(values, dtype=dtype), "b": pd.Series([1, 0], dtype=other)})
    found = ctviz.search(model(), given, 1, steps=1)
    assert found.factuals.tolist() == [[values[0], 1.0], [values[1], 0.0]]


def test_columns_of_decimals_and_an_array_of_objects() -> None:
    ten = pd.Series([decimal.Decimal("0.50"), decimal.Decimal("1.25")])
    for column in (ten, ten.astype(pd.ArrowDtype(pa.decimal128(5, 2)))):
        given = pd.DataFrame({"a": column, "b": [True, False]})
        for table in (given, given.astype(object).to_numpy()):
            assert ctviz.search(model(), table, 1, steps=1).factuals.tolist() == [[0.5, 1.0], [1.25, 0.0]]


HOLES: dict[str, Any] = {
    "float64": np.nan,
    "Int64": pd.NA,
    "boolean": pd.NA,
    "Float32": pd.NA,
    "int64[pyarrow]": pd.NA,
    "bool[pyarrow]": pd.NA,
    "object": None,
}


@pytest.mark.parametrize(("dtype", "hole"), HOLES.items(), ids=HOLES)
def test_a_missing_value_is_named_by_its_column(dtype: str, hole: Any) -> None:
    given = pd.DataFrame({"size": [1.0, 2.0], "age": pd.Series([1, hole], dtype=dtype)})
    assert refused(model(), given, 1) == "factuals hold missing values in column 'age'."


NO_NUMBERS: dict[str, Any] = {
    "text": pd.Series(["a", "b"]),
    "numeric text": pd.Series(["1", "2"]),
    "numeric text of objects": pd.Series(["1", "2"], dtype=object),
    "text of Arrow": pd.Series(["1", "2"], dtype="string[pyarrow]"),
    "dates": pd.Series([datetime.datetime(2026, 1, 1)] * 2),
    "days": pd.Series([datetime.date(2026, 1, 1)] * 2, dtype=object),
    "durations": pd.Series([datetime.timedelta(1)] * 2),
    "a category": pd.Series(["a", "b"], dtype="category"),
    "a category of numbers": pd.Series([1, 2], dtype="category"),
    "text among numbers": pd.Series([1, "2"], dtype=object),
    "lists": pd.Series([[1], [2]]),
}


@pytest.mark.parametrize("kind", [FRAMES["pandas"], Foreign], ids=["pandas", "another"])
@pytest.mark.parametrize("column", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_a_column_without_numbers_is_named(column: pd.Series[Any], kind: Any) -> None:
    given = pd.DataFrame({"size": [1.0, 2.0], "city": column})
    assert "factuals hold something that is not a number in column 'city'" in refused(model(), kind(given), 1)


def test_columns_of_a_table_of_arrow() -> None:
    table = pa.table({"a": pa.array([True, False]), "b": pa.array([1, 2], pa.uint8())})
    assert ctviz.search(model(), table, 1).factuals.tolist() == [[1.0, 1.0], [0.0, 2.0]]
    texts = pa.table({"size": [1.0, 2.0], "city": pa.array(["1", "2"]).dictionary_encode()})
    assert "not a number in column 'city'" in refused(model(), texts, 1)
    holes = pa.table({"size": [1.0, 2.0], "age": pa.array([True, None])})
    assert "missing values in column 'age'" in refused(model(), holes, 1)


def test_infinity_is_named_by_its_column_and_masked_values_are_no_numbers() -> None:
    assert "not finite in column 'b'" in refused(model(), pd.DataFrame({"a": [1.0], "b": [np.inf]}), 1)
    assert "masked" in refused(model(), np.ma.masked_less(points().numpy(), 0), 1)


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "category", "object", "uint8"])
def test_targets_of_any_kind_of_column(dtype: str) -> None:
    expected = ctviz.search(model(), points(3), [1, 0, 1], tau=0.9).final
    given = pd.Series([1, 0, 1], dtype=dtype, name="y")
    for targets in (given, Foreign(given)):
        assert torch.equal(ctviz.search(model(), points(3), targets, tau=0.9).final, expected)
    hole = pd.Series([1, pd.NA, 1], dtype="Int64", name="y")
    assert refused(model(), points(3), hole) == "targets hold missing values in column 'y'."


# -- attributions, schemas, runs -------------------------------------------------------------------------


def test_attributions_have_the_names_of_the_samples() -> None:
    given = frame(["debt", "age"], 3, index=["Ann", "Bob", "Cem"])
    plain = ctviz.attribute(model(), points(3).double(), 1)
    for found in (ctviz.attribute(model(), given, 1), ctviz.integrated_gradients(model(), given, torch.ones(3).long())):
        assert found.names == ("debt", "age")
        assert found.frame().columns.tolist() == ["debt", "age"] and found.frame().index.tolist() == [
            "Ann",
            "Bob",
            "Cem",
        ]
        torch.testing.assert_close(found.values, plain.values)
    assert plain.names == ("x1", "x2") and plain.frame().index.tolist() == [0, 1, 2]


def test_classes_may_be_a_series() -> None:
    given = pd.Series([1, 0, 1], index=["Ann", "Bob", "Cem"])
    expected = ctviz.integrated_gradients(model(), points(3), [1, 0, 1])
    assert torch.equal(ctviz.integrated_gradients(model(), points(3), given).values, expected.values)


def test_baselines_and_background_have_the_names_of_the_samples() -> None:
    given, swapped = frame(["x1", "x2"]), frame(SWAPPED)
    shap = AttributionSettings(method="gradient_shap")
    for call in (
        lambda other: ctviz.attribute(model(), given, 1, baselines=other),
        lambda other: ctviz.attribute(model(), given, 1, shap, background=other),
        lambda other: ctviz.integrated_gradients(model(), given, torch.ones(9).long(), other),
    ):
        with pytest.raises(DataError, match="'x1' in samples and 'x2'"):
            call(swapped)
        assert torch.equal(call(given).values, call(points().double()).values)


def test_a_schema_takes_the_names_of_a_frame() -> None:
    assert Schema.infer(frame(["debt", "age"])).names == ("debt", "age")
    assert Schema.infer(frame(["debt", "age"]), ["a", "b"]).names == ("a", "b")
    with pytest.raises(DataError, match="column 'a'"):
        Schema.infer(pd.DataFrame({"a": ["1", "2"]}))
    with pytest.raises(DataError, match="not a number"):
        Schema.infer([["1"], ["2"]])


@pytest.mark.parametrize("ranges", [("x1", None, 0.5), [("x1", None, 0.5)], ("x1", -np.inf, 0.5)], ids=str)
def test_a_range_with_one_end(ranges: Any) -> None:
    toward = nn.Linear(2, 2)
    with torch.no_grad():
        toward.weight.copy_(torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
        toward.bias.zero_()
    upward = ctviz.search(toward, frame(SWAPPED), 1, ranges=("x2", None, 0.5), tau=0.95)
    assert upward.final[:, 0].max() == 0.5 and (upward.final[:, 0] < -0.5).sum() == 0
    free = ctviz.search(toward, points(), 0, ranges=ranges, tau=0.95, steps=100)
    assert free.final[:, 0].min() < -0.5 and free.mature.all()
    schema = Schema(features=(Feature(name="x1", domain=(-0.5, 9.0)), Feature(name="x2")))
    bounded = ctviz.search(toward, points(), 0, schema=schema, ranges=ranges, tau=0.95, steps=100)
    moved = bounded.final[bounded.steps > 0, 0]  # what was certain at once is asked to change nothing
    assert moved.min() == -0.5 and moved.max() <= 0.5 and len(moved) > 3
