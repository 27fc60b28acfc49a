"""The sheet to take home in a real browser: on one page of paper, on a phone, and printed in place of its page; what
is said of everyone: opened by a press, on a phone, printed on sheets of its own."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import replace

import pytest

import ctviz
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.store import Store
from ctviz.figures.recourse.sheet import Sheet, data_words, to_html
from ctviz.paths import assets
from tests.browser.driving import picture_ready, until
from tests.browser.looks import assert_fits_a_phone

pytestmark = pytest.mark.browser

WHO = {"german": 5, "credit": 0, "california": 0}
"""Rows of the test data whom both models of a preset refuse."""


@pytest.fixture(scope="module")
def sheets(tmp_path_factory) -> dict[str, Sheet]:
    """The sheet of a person of each table, with a plan that is drawn and two others."""
    store, found = Store(tmp_path_factory.mktemp("store"), presets=assets() / "presets"), {}
    for name, who in WHO.items():
        run = ctviz.load_run(Experiment.preset(name).key, store)
        adviser = Adviser(run, tau="rate", arms=run.arms[:2])
        advice = adviser.advise(who, plans=3, exact=False)
        data, day = data_words(run.experiment, adviser.table), datetime.date(2026, 9, 30)
        found[name] = Sheet(advice, adviser.table.schema, data, "Realistic", "0.1.0", day)
    return found


def pages(page, paper: str) -> int:
    """How many sheets of a paper are printed, all upright."""
    printed = page.pdf(prefer_css_page_size=True, format=paper)
    width, height = map(float, re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed).groups())
    assert width < height
    return len(re.findall(rb"/Type\s*/Page\b", printed))


def test_one_sheet_of_paper_holds_anybody_and_fits_a_phone(sheets, browser_page, tmp_path) -> None:
    browser_page.set_viewport_size({"width": 390, "height": 844})
    for name, sheet in {**sheets, "crowded": crowded(sheets["credit"])}.items():
        file = tmp_path / f"{name}.html"
        file.write_text(to_html(sheet), encoding="utf-8")
        browser_page.goto(file.as_uri())
        assert {paper: pages(browser_page, paper) for paper in ("A4", "Letter")} == {"A4": 1, "Letter": 1}, name
        assert browser_page.evaluate("document.documentElement.scrollWidth") == 390, name


def crowded(sheet: Sheet) -> Sheet:
    """That of a person of many features, with long plans."""
    models = []
    for model in sheet.advice.models:
        plan = model.plans[0]
        models.append(replace(model, plans=(replace(plan, changes=(*plan.changes, *plan.changes)), *model.plans[1:])))
    texts = sheet.advice.texts | {f"another feature {i}": "one of its levels" for i in range(30)}
    return replace(sheet, advice=replace(sheet.advice, texts=texts, models=tuple(models)))


def test_the_page_prints_as_the_sheet_and_gives_it_away_and_everyone_is_opened_read_and_printed(
    app, browser_page
) -> None:
    browser_page.goto(f"{app.url}/recourse?preset=german&person=5")
    browser_page.locator(".ctv-bells").first.wait_for()
    paper, screen = browser_page.locator(".ctv-paper"), browser_page.locator(".ctviz-headline").first
    paper.wait_for(state="attached")
    assert screen.is_visible() and not paper.is_visible()
    browser_page.get_by_text("No cheaper plan exists").nth(1).wait_for()  # with either model
    picture_ready(browser_page)
    browser_page.emulate_media(media="print", color_scheme="dark")
    assert paper.is_visible() and not screen.is_visible()
    assert "Advice for person 5 of the test data" in paper.inner_text()
    assert paper.evaluate("e => getComputedStyle(e.querySelector('h1')).color") == "rgb(27, 36, 48)"
    assert pages(browser_page, "Letter") == 1
    browser_page.emulate_media(media="screen", color_scheme="light")
    browser_page.get_by_role("button", name="Share and take away").click()
    browser_page.evaluate("window.print = () => (globalThis.__printed = true)")
    browser_page.get_by_role("button", name="Print the sheet").click()
    until(browser_page, "globalThis.__printed")
    html = saved(browser_page, "Sheet that works offline (HTML)")
    assert "Advice for person 5 of the test data" in html and app.url not in html
    found = json.loads(saved(browser_page, "All of the advice (JSON)"))
    assert found["link"] == "" and [model["arm"] for model in found["models"]] == ["vanilla", "full"]
    assert found["models"][0]["plans"][0]["proof"] == "optimal" and found["headline"] in html.replace("&amp;", "&")
    browser_page.get_by_text("The link on the sheet").click()
    until(browser_page, "document.querySelector('.ctv-paper').innerHTML.includes('/recourse?')")
    picture_ready(browser_page)
    assert f"{app.url}/recourse?" in saved(browser_page, "Sheet that works offline (HTML)")
    browser_page.keyboard.press("Escape")
    everyone_is_opened_read_and_printed(browser_page)


def everyone_is_opened_read_and_printed(page) -> None:
    """By a press, on a phone, on sheets of its own."""
    page.get_by_text("Compare both models over 55 people").click()
    page.get_by_role("heading", name="What their decisions rest on").wait_for()
    page.wait_for_url("**everyone=1**")
    charts = page.locator(".st-key-everyone .stPlotlyChart")
    charts.nth(1).wait_for()
    picture_ready(page)
    assert charts.count() == 2
    assert page.locator(".st-key-everyone h3", has_text="Plans of both models").is_visible()
    page.get_by_text("All numbers as a table").click()
    page.get_by_role("region", name="All numbers of everyone").wait_for()
    assert_fits_a_phone(page)
    page.emulate_media(media="print")
    sheet = page.locator(".ctv-everyone")
    assert sheet.is_visible() and "Advice for everyone" in sheet.inner_text()
    assert not charts.first.is_visible()


def saved(page, label: str) -> str:
    """What a download holds."""
    with page.expect_download() as found:
        page.get_by_role("button", name=label).click()
    return found.value.path().read_text(encoding="utf-8")
