"""Filters as texts: what they mean, that they come back as they were, and which rows they hold for."""

from __future__ import annotations

import numpy as np
import pytest

from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError
from ctviz.ui.recourse.people import (
    Condition,
    conditions_in_words,
    conditions_of,
    escaped,
    matching,
    text_of_conditions,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("age<=30", "age at most 30 years"),
        ("age>=20;age<=30", "age from 20 to 30 years"),
        ("age=30", "age 30 years"),
        ("amount>=2000", "amount at least 2,000 DM"),
        ("housing=own|rent", "housing rent or own"),
        ("employed for=unemployed;dependents=2", "employed for unemployed and dependents 2"),
        ("", ""),
    ],
)
def test_a_filter_says_what_it_means(german_table: Table, text: str, words: str) -> None:
    assert conditions_in_words(conditions_of(text, german_table.schema), german_table.schema) == words


@pytest.mark.parametrize("text", ["age<=30", "age>=20;age<=30", "age=30", "housing=rent|own", "dependents=2", ""])
def test_a_filter_comes_back_as_it_was(german_table: Table, text: str) -> None:
    assert text_of_conditions(conditions_of(text, german_table.schema)) == text


def test_names_may_hold_what_separates(german_table: Table) -> None:
    first = german_table.schema.features[0]
    name = first.name
    feature = first.model_copy(update={"name": "a=b;c", "levels": ("x|y", "z"), "allowed": None})
    schema = german_table.schema.model_copy(update={"features": (feature,)})
    (condition,) = conditions_of(f"{escaped('a=b;c')}={escaped('x|y')}", schema)
    assert condition == Condition("a=b;c", levels=("x|y",)) and name != "a=b;c"
    assert conditions_of(text_of_conditions([condition]), schema) == (condition,)


@pytest.mark.parametrize(
    "text",
    ["height=3", "age", "age<30", "age<=old", "age>=30;age<=20", "housing=castle", "housing<=own", "=", "age=nan"],
)
def test_what_is_no_filter_is_refused(german_table: Table, text: str) -> None:
    with pytest.raises(ConfigError, match="who"):
        conditions_of(text, german_table.schema)


@pytest.mark.parametrize(
    "text", ["age<=30", "age>=25;age<=30;housing=rent", "employed for=unemployed|7 years or more", ""]
)
def test_rows_match_as_one_reads_each_person(german_table: Table, text: str) -> None:
    conditions = conditions_of(text, german_table.schema)
    rows = set(matching(german_table, conditions).tolist())
    for row, x in enumerate(german_table.test[0].numpy()):
        person = german_table.person(x)
        fits = all(
            person[one.feature] in one.levels if one.levels else one.low <= float(person[one.feature]) <= one.high
            for one in conditions
        )
        assert (row in rows) == fits
    assert text == "" or 0 < len(rows) < len(german_table.test[0])
    assert np.all(np.diff(matching(german_table, conditions)) > 0)
