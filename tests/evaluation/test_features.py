"""Features and columns: a category of several columns is one feature, in cost, redundancy and attribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ctviz.data.schema import Feature, Schema
from ctviz.evaluation.ends import Comparison, SearchEnds, means, measured
from ctviz.evaluation.features import FeatureColumns

MIXED = Schema(
    features=(
        Feature(name="age", domain=(0, 100)),
        Feature(name="job", kind="category", levels=("clerk", "nurse", "smith")),
        Feature(name="debt", domain=(-9, 9)),
        Feature(name="home", kind="category", levels=("owned", "rented")),
    )
)
"""Four features, seven columns."""


def feature(name: str, levels: int) -> Feature:
    names = tuple(f"level {i}" for i in range(levels))
    return Feature(name=name, kind="category", levels=names) if levels else Feature(name=name)


schemas = st.lists(st.integers(0, 4), min_size=1, max_size=6).map(
    lambda levels: Schema(features=tuple(feature(f"f{i}", n) for i, n in enumerate(levels)))
)
"""Numbers (0) and categories of one to four levels, in any order."""


def people(schema: Schema, n: int, seed: int) -> tuple[list[list[int]], torch.Tensor]:
    """n random people: a value or a level for each feature, and their columns, (n d)."""
    rng = np.random.default_rng(seed)
    values = [
        [int(rng.integers(f.width)) if f.levels else float(rng.integers(-3, 4)) for f in schema.features]
        for _ in range(n)
    ]
    columns = []
    for person in values:
        row: list[float] = []
        for feature, value in zip(schema.features, person, strict=True):
            row += [float(level == value) for level in range(feature.width)] if feature.levels else [float(value)]
        columns.append(row)
    return values, torch.tensor(columns)


def by_feature(schema: Schema, one: list[int], other: list[int]) -> tuple[float, float]:
    """Cost and redundancy, from values and levels: another level costs 1, whichever it is."""
    pairs = zip(schema.features, one, other, strict=True)
    changes = [int(a != b) if feature.levels else abs(a - b) for feature, a, b in pairs]
    return sum(changes), sum(change == 0 for change in changes) / len(changes)


NAMES = ("cost", "redundancy")


def by_search(schema: Schema, X: torch.Tensor, found: torch.Tensor) -> tuple[dict[str, torch.Tensor], ...]:
    """Cost and redundancy of each of b searches, and their means; all are valid."""
    yes = torch.ones(len(X), dtype=torch.bool)
    ends = SearchEnds(X, found, yes.long(), yes, yes, yes.long())
    by = Comparison.of(schema, X, yes.long(), 2)
    return measured(ends, by, NAMES), means(ends, yes, by, NAMES)


@given(schemas, st.integers(0, 10**6))
def test_cost_and_redundancy_are_those_of_features(schema: Schema, seed: int) -> None:
    (before, X), (after, found) = people(schema, 5, seed), people(schema, 5, seed + 1)
    features = FeatureColumns.of(schema)
    costs, shares = zip(*(by_feature(schema, *pair) for pair in zip(before, after, strict=True)), strict=True)
    assert features.cost(found - X).tolist() == pytest.approx(costs)
    one_by_one, mean = by_search(schema, X, found)
    assert one_by_one["cost"].tolist() == pytest.approx(costs)
    assert one_by_one["redundancy"].tolist() == pytest.approx(shares)
    assert [float(mean[name]) for name in NAMES] == pytest.approx([np.mean(costs), np.mean(shares)])


@given(schemas)
def test_the_spans_of_all_features_are_the_columns_in_order(schema: Schema) -> None:
    columns = [column for name in schema.names for column in schema.columns_of(name)]
    assert columns == list(range(schema.d)) == [i for span in schema.spans for i in range(*span.indices(schema.d))]
    for position, feature in enumerate(schema.features):
        named = [schema.columns[column] for column in schema.columns_of(position)]
        assert named == ([f"{feature.name}_{level}" for level in feature.levels] or [feature.name])
    assert schema.plane == (schema.d == 2 and len(schema.features) == 2)


@given(schemas, st.integers(0, 10**6))
def test_attributions_of_features_add_up_to_those_of_columns(schema: Schema, seed: int) -> None:
    values = torch.randn(3, schema.d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = FeatureColumns.of(schema).total(values)
    assert found.shape == (3, len(schema.features))
    torch.testing.assert_close(found.sum(dim=1), values.sum(dim=1))
    for position in range(len(schema.features)):
        torch.testing.assert_close(found[:, position], values[:, list(schema.columns_of(position))].sum(dim=1))


def test_by_hand() -> None:
    """Three years older, a nurse instead of a clerk, no longer renting: 3 + 1 + 0 + 1, with debt alone unchanged."""
    x = torch.tensor([[40.0, 1, 0, 0, 2.5, 0, 1]])
    found = torch.tensor([[43.0, 0, 1, 0, 2.5, 1, 0]])
    features = FeatureColumns.of(MIXED)
    one_by_one, _ = by_search(MIXED, x, found)
    assert one_by_one["cost"].tolist() == [5] and one_by_one["redundancy"].tolist() == [0.25]
    assert features.sizes(found - x).tolist() == [[3, 1, 0, 1]]
    assert MIXED.columns_of("job") == (1, 2, 3) and MIXED.columns_of(3) == (5, 6)


def test_of_numbers_alone_all_is_as_by_column_to_the_bit() -> None:
    features = FeatureColumns.of(Schema(features=tuple(Feature(name=name) for name in "abc")))
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    x[0, 1] = 0
    assert torch.equal(features.cost(x), x.abs().sum(dim=-1)) and torch.equal(features.unchanged(x), x == 0)
    assert features.total(x) is x
