"""Ready sets of rules for a table, and other rules as what differs from one, short enough for a link."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ctviz.data.numerals import number_in
from ctviz.data.rules import Link, Rule, Rules, locked
from ctviz.data.schema import EFFORTS, Feature, Schema
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError
from ctviz.prose import listed

MOST_TEXT = 8_000
"""Characters of a text of rules."""


@dataclass(frozen=True)
class RuleSet:
    """Rules under a name: ``title`` and ``help``, one sentence or two, are what people read."""

    name: str
    title: str
    help: str
    rules: Rules


def rule_sets(table: Table) -> tuple[RuleSet, ...]:
    """The ready sets of a table, the usual one first: ``realistic``, ``law``, ``anything``."""
    protected = f"lock {listed(table.protected)}" if table.protected else "protect nothing here, so that all is free"
    return (
        RuleSet(
            "realistic",
            "Realistic",
            "The usual rules of this table: some features stay, others only rise, only fall or reach some levels.",
            table.rules,
        ),
        RuleSet(
            "law",
            "Law",
            f"Laws against discrimination {protected}. Everything else may change.",
            Rules(rules=locked(table.protected)),
        ),
        RuleSet(
            "anything",
            "Anything goes",
            "Every feature may change in both directions. Levels that never occur together in the data stay apart.",
            Rules(),
        ),
    )


# -- differences ---------------------------------------------------------------------------------------


def differing(rules: Rules, base: Rules) -> tuple[str, ...]:
    """The features whose rules differ from those in ``base``, in the order of the alphabet.

    Links and unseen pairs, which belong to no single feature, are left out.
    """
    names = {rule.feature for rule in (*rules.rules, *base.rules)}
    return tuple(sorted(name for name in names if rules.of(name) != base.of(name)))


def same(rules: Rules, other: Rules) -> bool:
    """Whether two rules mean the same; the order of features and links does not matter."""
    links = set(rules.links) == set(other.links)
    return links and rules.unseen_pairs == other.unseen_pairs and not differing(rules, other)


# -- as a text -----------------------------------------------------------------------------------------

# age:up,low=30,difficulty=4;job:free,levels=clerk|nurse;*pairs:allowed;*links:age>education>1
# What separates is written %XX within names and levels.
_SEPARATORS = re.compile(r"[%;:,=|*>\x00-\x1f]")
_LINKS, _PAIRS = "*links", "*pairs"


def to_text(rules: Rules, base: Rules) -> str:
    """What differs from ``base``, for a link; empty where nothing does. The same rules give the same text.

    Raises:
        ConfigError: rules that take more than ``MOST_TEXT`` characters.
    """
    parts = [_rule_text(rules.of(name)) for name in differing(rules, base)]
    if rules.unseen_pairs != base.unseen_pairs:
        parts.append(f"{_PAIRS}:{rules.unseen_pairs}")
    if set(rules.links) != set(base.links):
        parts.append(f"{_LINKS}:{'|'.join(sorted(map(_link_text, rules.links)))}")
    return _short_enough(";".join(parts))


def of_text(text: str, base: Rules, schema: Schema) -> Rules:
    """The rules that differ from ``base`` as ``to_text`` has written.

    Raises:
        ConfigError: a text that says nothing, or rules that the schema does not allow.
    """
    values: dict[str, Any] = {name: getattr(base, name) for name in Rules.model_fields}
    told: set[str] = set()
    for part in _short_enough(text).split(";") if text else ():
        name, _, said = part.partition(":")
        if name in told:
            raise ConfigError("rules", part, "each feature once")
        told.add(name)
        if name == _PAIRS:
            values["unseen_pairs"] = said
        elif name == _LINKS:
            values["links"] = tuple(map(_link, said.split("|"))) if said else ()
        else:
            rule = _rule(unquote(name), said, schema)
            values["rules"] = (*(one for one in values["rules"] if one.feature != rule.feature), rule)
    rules = Rules(**values)
    rules.on(schema)  # says what does not fit
    return rules if told else base


def _short_enough(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise ConfigError("rules", text, f"rules that take at most {MOST_TEXT:,} characters")
    return text


def _rule_text(rule: Rule) -> str:
    ends = {name: value for name, value in (("low", rule.low), ("high", rule.high)) if value is not None}
    values = {name: _escaped(value) if isinstance(value, str) else _digits(value) for name, value in ends.items()}
    if rule.step is not None:
        values["step"] = _digits(rule.step)
    if rule.effort is not None:
        values["difficulty"] = str(rule.effort)
    if rule.levels:
        values["levels"] = "|".join(map(_escaped, rule.levels))
    return f"{_escaped(rule.feature)}:{','.join([rule.change, *(f'{name}={said}' for name, said in values.items())])}"


def _link_text(link: Link) -> str:
    return f"{_escaped(link.feature)}>{_escaped(link.follows)}>{_digits(link.least)}"


def _rule(name: str, said: str, schema: Schema) -> Rule:
    if name not in schema.names:
        raise ConfigError("rules", name, f"one of {', '.join(schema.names)}, each with its rule")
    feature = schema.features[schema.names.index(name)]
    change, *parts = said.split(",")
    values: dict[str, Any] = {"change": change}
    for part in parts:
        key, _, value = part.partition("=")
        if key not in _VALUES or _VALUES[key] in values:
            raise ConfigError(f"rules.{name}", part, f"{', '.join(_VALUES)}, each once, as in low=30")
        values[_VALUES[key]] = _value(key, value, feature)
    try:
        return Rule(feature=name, **values)
    except ConfigError as error:
        raise ConfigError(f"rules.{name}.{error.field}", error.value, error.allowed) from None


_VALUES: Mapping[str, str] = {
    "low": "low", "high": "high", "step": "step", "difficulty": "effort", "levels": "levels",
}  # fmt: skip
"""What a text calls the values of a rule → their fields."""


def _value(key: str, said: str, feature: Feature) -> Any:
    if key == "levels":
        return tuple(map(unquote, said.split("|")))
    if key == "difficulty":
        if not re.fullmatch(rf"[1-{len(EFFORTS)}]", said):
            raise ConfigError(f"rules.{feature.name}.{key}", said, f"1 (easy) to {len(EFFORTS)} (hard)")
        return int(said)
    if key != "step" and feature.kind == "ordered":
        return unquote(said)
    return _number(f"rules.{feature.name}.{key}", said)


def _link(said: str) -> Link:
    parts = said.split(">")
    if len(parts) != 3:
        raise ConfigError("rules.links", said, "two features and a number, as in age>education>1")
    return Link(feature=unquote(parts[0]), follows=unquote(parts[1]), least=_number("rules.links", parts[2]))


def _number(field: str, said: str) -> float:
    found = number_in(said)
    if not math.isfinite(found):
        raise ConfigError(field, said, "a number")
    return found


def _digits(value: float) -> str:
    """The shortest digits that give the same number."""
    return repr(float(value)).removesuffix(".0")


def _escaped(name: str) -> str:
    return _SEPARATORS.sub(lambda found: f"%{ord(found[0]):02X}", name)
