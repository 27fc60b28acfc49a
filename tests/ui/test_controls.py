"""What a control's callback takes over: what a person has moved, and nothing that a browser merely reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.ui.kit.controls import show
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import View

PROXIES, WHERE = (Experiment.preset(name) for name in ("proxies", "where"))
PATH = "data.separation"


@pytest.fixture
def draft(monkeypatch: pytest.MonkeyPatch) -> Draft:
    draft = Draft(PROXIES, View())
    monkeypatch.setattr(st, "session_state", {"draft": draft})
    return draft


def control(draft: Draft) -> Callable[[Any], None]:
    """Draws the control; what is returned is called with the value that the browser reports."""
    common = show(draft, PATH, 2.0, lambda value: {PATH: value})

    def report(value: float) -> None:
        st.session_state[common["key"]] = value
        common["on_change"](*common["args"])

    return report


def test_what_is_moved_is_taken_over_and_may_be_moved_back(draft: Draft) -> None:
    report = control(draft)
    report(3.0)
    assert draft.experiment.data.separation == 3.0
    report(2.0)  # before the control was drawn again
    assert draft.experiment.data.separation == 2.0


def test_reporting_what_is_shown_changes_nothing(draft: Draft) -> None:
    control(draft)(2.0)
    assert draft.experiment == PROXIES


@pytest.mark.parametrize("value", [2.0, 3.0])
def test_the_control_of_one_experiment_does_not_change_another(draft: Draft, value: float) -> None:
    report = control(draft)
    draft.start_from(WHERE)
    report(value)
    assert draft.experiment == WHERE
    control(draft)(value + 1)
    assert draft.experiment.data.separation == value + 1


def test_the_control_of_one_link_does_not_change_another(draft: Draft) -> None:
    report = control(draft)
    st.session_state["draft"] = other = Draft(WHERE, View(), opened=1)
    report(3.0)
    assert (draft.experiment, other.experiment) == (PROXIES, WHERE)
