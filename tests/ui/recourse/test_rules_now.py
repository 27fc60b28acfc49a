"""Rules of the page: the ready set, what was changed of it, and how it is taken back."""

from __future__ import annotations

import pytest

from ctviz.data.tables.table import Table
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.draft import Draft
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.rules_now import change_rule, choose_set, release, rules_now


@pytest.fixture
def table(german_table: Table) -> Table:
    return german_table


@pytest.fixture
def draft() -> Draft[RecourseView]:
    return Draft(Experiment.preset("german"), RecourseView(plan=2))


def test_a_change_goes_into_the_link_and_back_to_the_first_plan(draft, table) -> None:
    change_rule(draft, table, "duration", change="down")
    assert draft.view.rules == "duration:down" and draft.view.plan == 0
    assert rules_now(draft.view, table).changed == ("duration",)
    assert rules_now(draft.view, table).words(table) == "Realistic, but duration only down"
    change_rule(draft, table, "duration", change="free")
    assert draft.view.rules == ""


def test_a_feature_that_is_freed_has_the_usual_rule_again(draft, table) -> None:
    usual = rules_now(draft.view, table).rules.of("savings")
    change_rule(draft, table, "savings", change="locked")
    change_rule(draft, table, "savings", change="free")
    assert rules_now(draft.view, table).rules.of("savings") == usual and draft.view.rules == ""


def test_an_impossible_rule_is_refused_with_its_reason_and_the_one_before_holds(draft, table) -> None:
    change_rule(draft, table, "duration", low=30.0)
    change_rule(draft, table, "duration", high=10.0)
    assert draft.view.rules == "duration:free,low=30"
    assert "is not possible" in draft.refused["view.rules"]
    change_rule(draft, table, "duration", high=40.0)
    assert not draft.refused and draft.view.rules == "duration:free,low=30,high=40"


def test_what_is_released_may_change_in_both_directions(draft, table) -> None:
    release(draft, table, ("age", "purpose"))
    rules = rules_now(draft.view, table).rules
    assert {rules.of(name).change for name in ("age", "purpose")} == {"free"}


def test_a_ready_set_drops_all_changes(draft, table) -> None:
    change_rule(draft, table, "duration", change="locked")
    choose_set(draft, "law")
    now = rules_now(draft.view, table)
    assert draft.view.rules == "" and now.base.name == "law" and now.rules == now.base.rules
