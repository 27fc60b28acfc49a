"""Paper in a real browser: projected, with its controls, on one sheet; on a phone it is seen among the pictures."""

from __future__ import annotations

import re

import pytest

from tests.browser.driving import picture_ready, resize, until

pytestmark = pytest.mark.browser

LOWEST = """height => {
  const charts = [...document.querySelectorAll(".st-key-paper-panels .js-plotly-plot .main-svg")];
  return charts.length > 0 && charts.every(chart => chart.getBoundingClientRect().bottom <= height);
}"""
"""All data sets are seen at once, down to the axes."""


def test_panels_table_and_one_sheet_of_paper(app, browser_page) -> None:
    browser_page.goto(f"{app.url}/paper?view=project")
    picture_ready(browser_page)
    for width, height in (1440, 900), (1920, 1080):
        resize(browser_page, width=width, height=height)
        until(browser_page, LOWEST, height)
    browser_page.get_by_role("button", name="Show the controls").click()
    browser_page.get_by_role("button", name="Project: hide the controls").wait_for()
    picture_ready(browser_page)
    assert browser_page.locator(".st-key-paper-panels .js-plotly-plot").count() == 3
    assert "as published" in browser_page.get_by_role("region", name="Table 1, here and as published").inner_text()
    assert len(re.findall(rb"/Type\s*/Page\b", browser_page.pdf(prefer_css_page_size=True))) == 1, "one sheet"
    assert browser_page.locator('[data-testid="stAlert"]').count() == 0
