"""Rules in people's terms: what may change in a plan, in which direction, how far, in which steps, how hard it is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field, model_validator

from ctviz.data.schema import EFFORTS, Feature, Range, Schema
from ctviz.errors import ConfigError
from ctviz.settings import Document, Settings

Change = Literal["free", "up", "down", "locked"]

End = float | str | None
"""An end of a range: a number as people read it, one of the ordered levels, or None where there is none."""

MOST_LEAST = 1e6
"""The most of a link: a solver that adds numbers of very different sizes proves nothing."""

FINEST = 1e-9
"""The smallest step, as a share of the largest value of the data: below it, floats cannot tell two steps apart."""


class Rule(Settings):
    """What holds for one feature. Numbers are those that people read, in the unit of ``Feature.display``.

    Attributes:
        feature: its name.
        change: whether it may change freely, only upwards, only downwards, or not at all.
        low, high: the least and the greatest value; of ordered levels their names.
        levels: of a category those to which it may change; empty: as the data set has it.
        step: a plan chooses multiples of it; None: as the data set has it.
        effort: its difficulty, 1 (easy) to 5 (hard); None: as the data set has it.
    """

    feature: str = Field(min_length=1)
    change: Change = "free"
    low: End = None
    high: End = None
    levels: tuple[str, ...] = ()
    step: float | None = Field(None, gt=0)
    effort: int | None = Field(None, ge=1, le=len(EFFORTS), title="difficulty")

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        moves = [name for name in ("low", "high", "step") if getattr(self, name) is not None]
        if self.change == "locked" and (moves or self.levels):
            first = (*moves, "levels")[0]
            raise ConfigError(first, getattr(self, first), f"none for {self.feature}, which is locked")
        return self


class Link(Settings):
    """Two features that go together: where ``follows`` rises by n, ``feature`` rises by ``least`` · n or more.

    Both in the units that people read; of ordered levels, n is the number of levels. An example: whoever has another
    year of education is a year older.
    """

    feature: str = Field(min_length=1)
    follows: str = Field(min_length=1)
    least: float = Field(1.0, gt=0, le=MOST_LEAST)


@lru_cache(4096)
def plain_rule(feature: str, change: Change = "free") -> Rule:
    """The rule that says nothing else of a feature; pages ask for it hundreds of times in a rerun."""
    return Rule(feature=feature, change=change)


class Rules(Document):
    """The rules of a person's plan. A feature without a rule is free.

    ``unseen_pairs``: whether a plan may hold two levels of two categories that never occur together in the data and
    do not both belong to the person already.
    """

    called = "rules"

    rules: tuple[Rule, ...] = ()
    links: tuple[Link, ...] = ()
    unseen_pairs: Literal["excluded", "allowed"] = "excluded"

    @model_validator(mode="after")
    def _one_for_each_feature(self) -> Rules:
        names = [rule.feature for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError("rules", name, "one rule for each feature")
        return self

    def of(self, feature: str) -> Rule:
        """The rule of a feature; one that leaves it free where it has none."""
        found = next((rule for rule in self.rules if rule.feature == feature), None)
        return plain_rule(feature) if found is None else found

    def changed(self, feature: str, **values: Any) -> Rules:
        """A copy with some values of a feature's rule changed; ``change="locked"`` drops its range, levels and step."""
        kept = self.of(feature).model_dump()
        if values.get("change") == "locked":
            kept |= {"low": None, "high": None, "levels": (), "step": None}
        rule = Rule(**{**kept, **values})
        others = tuple(one for one in self.rules if one.feature != feature)
        return Rules(rules=(*others, rule), links=self.links, unseen_pairs=self.unseen_pairs)

    def locking(self, *features: str) -> Rules:
        """A copy with these features locked."""
        rules = self
        for feature in features:
            rules = rules.changed(feature, change="locked")
        return rules

    def freeing(self, *features: str) -> Rules:
        """A copy in which these features are free to change in both directions."""
        rules = self
        for feature in features:
            rules = rules.changed(feature, change="free")
        return rules

    def named(self, *changes: Change) -> tuple[str, ...]:
        """The features that have one of these rules: what the constraints of an arm name."""
        return tuple(rule.feature for rule in self.rules if rule.change in changes)

    def on(self, schema: Schema) -> Schema:
        """The schema with mutability, domain, step, levels and effort of each feature as the rules say.

        Raises:
            ConfigError: a feature that there is not, or a rule that it cannot have; the field is ``rules.FEATURE.…``.
        """
        for link in self.links:
            _check_link(link, schema)
        for rule in self.rules:
            _check(rule, _feature(rule.feature, schema))
        ranges = [one for rule in self.rules if (one := _range(rule, _feature(rule.feature, schema)))]
        found = schema.constrain(self.named("locked"), self.named("up"), self.named("down"), ranges)
        changed = {rule.feature: _changes(rule) for rule in self.rules}
        features = tuple(f.model_copy(update=changed.get(f.name, {})) for f in found.features)
        return Schema(features=features, grid=schema.grid)


def _feature(name: str, schema: Schema) -> Feature:
    if name not in schema.names:
        raise ConfigError("rules", name, f"one of {', '.join(schema.names)}")
    return schema.features[schema.names.index(name)]


def _check(rule: Rule, feature: Feature) -> None:
    name = f"rules.{rule.feature}"
    if feature.kind == "category" and rule.change in ("up", "down"):
        raise ConfigError(f"{name}.change", rule.change, "free or locked, for a category without an order")
    if rule.levels and feature.kind != "category":
        raise ConfigError(f"{name}.levels", rule.levels, "none, for what is no category")
    if not set(rule.levels) <= set(feature.levels):
        raise ConfigError(f"{name}.levels", rule.levels, f"some of {', '.join(feature.levels)}")
    if rule.step is not None and feature.levels:
        raise ConfigError(f"{name}.step", rule.step, "none for levels; only numbers have one")
    if rule.step is not None and feature.kind == "integer" and rule.step != round(rule.step):
        raise ConfigError(f"{name}.step", rule.step, "a whole number, for integers")
    finest = 0.0 if feature.levels else FINEST * max(map(abs, feature.shown_domain))
    if rule.step is not None and math.isfinite(finest) and rule.step < finest:
        raise ConfigError(f"{name}.step", rule.step, f"{finest:.2g} or more")


def _check_link(link: Link, schema: Schema) -> None:
    for field in ("feature", "follows"):
        if _feature(getattr(link, field), schema).kind == "category":
            raise ConfigError(f"links.{field}", getattr(link, field), "a number or ordered levels, for a link")
    if link.feature == link.follows:
        raise ConfigError("links.follows", link.follows, f"a feature other than {link.feature}")


def _changes(rule: Rule) -> dict[str, object]:
    given = {"step": rule.step, "allowed": rule.levels or None, "effort": rule.effort}
    return {name: value for name, value in given.items() if value is not None}


def _range(rule: Rule, feature: Feature) -> Range | None:
    """The range of a rule in units of the feature's column."""
    if rule.low is None and rule.high is None:
        return None
    name = f"rules.{rule.feature}"
    if feature.kind == "category":
        raise ConfigError(f"{name}.low", rule.low, "none for a category, which has no order; name its levels")
    low, high = (_shown(end, feature, name) for end in (rule.low, rule.high))
    least, most = feature.shown_domain
    text = f"from {feature.text_of(least)} to {feature.text_of(most)}"
    if low is not None and high is not None and not low < high:
        raise ConfigError(f"{name}.low", rule.low, f"a value below {rule.high}, the highest")
    for field, end, outside in (
        ("low", low, low is not None and low > most),
        ("high", high, high is not None and high < least),
    ):
        if outside:
            raise ConfigError(f"{name}.{field}", end, f"a value {text}, as in the data")
    step = rule.step or feature.spacing
    if step is not None:
        first, last = (least if low is None else max(low, least)), (most if high is None else min(high, most))
        if math.ceil(first / step - 1e-9) > math.floor(last / step + 1e-9):
            raise ConfigError(f"{name}.low", rule.low, f"a range that holds a multiple of the step, {step:g}")
    ends = [None if end is None else feature.display.of_shown(end) for end in (low, high)]
    return (feature.name, ends[0], ends[1])


def _shown(end: End, feature: Feature, name: str) -> float | None:
    """An end as a number: ordered levels go by their ranks."""
    if end is None or (not isinstance(end, str) and feature.kind != "ordered"):
        return end
    if feature.kind != "ordered":
        raise ConfigError(name, end, f"a number, for {feature.name}")
    if end not in feature.levels:
        raise ConfigError(name, end, f"one of {', '.join(feature.levels)}")
    return float(feature.levels.index(str(end)))


def locked(features: Iterable[str]) -> tuple[Rule, ...]:
    """Rules that lock these features."""
    return tuple(Rule(feature=feature, change="locked") for feature in features)
