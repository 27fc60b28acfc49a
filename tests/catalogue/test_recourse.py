"""The headline for one person: each case in words, and no word that the numbers do not bear."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctviz.catalogue.recourse import headline, rules_model_sentence, rules_sentences
from ctviz.data.display import DisplayScale
from ctviz.data.rules import Link, Rule, Rules
from ctviz.data.schema import Feature, Schema
from ctviz.experiments.advice import AdvisedRelease
from tests.figures.recourse.plans import GAIN, HOURS, SCHOOL, WORK, advised, model, planned

STEADY = replace(HOURS, with_less=0.6)
LONGER = replace(STEADY, after=50, texts=("38", "50 hours"))
ELSEWHERE = replace(WORK, after="farm", texts=("sales", "farm"))
AGE = replace(STEADY, feature="age", texts=("39", "41 years"))

ACCEPTS = "accepts this person as they are"
PROVED = "under these rules, and that is proved."


def pair(first, second, **others):
    """What is said of a conventional plan and one of counterfactual training; a word in place of a plan: an outcome."""
    models = [
        model(plan, counterfactual=trained)
        if not isinstance(plan, str)
        else model(counterfactual=trained, outcome=plan)
        for plan, trained in ((first, False), (second, True))
    ]
    return headline(advised(*models, **others))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            planned(STEADY),
            planned(STEADY),
            "Both models ask for the same plan: to raise hours per week from 38 to 45 hours.",
        ),
        (
            planned(STEADY, distance=4.0),
            planned(STEADY, SCHOOL, effort=2.4, distance=2.0),
            "Both models ask to raise hours per week; counterfactual training also to raise education. Its plan is "
            "nearer to a real accepted person, but takes 20 % more effort.",
        ),
        (
            planned(STEADY, WORK, effort=3.0, distance=2.0),
            planned(STEADY, effort=1.5, distance=2.001),
            "Both models ask to raise hours per week; conventional training also to change work. The plan of "
            "counterfactual training takes 50 % less effort and is about as near to a real accepted person.",
        ),
        (
            planned(STEADY, WORK, distance=2.0),
            planned(STEADY, SCHOOL, distance=1.0),
            "Both models ask to raise hours per week; conventional training also to change work, counterfactual "
            "training also to raise education. Its plan is nearer to a real accepted person, for about as much effort.",
        ),
        (
            planned(WORK, distance=1.0, effort=1.0),
            planned(SCHOOL, distance=1.5, effort=2.3),
            "Conventional training asks to change work, counterfactual training to raise education. The plan of "
            "counterfactual training is farther from any real accepted person and takes 2.3 times the effort.",
        ),
        (
            planned(WORK, distance=1.0, effort=2.0),
            planned(SCHOOL, distance=1.5, effort=1.0),
            "Conventional training asks to change work, counterfactual training to raise education. The plan of "
            "counterfactual training takes 50 % less effort, but is farther from any real accepted person.",
        ),
        (
            planned(STEADY, distance=2.0, effort=2.0),
            planned(LONGER, distance=1.0, effort=1.0),
            "Both models ask to raise hours per week: to 50 hours with counterfactual training, to 45 "
            "hours with conventional training. The plan of counterfactual training is nearer to a real accepted person "
            "and takes 50 % less effort.",
        ),
        (
            planned(STEADY, WORK),
            planned(LONGER, ELSEWHERE),
            "Both models ask to raise hours per week and change work; the values differ. The "
            "two plans take about as much effort and are about as near to a real accepted person.",
        ),
        (
            planned(STEADY, AGE, WORK, SCHOOL),
            planned(STEADY, AGE, WORK, SCHOOL),
            "Both models ask for the same plan: 4 changes, the largest to raise hours per week.",
        ),
        ("accepted", "accepted", "Both models accept this person as they are: there is nothing to change."),
        (
            planned(STEADY),
            "accepted",
            f"Counterfactual training {ACCEPTS}; conventional training asks to raise hours per week.",
        ),
        ("accepted", planned(WORK), f"Conventional training {ACCEPTS}; counterfactual training asks to change work."),
        ("none", "accepted", f"Counterfactual training {ACCEPTS}. Conventional training has no plan {PROVED}"),
        (
            "accepted",
            "unknown",
            f"Conventional training {ACCEPTS}. Of counterfactual training none was found, which does not prove that "
            "there is none.",
        ),
        (
            "none",
            planned(WORK),
            "Only counterfactual training has a plan for this person: to change work. Conventional training has no "
            f"plan {PROVED}",
        ),
        (
            planned(WORK),
            "unknown",
            "Only conventional training has a plan for this person: to change work. Of counterfactual training none "
            "was found, which does not prove that there is none.",
        ),
        ("none", "none", f"Neither model has a plan for this person {PROVED}"),
        (
            "unknown",
            "unknown",
            "Neither model has a plan that was found for this person; that there is none is not proved.",
        ),
        (
            "none",
            "unknown",
            "For this person no plan of either model was found. Of conventional training it is proved that there is "
            "none under these rules.",
        ),
    ],
)  # fmt: skip
def test_every_case(first, second, said):
    assert pair(first, second) == said


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("none asked", "none asked", "That there are no cheaper plans is not proved."),
        ("optimal", "none asked", "That counterfactual training has no cheaper plan is not proved."),
        ("feasible", "optimal", "That conventional training has no cheaper plan is not proved."),
    ],
)
def test_what_is_not_proved_is_said(first, second, said):
    plans = [planned(STEADY, proof=proof, bound=2.0 if proof == "optimal" else 1.0) for proof in (first, second)]
    assert pair(*plans).endswith(f"hours. {said}")
    assert pair(plans[0], "accepted").endswith("cheaper plan is not proved.") == (first != "optimal")


def test_a_slip_is_said_where_all_is_proved():
    sound, void = planned(STEADY), planned(HOURS)
    short = " A change that falls a tenth short can still mean a refusal"
    assert pair(void, void).endswith(f"{short}, with either plan.")
    for plans, which in (((void, sound), "conventional"), ((sound, void), "counterfactual")):
        assert pair(*plans).endswith(f"{short} with the plan of {which} training, not with the other.")
    assert "tenth" not in pair(sound, sound) and pair(void, "accepted").endswith("mean a refusal.")
    assert "tenth" not in pair(planned(HOURS, proof="none asked", bound=0.0), void)


def test_models_are_compared_by_the_cheapest_plans_that_are_known():
    dear = planned(STEADY, proof="feasible", bound=1.0, distance=2.0)
    asked = advised(model(dear, planned(WORK, effort=3.0)), model(planned(SCHOOL, distance=2.0), counterfactual=True))
    cheap = planned(WORK, effort=1.0, distance=2.0)
    twice = "that of counterfactual training takes twice the effort and is about as near to a real accepted person."
    assert headline(asked, cheaper={"vanilla": cheap}).endswith(
        f"A cheaper plan of conventional training is known; compared with it, {twice}"
    )
    assert headline(asked, cheaper={"vanilla": cheap, "full": replace(cheap, effort=0.9)}).endswith(
        "Cheaper plans of both are known; compared with that of conventional training, that of counterfactual training "
        "takes 10 % less effort and is about as near to a real accepted person."
    )
    assert "A cheaper plan of counterfactual training is known; compared with that of" in headline(
        asked, cheaper={"full": cheap}
    )
    # Of other plans than the first, the first is the cheaper one.
    assert headline(asked, plan=1).endswith(
        "A cheaper plan of conventional training is known; the cheapest two take about as much effort and are about as "
        "near to a real accepted person."
    )
    alone = advised(model(dear), model(counterfactual=True))
    assert headline(alone, cheaper={"vanilla": cheap}).endswith("A cheaper plan of conventional training is known.")
    same = advised(model(dear), model(dear, counterfactual=True))
    assert "the same plan" in headline(same) and "known" not in headline(same)
    assert "takes twice the effort" in headline(same, cheaper={"vanilla": cheap})


@pytest.mark.parametrize(
    ("second", "third", "said"),
    [
        (planned(STEADY), planned(STEADY), "Trained with the rules too, the model asks for the same plan."),
        (
            planned(STEADY, effort=2.0, distance=2.0),
            planned(STEADY, SCHOOL, effort=2.4, distance=1.0),
            "Trained with the rules too, the model asks to raise hours per week and education. Compared with the plan "
            "without them, this one is nearer to a real accepted person, but takes 20 % more effort.",
        ),
        (planned(STEADY), planned(LONGER), "too, the model asks for the same changes with other values. "),
        (planned(STEADY), "accepted", f"Trained with the rules too, the model {ACCEPTS}."),
        ("accepted", planned(STEADY), "Trained with the rules too, the model asks to raise hours per week."),
        (planned(STEADY), "none", f"Counterfactual training with rules has no plan {PROVED}"),
    ],
)
def test_a_model_that_was_trained_with_the_rules_has_a_sentence_of_its_own(second, third, said):
    models = [
        replace(
            model(counterfactual=True, outcome=one) if isinstance(one, str) else model(one, counterfactual=True),
            arm=arm,
        )
        for one, arm in ((second, "second"), (third, "third"))
    ]
    advice = advised(replace(model(planned(STEADY)), arm="first"), models[0], replace(models[1], with_rules=True))
    assert said in rules_model_sentence(advice, ("first", "second", "third"))
    assert not rules_model_sentence(advice, ("first", "second"))


def test_locks_in_the_way():
    age, both = AdvisedRelease(("age",), True, planned(AGE)), AdvisedRelease(("age", "work"), True, planned(AGE))
    none = [model(counterfactual=trained, outcome="none", release=age) for trained in (False, True)]
    assert headline(advised(*none)).endswith("Releasing age would give one of each.")
    apart = advised(none[0], replace(none[1], release=both))
    assert headline(apart).endswith(
        " Releasing age would give one of conventional training, releasing age and work would give one of "
        "counterfactual training."
    )
    one = advised(none[0], replace(none[1], release=AdvisedRelease((), True, None)))
    assert headline(one).endswith("Releasing age would give one of conventional training.")
    assert headline(advised(none[0], model(counterfactual=True))).endswith("is proved. Releasing age would give one.")
    assert "Releasing" not in headline(advised(replace(none[0], release=None), model(planned(WORK))))


def test_which_models_and_which_plan():
    rules = replace(model(planned(WORK), counterfactual=True), arm="full rules")
    three = advised(model(planned(STEADY)), model(planned(SCHOOL), planned(GAIN), counterfactual=True), rules)
    assert headline(three).startswith(
        "Conventional training asks to raise hours per week, counterfactual training to r"
    )
    assert "counterfactual training to change work" in headline(three, ("vanilla", "full rules"))
    assert "(full) asks to raise education, counterfactual training (full rules) to" in headline(
        three, ("full", "full rules")
    )
    assert "counterfactual training to lower capital gain" in headline(three, plan=1)
    assert headline(advised(model(planned(STEADY)))) == "Conventional training asks to raise hours per week."
    assert "there is nothing to change" in headline(advised(model()))


@given(st.floats(0.1, 20), st.floats(0.1, 20), st.floats(0.1, 20), st.floats(0.1, 20))
def test_no_side_is_taken_that_the_numbers_do_not_bear(effort, other_effort, distance, other_distance):
    said = pair(
        planned(WORK, effort=effort, distance=distance), planned(SCHOOL, effort=other_effort, distance=other_distance)
    )
    dearer, farther = (100 * (o - e) / e for o, e in ((other_effort, effort), (other_distance, distance)))
    assert ("less effort" in said) == (dearer <= -1) and ("nearer" in said) == (farther <= -1)
    assert ("more effort" in said or "times the effort" in said or "twice the effort" in said) == (dearer >= 1)
    assert ("farther" in said) == (farther >= 1)
    assert ("as much effort" in said) == (abs(dearer) < 1) and ("about as near" in said) == (abs(farther) < 1)
    assert (", but" in said) == (min(dearer, farther) <= -1 and max(dearer, farther) >= 1)


# -- the rules --------------------------------------------------------------------------------------------

YEARS = DisplayScale(unit="years", step=1)
SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", domain=(0, 90), display=YEARS),
        Feature(name="school", kind="ordered", levels=("school", "bachelor", "master"), domain=(0, 2), effort=4),
        Feature(name="work", kind="category", levels=("sales", "office", "farm")),
        Feature(name="home", kind="category", levels=("rent", "own"), effort=5),
        Feature(name="hours", kind="integer", domain=(1, 99), display=DisplayScale(step=1), effort=1),
    )
)


def test_rules_are_told_once_each():
    rules = Rules(
        rules=(
            Rule(feature="age", change="up"),
            Rule(feature="school", change="up"),
            Rule(feature="work", levels=("sales", "farm")),
            Rule(feature="home", change="locked"),
        ),
        links=(Link(feature="age", follows="school", least=1.5), Link(feature="school", follows="age", least=1)),
    )
    said = rules_sentences(rules, SCHEMA)
    assert said[:2] == ["Locked: home.", "Only up: age and school."]
    assert said[2].startswith("Work: only to ") and "sales" in said[2] and "office" not in said[2]
    assert said[3:] == [
        "Free to change: hours.",
        "Whoever raises school by one is at least 1.5 more in age.",
        "Whoever raises age by one is at least 1 more in school.",
        "Counted as very easy: hours.",
        "Counted as hard: school.",
        "Levels that never occur together in the data stay apart.",
    ]


def test_rules_that_leave_all_open():
    said = rules_sentences(Rules(unseen_pairs="allowed"), SCHEMA)
    assert said[0] == "Free to change: age, school, work, home and hours."
    assert not any("apart" in one for one in said)
    hours, age = Rule(feature="hours", low=20, high=40, effort=5), Rule(feature="age", change="down", low=18)
    told = rules_sentences(Rules(rules=(hours, age)), SCHEMA)
    assert "Hours: from 20 to 40, very hard to change." in told and "Age: only down, at least 18 years." in told
    assert not any("hours" in one for one in told if one.startswith("Counted"))
