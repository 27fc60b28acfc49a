"""Trajectories in a real browser: clicks become searches, steps and epochs are scrubbed, knobs answer, links return."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import TimeoutError

from ctviz.experiments.config import Experiment
from tests import waiting
from tests.browser.driving import follow, picture_ready, place_of, scroll_down, until
from tests.browser.looks import assert_fits, assert_one_sheet

pytestmark = pytest.mark.browser

MOONS = Experiment.preset("moons")
PATHS = "globalThis.__ctvizPaths"


def link(app, experiment: Experiment = MOONS, **view: str) -> str:
    return f"{app.url}/trajectories?{urlencode({**experiment.to_query(), **view})}"


def searched(page, part: str = "") -> None:
    """Waits until searches whose key contains ``part`` are drawn."""
    until(
        page,
        f"part => {PATHS}?.drawn != null && {PATHS}.drawn === {PATHS}.traceKey && {PATHS}.traceKey.includes(part)",
        part,
    )


def headline(page):
    return page.locator(".ctviz-headline")


def beside(page):
    return page.locator(".ctviz-beside")


def picture(page, arm: int = 0):
    return page.locator(".ctv-panel canvas").nth(arm)


def choose(page, control: str, option: str) -> None:
    """Chooses an option; where a run of the script has closed the list of them, opens it again."""
    wanted = page.get_by_role("option", name=option, exact=True)

    def chosen() -> bool:
        if not wanted.count():
            page.get_by_role("combobox", name=control, exact=True).click()
        try:
            wanted.click(timeout=1000)
        except TimeoutError:
            return False
        return True

    waiting.until(chosen, option)


def assert_seen_without_scrolling(page) -> None:
    """The scrubbers below the picture, and so the picture."""
    picture_ready(page)
    for name in ("Search step", "Epoch"):
        box = page.get_by_role("slider", name=name, exact=True).bounding_box()
        assert box["y"] + box["height"] < page.viewport_size["height"], name


def test_many_searches_and_four_models_are_seen_without_scrolling_and_searched_anew(app, still_page) -> None:
    page = still_page
    page.goto(link(app, Experiment.preset("ls"), view="project"))
    searched(page, "random 100")
    assert page.evaluate(f"{PATHS}.factuals") == 100
    assert_seen_without_scrolling(page)
    assert page.locator(".st-key-menu").count() == 0
    assert page.locator(".st-key-controls").count() == 0
    page.get_by_role("button", name="Show the controls").click()
    page.get_by_role("spinbutton", name="Steps", exact=True).wait_for()
    searched(page, "random 100")
    assert_seen_without_scrolling(page)
    headline(page).filter(has_text="arrive").wait_for()
    beside(page).get_by_text("100 of 100").first.wait_for()
    scroll_down(page)
    page.get_by_role("heading", name="Where the searches end").wait_for()
    page.locator(".js-plotly-plot").nth(1).wait_for()
    choose(page, "Models", "Figure 1 of the paper, x2 locked")
    picture(page, 3).wait_for()
    searched(page, Experiment.preset("figure1").key)
    assert_seen_without_scrolling(page)
    assert_one_sheet(page)
    follow(page, link(app, count="20"))
    many_are_searched_anew_for_another_knob_and_where_the_epoch_comes_to_rest(page)


def many_are_searched_anew_for_another_knob_and_where_the_epoch_comes_to_rest(page) -> None:
    """And fit a narrow page."""
    searched(page, "random 20")
    picture_ready(page)
    a_path_is_chosen_with_the_keyboard_and_let_go(page)
    steps = page.get_by_role("spinbutton", name="Steps", exact=True)
    steps.fill("3")
    steps.press("Enter")
    page.wait_for_url("**search.steps=3**")
    searched(page, '"steps":3,')
    page.get_by_role("button", name="Back to the run's own search").click()
    searched(page, '"steps":50,')
    slider = page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    headline(page).filter(has_text="At epoch 1:").wait_for()
    searched(page, "at 1 random 20")
    page.locator(".js-plotly-plot").nth(1).wait_for()
    for width in (720, 390):
        assert_fits(page, {"width": width, "height": 844})
    picture_ready(page)
    controls = page.locator(".st-key-controls").bounding_box()
    assert picture(page).bounding_box()["y"] < controls["y"], "the picture comes first"


def a_path_is_chosen_with_the_keyboard_and_let_go(page) -> None:
    slider = page.get_by_role("slider", name="Search step")
    slider.focus()
    slider.press("n")
    page.wait_for_url("**selected=**")
    scroll_down(page)
    page.get_by_role("heading", name="What training would make of this search").wait_for()
    beside(page).get_by_text("Steps taken").nth(1).wait_for()
    slider.focus()
    slider.press("Escape")
    beside(page).get_by_text("of 20").first.wait_for()
    until(page, "!location.search.includes('selected')")


def test_a_click_is_searched_from_in_every_model_over_epochs_and_the_link_brings_it_back(app, open_page) -> None:
    page = open_page(reduced_motion="reduce")
    page.goto(link(app, pick="class0", count="3"))
    searched(page, "class0 3")
    a_click_is_searched_from_in_every_model(page)
    it_is_followed_over_steps_and_epochs(page)
    other = open_page(reduced_motion="reduce")  # only now: a browser slows down pages that are not in front
    other.goto(page.url)
    searched(other, "(0.5, ")
    until(other, f"() => {PATHS}.step === 1 && {PATHS}.epoch === 0")
    headline(other).filter(has_text=headline(page).inner_text()).wait_for()
    assert other.evaluate(f"{PATHS}.traceKey") == page.evaluate(f"{PATHS}.traceKey")


def a_click_is_searched_from_in_every_model(page) -> None:
    """And so is a point that is typed: x1 of 0.5 at last."""

    def clicked() -> bool:
        """What is above may still come and move the picture, away from below a click."""
        if page.evaluate(f"{PATHS}.factuals") != 1:
            box = picture(page).bounding_box()
            page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.8 * box["height"])
        return page.evaluate(f"{PATHS}.factuals") == 1

    waiting.until(clicked, "a search from the point that was clicked", pause=2)
    until(page, f"() => {PATHS}.drawn === {PATHS}.traceKey")
    page.wait_for_url("**pick=point**")
    beside(page).get_by_text("Steps taken").nth(1).wait_for()
    scroll_down(page)
    page.get_by_role("heading", name="What training would make of this search").wait_for()
    first = page.evaluate(f"{PATHS}.traceKey")
    box = place_of(picture(page, 1))
    picture(page, 1).click(position={"x": 0.6 * box["width"], "y": 0.2 * box["height"]})
    until(page, f"first => {PATHS}.traceKey !== first && {PATHS}.drawn === {PATHS}.traceKey", first)
    # The left column follows: there the point may be typed.
    at = page.get_by_role("spinbutton", name="x1")
    until(page, "() => new URLSearchParams(location.search).get('at') !== null")
    expected = page.evaluate("new URLSearchParams(location.search).get('at').split(',')[0]")
    until(page, "x1 => document.querySelector('input[aria-label=\"x1\"]').value === x1", expected)

    def typed() -> bool:
        """A run that the click asked for may still come, and write its own number over what is typed."""
        if "at=0.5" not in page.url:
            at.fill("0.5")
            at.press("Enter")
        return "at=0.5" in page.url

    waiting.until(typed, "the point that was typed", pause=2)
    searched(page, "(0.5, ")


def it_is_followed_over_steps_and_epochs(page) -> None:
    """To step 1 and epoch 0."""
    assert page.evaluate(f"{PATHS}.epochs.length") == 101
    key = page.evaluate(f"{PATHS}.traceKey")
    steps = page.get_by_role("slider", name="Search step")
    steps.focus()
    steps.press("Home")
    until(page, f"() => {PATHS}.step === 0")
    steps.press("ArrowRight")
    until(page, f"() => {PATHS}.step === 1")
    page.wait_for_url("**step=1**")
    slider = page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    slider.press("Home")
    until(page, f"() => {PATHS}.epoch === 0")
    headline(page).filter(has_text="At epoch 0:").wait_for()
    page.wait_for_url("**epoch=0**")
    assert page.evaluate(f"{PATHS}.traceKey") == key, "nothing had to be searched anew"


def test_it_trains_here_and_searches_as_it_goes(app, still_page) -> None:
    page = still_page
    quick = MOONS.replace({"training.epochs": 30, "data.n_train": 600, "training.n_ce": 60, "seed": 41})
    page.goto(link(app, quick, count="5"))
    a_dimmed_picture_of_another_run_invites_to_no_click(page)
    page.get_by_role("button", name="Train", exact=True).first.click()
    # A worker has to start, and to train beside a browser that draws every epoch.
    searched(page, "random 5")
    searched(page, "at 30 random 5")
    headline(page).filter(has_text="arrive").wait_for()


def a_dimmed_picture_of_another_run_invites_to_no_click(page) -> None:
    headline(page).filter(has_text="not been trained").wait_for()
    earlier = page.locator(".st-key-earlier")
    canvas = earlier.locator(".ctv-panel canvas").first
    canvas.wait_for()
    assert "Click" not in earlier.inner_text()
    canvas.click()
    assert "Searching" not in earlier.inner_text()
    assert "pick=point" not in page.url
