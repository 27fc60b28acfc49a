"""Home in a real browser: it moves, and its cards open."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import parse_qsl, urlsplit

import pytest

from ctviz.ui.home import CARDS
from tests.browser.driving import resize, until

pytestmark = pytest.mark.browser


SCROLL_UNTIL_LEFT = """(stage, below) => {
  document.querySelector('[data-testid=stMain]').scrollTop += stage.getBoundingClientRect().bottom - below;
}"""
"""Scrolls until so many pixels of the stage are left at the top."""


def space_plays_only_what_is_in_sight(page) -> None:
    playing = "playing => globalThis.__ctvizPaths.playing === playing"
    page.evaluate("""() => {
      document.activeElement.blur();
      addEventListener('keydown', (event) => { globalThis.__taken = event.defaultPrevented; });
    }""")
    height = page.viewport_size["height"]
    resize(page, page.viewport_size["width"], 500)
    page.locator(".ctv-stage").evaluate(SCROLL_UNTIL_LEFT, 90)
    until(page, playing, True)
    page.keyboard.press(" ")
    assert not page.evaluate("globalThis.__taken"), "left to the browser, which scrolls"
    until(page, playing, True)
    resize(page, page.viewport_size["width"], height)
    page.keyboard.press(" ")
    assert page.evaluate("globalThis.__taken")
    until(page, playing, False)


def test_the_picture_moves_by_itself_and_the_doors_open(app, browser_page) -> None:
    browser_page.goto(app.url)
    until(browser_page, "globalThis.__ctvizPaths?.playing && globalThis.__ctvizPaths.step > 0")
    space_plays_only_what_is_in_sight(browser_page)
    searched = browser_page.evaluate("globalThis.__ctvizPaths.traceKey")
    browser_page.locator(".ctv-plot").first.click(position={"x": 60, "y": 60})
    until(browser_page, "before => globalThis.__ctvizPaths.traceKey !== before", searched)
    for card in CARDS:
        for label, page, query in ((card.label, card.page, card.query), *card.besides):
            to = urlsplit(browser_page.get_by_role("link", name=label).get_attribute("href"))
            assert (PurePath(to.path).name, dict(parse_qsl(to.query))) == (page.name, query), label
    browser_page.get_by_role("link", name="Project the moons").click()
    browser_page.wait_for_url("**/boundaries?**preset=moons**")
    browser_page.locator(".ctviz-headline:not(.ctviz-title)").wait_for()
    assert browser_page.locator('[data-testid="stAlert"]').count() == 0
    browser_page.get_by_role("button", name="Show the controls").click()
    browser_page.get_by_role("button", name="Trained").wait_for()
    until(browser_page, "!location.search.includes('view=')")
    browser_page.locator(".st-key-menu").get_by_role("link", name="Home").click()
    browser_page.get_by_text("Watch a decision boundary learn").wait_for()
