"""Lattices: what each rule allows, there and back between people's units and a model's columns."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz import ConfigError, DataError, Feature, Mutability, Schema
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.lattice import Category, Lattice, Link, Number, schema_lattice
from ctviz.counterfactuals.trail import reachable_range
from tests.counterfactuals.lattices import box_lattice, lattices

AGE = Number("age", 0, own=37.0, low=37.0, high=90.0, step=1.0, centre=40.0, spread=10.0)
PAY = Number("pay", 1, own=1234.0, low=0.0, high=5000.0, step=1000.0, per_unit=0.001, per_change=0.5)
SCHOOL = Category("school", (2, 3, 4), own=0, allowed_levels=(0, 1, 2), efforts=(0.0, 1.0, 3.0))
JOB = Category("job", (5, 6), own=1, allowed_levels=(0, 1), efforts=(1.0, 0.0))
YEARS = Link(((0, (1.0,)), (2, (0.0, -2.0, -6.0))), least=37.0)  # age − 37 ≥ years of school
PERSON = np.array([-0.3, 1234.0, 1, 0, 0, 0, 1], dtype=np.float32)


def person(**changes: object) -> Lattice:
    return Lattice(**{"features": (AGE, PAY, SCHOOL, JOB), "factual": PERSON, "links": (YEARS,), **changes})


def test_a_point_becomes_the_columns_that_a_model_sees() -> None:
    found = person().encode([47.0, 2000.0, 2.0, 1.0])
    assert found.tolist() == [np.float32(0.7), 2000.0, 0, 0, 1, 0, 1]
    assert person().cost([47.0, 2000.0, 2.0, 1.0]) == 10 + 0.766 + 0.5 + 3


def test_what_is_the_persons_own_stays_bit_for_bit() -> None:
    odd = PERSON + np.float32(1e-7)
    assert np.array_equal(person(factual=odd).encode(person().own), odd)


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ([37.0, 1234.0, 0.0, 1.0], None),  # their own value is allowed, although it is no multiple of 1000
        ([39.0, 3000.0, 1.0, 0.0], None),
        ([36.0, 1234.0, 0.0, 1.0], "age may not be 36."),
        ([37.5, 1234.0, 0.0, 1.0], "age may not be 37.5."),
        ([37.0, 1235.0, 0.0, 1.0], "pay may not be 1235."),
        ([38.0, 1234.0, 1.0, 1.0], "The link between age and school does not hold."),
        ([43.0, 1234.0, 2.0, 0.0], "school and job never have these levels together."),
        ([43.0, 1234.0, 3.0, 0.0], "school may not be 3."),
    ],
)
def test_the_first_broken_rule_is_told(point: list[float], sentence: str | None) -> None:
    lattice = person(forbidden=((2, 2, 3, 0),))
    assert lattice.broken(point) == sentence
    assert bool(lattice.holds(point)) == (sentence is None)


def test_a_relaxed_point_is_rounded_to_what_is_allowed() -> None:
    relaxed = [-1.0, 1700.0, 0.2, 0.5, 0.4, 0.6, 0.6]
    assert person().project(relaxed).tolist() == [37.0, 2000.0, 1.0, 0.0]
    assert person().project([0.26, 1300.0, 0.2, 0.2, 0.4, 0.6, 0.6])[:2].tolist() == [43.0, 1234.0]


def test_features_without_any_value_are_refused() -> None:
    none = Number("age", 0, own=37.0, low=40.2, high=40.8, step=1.0)
    with pytest.raises(DataError, match="The rules leave no value for age"):
        person(features=(none, PAY, SCHOOL, JOB))
    with pytest.raises(DataError, match="columns"):
        person(features=(AGE, PAY, SCHOOL))
    with pytest.raises(ConfigError, match="two finite ends"):
        Number("age", 0, own=37.0, low=37.0, high=math.inf).options(10)


@settings(max_examples=60)
@given(lattice=lattices(stepped=False), seed=st.integers(0, 99))
def test_points_that_obey_all_rules_come_back_from_their_columns(lattice: Lattice, seed: int) -> None:
    chance = np.random.default_rng(seed)
    for point in lattice.enumerate(nodes=4)[:50]:
        assert lattice.broken(point) is None
        assert lattice.holds(point)
        seen = lattice.encode(point)
        assert np.array_equal(lattice.encode(lattice.project(seen)), seen)
        same = ~lattice.changed(point)
        for feature, unchanged in zip(lattice.features, same, strict=True):
            columns = list(feature.columns)
            assert not unchanged or np.array_equal(seen[columns], lattice.factual[columns])
    anything = chance.normal(scale=3, size=(20, lattice.d))
    for point in lattice.project(anything):
        assert all(feature.allowed(value) for feature, value in zip(lattice.features, point, strict=True))


@settings(max_examples=60)
@given(lattice=lattices())
def test_options_are_all_values_that_are_allowed(lattice: Lattice) -> None:
    for feature in lattice.features:
        tried = np.unique([*np.arange(-100, 100) * 0.25, feature.own])
        assert feature.options(100).tolist() == tried[feature.allowed(tried)].tolist()
        if isinstance(feature, Number):
            assert feature.ends == (feature.options(100)[0], feature.options(100)[-1])
            assert feature.allowed(feature.options(3)).all()


@given(
    own=st.floats(-4, 4, width=32),
    domain=st.tuples(st.floats(-3, 0, width=32), st.floats(0, 3, width=32)),
    mutability=st.sampled_from(Mutability),
)
def test_a_schema_allows_what_its_constraints_allow(
    own: float, domain: tuple[float, float], mutability: Mutability
) -> None:
    schema = Schema(features=(Feature(name="a", domain=domain, mutability=mutability),))
    x = torch.tensor([[[own]]])
    low, high = reachable_range(Constraints.of([schema], x), x)
    (feature,) = schema_lattice(schema, [own]).features
    assert (feature.low, feature.high) == (float(low), float(high))
    (same,) = box_lattice(x[0, :, 0].numpy(), low[0, :, 0].numpy(), high[0, :, 0].numpy()).features
    assert (same.low, same.high, same.own) == (feature.low, feature.high, feature.own)


def test_a_schemas_category_is_one_feature() -> None:
    schema = Schema(
        features=(Feature(name="a"), Feature(name="c", kind="category", levels=("p", "q", "r"))),
    ).constrain(locked=["a"])
    lattice = schema_lattice(schema, [0.5, 0, 1, 0])
    assert lattice.enumerate().tolist() == [[0.5, 0.0], [0.5, 1.0], [0.5, 2.0]]
    assert lattice.cost([[0.5, 0.0], [0.5, 1.0]]).tolist() == [1.0, 0.0]


def test_what_differs_leaves_something_of_each_set_as_it_was() -> None:
    lattice = box_lattice(np.zeros(3), np.zeros(3), np.ones(3))
    points = [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert lattice.differs(points, [{0, 1}]).tolist() == [False, True, True]
    assert lattice.differs(points, [{0, 1}, {2}]).tolist() == [False, False, True]
    assert lattice.differs(points, []).tolist() == [True] * 3 and lattice.differs(points[0], [{2}])
