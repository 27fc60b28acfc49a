"""Features and schemas: what is inferred, what may be constrained, and what is refused."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from ctviz.data.display import DisplayScale
from ctviz.data.schema import Feature, Mutability, Schema, mask_ref
from ctviz.errors import ConfigError, CtvizError, DataError

MIXED = Schema(
    features=(
        Feature(
            name="age", display=DisplayScale(unit="years", step=1), domain=(18, 90), mutability=Mutability.INCREASE
        ),
        Feature(name="job", kind="category", levels=("clerk", "nurse", "smith"), mutability=Mutability.FIXED),
        Feature(name="debt", domain=(-math.inf, 1000), mutability=Mutability.DECREASE),
        Feature(name="income"),
    )
)
"""Six columns: a number, three of a category, two numbers."""

tables = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.integers(1, 4)),
    elements=st.floats(-1e6, 1e6, allow_subnormal=False),
)


# -- inferring -----------------------------------------------------------------------------------------


def test_domain_by_hand():
    # Column 1: mean 0, deviation 1: three of them reach beyond the data. Column 2: an outlier lies beyond those.
    outlier = np.array([0.0] * 19 + [20.0])
    X = np.stack([np.tile([-1.0, 1.0], 10), outlier], axis=1)
    mean, std = outlier.mean(), outlier.std()
    assert mean + 3 * std < 20
    schema = Schema.infer(X, ("a", "b"))
    assert schema.features[0].domain == pytest.approx((-3, 3))
    assert schema.features[1].domain == pytest.approx((mean - 3 * std, 20), rel=1e-6)


@given(tables)
def test_domain_holds_the_data_and_three_deviations(X):
    low, high = Schema.infer(X).bounds()
    rounding = 1e-6 * (1 + np.abs(X).max())
    assert (low <= X.min(0) + rounding).all()
    assert (high >= X.max(0) - rounding).all()
    np.testing.assert_allclose(low, np.minimum(X.min(0), X.mean(0) - 3 * X.std(0)), rtol=1e-6, atol=rounding)
    np.testing.assert_allclose(high, np.maximum(X.max(0), X.mean(0) + 3 * X.std(0)), rtol=1e-6, atol=rounding)


@given(tables.map(lambda X: X.astype(np.float32)))
def test_float32_data_lies_in_its_own_domain_exactly(X):
    low, high = Schema.infer(X).bounds()
    assert ((low <= X) & (high >= X)).all()


def test_a_constant_column_has_a_domain_of_one_point():
    low, high = Schema.infer(np.full((5, 1), 0.1)).bounds()
    np.testing.assert_allclose([low, high], 0.1, rtol=1e-6)
    assert low <= high


def test_inferred_features_are_free_numbers_with_names():
    schema = Schema.infer(np.zeros((2, 3)))
    assert schema.names == ("x1", "x2", "x3")
    assert {(f.kind, f.mutability) for f in schema.features} == {("number", Mutability.BOTH)}
    assert Schema.infer(np.zeros((2, 2)), ["debt", "age"]).names == ("debt", "age")


@pytest.mark.parametrize(
    ("X", "names", "told"),
    [
        pytest.param(np.zeros(3), None, r"\(3,\)", id="one axis"),
        pytest.param(np.zeros((0, 2)), None, r"\(0, 2\)", id="no rows"),
        pytest.param(np.array([[np.nan]]), None, "finite", id="not a number"),
        pytest.param(np.array([[np.inf]]), None, "finite", id="infinite"),
        pytest.param(np.zeros((3, 2)), ["a"], "1 names for 2 columns", id="too few names"),
    ],
)
def test_data_that_says_nothing_is_refused(X, names, told):
    with pytest.raises(DataError, match=told):
        Schema.infer(X, names)


# -- columns -------------------------------------------------------------------------------------------


def test_columns_of_numbers_and_categories():
    assert MIXED.d == 6
    low, high = MIXED.bounds()
    assert low.tolist() == [18, 0, 0, 0, -math.inf, -math.inf]
    assert high.tolist() == [90, 1, 1, 1, 1000, math.inf]
    up, down = MIXED.directions()
    assert up.tolist() == [True, False, False, False, False, True]
    assert down.tolist() == [False, False, False, False, True, True]
    assert (low.dtype, up.dtype) == (np.float32, np.bool_)


@given(st.lists(st.sampled_from(Mutability), min_size=1, max_size=6))
def test_directions_follow_mutability(wanted):
    schema = Schema(features=tuple(Feature(name=str(i), mutability=m) for i, m in enumerate(wanted)))
    for m, up, down in zip(wanted, *schema.directions(), strict=True):
        assert up == (m in ("both", "increase"))
        assert down == (m in ("both", "decrease"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"domain": (1, 0)}, "domain of f", id="bounds the wrong way round"),
        pytest.param({"domain": (math.nan, 0)}, "domain of f", id="a bound that is no number"),
        pytest.param({"kind": "category"}, "levels of f", id="a category without levels"),
        pytest.param({"levels": ("a",)}, "levels of f", id="a number with levels"),
        pytest.param(
            {"kind": "category", "levels": ("a", "b"), "mutability": "increase"},
            "mutability of f",
            id="rising category",
        ),
    ],
)
def test_features_that_contradict_themselves_are_refused(values, told):
    with pytest.raises((CtvizError, ValidationError), match=told):
        Feature(name="f", **values)


def test_a_name_twice_is_refused():
    with pytest.raises((CtvizError, ValidationError), match="each name once"):
        Schema(features=(Feature(name="a"), Feature(name="a")))


@pytest.mark.parametrize("ref", ["debt", 2])
def test_position_by_name_or_index(ref):
    assert MIXED.position(ref) == 2


@pytest.mark.parametrize("ref", ["wealth", 4, -1, ""])
def test_position_of_an_unknown_feature_names_the_known(ref):
    with pytest.raises(ConfigError, match="0 to 3 or one of age, job, debt, income"):
        MIXED.position(ref)


# -- constraining --------------------------------------------------------------------------------------

refs = st.sampled_from([0, 1, 2, "x1", "x2", "x3"])
FREE = Schema.infer(np.eye(3))


@given(st.lists(refs, max_size=3), st.lists(refs, max_size=3), st.lists(refs, max_size=3))
def test_constrain_gives_each_feature_its_constraint_or_refuses(locked, rising, falling):
    sets = [{FREE.position(r) for r in group} for group in (locked, rising, falling)]
    if len(set().union(*sets)) < sum(map(len, sets)):
        with pytest.raises(ConfigError, match="one constraint for a feature"):
            FREE.constrain(locked, rising, falling)
        return
    found = FREE.constrain(locked, rising, falling)
    for i, feature in enumerate(found.features):
        in_sets = [i in group for group in sets]
        expected = ["fixed", "increase", "decrease"][in_sets.index(True)] if any(in_sets) else "both"
        assert feature.mutability == expected
        assert feature.domain == FREE.features[i].domain


def test_constrain_leaves_the_original_and_what_is_not_named():
    found = MIXED.constrain(locked=["income"])
    assert MIXED.features[3].mutability is Mutability.BOTH
    assert [f.mutability.value for f in found.features] == ["increase", "fixed", "decrease", "fixed"]
    assert found.features[1].levels == ("clerk", "nurse", "smith")


def test_constrain_refuses_an_unknown_feature():
    with pytest.raises(ConfigError, match="wealth"):
        MIXED.constrain(locked=["wealth"])


def test_a_category_cannot_be_asked_to_rise():
    with pytest.raises((CtvizError, ValidationError), match="both or fixed"):
        MIXED.constrain(increase_only=["job"])


# -- ranges --------------------------------------------------------------------------------------------

OPEN = Schema(features=(Feature(name="a", domain=(-2, 3)), Feature(name="b")))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-1, 1, (-1, 1)), (-5, 1, (-2, 1)), (0, 9, (0, 3)), (-9, 9, (-2, 3)), (-9, -2, (-2, -2)), (3, 4, (3, 3))],
)
def test_a_range_narrows_the_domain(low, high, expected):
    found = OPEN.constrain(ranges=[("a", low, high)])
    assert found.features[0].domain == expected
    assert found.features[1] == OPEN.features[1]
    assert OPEN.features[0].domain == (-2, 3)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_the_ends_of_a_range_are_exact_in_single_precision(low, high):
    if not low < high:
        return
    lower, upper = OPEN.constrain(ranges=[(1, low, high)]).bounds()
    assert lower[1] == np.float32(low) and upper[1] == np.float32(high)


@pytest.mark.parametrize("none", [None, np.inf])
def test_a_range_may_have_one_end(none):
    """The other is that of the domain, or there is none."""
    low = None if none is None else -none
    found = OPEN.constrain(ranges=[("a", low, 1), ("b", 0.5, none)])
    assert found.features[0].domain == (OPEN.features[0].domain[0], 1)
    assert found.features[1].domain == (0.5, OPEN.features[1].domain[1])
    endless = Schema(features=(Feature(name="a"), Feature(name="b")))
    assert endless.constrain(ranges=[("a", low, 1)]).features[0].domain == (-math.inf, 1)


def test_a_range_goes_with_a_direction_but_not_with_a_lock():
    found = OPEN.constrain(increase_only=["a"], ranges=[("a", 0, 1), ("b", 0, 5)])
    assert (found.features[0].mutability, found.features[0].domain) == (Mutability.INCREASE, (0, 1))
    assert found.features[1].domain == (0, 5)
    for already in (OPEN, OPEN.constrain(locked=["a"])):
        with pytest.raises(ConfigError, match="locked"):
            already.constrain(locked=["a"] if already is OPEN else [], ranges=[("a", 0, 1)])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (("a", 1, 1), "highest"),
        (("a", 2, 1), "highest"),
        (("a", -np.inf, np.inf), "highest"),
        (("a", None, None), "highest"),
        (("a", np.inf, None), "highest"),
        (("a", None, -np.inf), "highest"),
        (("a", None, np.nan), "highest"),
        (("b", None, -1e39), "float32"),
        (("a", 4, None), "domain of a, -2 to 3"),
        (("a", np.nan, 1), "highest"),
        (("b", 1e39, 2e39), "float32"),
        (("b", -1e39, 1), "float32"),
        (("a", 4, 5), "domain of a, -2 to 3"),
        (("a", -5, -3), "domain of a"),
        (("c", 0, 1), "a, b"),
        ((2, 0, 1), "0 to 1"),
    ],
)
def test_ranges_that_leave_nothing_are_refused(entry, told):
    with pytest.raises(ConfigError, match=told):
        OPEN.constrain(ranges=[entry])


def test_a_feature_has_one_range_and_a_category_none():
    with pytest.raises(ConfigError, match="one range"):
        OPEN.constrain(ranges=[("a", 0, 1), (0, 1, 2)])
    category = Schema(features=(Feature(name="job", kind="category", levels=("clerk", "nurse")),))
    with pytest.raises(ConfigError, match="category"):
        category.constrain(ranges=[("job", 0, 1)])


@pytest.mark.parametrize("entry", ["a", 3, ("a",), ("a", 0), ("a", 0, 1, 2), ("a", "low", 1), ("a", 0, "much")])
def test_what_is_no_range_is_refused(entry):
    with pytest.raises(ConfigError, match="lowest value"):
        OPEN.constrain(ranges=[entry])


def test_json_keeps_an_open_domain():
    text = OPEN.model_dump_json(exclude={"grid"})
    assert "[null" not in text and "null]" not in text, "no end of a domain"
    assert Schema.model_validate_json(text) == OPEN
    assert Feature.model_validate_json(OPEN.features[1].model_dump_json()) == OPEN.features[1]


def test_a_schema_survives_copying_and_hashing():
    for again in (Schema.model_validate(MIXED.model_dump()), pickle.loads(pickle.dumps(MIXED))):
        assert again == MIXED
        assert hash(again) == hash(MIXED)


# -- parts of an image -----------------------------------------------------------------------------------

IMAGE = Schema(
    features=tuple(Feature(name=f"r{r}c{c}", domain=(-1, 1)) for r in (1, 2, 3) for c in (1, 2)), grid=(3, 2)
)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (4, (4,)),
        ("r3c1", (4,)),
        ("row 1", (0, 1)),
        ("rows 2-3", (2, 3, 4, 5)),
        ("column 2", (1, 3, 5)),
        ("columns 1-2", (0, 1, 2, 3, 4, 5)),
    ],
)
def test_parts_of_an_image_by_name(ref, expected):
    assert sorted(IMAGE.positions(ref)) == list(expected)


@pytest.mark.parametrize(
    "ref", ["rows 0-1", "rows 3-2", "rows 4", "columns 3", "mask", "mask AA==", "mask AAAA", "r9c9", 6]
)
def test_no_such_part_of_an_image(ref):
    with pytest.raises(ConfigError):
        IMAGE.positions(ref)


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_mask_comes_back_as_it_was(mask):
    assert [i in IMAGE.positions(mask_ref(mask)) for i in range(6)] == mask


def test_rows_of_an_image_are_locked():
    up, down = IMAGE.constrain(locked=("row 1", "r3c2")).directions()
    assert up.tolist() == down.tolist() == [False, False, True, True, True, False]
    assert IMAGE.constrain(locked=("row 1",)).grid == (3, 2)


def test_columns_of_a_table_have_no_rows():
    with pytest.raises(ConfigError, match="income"):
        MIXED.positions("rows 1-2")


def test_a_grid_has_a_pixel_for_each_feature():
    with pytest.raises(ValidationError, match="6 pixels"):
        Schema(features=IMAGE.features, grid=(2, 2))


def test_a_range_may_be_given_for_a_part_of_an_image():
    low, high = IMAGE.constrain(ranges=[("row 2", -0.5, 0.0)]).bounds()
    assert low.tolist() == [-1, -1, -0.5, -0.5, -1, -1]
    assert high.tolist() == [1, 1, 0, 0, 1, 1]
    with pytest.raises(ConfigError, match="locked"):
        IMAGE.constrain(locked=["column 1"], ranges=[("row 2", -0.5, 0.0)])
