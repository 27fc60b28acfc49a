"""Actionability in a real browser: locks redraw the panels, a click asks for advice, all of it is in the link."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ctviz.experiments.config import Experiment
from tests.browser.looks import picture_of, stage_ready

pytestmark = pytest.mark.browser


def link(app, **query: str) -> str:
    return f"{app.url}/actionability?{urlencode(query)}"


def query_of(page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def headline(page, words: str):
    return page.locator(".ctviz-headline").filter(has_text=words)


def choose(page, feature: str, way: str) -> None:
    page.get_by_role("radiogroup", name=feature, exact=True).get_by_role("radio", name=way).click()


def pictures(page) -> list[str]:
    """A fingerprint of each panel, whatever the probe."""
    return [canvas.evaluate("c => c.toDataURL()") for canvas in page.locator(".ctv-panel canvas").all()]


def test_the_figure_opens_with_its_finding_and_names_change_the_axes_and_nothing_else(app, browser_page) -> None:
    browser_page.goto(link(app))
    headline(browser_page, "With age locked, ").wait_for()
    stage_ready(browser_page)
    box = browser_page.get_by_role("slider", name="Epoch", exact=True).bounding_box()
    assert box["y"] + box["height"] < browser_page.viewport_size["height"], "it is seen without scrolling"
    titles = browser_page.locator(".ctv-title").all_inner_texts()
    assert titles == [
        "Conventional", "Counterfactual training", "Conventional, age locked", "Counterfactual training, age locked",
    ]  # fmt: skip
    assert browser_page.locator('[data-testid="stAlert"]').count() == 0
    before = picture_of(browser_page)
    browser_page.get_by_role("radio", name="x1, x2").click()
    headline(browser_page, "With x2 locked, ").wait_for()
    browser_page.locator(".ctv-axis-x").filter(has_text="x1").first.wait_for()
    assert query_of(browser_page) == {"preset": "figure1", "names": "plain"}
    browser_page.wait_for_function("() => !document.querySelector('.ctv-note:not([hidden])')")
    assert picture_of(browser_page) == before


def test_another_lock_that_is_shipped_redraws_the_panels_and_charts_follow_the_theme(app, browser_page) -> None:
    browser_page.goto(link(app))
    headline(browser_page, "With age locked, ").wait_for()
    stage_ready(browser_page)
    before = pictures(browser_page)
    choose(browser_page, "Debt", "locked")
    browser_page.get_by_text("With every feature locked nothing can change").wait_for()
    choose(browser_page, "Age", "free")
    headline(browser_page, "With debt locked, ").wait_for()
    browser_page.wait_for_url("**preset=figure1-debt**")
    key = Experiment.preset("figure1-debt").key
    browser_page.wait_for_function("k => globalThis.__ctvizStage?.key.startsWith(k)", arg=key)
    browser_page.locator(".ctv-title").filter(has_text="Conventional, debt locked").wait_for()
    after = pictures(browser_page)
    assert len(before) == len(after) == 4
    assert before[:2] == after[:2], "the upper panels show the same two models"
    assert before[2] != after[2] and before[3] != after[3]
    tick = browser_page.locator(".js-plotly-plot .xtick text").first
    tick.wait_for()
    light = tick.evaluate("text => getComputedStyle(text).fill")
    browser_page.emulate_media(color_scheme="dark")
    browser_page.wait_for_function(
        "light => { const t = document.querySelector('.js-plotly-plot .xtick text');"
        " return t && getComputedStyle(t).fill !== light; }",
        arg=light,
    )


def test_a_click_asks_for_advice_and_the_link_keeps_it(app, browser_page) -> None:
    browser_page.goto(link(app, preset="figure1"))
    browser_page.get_by_text("Click a point in any panel").wait_for()
    stage_ready(browser_page)
    browser_page.locator(".ctv-plot").first.click(position={"x": 240, "y": 90})
    person = browser_page.locator(".ctviz-person")
    person.get_by_text("This person: debt").wait_for()
    assert person.locator("dd").count() == 4
    told = person.inner_text()
    assert "Lower debt by" in told and "age stays" in told
    browser_page.wait_for_url("**probe=**")
    browser_page.reload()
    person.get_by_text("This person: debt").wait_for()
    assert person.inner_text() == told
    browser_page.get_by_role("link", name="Follow these searches step by step").click()
    browser_page.wait_for_url("**/trajectories?**pick=point**")
