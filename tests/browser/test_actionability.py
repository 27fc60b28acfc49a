"""Actionability in a real browser: locks redraw the panels, a click asks for advice, all of it is in the link."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ctviz.experiments.config import Experiment
from ctviz.ui.actionability.panel import PARTS
from tests.browser.looks import picture_of, sideways, stage_ready

pytestmark = pytest.mark.browser

QUICK = Experiment.preset("figure1").replace({"training.epochs": 20, "data.n_train": 600, "training.n_ce": 100})


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


def test_the_picture_and_its_scrubber_are_seen_without_scrolling(app, browser_page) -> None:
    browser_page.goto(link(app))
    stage_ready(browser_page)
    box = browser_page.get_by_role("slider", name="Epoch", exact=True).bounding_box()
    assert box["y"] + box["height"] < browser_page.viewport_size["height"]


def test_the_figure_opens_with_its_finding(app, browser_page) -> None:
    browser_page.goto(link(app))
    headline(browser_page, "With age locked, ").wait_for()
    stage_ready(browser_page)
    titles = browser_page.locator(".ctv-title").all_inner_texts()
    assert titles == [
        "Conventional", "Counterfactual training", "Conventional, age locked", "Counterfactual training, age locked",
    ]  # fmt: skip
    assert browser_page.locator('[data-testid="stAlert"]').count() == 0


def test_another_lock_that_is_shipped_redraws_the_panels_without_training(app, browser_page) -> None:
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


def test_a_new_lock_trains_and_then_shows_its_run(app, browser_page) -> None:
    browser_page.goto(link(app, **QUICK.to_query()))
    browser_page.get_by_role("button", name="Train", exact=True).click()
    headline(browser_page, "With age locked, ").wait_for()
    choose(browser_page, "Age", "only ↓")
    headline(browser_page, "With age only down, ").wait_for()
    assert "decrease_only" in str(query_of(browser_page))
    browser_page.locator(".ctv-title").filter(has_text="age only down").first.wait_for()


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


def test_each_part_opens_by_its_name_and_by_its_link(app, open_page) -> None:
    page, other = open_page(), open_page(elsewhere=True)
    page.goto(link(app))
    page.get_by_text(PARTS["figure"].lead).wait_for()
    stage_ready(page)
    for part in reversed(PARTS):
        page.get_by_role("radio", name=PARTS[part].title).click()
        page.get_by_text(PARTS[part].lead).wait_for()
        page.wait_for_url(f"**preset={PARTS[part].preset}**")
        page.locator(".ctviz-grid").wait_for()
        other.goto(page.url)
        headline(other, page.locator(".ctviz-headline").inner_text()).wait_for()
        other.get_by_text(PARTS[part].lead).wait_for()


def test_names_change_the_axes_and_nothing_else(app, browser_page) -> None:
    browser_page.goto(link(app))
    stage_ready(browser_page)
    before = picture_of(browser_page)
    browser_page.get_by_role("radio", name="x1, x2").click()
    headline(browser_page, "With x2 locked, ").wait_for()
    browser_page.locator(".ctv-axis-x").filter(has_text="x1").first.wait_for()
    assert query_of(browser_page) == {"preset": "figure1", "names": "plain"}
    browser_page.wait_for_function("() => !document.querySelector('.ctv-note:not([hidden])')")
    assert picture_of(browser_page) == before


def test_charts_follow_the_theme_while_they_are_looked_at(app, browser_page) -> None:
    browser_page.goto(link(app))
    tick = browser_page.locator(".js-plotly-plot .xtick text").first
    tick.wait_for()
    light = tick.evaluate("text => getComputedStyle(text).fill")
    browser_page.emulate_media(color_scheme="dark")
    browser_page.wait_for_function(
        "light => { const t = document.querySelector('.js-plotly-plot .xtick text');"
        " return t && getComputedStyle(t).fill !== light; }",
        arg=light,
    )


def test_it_fits_a_phone(app, open_page) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    for part in PARTS:
        page.goto(link(app, preset=PARTS[part].preset, part=part, probe="6,1"))
        page.locator(".ctviz-grid").wait_for()
        stage_ready(page)
        assert sideways(page) == 0
