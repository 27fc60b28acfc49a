"""The rules of the page: a ready set, and what somebody has changed of it; both are in the link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ctviz.catalogue.rules import rules_words
from ctviz.data.rule_sets import RuleSet, differing, of_text, rule_sets, to_text
from ctviz.data.rules import Rules
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError, shorten
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.recourse.recourse_view import RecourseView


@dataclass(frozen=True)
class RulesNow:
    """The rules that hold.

    Attributes:
        base: the ready set.
        rules: with what was changed.
        problem: why the link's changes are left out, a sentence.
    """

    base: RuleSet
    rules: Rules
    problem: str = ""

    @property
    def changed(self) -> tuple[str, ...]:
        """The features whose rules differ from those of the set."""
        return differing(self.rules, self.base.rules)

    def words(self, table: Table) -> str:
        """All of it in a phrase."""
        return rules_words(self.rules, self.base, table.schema)


def rules_now(view: RecourseView, table: Table) -> RulesNow:
    """The rules that the view names; those of the ready set alone where its changes are not possible."""
    base = next(one for one in rule_sets(table) if one.name == view.set)
    try:
        return RulesNow(base, of_text(view.rules, base.rules, table.schema))
    except ConfigError as error:
        said = f"In the link, {error.field} is {shorten(error.value)}; allowed: {error.allowed}."
        return RulesNow(base, base.rules, f"{said} So the rules are those of “{base.title}”.")


def put_rules(draft: Draft[RecourseView], table: Table, rules: Rules) -> None:
    """Takes these rules into the view; says beside the rules why they are not possible."""
    base = next(one for one in rule_sets(table) if one.name == draft.view.set)

    def text() -> str:
        rules.on(table.schema)
        return to_text(rules, base.rules)

    bind.change_view(draft, "rules", text, plan=0)


def change_rule(draft: Draft[RecourseView], table: Table, feature: str, **values: Any) -> None:
    """Changes some values of a feature's rule; freeing it again restores what the ready set says of it."""
    now = rules_now(draft.view, table)
    try:
        if values.get("change", "locked") != "locked" and now.rules.of(feature).change == "locked":
            usual = now.base.rules.of(feature)
            kept = {} if usual.change == "locked" else usual.model_dump(exclude={"feature", "change"})
            values = {**kept, **values}
        rules = now.rules.changed(feature, **values)
    except ConfigError as error:
        draft.refused["view.rules"] = f"{feature}: {error.value!r} is not possible; allowed: {error.allowed}."
        return
    put_rules(draft, table, rules)


def release(draft: Draft[RecourseView], table: Table, features: tuple[str, ...]) -> None:
    """Lets these features change in both directions, as the advice counts on where it names the locks in the way."""
    put_rules(draft, table, rules_now(draft.view, table).rules.freeing(*features))


def choose_set(draft: Draft[RecourseView], name: str) -> None:
    """Takes a ready set as it is."""
    draft.refused.pop("view.rules", None)
    draft.look(set=name, rules="", plan=0)
