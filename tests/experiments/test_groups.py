"""Groups of people: none too small, nobody in two, and what is merged or left out is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.data.catalogue import load
from ctviz.data.tables.settings import TableSettings
from ctviz.experiments.groups import BANDS, SMALLEST, groupings, round_starts


@pytest.fixture(scope="module")
def adult():
    return load(TableSettings(name="adult"))


@given(st.integers(0, 400), st.integers(0, 2**16))
def test_every_group_is_large_enough_and_nobody_is_in_two(adult, n, seed):
    rng = np.random.default_rng(seed)
    X = adult.test[0].numpy()[rng.permutation(len(adult.test[0]))[:n]]
    counted = rng.random(n) < 0.8
    for one in groupings(adult, X, counted):
        assert len(one.names) > 1 and one.feature in adult.protected and len(one.of) == n
        sizes = [int((one.members(group) & counted).sum()) for group in range(len(one.names))]
        assert min(sizes) >= SMALLEST
        members = np.stack([one.members(group) for group in range(len(one.names))])
        assert (members.sum(axis=0) == (one.of >= 0)).all()
        if not one.left_out:
            assert (one.of >= 0).all()


def test_groups_are_what_their_names_say(adult):
    X = adult.test[0].numpy()[:2000]
    found = {one.feature: one for one in groupings(adult, X, np.ones(len(X)))}
    assert set(found) == set(adult.protected)
    people = [adult.person(x) for x in X]
    for feature in ("sex", "race", "native country"):
        one = found[feature]
        for person, group in zip(people, one.of, strict=True):
            value = person[feature]
            assert one.names[group] == value if value in one.names else value in one.merged
            assert value in one.names or one.names[group] == "all others"
    ages = found["age"]
    assert ages.names[0].startswith("up to ") and ages.names[-1].endswith(" years or more") and len(ages.names) <= BANDS
    for person, group in zip(people, ages.of, strict=True):
        name = ages.names[group]
        ends = [int(word) for word in name.split() if word.isdigit()]
        low, high = (0, ends[0]) if name.startswith("up") else (ends[0], 200) if len(ends) == 1 else ends
        assert low <= person["age"] <= high


def test_levels_that_are_too_few_even_together_are_left_out(adult):
    X = adult.test[0].numpy()
    at = adult.schema.spans[adult.schema.names.index("race")]
    sizes = {"White": 60, "Black": 40, "Asian or Pacific islander": 7, "American Indian or Eskimo": 5}
    levels = [adult.schema.features[adult.schema.names.index("race")].levels.index(name) for name in sizes]
    rows = np.concatenate(
        [np.flatnonzero(X[:, at].argmax(1) == i)[:n] for i, n in zip(levels, sizes.values(), strict=True)]
    )
    table = replace(adult, protected=("race",))
    (race,) = groupings(table, X[rows], np.ones(len(rows)))
    assert set(race.names) == {"White", "Black"} and set(race.left_out) == set(list(sizes)[2:])
    assert (race.of == -1).sum() == 12


def test_one_group_or_nobody_makes_no_comparison(adult):
    X = adult.test[0].numpy()
    women = X[:, adult.schema.spans[adult.schema.names.index("sex")]].argmax(1) == 0
    table = replace(adult, protected=("sex",))
    assert groupings(table, X[women][:100], np.ones(100)) == ()
    assert groupings(adult, X[:0], np.ones(0)) == ()


@pytest.mark.parametrize(
    ("values", "starts"),
    [
        (np.arange(18, 80), [30, 40, 50, 60, 70]),
        (np.linspace(0, 1, 500), [0.2, 0.4, 0.6, 0.8]),
        (np.full(9, 3.0), []),
        (np.array([-100.0, 100.0] * 50), [-50, 0, 50, 100]),
    ],
)
def test_bands_begin_at_round_numbers(values, starts):
    assert round_starts(np.asarray(values, dtype=float))[1:] == pytest.approx(starts)
