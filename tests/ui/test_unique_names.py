"""Names of a list that no two entries share."""

from __future__ import annotations

from ctviz.ui.kit.unique_names import apart


def test_a_name_that_nobody_else_has_stays_as_short_as_it_is() -> None:
    assert apart({"a": ["moons", "moons, 3 seeds"], "b": ["circles"]}) == {"a": "moons", "b": "circles"}
    assert apart({}) == {}


def test_entries_of_the_same_name_are_told_apart_by_more_words_and_at_last_by_their_keys() -> None:
    names = apart({"a": ["m", "m 1"], "b": ["m", "m 2"], "c": ["n", "n 1"], "d": ["n", "n 1"], "e": ["m 1"]})
    assert names == {"a": "m 1 · a", "b": "m 2", "c": "n 1 · c", "d": "n 1 · d", "e": "m 1"}
    assert len(set(names.values())) == len(names)
