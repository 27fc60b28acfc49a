"""The link of Recourse: what it holds, and what is refused."""

from __future__ import annotations

import pytest

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.ui.kit import link
from ctviz.ui.recourse.context import arms_of
from ctviz.ui.recourse.recourse_view import RecourseView


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"person": 17, "set": "law", "rules": "age:up,high=40;duration:locked", "plan": 2, "plans": 5},
        {"who": "sex=female;age<=30", "score": 0.8, "arm": "full rules"},
        {"typed": "39|private company|" + "x" * 900, "third": 1},
    ],
)
def test_a_view_comes_back_from_its_link(fields) -> None:
    view = RecourseView(**fields)
    opened = link.read(link.write(Experiment.preset("german"), view), RecourseView, "german")
    assert opened.view == view and not opened.problems


@pytest.mark.parametrize(
    "fields",
    [
        {"score": 0},
        {"score": 1},
        {"score": "all"},
        {"score": True},
        {"person": -1},
        {"plans": 6},
        {"plan": 5},
        {"set": "x"},
    ],
)
def test_what_is_not_allowed_is_refused(fields) -> None:
    with pytest.raises(ConfigError):
        RecourseView(**fields)


def test_another_table_has_other_people_and_rules() -> None:
    view = RecourseView(person=3, who="age<=30", rules="age:locked", set="law", arm="full", plan=1, plans=5)
    assert view.elsewhere() == RecourseView(set="law", plans=5)


def test_a_conventional_model_stands_beside_one_that_learns_from_counterfactuals() -> None:
    experiment = Experiment.preset("german")
    assert arms_of(experiment) == ("vanilla", "full")
    assert arms_of(experiment, "full rules") == ("vanilla", "full rules")
    assert arms_of(experiment, "nobody") == ("vanilla", "full")
    assert arms_of(experiment.replace({"arms": "full,full rules"})) == ("full", "full rules")
