"""Limits in a real browser: stories change, a phone need not scroll sideways, a computation is followed."""

from __future__ import annotations

import re

import pytest

from tests.browser.driving import picture_ready, until
from tests.browser.looks import assert_fits_a_phone, assert_one_sheet

pytestmark = pytest.mark.browser


def test_a_limit_is_computed_while_one_watches_and_a_story_follows_another(app, browser_page) -> None:
    """The page follows the job by itself: nobody touches it between the press and the first draw that is done."""
    browser_page.goto(f"{app.url}/limits?limit=locks")
    browser_page.get_by_role("button", name="Compute").click()
    browser_page.get_by_text(re.compile(r"[1-9]\d* of 60 draws are computed")).wait_for()
    browser_page.get_by_role("button", name="Stop").click()
    browser_page.get_by_role("button", name="draws here too").wait_for()
    said = browser_page.locator(".ctviz-headline").inner_text()
    browser_page.get_by_role("radio", name="Training for long").click()
    browser_page.wait_for_url("**limit=long**")
    until(browser_page, "said => document.querySelector('.ctviz-headline')?.innerText !== said", said)
    until(browser_page, "() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 3")
    assert browser_page.locator('[data-testid="stAlert"]').count() == 0
    assert_fits_a_phone(browser_page)


def test_the_longest_story_prints_on_one_sheet(app, browser_page) -> None:
    browser_page.goto(f"{app.url}/limits?limit=box")
    until(browser_page, "() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 4")
    browser_page.get_by_role("heading", name="What to do about it").wait_for()
    picture_ready(browser_page)
    assert_one_sheet(browser_page)
