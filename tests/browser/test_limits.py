"""Limits in a real browser: stories change, a phone need not scroll sideways, a computation is followed."""

from __future__ import annotations

import re

import pytest

from tests.browser.driving import follow, picture_ready, until
from tests.browser.looks import assert_fits_a_phone, assert_one_sheet

pytestmark = pytest.mark.browser


def test_the_longest_story_prints_on_one_sheet_and_a_limit_is_computed_while_one_watches(app, browser_page) -> None:
    browser_page.goto(f"{app.url}/limits?limit=box")
    the_longest_story_prints_on_one_sheet(browser_page)
    follow(browser_page, "/limits?limit=locks")
    picture_ready(browser_page)
    a_limit_is_computed_while_one_watches_and_a_story_follows_another(browser_page)
    assert_fits_a_phone(browser_page)


def the_longest_story_prints_on_one_sheet(page) -> None:
    until(page, "() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 4")
    page.get_by_role("heading", name="What to do about it").wait_for()
    picture_ready(page)
    assert_one_sheet(page)


def a_limit_is_computed_while_one_watches_and_a_story_follows_another(page) -> None:
    """The page follows the job by itself: nobody touches it between the press and the first draw that is done."""
    page.get_by_role("button", name="Compute").click()
    page.get_by_text(re.compile(r"[1-9]\d* of 60 draws are computed")).wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="draws here too").wait_for()
    said = page.locator(".ctviz-headline").inner_text()
    page.get_by_role("radio", name="Training for long").click()
    page.wait_for_url("**limit=long**")
    until(page, "said => document.querySelector('.ctviz-headline')?.innerText !== said", said)
    until(page, "() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 3")
    assert page.locator('[data-testid="stAlert"]').count() == 0
