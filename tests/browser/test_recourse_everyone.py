"""Everyone on Recourse in a real browser: opened by a press, on a phone, printed on sheets of its own."""

from __future__ import annotations

import pytest

from tests.browser.looks import assert_fits_a_phone

pytestmark = pytest.mark.browser


def test_everyone_is_opened_read_and_printed(app, browser_page) -> None:
    page = browser_page
    page.goto(f"{app.url}/recourse?preset=german&person=5")
    page.get_by_text("Compare both models over 55 people").click()
    page.get_by_role("heading", name="What their decisions rest on").wait_for()
    assert "everyone=1" in page.url
    charts = page.locator(".st-key-everyone .stPlotlyChart")
    charts.nth(1).wait_for()
    assert charts.count() == 2
    assert page.locator(".st-key-everyone h3", has_text="Plans of both models").is_visible()
    page.get_by_text("All numbers as a table").click()
    page.get_by_role("region", name="All numbers of everyone").wait_for()
    assert_fits_a_phone(page)
    page.emulate_media(media="print")
    sheet = page.locator(".ctv-everyone")
    assert sheet.is_visible() and "Advice for everyone" in sheet.inner_text()
    assert not charts.first.is_visible()
