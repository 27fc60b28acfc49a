"""The page Limits: five stories, their numbers at once, and what a press on its buttons asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ctviz.jobs import JobStatus
from ctviz.studies.registry import LIMITS
from ctviz.studies.results import run_study, stored_study
from ctviz.ui.kit.link import read
from ctviz.ui.kit.runner import runner
from ctviz.ui.limits.limits_view import LimitsView
from tests.studies.tables import shortened
from tests.waiting import until

PAGE = "pages/limits.py"


def headline(at) -> str:
    return next(html.value for html in at.get("html") if "<h1" in html.value)


def buttons(at) -> dict[str, object]:
    return {button.label: button for button in at.button}


@pytest.fixture
def tiny(monkeypatch):
    """The second limit, of one panel and two epochs; everybody who knows the limits knows this one."""
    study = shortened(replace(LIMITS["energies"], panels=LIMITS["energies"].panels[:1], seeds=1), 2, 60)
    monkeypatch.setitem(LIMITS, "energies", study)
    return study


@pytest.mark.parametrize("name", LIMITS)
def test_every_story_is_told_from_what_ships(visit, world, name: str) -> None:
    at = visit(PAGE, limit=name)
    found = LIMITS[name].finding(stored_study(name, world.store).table, LIMITS[name].metric())
    assert found.headline.split(",")[0] in headline(at)
    assert not at.error
    assert not at.warning
    assert "Compute it again on this computer" in buttons(at)


@pytest.mark.parametrize(("name", "metric"), [(s.name, m.name) for s in LIMITS.values() for m in s.shown[1:2]])
def test_a_story_can_be_told_by_another_number(visit, name: str, metric: str) -> None:
    at = visit(PAGE, limit=name, metric=metric)
    assert not at.error
    assert at.selectbox[0].value == metric


def test_a_story_is_chosen_and_stays_in_the_link(visit) -> None:
    at = visit(PAGE)
    at.button_group[0].set_value("locks").run()
    assert at.query_params["limit"] == "locks"
    at.selectbox[0].set_value("tilt").run()
    assert at.query_params["metric"] == "tilt"
    at.button_group[0].set_value("long").run()
    assert "metric" not in at.query_params
    assert not at.error


def test_a_bad_link_is_said_and_opens_the_first_story(visit) -> None:
    at = visit(PAGE, limit="1", metric="nowhere")
    said = " ".join(warning.value for warning in at.warning)
    assert "limit is '1'; allowed\\: one of maturity" in said
    assert "metric is 'nowhere'" in said
    assert at.button_group[0].value == LimitsView().limit


def test_a_number_of_another_story_is_left_out() -> None:
    opened = read({"limit": "locks", "metric": "share"}, LimitsView)
    assert opened.view.chosen.name == "share"
    assert opened.problems == ()
    other = read({"limit": "long", "metric": "share"}, LimitsView)
    assert other.view.chosen.name == "gain_ip"
    assert LimitsView(metric="share").chosen.name == "gain_ip_star"


def test_a_press_computes_in_the_background_and_can_be_stopped(visit, world) -> None:
    at = visit(PAGE, limit="locks")
    buttons(at)["Compute it again on this computer"].click().run()
    draws = [draw.key for draw in LIMITS["locks"].all_draws()]
    until(lambda: world.jobs.submitted == draws[:1], "the first draw")
    at.run()
    assert f"0 of {len(draws)} draws" in next(element.proto.text for element in at.get("progress"))
    buttons(at)["Stop; draws that are done stay"].click().run()
    until(lambda: not runner().progress("limit-locks").live, "the end of the work")
    assert world.jobs.cancelled == draws[:1]


def test_a_failure_is_a_sentence(visit, world) -> None:
    world.jobs.begins = JobStatus("", "failed", message="The disk is full.")
    at = visit(PAGE, limit="long")
    buttons(at)["Compute it again on this computer"].click().run()
    until(lambda: not runner().progress("limit-long").live, "the end of the work")
    at.run()
    assert any("The disk is full" in error.value for error in at.error)


def test_what_was_computed_here_is_shown_and_compared(visit, world, tiny) -> None:
    run_study(tiny, world.store, workers=1)
    at = visit(PAGE, limit="energies")
    assert any("nothing ships to compare with" in caption.value for caption in at.caption)
    assert "after 2 epochs" in " ".join(html.value for html in at.get("html"))


def test_without_numbers_it_says_what_to_do(visit, tiny) -> None:
    at = visit(PAGE, limit="energies")
    assert any("compute them below" in info.value for info in at.info)
    assert "Compute it again on this computer" in buttons(at)


def test_a_large_screen_has_no_controls(visit) -> None:
    at = visit(PAGE, limit="maturity", view="project")
    assert list(buttons(at)) == ["Show the controls"]
    buttons(at)["Show the controls"].click().run()
    assert "view" not in at.query_params
