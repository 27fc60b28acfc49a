"""Home in a real browser: it moves, its cards open, it fits a phone."""

from __future__ import annotations

import pytest

from tests.browser.looks import MAIN, epoch_of, sideways, stage_ready

pytestmark = pytest.mark.browser


def test_the_picture_moves_by_itself(app, browser_page) -> None:
    browser_page.goto(app.url)
    stage_ready(browser_page)
    first = epoch_of(browser_page)
    browser_page.wait_for_function("first => globalThis.__ctvizStage.epoch !== first", arg=first)


CARDS = {
    "Project the moons": "boundaries?**preset=moons",
    "Follow one search": "trajectories?**pick=point",
    "Lock a feature": "actionability?**preset=figure1",
    "See where protection stops": "actionability?**part=proxies",
    "Open the digits": "digits?**preset=mnist",
    "Draw a digit": "digits?**pick=own",
    "See how training can fail": "limits",
    "Weigh the trade-offs": "tradeoffs",
    "Check our numbers": "paper",
    "Compare the four": "boundaries?**preset=objectives",
    "Does it work without gradients": "trajectories?**preset=generators",
}


def test_the_cards_open(app, browser_page) -> None:
    home = browser_page.locator(".st-key-menu").get_by_role("link", name="Home")
    browser_page.goto(app.url)
    for card, page in CARDS.items():
        browser_page.get_by_role("link", name=card).click()
        browser_page.wait_for_url(f"**/{page}**")
        browser_page.locator(".ctviz-headline:not(.ctviz-title)").wait_for()
        assert browser_page.locator('[data-testid="stAlert"]').count() == 0, card
        if "view=project" in browser_page.url:
            browser_page.get_by_role("button", name="Show the controls").click()
        home.click()
        browser_page.get_by_text("Watch a decision boundary learn").wait_for()


def test_the_menu_leads_there_and_back(app, browser_page) -> None:
    browser_page.goto(app.url)
    menu = browser_page.locator(".st-key-menu")
    menu.get_by_role("link", name="Boundaries").click()
    browser_page.get_by_role("button", name="Trained").wait_for()
    menu.get_by_role("link", name="Home").click()
    browser_page.get_by_text("Watch a decision boundary learn").wait_for()


def test_it_fits_a_phone(app, open_page) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(app.url)
    stage_ready(page)
    assert sideways(page) == 0
    assert page.locator(MAIN).is_visible()
