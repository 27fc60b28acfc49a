"""The home page: it says what it is about, plays a preset, and its doors lead somewhere that exists."""

from __future__ import annotations

import pytest

import ctviz
from ctviz.experiments.config import Experiment
from ctviz.ui.actionability.panel import LocksView
from ctviz.ui.digits.view import DigitsView
from ctviz.ui.home import DOORS
from ctviz.ui.kit import link
from ctviz.ui.kit.pages import ACTIONABILITY, BOUNDARIES, DIGITS, PAGES, TRAJECTORIES
from ctviz.ui.trajectories.view import TracksView

VIEWS = {BOUNDARIES: link.View, TRAJECTORIES: TracksView, ACTIONABILITY: LocksView, DIGITS: DigitsView}


def test_it_opens_without_any_run_and_says_what_to_do(visit) -> None:
    at = visit("app.py")
    assert any("counterfactual" in text.value.lower() for text in at.markdown)
    assert "press Train" in at.info[0].value


def test_it_plays_the_moons_when_they_are_there(visit, world) -> None:
    world.keep(Experiment.preset("moons").replace({"evaluation.every": 1}))
    at = visit("app.py")
    assert not at.info
    assert not at.error


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.title)
def test_the_doors_lead_to_valid_links(door) -> None:
    for page, query in ((door.page, door.query), *(further[1:] for further in door.besides)):
        assert page in PAGES
        if not query:  # a page as it opens
            continue
        opened = link.read(query, VIEWS[page])
        assert opened.problems == ()
        assert link.write(opened.experiment, opened.view) == query


def test_deciding_shows_both_models_with_and_without_the_lock() -> None:
    arms = link.read(DOORS[1].query, LocksView).experiment.arms
    assert [bool(arm.locked) for arm in arms] == [False, False, True, True]
    assert [arm.trains_on_counterfactuals for arm in arms] == [False, True, False, True]


def test_what_the_doors_show_is_shipped() -> None:
    for door in (door for door in DOORS if door.query):
        assert ctviz.open_store().status(link.read(door.query).experiment.key).preset
