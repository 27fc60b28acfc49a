"""What models are called, and what names an answer."""

from __future__ import annotations

from types import SimpleNamespace

from ctviz.data.rules import Rule, Rules
from ctviz.experiments.config import Experiment
from ctviz.ui.recourse.asked import Asked, titles


def test_models_are_called_by_how_they_were_trained() -> None:
    german = Experiment.preset("german")
    assert titles(german) == {
        "vanilla": "Conventional training",
        "full": "Counterfactual training",
        "full rules": "Counterfactual training with rules",
    }
    several = titles(german.replace({"arms": "vanilla,energy,full"}))
    assert several["energy"] == "Counterfactual training (energy)" and several["vanilla"] == "Conventional training"


def test_the_same_rules_in_another_order_have_the_same_answer() -> None:
    context, person = SimpleNamespace(key_of=lambda arm: "run"), SimpleNamespace(key=3)
    rules = Rule(feature="a", change="up"), Rule(feature="b", change="locked")
    one, other = (Asked(context, person, Rules(rules=order), 3, ("full",)) for order in (rules, rules[::-1]))
    assert one.key("full") == other.key("full") != one.key("vanilla")
    assert one.key("full") != one.key("full", 1)
    assert one.key("full") != Asked(context, person, Rules(rules=rules[:1]), 3, ("full",)).key("full")
    apart = Rules(rules=rules, unseen_pairs="allowed")
    assert one.key("full") != Asked(context, person, apart, 3, ("full",)).key("full")
