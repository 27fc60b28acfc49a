"""What names of columns tell: what only rises, what stays, what the law protects, in several spellings."""

from __future__ import annotations

import pytest

from ctviz.data.rules import Rules
from ctviz.data.schema import Feature
from ctviz.data.tables.names import protected_features, protected_note, rules_note, usual_rules

LEVELS = ("a", "b")


def feature(name: str, kind: str = "number") -> Feature:
    return Feature(name=name, kind=kind, levels=LEVELS if kind in ("category", "ordered") else ())


@pytest.mark.parametrize("name", ["age", "AGE", "Age (years)", "applicant_age", "ageInYears", "Age of the customer"])
def test_age_may_only_rise(name):
    assert usual_rules([feature(name)]).named("up") == (name,) == protected_features([feature(name)])
    assert usual_rules([feature(name, "category")]).named("locked") == (name,)


@pytest.mark.parametrize(
    "name",
    ["Sex", "GENDER", "isMale", "race", "Ethnic_Group", "nationality", "Country of birth", "country-of-birth",
     "nativeCountry", "maritalStatus", "MARITAL_STATUS", "marital-status", "Religion", "disability", "is_disabled",
     "Date of Birth", "foreign worker"],
)  # fmt: skip
def test_what_the_law_protects_is_locked(name):
    for kind in ("category", "number"):
        assert (
            usual_rules([feature(name, kind)]).named("locked") == (name,) == protected_features([feature(name, kind)])
        )


@pytest.mark.parametrize(
    "name", ["education", "Education_Level", "education-num", "years of schooling", "workExperience"]
)
def test_education_may_only_rise_where_it_has_an_order(name):
    for kind in ("number", "integer", "ordered"):
        assert usual_rules([feature(name, kind)]).named("up") == (name,)
    assert usual_rules([feature(name, "category")]) == Rules()
    assert protected_features([feature(name)]) == ()


@pytest.mark.parametrize(
    "name", ["income", "house age", "average", "stage", "race time", "x1", "country", "sexton", "age of car", "…", ""]
)
def test_other_names_tell_nothing(name):
    assert usual_rules([feature(name)]) == Rules() and protected_features([feature(name)]) == ()


def test_what_was_guessed_is_told_in_a_sentence():
    features = [feature("age"), feature("education"), feature("sex", "category"), feature("children"), feature("wage")]
    rules, protected = usual_rules(features), protected_features(features)
    assert protected == ("age", "sex")
    assert rules_note(rules) == (
        "By the names of columns, age and education may only rise, and sex and children are locked; rules of your own "
        "replace this."
    )
    assert protected_note(protected) == "By the names of columns, the law protects age and sex."
    assert rules_note(usual_rules(features[2:3])).startswith("By the names of columns, sex is locked;")
    assert rules_note(Rules()) == "" == protected_note(())
