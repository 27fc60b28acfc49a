"""Rules in words: what may change of one feature, and in what rules differ from a ready set."""

from __future__ import annotations

from ctviz.data.people import text_of
from ctviz.data.rule_sets import RuleSet, differing
from ctviz.data.rules import End, Link, Rule, Rules
from ctviz.data.schema import Feature, Schema
from ctviz.prose import listed, number, quoted

CHANGES = {"free": "free", "up": "only up", "down": "only down", "locked": "locked"}
"""Change → what it is called."""

DIFFICULTIES = {1: "very easy", 2: "easy", 3: "usual", 4: "hard", 5: "very hard"}
"""Level of effort → what it is called."""


def rule_words(rule: Rule, feature: Feature) -> str:
    """What a rule says: ``only up, at most 60 hours, hard to change``; ``free`` where it leaves everything open."""
    parts = [CHANGES[rule.change], range_words(rule, feature)]
    if rule.levels:
        parts.append(f"only to {listed(quoted(rule.levels, ' to ', ' or ', ', '), 'or')}")
    if rule.step is not None:
        parts.append(f"in steps of {text_of(feature, rule.step)}")
    if rule.effort is not None:
        parts.append(f"{DIFFICULTIES[rule.effort]} to change" if rule.effort != 3 else "of usual difficulty")
    return ", ".join(part for part in parts if part)


def range_words(rule: Rule, feature: Feature) -> str:
    """The range of a rule: ``from 20 to 40 hours``, ``at least 20 hours``; empty where it has none."""
    if rule.low is None and rule.high is None:
        return ""
    if rule.low is None:
        return f"at most {_end(rule.high, feature)}"
    if rule.high is None:
        return f"at least {_end(rule.low, feature)}"
    return f"from {_end(rule.low, feature, unit=False)} to {_end(rule.high, feature)}"


def _end(end: End, feature: Feature, unit: bool = True) -> str:
    if isinstance(end, str) or end is None:
        return str(end)
    return text_of(feature, feature.text_of(end) if feature.kind == "ordered" else end, unit)


def rules_words(rules: Rules, base: RuleSet, schema: Schema) -> str:
    """The ready set, and what differs from it: ``Realistic, but age locked and savings free``."""
    changed = [
        f"{name} {rule_words(rules.of(name), schema.features[schema.names.index(name)])}"
        for name in differing(rules, base.rules)
    ]
    if rules.unseen_pairs != base.rules.unseen_pairs:
        kept = rules.unseen_pairs == "excluded"
        changed.append(f"levels that never occur together {'kept apart' if kept else 'allowed together'}")
    if not changed:
        return base.title
    several = ", and ".join(changed) if any(", " in part for part in changed) else listed(changed)
    return f"{base.title}, but {several}"


def link_sentence(link: Link) -> str:
    """What a link says, in the units of both: ``Whoever raises education by one is at least 1 more in age.``"""
    return (
        f"Whoever raises {link.follows} by one is at least {number(link.least, 3, trim=True)} more in {link.feature}."
    )


def difficulty_words(effort: int) -> str:
    """A level of effort as it is chosen: ``4, hard``."""
    return f"{effort}, {DIFFICULTIES[effort]}"
