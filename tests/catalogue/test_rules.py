"""Rules in words."""

from __future__ import annotations

import pytest

from ctviz.catalogue.rules import DIFFICULTIES, rule_words, rules_words
from ctviz.data.rule_sets import rule_sets
from ctviz.data.rules import Rule
from ctviz.data.schema import EFFORTS
from ctviz.data.tables.table import Table


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(feature="duration"), "free"),
        (Rule(feature="duration", change="locked"), "locked"),
        (Rule(feature="duration", change="down", low=6), "only down, at least 6 months"),
        (Rule(feature="duration", low=6, high=24), "free, from 6 to 24 months"),
        (Rule(feature="duration", effort=4), "free, hard to change"),
        (Rule(feature="amount", step=500), "free, in steps of 500 DM"),
        (Rule(feature="housing", levels=("own", "rent")), "free, only to own or rent"),
        (Rule(feature="account", levels=("below 0 DM", "0 to 200 DM")), "free, only to “below 0 DM” or “0 to 200 DM”"),
        (Rule(feature="employed for", change="up", high="4 to 7 years"), "only up, at most 4 to 7 years"),
        (Rule(feature="employed for", low=1), "free, at least below 1 year"),
    ],
)
def test_a_rule_says_what_it_allows(german_table: Table, rule: Rule, words: str) -> None:
    feature = german_table.schema.features[german_table.schema.names.index(rule.feature)]
    assert rule_words(rule, feature) == words


def test_rules_are_told_by_what_differs_from_the_set(german_table: Table) -> None:
    usual = rule_sets(german_table)[0]
    assert rules_words(usual.rules, usual, german_table.schema) == "Realistic"
    changed = usual.rules.locking("age").changed("duration", change="down")
    assert rules_words(changed, usual, german_table.schema) == "Realistic, but age locked and duration only down"
    apart = usual.rules.model_copy(update={"unseen_pairs": "allowed"})
    assert "allowed together" in rules_words(apart, usual, german_table.schema)


def test_every_level_of_effort_has_a_name() -> None:
    assert list(DIFFICULTIES) == list(range(1, len(EFFORTS) + 1))
