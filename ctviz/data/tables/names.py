"""What names of columns tell of people: what a plan may not ask for, what only rises, and what the law protects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ctviz.data.rules import Change, Rule, Rules
from ctviz.data.schema import Feature
from ctviz.prose import listed

_FILLERS = frozenset(
    (
        "a", "an", "the", "of", "in", "at", "is", "has", "his", "her", "their", "your", "applicant", "applicants",
        "borrower", "client", "customer", "employee", "person", "user",
    )
)  # fmt: skip
"""Words that say nothing of what a column holds: ``Age of applicant`` is an age."""


@dataclass(frozen=True)
class _Meaning:
    """Names that mean the same, in small letters and without fillers, and what follows of them.

    ``change``: what a plan may do; "up" holds for numbers and for levels with an order. ``else_locked``: whether a
    category without an order is locked then.
    """

    names: tuple[str, ...]
    change: Change = "locked"
    protected: bool = True
    else_locked: bool = True


_MEANINGS = (
    _Meaning(("age", "ages", "age years", "age yrs", "age group", "age band", "age class", "age range"), "up"),
    _Meaning(("date birth", "birth date", "birthdate", "birthday", "dob", "year birth", "birth year", "born")),
    _Meaning(("sex", "gender", "sex gender", "gender sex", "male", "female", "gender identity", "sexual orientation")),
    _Meaning(("race", "ethnicity", "ethnic group", "ethnic origin", "ethnic background", "race ethnicity", "ethnic")),
    _Meaning(("skin colour", "skin color", "caste", "tribe", "indigenous")),
    _Meaning(("nationality", "citizenship", "citizen", "national origin", "country citizenship")),
    _Meaning(("country birth", "birth country", "country origin", "origin country", "native country", "birthplace")),
    _Meaning(("place birth", "birth place", "foreign worker", "foreigner", "immigrant", "immigration status")),
    _Meaning(("native language", "mother tongue", "migration background")),
    _Meaning(("marital status", "marital", "marriage", "married", "civil status", "family status", "marriage status")),
    _Meaning(("relationship", "relationship status", "sex marital status", "personal status")),
    _Meaning(("religion", "faith", "creed", "denomination", "religious affiliation")),
    _Meaning(("disability", "disabled", "disability status", "handicap", "pregnant", "pregnancy", "veteran status")),
    _Meaning(
        (
            "education", "education level", "level education", "educational level", "education num", "education number",
            "education years", "years education", "years schooling", "schooling", "highest education",
            "educational attainment", "degree", "highest degree", "highest qualification", "qualification",
        ),
        "up", protected=False, else_locked=False,
    ),
    _Meaning(
        ("experience", "work experience", "years experience", "experience years", "professional experience"),
        "up", protected=False, else_locked=False,
    ),
    _Meaning(
        ("dependents", "dependants", "number dependents", "num dependents", "children", "number children"),
        protected=False,
    ),
)  # fmt: skip

_BY_NAME = {name.replace(" ", ""): meaning for meaning in _MEANINGS for name in meaning.names}


def usual_rules(features: Iterable[Feature]) -> Rules:
    """The usual rules that names of features tell; what they tell nothing of is free."""
    rules = []
    for feature in features:
        meaning = _BY_NAME.get(_bare(feature.name))
        if meaning is None:
            continue
        change: Change = meaning.change
        if feature.kind == "category" and change == "up":
            change = "locked" if meaning.else_locked else "free"
        if change != "free":
            rules.append(Rule(feature=feature.name, change=change))
    return Rules(rules=tuple(rules))


def protected_features(features: Iterable[Feature]) -> tuple[str, ...]:
    """The features that the law protects, as their names tell."""
    found = ((feature.name, _BY_NAME.get(_bare(feature.name))) for feature in features)
    return tuple(name for name, meaning in found if meaning is not None and meaning.protected)


def rules_note(rules: Rules) -> str:
    """What guessed rules say, a sentence; empty where they say nothing."""
    rising, locked = rules.named("up"), rules.named("locked")
    parts = [f"{listed(rising)} may only rise"] if rising else []
    if locked:
        parts.append(f"{listed(locked)} {'is' if len(locked) == 1 else 'are'} locked")
    return f"By the names of columns, {', and '.join(parts)}; rules of your own replace this." if parts else ""


def protected_note(protected: Iterable[str]) -> str:
    """Which features were guessed to be protected, a sentence; empty where none was."""
    names = listed(tuple(protected))
    return f"By the names of columns, the law protects {names}." if names else ""


def _bare(name: str) -> str:
    """A name in small letters without fillers, signs and spaces: of ``ApplicantAge_in_years`` ``ageyears``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.findall(r"[^\W_]+", apart.casefold())
    return "".join(word for word in words if word not in _FILLERS)
