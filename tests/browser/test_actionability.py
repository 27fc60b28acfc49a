"""Actionability in a real browser: locks redraw the panels, a click asks for advice, all of it is in the link."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ctviz.experiments.config import Experiment
from tests.browser.driving import picture_ready, resize, scroll_down, until
from tests.browser.looks import assert_fits_a_phone, picture_of, query_of, stage_drawn, stage_ready

pytestmark = pytest.mark.browser


def link(app, **query: str) -> str:
    return f"{app.url}/actionability?{urlencode(query)}"


def headline(page, words: str):
    return page.locator(".ctviz-headline").filter(has_text=words)


def choose(page, feature: str, way: str) -> None:
    page.get_by_role("radiogroup", name=feature, exact=True).get_by_role("radio", name=way).click()


def pictures(page) -> list[str]:
    """A fingerprint of each panel, whatever the probe."""
    return [canvas.evaluate("c => c.toDataURL()") for canvas in page.locator(".ctv-panel canvas").all()]


def test_names_clicks_and_locks_change_what_they_are_to_change_and_stand_in_the_link(app, still_page) -> None:
    still_page.goto(link(app))
    it_opens_with_its_finding(still_page)
    names_change_the_axes_and_nothing_else(still_page)
    parts_with_tables_of_their_own_fit_a_phone(still_page)
    a_click_asks_for_advice_and_the_link_keeps_it(still_page)
    the_papers_steps_are_one_click_away(still_page)
    another_lock_redraws_the_panels(still_page)
    charts_follow_the_theme(still_page)
    still_page.get_by_role("link", name="Follow these searches step by step").click()
    still_page.wait_for_url("**/trajectories?**pick=point**")


def it_opens_with_its_finding(page) -> None:
    headline(page, "With age locked, ").wait_for()
    stage_ready(page)
    page.get_by_text("Click a point in any panel").wait_for()
    picture_ready(page)
    box = page.get_by_role("slider", name="Epoch", exact=True).bounding_box()
    assert box["y"] + box["height"] < page.viewport_size["height"], "it is seen without scrolling"
    titles = page.locator(".ctv-title").all_inner_texts()
    assert titles == [
        "Conventional", "Counterfactual training", "Conventional, age locked", "Counterfactual training, age locked",
    ]  # fmt: skip
    assert page.locator('[data-testid="stAlert"]').count() == 0


def names_change_the_axes_and_nothing_else(page) -> None:
    stage_drawn(page)
    before = picture_of(page)
    page.get_by_role("radio", name="x1, x2").click()
    headline(page, "With x2 locked, ").wait_for()
    page.locator(".ctv-axis-x").filter(has_text="x1").first.wait_for()
    page.wait_for_url("**names=plain**")
    assert query_of(page) == {"preset": "figure1-short", "names": "plain"}
    until(page, "() => !document.querySelector('.ctv-note:not([hidden])')")
    stage_drawn(page)
    assert picture_of(page) == before
    page.get_by_role("radio", name="Debt, age").click()
    headline(page, "With age locked, ").wait_for()


def a_click_asks_for_advice_and_the_link_keeps_it(page) -> None:
    page.locator(".ctv-plot").first.click(position={"x": 240, "y": 90})
    person = page.locator(".ctviz-person")
    person.get_by_text("This person: debt").wait_for()
    picture_ready(page)
    assert person.locator("dd").count() == 4
    told = person.inner_text()
    assert "Lower debt by" in told and "age stays" in told
    page.wait_for_url("**probe=**")
    page.reload()
    person.get_by_text("This person: debt").wait_for()
    picture_ready(page)
    assert person.inner_text() == told
    stage_ready(page)


def the_papers_steps_are_one_click_away(page) -> None:
    told = page.locator(".ctviz-headline").inner_text()
    page.get_by_text("searches in short steps").wait_for()
    choose(page, "Steps of the search for advice", "As in the paper")
    page.wait_for_url("**preset=figure1&**")
    page.get_by_text("searches in the paper's steps").wait_for()
    headline(page, "With age locked, ").wait_for()
    until(page, "told => document.querySelector('.ctviz-headline').innerText !== told", told)
    assert "probe" in query_of(page), "the person who was clicked stays"
    stage_ready(page)


def another_lock_redraws_the_panels(page) -> None:
    """One that is shipped."""
    stage_drawn(page, Experiment.preset("figure1").key)
    before = pictures(page)
    choose(page, "Debt", "locked")
    page.get_by_text("With every feature locked nothing can change").wait_for()
    choose(page, "Age", "free")
    headline(page, "With debt locked, ").wait_for()
    page.wait_for_url("**preset=figure1-debt**")
    page.locator(".ctv-title").filter(has_text="Conventional, debt locked").wait_for()
    stage_drawn(page, Experiment.preset("figure1-debt").key)
    after = pictures(page)
    assert len(before) == len(after) == 4
    assert before[:2] == after[:2], "the upper panels show the same two models"
    assert before[2] != after[2] and before[3] != after[3]


def charts_follow_the_theme(page) -> None:
    scroll_down(page)
    tick = page.locator(".js-plotly-plot .xtick text").first
    tick.wait_for()
    light = tick.evaluate("text => getComputedStyle(text).fill")
    page.emulate_media(color_scheme="dark")
    until(
        page,
        "light => { const t = document.querySelector('.js-plotly-plot .xtick text');"
        " return t && getComputedStyle(t).fill !== light; }",
        arg=light,
    )


def parts_with_tables_of_their_own_fit_a_phone(page) -> None:
    for part, table in (("Where the lock acts", ".ctviz-places"), ("When it stops helping", ".ctviz-verdict")):
        page.get_by_role("radio", name=part).click()
        page.locator(table).wait_for()
        picture_ready(page)
        assert_fits_a_phone(page)
    resize(page, 1440, 900)
    page.get_by_role("radio", name="What a lock does").click()
    headline(page, "With age locked, ").wait_for()
    page.locator(".ctv-title").nth(3).wait_for()
    picture_ready(page)
