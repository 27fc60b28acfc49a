"""Stored runs in a real browser: rows are chosen by mouse and keyboard, and the link remembers them."""

from __future__ import annotations

import pytest

from tests.browser.driving import place_of, until
from tests.browser.looks import assert_fits_a_phone, query_of

pytestmark = pytest.mark.browser

HEAD, ROW = 37, 35
RUNS_IN_LINK = "n => decodeURIComponent(location.search).split(/[0-9a-f]{16}/).length === n + 1"
"""Whether so many runs stand in the link."""


def chosen(page) -> list[str]:
    return [key for key in query_of(page).get("runs", "").split(",") if key]


def settled(page) -> None:
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()


def tick(page, row: int, *, count: int) -> None:
    box = place_of(page.get_by_test_id("stDataFrame"))
    page.mouse.click(box["x"] + 20, box["y"] + HEAD + ROW * row + ROW / 2)
    until(page, RUNS_IN_LINK, count)
    settled(page)


def test_rows_are_chosen_by_mouse_and_keyboard_and_stand_in_the_link(app, browser_page) -> None:
    browser_page.goto(f"{app.url}/tradeoffs?part=compare&search=preset")
    browser_page.get_by_text("to see them side by side").wait_for()
    settled(browser_page)
    tick(browser_page, 0, count=1)
    browser_page.get_by_role("heading", name="Results").wait_for()
    tick(browser_page, 1, count=2)
    assert len(set(chosen(browser_page))) == 2
    browser_page.get_by_role("heading", name="What differs in the settings").wait_for()
    browser_page.reload()
    browser_page.get_by_role("heading", name="What differs in the settings").wait_for()
    settled(browser_page)
    tick(browser_page, 0, count=1)
    the_keyboard_chooses_by_name(browser_page)
    assert browser_page.locator('[data-testid="stAlert"]').count() == 0
    assert_fits_a_phone(browser_page)


def the_keyboard_chooses_by_name(page) -> None:
    """One run more than the one that is chosen."""
    box = page.get_by_role("combobox", name="Compared runs")
    box.focus()
    page.keyboard.type("circles")
    page.get_by_role("option", name="circles").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(page, RUNS_IN_LINK, 2)
    page.keyboard.press("Escape")  # an open list hides the rest of the page from assistive technology
    page.get_by_role("heading", name="Results").wait_for()
    assert len(set(chosen(page))) == 2
