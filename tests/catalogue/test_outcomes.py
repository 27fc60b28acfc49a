"""The sentences that say what came of a search."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ctviz import SearchSettings
from ctviz.catalogue.outcomes import OUTCOME_HELP, OUTCOME_TITLES, OUTCOME_WORDS, outcome_sentence
from ctviz.data.schema import Feature, Schema
from ctviz.experiments.outcome import OUTCOMES

BARE = Schema(features=(Feature(name="debt", domain=(-2.0, 3.0)), Feature(name="age", domain=(0.0, 9.0))))


def said(
    word, constraints=None, *, steps=12, sure=0.4329, best=0.955, tau=0.75, mature=None, generator="generic",
    path=((0.0, 0.0), (1.0, 1.0)), bound=None, **kw
):  # fmt: skip
    trace = SimpleNamespace(
        steps=np.array([[steps]]),
        points=np.array([[path]], dtype=np.float32),
        probability=np.array([[[0.1, sure]]]),
        reachable=np.array([[best]]),
        outcome=np.array([[OUTCOMES.index(word)]]),
        targets=np.array([1]),
        mature=np.array([[word in ("mature", "already") if mature is None else mature]]),
        settings=SearchSettings(tau=tau, generator=generator),
        distance=np.array([[[0.0, 1.25]]], dtype=np.float32),
        bound=None if bound is None else np.array([[bound]]),
    )
    return outcome_sentence(trace, 0, 0, BARE.constrain(**(constraints or {})), BARE, ("no", "yes"), **kw)


def test_sentences():
    assert said("mature", sure=0.76) == "Reached yes after 12 steps: the model is 76 % sure, 75 % was asked for."
    assert said("mature", steps=1, sure=0.76).startswith("Reached yes after 1 step:")
    assert said("already", sure=0.8).startswith("Nothing to change: the model is already 80 % sure of yes")
    assert "the model is 43 % sure of yes, 75 % was asked for. A counterfactual exists, for within" in said("short")
    assert "within the data's range the model gets 95 % sure" in said("stuck")


def test_what_an_exact_search_proves_is_said_and_no_more():
    locked = {"locked": ["age"]}
    assert said("mature", locked, sure=0.75, generator="exact", bound=1.24999) == (
        "The nearest there is under these locks, and that is proved: a change of 1.25 makes the model 75 % sure of "
        "yes, 75 % was asked for."
    )
    assert "none below 1.10 does is proved" in said("mature", sure=0.75, generator="exact", bound=1.1)
    assert said("impossible", locked, generator="exact", bound=math.inf) == (
        "No counterfactual exists under these locks, and that is proved: along debt alone, the model is nowhere 75 % "
        "sure of yes."
    )
    open_ended = said("stuck", best=0.4, generator="exact", bound=0.3)
    assert open_ended.startswith("None was found in 10 s, nor proved that there is none. The most that was met is 40 %")
    assert said("already", sure=0.8, generator="exact", bound=0.0).startswith("Nothing to change")


def test_what_may_help_depends_on_whether_the_search_swings():
    straight, swinging = [(t / 4, 0.0) for t in range(13)], [(t % 2, t / 12) for t in range(13)]
    assert said("short", path=straight).endswith("more steps or longer ones may find it.")
    assert said("short", path=swinging).endswith("this search swings to and fro, so shorter steps may find it.")


@pytest.mark.parametrize(
    ("constraints", "where"),
    [
        ({"locked": ["age"]}, "along debt alone"),
        ({"decrease_only": ["age"]}, "with age only going down"),
        ({"locked": ["age"], "increase_only": ["debt"]}, "along debt alone, with debt only going up"),
        ({"ranges": [("debt", 0.0, 1.5)]}, "with debt from 0 to 1.5"),
        (
            {"increase_only": ["debt"], "ranges": [("debt", 0.0, 1.5)], "decrease_only": ["age"]},
            "with debt only going up and with debt from 0 to 1.5 and with age only going down",
        ),
    ],
)
def test_why_no_counterfactual_exists(constraints, where):
    expected = (
        f"No counterfactual exists under these locks: {where}, the model never gets more sure of yes than 43 %; "
        "75 % was asked for."
    )
    assert said("impossible", constraints, best=0.4329) == expected
    assert where in said("short", constraints)


def test_why_no_counterfactual_exists_without_locks():
    assert said("impossible", best=0.4329).startswith("No counterfactual exists: within the data's range, the model")


def test_features_may_be_called_otherwise():
    assert "along income alone" in said("impossible", {"locked": ["age"]}, names=["income", "years"])


@pytest.mark.parametrize("generator", ["nearest", "face"])
@pytest.mark.parametrize("word", ["short", "stuck"])
def test_searches_among_samples_say_that_none_will_do(generator, word):
    assert said(word, generator=generator).startswith("No real sample that the search could go to makes the model 75 %")
    assert said("impossible", generator=generator).startswith("No counterfactual exists")


def test_a_model_that_has_blown_up():
    assert said("stuck", sure=math.nan) == OUTCOME_WORDS["broken"]


def test_what_is_just_below_the_threshold_does_not_look_as_if_it_had_reached_it():
    assert "95 % sure, 95 %" in said("mature", sure=0.95 - 1e-5, tau=0.95)
    assert "is 94 % sure of yes, 95 %" in said("short", sure=0.9499, tau=0.95)
    assert "is 99.8 % sure of yes, 99.9 %" in said("short", sure=0.9989, tau=0.999)
    assert "is 99 % sure of yes, 99.5 %" not in said("short", sure=0.994, tau=0.995)


@pytest.mark.parametrize(("tau", "text"), [(0.57, "57"), (0.955, "95.5"), (0.999, "99.9"), (0.9999, "99.99")])
def test_thresholds_are_said_exactly(tau, text):
    assert f"{text} % was asked for" in said("short", tau=tau, sure=0.4)


def test_every_outcome_has_words():
    assert set(OUTCOME_WORDS) == {*OUTCOMES, "no sample", "no answer", "broken", "cheapest", "near", "none", "open"}
    assert set(OUTCOME_TITLES) == set(OUTCOME_HELP) == set(OUTCOMES)
