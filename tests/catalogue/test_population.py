"""Advice for everyone in words: every sentence follows from the numbers, also where the gain is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ctviz.catalogue import population as words
from ctviz.experiments.groups import Grouping
from ctviz.experiments.population import METRICS, Drawn, Row
from ctviz.experiments.reliance import Proxy, Reliance, Spread
from tests.catalogue.everyone import ARMS, SURE, VALUES, made, rows, spread, three

# -- the headline --------------------------------------------------------------------------------------------


def test_a_gain_stands_with_its_price():
    assert words.headline(made()) == (
        "Counterfactual training's plans end 30 % nearer to people who were accepted (7 against 10), at the price of "
        "25 % more effort (5 against 4)."
    )


def test_two_measures_of_nearness_that_disagree_are_both_told():
    said = words.headline(
        made({**VALUES, "distance": (2.4, 2.4), "closer": (0.19, 0.17)}, {**SURE, "distance": 5.0, "closer": 0.01})
    )
    assert "about as near to people who were accepted (2.4 against 2.4)" in said
    assert (
        "On average 17 % of accepted people have no other one as near as that, with conventional training 19 %." in said
    )
    assert "to each other" not in words.headline(made())


def test_a_small_gain_is_told_in_more_digits():
    said = words.headline(made({**VALUES, "distance": (1.24, 1.16), "effort": (4.0, 4.0)}, {**SURE, "distance": 0.01}))
    assert "6.5 % nearer to people who were accepted (1.16 against 1.24)" in said
    assert "(1.2 against 1.16)" not in said


def test_a_loss_is_said_as_one():
    said = words.headline(made({**VALUES, "distance": (5.2, 9.8), "effort": (9.0, 41.5)}))
    assert said.startswith("Counterfactual training's plans are not nearer to accepted people but 88 % farther (9.8 ")
    assert "with 4.6 times the effort (41.5 against 9)" in said and "price" not in said


def test_no_clear_difference_is_said_as_none():
    chance = {**SURE, "distance": 5.0, "effort": 5.0, "closer": 0.5}
    said = words.headline(made({**VALUES, "distance": (2.24, 2.23), "effort": (4.1, 3.9)}, chance))
    assert "about as near" in said and "does not clearly differ" in said and "price" not in said
    easier = words.headline(made({**VALUES, "distance": (2.24, 2.23), "effort": (4.0, 3.0)}, {**chance, "effort": 0.1}))
    assert easier.endswith("Counterfactual training asks for 25 % less effort (3 against 4).")
    more = words.headline(made({**VALUES, "planned": (0.92, 1.0), "effort": (4.0, 4.0)}))
    assert "there is a plan for 100 % of the people, with conventional training for 92 %" in more


def test_fewer_plans_are_a_price_and_few_people_a_caveat():
    said = words.headline(made({**VALUES, "planned": (0.9, 0.8), "effort": (4.0, 4.0)}, n=40))
    assert "at the price of 10 points fewer people with a plan" in said and said.endswith("That rests on 40 people.")


def test_nobody_and_nothing():
    none = Drawn(np.zeros(0, dtype=np.int64), np.zeros((2, 0), dtype=bool), 10, (0, 0), 0)
    assert "nobody" in words.headline(made(drawn=none))
    half = np.array([[True] * 100 + [False] * 100, [False] * 100 + [True] * 100])
    assert "Nobody is refused by both" in words.headline(made(drawn=Drawn(np.arange(200), half, 300, (100, 100), 0)))
    nan = {**VALUES, "distance": (math.nan, math.nan)}
    assert words.headline(made(nan, n=1)).startswith("1 person has a plan with both models: too few to compare")
    assert words.headline(made(n=9)).startswith(
        "9 people have a plan with both models: too few to compare them, for at"
    )
    assert words.headline(made(n=10)).endswith("That rests on 10 people.")


# -- the rest ------------------------------------------------------------------------------------------------


def test_who_was_asked_is_told():
    assert words.asked_sentence(made()).startswith("All 200 (of 1,000 in the test data) whom both models refuse;")
    some = made(drawn=Drawn(np.arange(200), np.ones((2, 200), dtype=bool), 1000, (500, 400), 350))
    assert words.asked_sentence(some).startswith("200 people, drawn at random from the 350 (of 1,000")
    refused = np.ones((2, 200), dtype=bool)
    refused[0, :3] = False
    assert "3 more, whom one model alone refuses, are" in words.asked_sentence(
        made(drawn=Drawn(np.arange(200), refused, 1000, (500, 400), 350))
    )


def test_a_plan_that_does_not_hold_is_told():
    assert words.checked_sentence(made()) == (
        "All 400 plans hold as they are read, in rounded numbers, and break no rule."
    )
    valid = np.ones((2, 200), dtype=bool)
    valid[1, 7] = False
    assert words.checked_sentence(made(valid=valid)).startswith("1 of 400 plans do not hold")
    assert "no plan" in words.checked_sentence(made(found=np.zeros((2, 200), dtype=bool)))


def test_proofs_are_counted_and_their_gap_told():
    assert words.proofs_sentences(made()) == []
    bound, effort = np.full((2, 200), 2.0), np.full((2, 200), 2.0)
    bound[1, :5] = 1.0
    effort[0, :3], bound[0, :2], bound[0, 2] = np.nan, np.inf, 0.0
    said = words.proofs_sentences(made(bound=bound, effort=effort, proved=10, polished=np.full((2, 200), 2.2)))
    assert said == [
        "Proofs for 10 people, conventional training: all 7 plans are proved the cheapest; of 2 people it is proved "
        "that there is no plan; of 1 it is open whether there is one.",
        "Proofs for 10 people, counterfactual training: of 10 plans, 5 are proved the cheapest; a plan is at most "
        "25.0 % above the cheapest on average.",
        "As they are found first, before any proof, plans take 10.0 % more than the cheapest with conventional "
        "training and 10.0 % more with counterfactual training, on average.",
    ]
    effort[0], bound[0, :2] = np.nan, np.inf
    bound[1, :2] = 2.0
    one = made(bound=bound, effort=effort, proved=1)
    assert words.proofs_sentences(one) == [
        "Proofs for 1 person, conventional training: of 1 person it is proved that there is no plan.",
        "Proofs for 1 person, counterfactual training: of 1 plan, 1 is proved the cheapest.",
    ], "without a plan none is spoken of"


def test_groups_that_are_asked_for_more_are_named():
    one = Grouping("sex", ("female", "male"), np.repeat([0, 1], 100), left_out=("other",))
    age = Grouping("age", ("up to 29 years", "30 years or more"), np.repeat([0, 1], 100), merged=("a", "b"))
    more = [row for g in (one, age) for name in g.names for row in rows(VALUES, SURE, g.feature, name)]
    for g in (one, age):
        for name, value in zip(g.names, (1.5, -1.5), strict=True):
            for arm in ARMS:
                half = 0.2 if (g.feature, arm) == ("sex", "plain") else 3.0
                more.append(Row("both", g.feature, name, arm, "effort", "others", 100, spread(value, half)))
    said = words.groups_sentences(made(more=more, groupings=(one, age)))
    assert said[0] == "Conventional training asks for more effort than of the others: sex: female (+1.5)."
    assert said[1] == "Counterfactual training asks none of these groups for clearly more effort than the others."
    assert said[2:] == [
        "Of sex, other is left out: fewer than thirty people.",
        "Of age, a and b are together: each is fewer than thirty people.",
    ]
    assert "not compared" in words.groups_sentences(made())[0]


def test_what_decisions_rest_on_is_told():
    proxies = (
        Proxy("job", "sex", 0.42, (spread(0.1), spread(0.2)), (spread(0.04), spread(0.08)), spread(0.04, 0.01)),
        Proxy("hours", "sex", 0.3, (spread(0.2), spread(0.1)), (spread(0.06), spread(0.03)), spread(-0.03, 0.01)),
        Proxy("town", "sex", 0.3, (spread(0.061), spread(0.058)), (spread(0.02), spread(0.01)), spread(-0.01, 0.001)),
        Proxy("city", "sex", 0.02, (spread(0.0), spread(0.5)), (spread(0.0), spread(0.01)), spread(0.01, 0.001)),
    )
    rest = Reliance(
        ("sex", "age"), 900, 0.99, (spread(0.5), spread(0.4)), spread(-0.1, 0.01), proxies,
        (spread(0.1), spread(0.12)), spread(0.02, 0.03),
    )  # fmt: skip
    said = words.reliance_sentences(made(reliance=rest))
    assert said[0] == (
        "On locked features (sex and age) rest 50.0 % of the decisions of conventional training and 40.0 % of those of "
        "counterfactual training: 10.0 points less."
    )
    assert said[1].endswith("10.0 % and 12.0 %, no clear difference.")
    assert (
        said[2]
        == "With counterfactual training, more rests on job (goes along with sex, 0.42: 10 % before, 20 % after)."
    )
    assert "town (goes along with sex, 0.30: 6.1 % before, 5.8 % after)" in said[3], "a change is to be seen"
    assert said[3].startswith("With counterfactual training, less rests on hours") and len(said) == 4
    uneven = replace(rest, shares=(spread(0.7243), spread(0.7468)), moved=spread(0.0224, 0.01))
    assert "72.4 %" in (told := words.reliance_sentences(made(reliance=uneven))[0])
    assert told.endswith("74.7 % of those of counterfactual training: 2.3 points more."), "as one reads it off"
    assert "protected features" in words.reliance_sentences(made(reliance=rest, protected=True))[0]
    assert len(words.reliance_sentences(made())) == 1


def test_every_metric_has_its_words_and_all_of_it_is_told():
    assert tuple(words.POPULATION_METRICS) == METRICS
    text = words.population_text(made())
    assert all(told.title in text for told in words.POPULATION_METRICS.values())
    assert "99 % intervals" in text


@pytest.mark.parametrize(
    ("metric", "against", "value", "said"),
    [
        ("planned", "", Spread(0.93, 0.9, 0.96), "93 % (90 to 96 %)"),
        ("effort", "", Spread(8.94, 7.2, 11.0), "8.9 (7.2 to 11)"),
        ("effort", "conventional", Spread(-0.57, -0.72, -0.4), "−0.57 (−0.72 to −0.4)"),
        ("closer", "conventional", Spread(0.04, 0.01, 0.07), "+4 points (+1 to +7)"),
        ("closer", "others", Spread(math.nan, math.nan, math.nan), "—"),
        ("effort", "", Spread(3.0, math.nan, math.nan), "3"),
    ],
)
def test_numbers_stand_with_their_intervals(metric, against, value, said):
    assert words.with_interval(Row("both", "", "", "taught", metric, against, 9, value)) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {**VALUES, "distance": (10.0, 7.0), "effort": (4.0, 5.0)},
            "Trained with the rules too, plans end 30 % nearer to people who were accepted (7.0 against 10 without), "
            "at the price of 25 % more effort (5.0 against 4.0 without).",
        ),
        (
            {**VALUES, "distance": (7.0, 10.0), "effort": (4.0, 4.0), "planned": (1.0, 0.8)},
            "Trained with the rules too, plans end 43 % farther from people who were accepted (10 against 7.0 "
            "without), with 20 points fewer people with a plan. The effort does not clearly differ (4.0 against "
            "4.0 without).",
        ),
        (
            {**VALUES, "distance": (7.0, 7.0), "effort": (5.0, 4.0), "planned": (0.8, 1.0)},
            "With and without the rules in training, plans are about as near to people who were accepted (7.0 against "
            "7.0 without). Plans take 20 % less effort (4.0 against 5.0 without). There is a plan for 100 % of the "
            "people, without for 80 %.",
        ),
    ],
)
def test_the_model_with_rules_is_compared_with_the_one_without(values, said):
    assert words.three_headline(three(values)) == said


def test_of_three_models_it_is_told_whom_they_were_asked_about_and_what_is_proved():
    found = three(VALUES)
    assert words.three_sentences(found) == [
        "200 people whom all three models refuse, of those who were drawn for both comparisons."
    ]
    (_, proved) = words.three_sentences(replace(found, proved=(9, 9, 0)))
    assert "0 of counterfactual training with rules. One without a proof may be dearer" in proved
    assert words.three_headline(replace(found, n=99)).endswith("That rests on 99 people.")
    few = three(VALUES, people=3)
    assert words.three_headline(few) == "3 people with a plan of all three models: too few to compare them."
    assert words.planned_sentence(found).count("100 % with") == 3
