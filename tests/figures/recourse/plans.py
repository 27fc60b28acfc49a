"""Plans and advice made up for pictures and sentences, and what a reader sees of HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np

from ctviz.data.rules import Rules
from ctviz.experiments.advice import Advice, AdvisedPlan, FeatureChange, FeatureScale, ModelAdvice

HOURS = FeatureChange(
    "hours per week", "integer", 38, 45, ("38", "45 hours"), 1.4, True, 0.4,
    FeatureScale(38, 45, (1, 99), (38, 99), (40, 50), ("1", "99"), ("40", "50")),
)  # fmt: skip
GAIN = FeatureChange(
    "capital gain", "integer", 500, 0, ("$500", "$0"), 0.5, False, 0.55,
    FeatureScale(500, 0, (0, 99_999), (0, 99_999), (0, 0), ("$0", "$99,999"), ("$0", "$0")),
)  # fmt: skip
WORK = FeatureChange("work", "category", "sales", "office", ("sales", "office"), 1.0, True, None, None, (0.06, 0.24))
SCHOOL = FeatureChange(
    "education", "ordered", "bachelor", "master", ("bachelor", "master"), 1.0, True, None,
    FeatureScale(1, 2, (0, 3), (1, 3), (1, 2), ("school", "doctorate"), ("bachelor", "master")),
)  # fmt: skip


def planned(*changes: FeatureChange, **others: Any) -> AdvisedPlan:
    """A plan with these changes, proved to be the cheapest."""
    told = {"effort": 2.0, "score": 0.7149, "threshold": 0.5, "proof": "optimal", "distance": 3.14}
    shown = {"columns": np.zeros(1), "person": {}, "nearest": {}, "closer_than": 0.83}
    told = {**told, **shown, **others}
    return AdvisedPlan(changes=changes, **{"bound": told["effort"], **told})


def model(*plans: AdvisedPlan, counterfactual: bool = False, **others: Any) -> ModelAdvice:
    """What a model asks: these plans, or nothing since it accepts."""
    told = {"arm": "full" if counterfactual else "vanilla", "counterfactual": counterfactual, "score": 0.118}
    usual = {"threshold": 0.5, "outcome": "advised" if plans else "accepted", "limit": 10.0}
    return ModelAdvice(**{**told, **usual, **others}, plans=plans)


def advised(*models: ModelAdvice, **others: Any) -> Advice:
    """Advice of these models for a person."""
    told = {"run": "k", "epoch": 1, "data": "adult", "wanted": "more", "place": ("test", 17), "person": {"age": 39}}
    asked = {"texts": {"age": "39 years"}, "rules": Rules(), "tau": 0.5, "rate": 0.26, "exact": True, "time_limit": 10}
    return Advice(**{**told, **asked, **others}, models=models)


class Seen(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(re.sub("<style>.*?</style>", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag != "meta":  # it is never closed
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
