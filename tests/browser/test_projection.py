"""A page on a large screen and on paper: what carries it is in sight, is not distorted, and is all that is printed."""

from __future__ import annotations

import re

import pytest

from ctviz.experiments.config import Experiment
from ctviz.experiments.store import open_store
from tests.browser.driving import picture_ready, resize, until
from tests.browser.looks import MAIN, stage_ready

pytestmark = pytest.mark.browser

LARGE = {"width": 1440, "height": 900}, {"width": 1920, "height": 1080}
PLAYING = "playing => globalThis.__ctvizStage.playing === playing"
CANVAS = """() => {
  const canvas = globalThis.__canvas;
  const colours = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.width / canvas.parentElement.clientWidth, colours.reduce((sum, one) => sum + one, 0) / colours.length];
}"""


def test_projected_it_starts_at_its_top_fits_and_plays_without_a_click_and_printed_it_is_one_light_sheet(
    app, open_page
) -> None:
    scene = open_store().scene(Experiment.preset("moons").key)
    wide, tall = scene.upper - scene.lower
    page = open_page(viewport=LARGE[0], color_scheme="dark")
    page.goto(f"{app.url}/trajectories?preset=moons")
    stage_ready(page, 50)
    page.get_by_role("button", name="Project: hide the controls").scroll_into_view_if_needed()
    page.locator(MAIN).evaluate("main => main.scrollTo(0, 300)")
    page.get_by_role("button", name="Project: hide the controls").click()
    page.get_by_role("button", name="Show the controls").wait_for()
    picture_ready(page)
    until(page, f"() => document.querySelector('{MAIN}').scrollTop === 0")
    for size in LARGE:
        resize(page, **size)
        key = page.locator(".ctv-key")
        assert key.bounding_box()["y"] + key.bounding_box()["height"] <= size["height"], size
        box = page.locator(".ctv-plot").first.bounding_box()
        assert box["width"] > 0.4 * size["width"], size
        assert box["height"] / box["width"] == pytest.approx(tall / wide, rel=0.01)
    plays_on_space(page)
    prints_one_light_sheet(page)


def plays_on_space(page) -> None:
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press(" ")
    until(page, PLAYING, True)
    page.get_by_role("button", name="Contours").click()  # who points at a button has not asked it for the key
    page.keyboard.press(" ")
    until(page, PLAYING, False)
    until(page, "globalThis.__ctvizPaths.resting")


def prints_one_light_sheet(page) -> None:
    page.locator(".ctv-canvas").first.evaluate("canvas => { globalThis.__canvas = canvas; }")
    ratio, dark = page.evaluate(CANVAS)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    fine, light = page.evaluate(CANVAS)
    pictures = page.locator("img.ctv-canvas")
    sizes = "all => all.map((one) => [one.clientWidth, one.clientHeight])"
    assert pictures.evaluate_all(sizes) == page.locator(".ctv-plot").evaluate_all(sizes) != []
    visible = page.locator("canvas.ctv-canvas").filter(visible=True)
    assert visible.count() == 0, "on paper, Chromium leaves out parts of a canvas"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert fine >= 2.9 > ratio and light > dark
    assert page.evaluate(CANVAS) == [ratio, dark]
    assert pictures.count() == 0
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1
    page.emulate_media(media="print")
    assert page.get_by_text(re.compile("Link http.*/trajectories.*view=project")).is_visible()
    assert not page.get_by_role("button").filter(visible=True).count()
    page.emulate_media(media="screen")
