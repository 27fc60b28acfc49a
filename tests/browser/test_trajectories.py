"""Trajectories in a real browser: clicks become searches, steps and epochs are scrubbed, knobs answer, links return."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ctviz.experiments.config import Experiment
from tests.browser.conftest import until
from tests.browser.looks import MAIN

pytestmark = pytest.mark.browser

MOONS = Experiment.preset("moons")
SEEN = "globalThis.__ctvizPaths"


def link(app, experiment: Experiment = MOONS, **view: str) -> str:
    return f"{app.url}/trajectories?{urlencode({**experiment.to_query(), **view})}"


def searched(page, part: str = "") -> None:
    """Waits until searches whose key contains ``part`` are drawn."""
    until(
        page,
        f"part => {SEEN}?.drawn != null && {SEEN}.drawn === {SEEN}.traceKey && {SEEN}.traceKey.includes(part)",
        part,
    )


def headline(page):
    return page.locator(".ctviz-headline")


def beside(page):
    return page.locator(".ctviz-beside")


def picture(page, arm: int = 0):
    return page.locator(".ctv-panel canvas").nth(arm)


@pytest.mark.parametrize(("preset", "view"), [("ls", "page"), ("figure1", "page"), ("ls", "project")])
def test_the_picture_and_its_scrubbers_are_seen_without_scrolling(app, browser_page, preset, view) -> None:
    browser_page.goto(f"{app.url}/trajectories?preset={preset}&view={view}")
    searched(browser_page)
    for name in ("Search step", "Epoch"):
        box = browser_page.get_by_role("slider", name=name, exact=True).bounding_box()
        assert box["y"] + box["height"] < browser_page.viewport_size["height"], name


def test_a_dimmed_picture_of_another_run_invites_to_no_click(app, browser_page) -> None:
    browser_page.goto(link(app, MOONS.replace({"training.epochs": 33})))
    headline(browser_page).filter(has_text="not been trained").wait_for()
    earlier = browser_page.locator(".st-key-earlier")
    canvas = earlier.locator(".ctv-panel canvas").first
    canvas.wait_for()
    assert "Click" not in earlier.inner_text()
    canvas.click()
    assert "Searching" not in earlier.inner_text()
    assert "pick=point" not in browser_page.url


def test_one_hundred_searches_are_there_at_once(app, browser_page) -> None:
    browser_page.goto(link(app))
    searched(browser_page, "random 100")
    assert browser_page.evaluate(f"{SEEN}.factuals") == 100
    headline(browser_page).filter(has_text="arrive").wait_for()
    beside(browser_page).get_by_text("100 of 100").first.wait_for()
    browser_page.get_by_role("heading", name="Where the searches end").wait_for()
    browser_page.locator(".js-plotly-plot").nth(1).wait_for()


def test_a_click_is_searched_from_in_every_model(app, browser_page) -> None:
    browser_page.goto(link(app, pick="class0", count="3"))
    searched(browser_page, "class0 3")
    box = picture(browser_page).bounding_box()
    picture(browser_page).click(position={"x": 0.3 * box["width"], "y": 0.8 * box["height"]})
    until(browser_page, f"() => {SEEN}.factuals === 1 && {SEEN}.drawn === {SEEN}.traceKey")
    browser_page.wait_for_url("**pick=point**")
    beside(browser_page).get_by_text("Steps taken").nth(1).wait_for()
    browser_page.get_by_role("heading", name="What training would make of this search").wait_for()
    first = browser_page.evaluate(f"{SEEN}.traceKey")
    picture(browser_page, 1).click(position={"x": 0.6 * box["width"], "y": 0.2 * box["height"]})
    until(browser_page, f"first => {SEEN}.traceKey !== first && {SEEN}.drawn === {SEEN}.traceKey", first)
    # The left column follows: there the point may be typed.
    at = browser_page.get_by_role("spinbutton", name="x1")
    until(browser_page, "() => new URLSearchParams(location.search).get('at') !== null")
    expected = browser_page.evaluate("new URLSearchParams(location.search).get('at').split(',')[0]")
    until(browser_page, "x1 => document.querySelector('input[aria-label=\"x1\"]').value === x1", expected)
    at.fill("0.5")
    at.press("Enter")
    browser_page.wait_for_url("**at=0.5*")
    searched(browser_page, "(0.5,")


def test_a_point_is_followed_over_the_epochs_in_the_browser(app, browser_page) -> None:
    browser_page.goto(link(app, pick="point", at="0.5,0.2"))
    searched(browser_page, "(0.5, 0.2)")
    assert browser_page.evaluate(f"{SEEN}.epochs.length") == 101
    key = browser_page.evaluate(f"{SEEN}.traceKey")
    slider = browser_page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    slider.press("Home")
    until(browser_page, f"() => {SEEN}.epoch === 0")
    headline(browser_page).filter(has_text="At epoch 0:").wait_for()
    browser_page.wait_for_url("**epoch=0**")
    assert browser_page.evaluate(f"{SEEN}.traceKey") == key, "nothing had to be searched anew"


def test_many_are_searched_anew_where_the_epoch_comes_to_rest(app, browser_page) -> None:
    browser_page.goto(link(app, count="20"))
    searched(browser_page, "random 20")
    slider = browser_page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    headline(browser_page).filter(has_text="At epoch 1:").wait_for()
    searched(browser_page, "at 1 random 20")


def test_steps_are_scrubbed_and_kept_in_the_link(app, browser_page) -> None:
    browser_page.goto(link(app, pick="point", at="0.5,0.2"))
    searched(browser_page)
    slider = browser_page.get_by_role("slider", name="Search step")
    slider.focus()
    slider.press("Home")
    until(browser_page, f"() => {SEEN}.step === 0")
    slider.press("ArrowRight")
    until(browser_page, f"() => {SEEN}.step === 1")
    browser_page.wait_for_url("**step=1**")


def test_a_knob_is_answered(app, browser_page) -> None:
    browser_page.goto(link(app, count="20"))
    searched(browser_page)
    steps = browser_page.get_by_role("spinbutton", name="Steps", exact=True)
    steps.fill("3")
    steps.press("Enter")
    browser_page.wait_for_url("**search.steps=3**")
    searched(browser_page, '"steps":3,')
    browser_page.get_by_role("button", name="Back to the run's own search").click()
    searched(browser_page, '"steps":50,')


def test_a_link_brings_the_same_back(app, open_page) -> None:
    first, second = open_page(), open_page(elsewhere=True)
    first.goto(link(app, pick="class1", count="12", **{"search.generator": "generic", "search.step_size": "0.02"}))
    searched(first, "class1 12")
    first.locator('[data-testid="stMain"]').get_by_role("button", name="Slow motion").click()
    first.wait_for_url("**search.step_size=0.01**")
    searched(first, '"step_size":0.01,')
    words = headline(first).inner_text()
    second.goto(first.url)
    searched(second, "class1 12")
    headline(second).filter(has_text=words).wait_for()
    assert second.evaluate(f"{SEEN}.traceKey") == first.evaluate(f"{SEEN}.traceKey")


def test_back_takes_a_change_back(app, browser_page) -> None:
    browser_page.goto(link(app, count="5"))
    searched(browser_page, "random 5")
    browser_page.get_by_text("Tiny steps", exact=True).click()
    browser_page.wait_for_url("**search.step_size=0.005**")
    searched(browser_page, '"step_size":0.005,')
    browser_page.go_back()
    searched(browser_page, '"step_size":0.1,')


def test_a_bad_link_is_named_and_the_rest_shown(app, browser_page) -> None:
    browser_page.goto(link(app, at="nan,1", pick="zoo", target="9", count="7", **{"search.tau": "0.1"}))
    searched(browser_page, "random 7")
    warning = browser_page.get_by_role("alert").first
    for name in ("at is", "pick is", "target is", "search.tau is"):
        assert name in warning.inner_text()


def test_an_autoencoder_is_fitted_once_while_the_page_says_so(app, browser_page) -> None:
    browser_page.goto(link(app, count="5", **{"search.generator": "revise"}))
    browser_page.get_by_text("Fitting the autoencoder").wait_for()
    searched(browser_page, '"generator":"revise"')


def test_it_trains_here_and_shows_the_searches_as_they_become(app, browser_page) -> None:
    quick = MOONS.replace({"training.epochs": 30, "data.n_train": 600, "training.n_ce": 60, "seed": 41})
    browser_page.goto(link(app, quick, count="5"))
    browser_page.get_by_role("button", name="Train", exact=True).first.click()
    # A worker has to start, and to train beside a browser that draws every epoch.
    searched(browser_page, "random 5")
    searched(browser_page, "at 30 random 5")
    headline(browser_page).filter(has_text="arrive").wait_for()


def test_it_is_reached_from_boundaries_with_the_same_run_and_leads_back(app, browser_page) -> None:
    browser_page.goto(f"{app.url}/boundaries?preset=circles")
    headline(browser_page).filter(has_text="At epoch 100").wait_for()
    browser_page.get_by_role("link", name="Trajectories").click()
    searched(browser_page)
    browser_page.wait_for_url("**preset=circles**")
    browser_page.get_by_role("link", name="Open in Boundaries").click()
    headline(browser_page).filter(has_text="At epoch 100").wait_for()
    browser_page.wait_for_url("**/boundaries?preset=circles**")


@pytest.mark.parametrize("width", [390, 720])
def test_it_fits_small_windows_picture_first(app, open_page, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 844})
    page.goto(link(app, count="10"))
    searched(page)
    page.locator(".js-plotly-plot").nth(1).wait_for()
    # A chart is as wide as it was drawn for until it has found its place.
    until(
        page, f"() => {{ const main = document.querySelector('{MAIN}'); return main.scrollWidth <= main.clientWidth; }}"
    )
    controls = page.locator(".st-key-controls").bounding_box()
    if width == 390:
        assert picture(page).bounding_box()["y"] < controls["y"]


def test_a_path_is_chosen_with_the_keyboard_and_let_go(app, browser_page) -> None:
    browser_page.goto(link(app, count="6"))
    searched(browser_page)
    slider = browser_page.get_by_role("slider", name="Search step")
    slider.focus()
    slider.press("n")
    browser_page.wait_for_url("**selected=**")
    browser_page.get_by_role("heading", name="What training would make of this search").wait_for()
    beside(browser_page).get_by_text("Steps taken").nth(1).wait_for()
    slider.focus()
    slider.press("Escape")
    beside(browser_page).get_by_text("of 6").first.wait_for()
    browser_page.wait_for_function("!location.search.includes('selected')")


def test_projecting_hides_what_is_not_the_picture(app, browser_page) -> None:
    browser_page.goto(link(app, count="6", view="project"))
    searched(browser_page)
    assert browser_page.locator(".st-key-menu").count() == 0
    assert browser_page.locator(".st-key-controls").count() == 0
    browser_page.get_by_role("button", name="Show the controls").click()
    browser_page.get_by_role("spinbutton", name="Steps", exact=True).wait_for()
