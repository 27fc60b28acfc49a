"""Advice in sentences, each on numbers made up for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctviz.catalogue import advice as words
from ctviz.data.rules import Rules
from ctviz.data.schema import Feature, Schema
from ctviz.evaluation.accepted import AcceptedPeople
from ctviz.experiments.advice import Advice, AdvisedPlan, AdvisedRelease, FeatureChange, ModelAdvice

HOURS = FeatureChange("hours per week", "integer", 38, 45, ("38", "45 hours"), 1.4, True, 0.4)
GAIN = FeatureChange("capital gain", "integer", 500, 0, ("$500", "$0"), 0.5, False, 0.55)
WORK = FeatureChange("work", "category", "sales", "office", ("sales", "office"), 1.0, True)
SCHOOL = FeatureChange("education", "ordered", "bachelor", "master", ("bachelor", "master"), 1.0, True)


def planned(*changes: FeatureChange, **others: object) -> AdvisedPlan:
    told = {"effort": 2.0, "score": 0.7149, "threshold": 0.5, "proof": "optimal", "bound": 2.0, "distance": 3.14}
    shown = {"columns": np.zeros(1), "person": {}, "nearest": {}, "closer_than": 0.83}
    return AdvisedPlan(changes=changes, **{**told, **shown, **others})


def advised(*models: ModelAdvice, **others: object) -> Advice:
    told = {"run": "k", "epoch": 1, "data": "adult", "wanted": "more", "place": ("test", 17), "person": {"age": 39}}
    asked = {"texts": {"age": "39 years"}, "rules": Rules(), "tau": 0.5, "rate": 0.26, "exact": True, "time_limit": 10}
    return Advice(**{**told, **asked, **others}, models=models)


MODEL = ModelAdvice("vanilla", False, 0.118, 0.5, "advised", plans=(planned(HOURS),), limit=10.0)
TRAINED = ModelAdvice("full", True, 0.7, 0.5, "accepted")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((HOURS,), "Raise hours per week from 38 to 45 hours; keep everything else."),
        (
            (HOURS, GAIN, WORK),
            "Raise hours per week from 38 to 45 hours, lower capital gain from $500 to $0 and change work from sales "
            "to office; keep everything else.",
        ),
        ((SCHOOL,), "Raise education from bachelor to master; keep everything else."),
    ],
)
def test_what_to_change(changes, said):
    assert words.plan_sentence(planned(*changes)) == said


@pytest.mark.parametrize(
    ("score", "said"), [(0.5, "50.0"), (0.6, "60.0"), (0.7149, "71.4"), (0.99999, "99.9"), (0.003, "0.3"), (0.0, "0.0")]
)
def test_scores_are_rounded_down(score, said):
    assert words.score_words(score) == said


@pytest.mark.parametrize(
    ("proof", "bound", "first", "said"),
    [
        ("optimal", 2.0, True, "No cheaper plan exists."),
        ("optimal", 2.0, False, "No cheaper plan exists that differs from those before."),
        ("feasible", 1.93, True, "At most 4 % cheaper is possible."),
        ("feasible", 0.0, True, "How much cheaper a plan could be is open."),
        ("none asked", 0.0, True, ""),
    ],
)
def test_proofs(proof, bound, first, said):
    assert words.proof_sentence(planned(HOURS, proof=proof, bound=bound), first) == said


def test_slips():
    assert words.slip_sentence(planned(WORK)) == ""
    short = "falls a tenth short, the person is still"
    assert words.slip_sentence(planned(WORK, GAIN)) == f"If the change of capital gain {short} accepted."
    assert words.slip_sentence(planned(GAIN, GAIN)) == f"If one of these numbers {short} accepted."
    assert words.slip_sentence(planned(GAIN, HOURS)) == f"If the change of hours per week {short} refused."


SIMILAR, UNLIKE = "Similar to a real accepted person:", "Not very similar to any accepted person:"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.839, f"{SIMILAR} 83 % of accepted people have no other one as similar."),
        (0.995, f"{SIMILAR} more than 99 % of accepted people have no other one as similar."),
        (0.5, "About as similar to real accepted people as these are to each other."),
        (0.14, f"{UNLIKE} 86 % of accepted people have another one at least as similar."),
        (0.0, f"{UNLIKE} more than 99 % of accepted people have another one at least as similar."),
        (None, "The nearest real person who was accepted is 3.1 away."),
    ],
)
def test_nearness(share, said):
    assert words.nearness_sentence(planned(HOURS, closer_than=share)) == said


def test_nearness_says_what_the_share_means():
    """Of ten accepted people on a line, each one's nearest neighbour is as far as the smaller of its two gaps."""
    places = np.cumsum([0, 1, 1, 1, 1, 1, 1, 1, 4, 4])  # eight have a neighbour at 1, two at 4
    schema = Schema(features=(Feature(name="x"),))
    accepted = AcceptedPeople(schema, places[:, None])
    far, near = (float(accepted.closer_than([d])[0]) for d in (2.0, 0.5))
    assert "80 % of accepted people have another one" in words.nearness_sentence(planned(HOURS, closer_than=far))
    assert ": more than 99 %" in words.nearness_sentence(planned(HOURS, closer_than=near))
    assert words.nearness_sentence(planned(HOURS, closer_than=near, distance=0.0)).startswith("Just like")


def test_no_plan_and_the_locks_in_its_way():
    proved = "No plan exists under these rules, and that is proved."
    assert words.none_sentence(None).startswith(proved)
    two = AdvisedRelease(("age", "work"), True, planned(WORK))
    assert words.none_sentence(two).startswith(
        f"{proved} Releasing age and work gives one. No smaller set of locks does. Change work from sales to office;"
    )
    assert "smaller" not in words.none_sentence(replace(two, smallest=False))
    assert words.none_sentence(AdvisedRelease((), True, None)) == f"{proved} Without any lock there is none either."
    assert "not found in time" in words.none_sentence(AdvisedRelease((), False, None))


def test_none_found():
    unknown = replace(MODEL, outcome="unknown", plans=())
    assert words.model_sentences(unknown) == ["No plan was found in 10 s, nor is it proved that there is none."]
    assert "in 10" not in words.unknown_sentence(replace(unknown, limit=0.0))
    unfit = words.model_sentences(replace(unknown, unfit="model is one with tanh; allowed: ReLU."))
    assert unfit[0] == "Model is one with tanh; allowed: ReLU. So nothing is proved of this model."


def test_several_plans_are_counted_and_complete_ones_said_to_be():
    several = replace(MODEL, plans=(planned(HOURS), planned(WORK)), complete=True)
    first, second, last = words.model_sentences(several)
    assert first.startswith("1. Raise hours") and second.startswith("2. Change work")
    assert "that differs from those before" in second and "that differs" not in first and "proved" in last


def test_all_of_it():
    text = advised(MODEL, TRAINED).words()
    head, first, second = text.split("\n\n")
    assert (
        head.startswith("Person 17 of the test data: age 39 years.")
        and "A person with 50.0 or more is accepted." in head
    )
    assert first.startswith("Conventional training: refused with a score of 11.8.\nRaise hours")
    assert second == "Counterfactual training: accepted with a score of 70.0."
    polished = advised(MODEL, TRAINED, exact=False, place=None).words()
    assert polished.endswith(words.UNPROVED) and polished.startswith("The person: age")


def test_whom_all_accept():
    alike = replace(TRAINED, arm="full rules")
    assert "Both models accept this person as they are" in advised(TRAINED, alike).words()
    assert "(full rules): accepted" in advised(TRAINED, alike).words()
    assert "The model accepts" in advised(TRAINED).words() and "All 3 models" in advised(*[TRAINED] * 3).words()


def test_a_rate_of_acceptance():
    text = advised(replace(MODEL, threshold=0.423), tau="rate").words()
    assert "26 % of people reach" in text and "score of 11.8; 42.3 is needed." in text
