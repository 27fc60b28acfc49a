"""Trade-offs in a real browser: a click in the map, a box over the lines."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ctviz.experiments.store import Store
from ctviz.studies.sweeps.sweep import sweep
from tests.browser.driving import picture_ready, place_of, repeat_until, resize
from tests.browser.looks import assert_fits_a_phone, query_of, stage_ready
from tests.studies.reproduce.here import Here
from tests.studies.sweeps.small import small

pytestmark = pytest.mark.browser

SWEEP = small({"lambda_adv": (0.1, 0.5), "lambda_div": (0.1, 0.5), "lambda_reg": (0.1, 0.3, 0.5)})


@pytest.fixture(scope="module")
def server(app):
    """The app with one small sweep in its store."""
    sweep(SWEEP, engine=Here(), store=Store(app.home))
    return app


def plot(page):
    return page.locator(".js-plotly-plot").first


def test_a_click_in_the_map_shows_models_and_a_box_over_the_lines_keeps_what_lies_within(server, browser_page) -> None:
    browser_page.goto(f"{server.url}/tradeoffs?{urlencode({'sweep': SWEEP.key})}")
    stage_ready(browser_page)
    picture_ready(browser_page)
    box = plot(browser_page).bounding_box()
    assert box["y"] + box["height"] < browser_page.viewport_size["height"], "it is seen without scrolling"
    a_click_shows_that_cell_s_models(browser_page)
    browser_page.get_by_role("radio", name="Lines").click()
    browser_page.locator('[class*="st-key-trade-lines"] .main-svg').first.wait_for()
    picture_ready(browser_page)
    assert_fits_a_phone(browser_page)
    resize(browser_page, 1440, 900)
    a_box_over_the_lines_keeps_what_lies_within(browser_page)


def a_click_shows_that_cell_s_models(page) -> None:
    def click() -> None:
        place_of(plot(page))
        place = plot(page).locator(".scatterlayer .point").last.bounding_box()
        page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)

    repeat_until(page, click, "() => location.search.includes('cell=')")
    index = int(query_of(page)["cell"])
    title = page.locator(".ctviz-cell-title")
    for _, value in SWEEP.cells()[index].values:
        title = title.filter(has_text=f"{value:g}")
    title.wait_for()
    picture_ready(page)
    assert page.locator(".ctv-play").is_hidden()  # a single epoch has nothing to play
    page.get_by_role("button", name="Share and take away").click()
    page.get_by_text(f"&cell={index}").first.wait_for()  # the link that is offered is that of what is seen
    page.keyboard.press("Escape")


def a_box_over_the_lines_keeps_what_lies_within(page) -> None:
    def draw() -> None:
        area = place_of(plot(page).locator(".nsewdrag").first)
        first = area["x"] + plot(page).evaluate("plot => plot._fullLayout.xaxis.d2p(0)")
        page.mouse.move(first - 12, area["y"] + 2)
        page.mouse.down()
        page.mouse.move(first + 12, area["y"] + 0.45 * area["height"], steps=6)
        page.mouse.up()

    repeat_until(page, draw, "() => location.search.includes('only.')")
    page.get_by_text("6 of 12 cells are left").wait_for()
