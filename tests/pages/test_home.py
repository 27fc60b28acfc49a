"""The home page: it says what it is about, plays a preset, and its cards lead somewhere that exists."""

from __future__ import annotations

import pytest

import ctviz
from ctviz.ui.actionability.panel import LocksView
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.home import CARDS
from ctviz.ui.kit import link
from ctviz.ui.kit.pages import ACTIONABILITY, BOUNDARIES, DIGITS, PAGES, TRAJECTORIES
from ctviz.ui.trajectories.tracks_view import TracksView

VIEWS = {BOUNDARIES: link.View, TRAJECTORIES: TracksView, ACTIONABILITY: LocksView, DIGITS: DigitsView}


def test_it_opens_without_any_run_and_says_what_to_do(visit) -> None:
    at = visit("app.py")
    assert any("counterfactual" in text.value.lower() for text in at.markdown)
    assert "press Train" in at.info[0].value


def test_its_sentence_and_its_caveat_are_those_of_the_shipped_runs(visit, world) -> None:
    world.store.presets = ctviz.open_store().presets
    at = visit("app.py")
    assert not at.info and not at.error
    finding = next(html.body for html in at.get("html") if "closer to the nearest real sample" in html.body)
    assert "at the price of" in finding
    assert any("on the moons" in caption.value for caption in at.caption)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.title)
def test_the_cards_lead_to_valid_links(card) -> None:
    for page, query in ((card.page, card.query), *(further[1:] for further in card.besides)):
        assert page in PAGES
        if not query:  # a page as it opens
            continue
        opened = link.read(query, VIEWS[page])
        assert opened.problems == ()
        assert link.write(opened.experiment, opened.view) == query


def test_deciding_shows_both_models_with_and_without_the_lock() -> None:
    arms = link.read(CARDS[1].query, LocksView).experiment.arms
    assert [bool(arm.locked) for arm in arms] == [False, False, True, True]
    assert [arm.trains_on_counterfactuals for arm in arms] == [False, True, False, True]


def test_what_the_cards_show_is_shipped() -> None:
    for card in (card for card in CARDS if card.query):
        assert ctviz.open_store().status(link.read(card.query).experiment.key).preset
