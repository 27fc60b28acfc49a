"""What a control's callback takes over: what a person has moved, and nothing that a browser merely reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.ui.kit.bind import Binding, to, to_settings, to_view
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import View

PROXIES, WHERE = (Experiment.preset(name) for name in ("proxies", "where"))
PATH = "data.separation"


@pytest.fixture
def draft(monkeypatch: pytest.MonkeyPatch) -> Draft:
    draft = Draft(PROXIES, View())
    monkeypatch.setattr(st, "session_state", {"draft": draft})
    return draft


def drawn(binding: Binding, none: bool = False) -> Callable[[Any], None]:
    """Draws a control; what is returned is called with the value that the browser reports."""
    widget = binding.bound(none)
    assert st.session_state[widget["key"]] == binding.shown

    def report(value: Any) -> None:
        st.session_state[widget["key"]] = value
        widget["on_change"]()

    return report


def control(draft: Draft) -> Callable[[Any], None]:
    return drawn(to_settings(draft, PATH, 2.0))


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


def test_a_setting_that_the_page_has_moved_is_another_widget(draft: Draft) -> None:
    def key() -> str:
        return to_settings(draft, PATH, draft.experiment.data.separation).bound()["key"]

    first = key()
    drawn(to_settings(draft, PATH, draft.experiment.data.separation))(3.0)
    assert key() == first, "the person has moved it"
    draft.start_from(WHERE)
    assert draft.experiment.data.separation != 3.0 and key() != first
    assert key() == key(), "drawn again"
    written = drawn(to_settings(draft, PATH, 1.0, read=lambda text: {PATH: float(text)}))
    before = st.session_state.copy()
    written("2.50")
    assert key() in before, "written otherwise than it was entered"


def test_what_is_refused_stays_in_the_control_with_the_reason(draft: Draft) -> None:
    control(draft)(-1.0)
    assert draft.experiment == PROXIES
    assert "allowed" in draft.refused[PATH]
    assert to_settings(draft, PATH, 2.0).shown == -1.0


def test_a_view_takes_over_what_is_chosen_and_what_changes_with_it(draft: Draft) -> None:
    draft.view = View(epoch=5)
    report = drawn(to_view(draft, "speed", "speed", epoch=None))
    report(1.0)
    assert draft.view == View(epoch=5), "what it shows is no choice"
    report(2.0)
    assert draft.view == View(speed=2.0)


def test_a_control_of_the_view_that_the_page_has_moved_is_another_widget(draft: Draft) -> None:
    """Who presses Next twice at once reports with the second press the step that the control showed at the first: of a
    widget of which the page has none any more."""
    first = to_view(draft, "speed", "speed").bound()["key"]
    draft.look(speed=2.0)
    moved = to_view(draft, "speed", "speed").bound()["key"]
    assert moved != first and st.session_state[moved] == 2.0
    drawn(to_view(draft, "speed", "speed"))(4.0)
    assert draft.view.speed == 4.0 and to_view(draft, "speed", "speed").bound()["key"] == moved


@pytest.mark.parametrize("none", [True, False])
def test_an_empty_control_counts_only_where_nothing_can_be_chosen(draft: Draft, none: bool) -> None:
    taken: list[Any] = []
    drawn(to("key", "a", taken.append), none)(None)
    assert taken == ([None] if none else [])
