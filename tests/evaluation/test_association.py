"""Association of features: against SciPy and plain loops, by hand, and where nothing varies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ctviz.data.schema import Feature, Schema
from ctviz.evaluation.association import associations, correlation_ratio, cramer


def looped_eta(values, levels):
    """η̃ from its formula, person by person."""
    mean, n = sum(values) / len(values), len(values)
    groups = {level: [v for v, own in zip(values, levels, strict=True) if own == level] for level in set(levels)}
    between = sum(len(own) * (sum(own) / len(own) - mean) ** 2 for own in groups.values())
    eta, k = between / sum((v - mean) ** 2 for v in values), len(groups)
    return math.sqrt(max(0.0, eta - (k - 1) * (1 - eta) / (n - k)))


def looped_cramer(a, b):
    """Ṽ from Bergsma's formulas, cell by cell."""
    rows, columns, n = sorted(set(a)), sorted(set(b)), len(a)
    phi = 0.0
    for row in rows:
        for column in columns:
            seen = sum(x == row and y == column for x, y in zip(a, b, strict=True))
            expected = a.count(row) * b.count(column) / n
            phi += (seen - expected) ** 2 / expected / n
    r, k = len(rows), len(columns)
    phi = max(0.0, phi - (k - 1) * (r - 1) / (n - 1))
    return math.sqrt(phi / (min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1))


def people(n=300, seed=0):
    """A number, one that follows it, ordered levels at random, a category that follows the first, one at random."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    kinds = np.digitize(x + 0.5 * rng.normal(size=n), (-0.5, 0.5))
    others = rng.integers(0, 2, n)
    columns = [
        x,
        np.exp(x + 0.3 * rng.normal(size=n)),
        rng.integers(0, 3, n),
        *np.eye(3)[kinds].T,
        *np.eye(2)[others].T,
    ]
    schema = Schema(
        features=(
            Feature(name="x"),
            Feature(name="follows"),
            Feature(name="grade", kind="ordered", levels=("a", "b", "c")),
            Feature(name="kind", kind="category", levels=("low", "middle", "high")),
            Feature(name="other", kind="category", levels=("one", "two")),
        )
    )
    return schema, np.stack(columns, axis=1), (kinds, others)


def test_each_pair_is_measured_by_what_suits_its_kinds():
    schema, X, (kinds, others) = people()
    found = associations(schema, X)
    assert (found == found.T).all() and (np.diag(found) == 1).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert found[0, 1] == pytest.approx(abs(stats.spearmanr(X[:, 0], X[:, 1]).statistic))
    assert found[0, 2] == pytest.approx(abs(stats.spearmanr(X[:, 0], X[:, 2]).statistic))
    ranks = stats.rankdata(X[:, 1]).tolist()
    assert found[1, 3] == pytest.approx(looped_eta(ranks, kinds.tolist()))
    assert found[3, 4] == pytest.approx(looped_cramer(kinds.tolist(), others.tolist()), abs=1e-9)
    assert found[0, 1] > 0.9 and found[1, 3] > 0.6 and found[0, 4] < 0.15


def test_the_biased_measure_is_scipys():
    # Without the correction Cramér's V is SciPy's; the correction only takes off what chance makes.
    _, _, (kinds, others) = people(80, seed=3)
    table = np.array([[np.sum((kinds == i) & (others == j)) for j in range(2)] for i in range(3)])
    assert cramer(kinds, others) <= stats.contingency.association(table, method="cramer")
    assert cramer(kinds, kinds) == pytest.approx(1.0)
    assert cramer(kinds, others) == pytest.approx(looped_cramer(kinds.tolist(), others.tolist()))


def test_a_category_that_tells_a_number_has_one_and_chance_about_none():
    levels = np.repeat([0, 1, 2], 40)
    assert correlation_ratio(levels * 2.0, levels) == 1.0
    rng = np.random.default_rng(1)
    chance = [correlation_ratio(rng.normal(size=120), levels) ** 2 for _ in range(200)]
    assert np.mean(chance) < 0.02 and min(chance) == 0.0


@pytest.mark.parametrize("n", [0, 1, 5])
def test_what_does_not_vary_goes_along_with_nothing(n):
    schema, X, _ = people(n)
    X = np.zeros_like(X)
    X[:, [3, 6]] = 1
    assert (associations(schema, X) == np.eye(5)).all()
