"""Paper in a real browser: it is there at once, its link holds what is seen, it fits a phone."""

from __future__ import annotations

import re

import pytest

from tests.browser.driving import picture_ready
from tests.browser.looks import assert_fits_a_phone

pytestmark = pytest.mark.browser


def test_panels_table_link_and_large_screen(app, browser_page) -> None:
    browser_page.goto(f"{app.url}/paper?view=project")
    picture_ready(browser_page)
    browser_page.get_by_role("button", name="Show the controls").click()
    browser_page.get_by_role("button", name="Project: hide the controls").wait_for()
    assert browser_page.locator(".st-key-paper-panels .js-plotly-plot").count() == 3
    assert "as published" in browser_page.get_by_role("region", name="Table 1, here and as published").inner_text()
    assert len(re.findall(rb"/Type\s*/Page\b", browser_page.pdf(prefer_css_page_size=True))) == 1, "one sheet"
    browser_page.get_by_text("List every draw").click()
    browser_page.wait_for_url("**draws=1**")
    browser_page.get_by_role("region", name="Draws of").first.wait_for()
    assert browser_page.locator('[data-testid="stAlert"]').count() == 0
    browser_page.get_by_text("Accuracy under attack").wait_for()
    assert_fits_a_phone(browser_page)
