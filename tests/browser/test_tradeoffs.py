"""Trade-offs in a real browser: a click in the map, a box over the lines, a sweep that fills its map."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ctviz.experiments.store import Store
from ctviz.experiments.sweeps.sweep import sweep
from tests.browser.driving import until
from tests.browser.looks import assert_fits_a_phone, stage_ready
from tests.experiments.reproduce.here import Here
from tests.experiments.sweeps.small import TINY, small

pytestmark = pytest.mark.browser

SWEEP = small({"lambda_adv": (0.1, 0.5), "lambda_div": (0.1, 0.5), "lambda_reg": (0.1, 0.3, 0.5)})


@pytest.fixture(scope="module")
def server(app):
    """The app with one small sweep in its store."""
    sweep(SWEEP, engine=Here(), store=Store(app.home))
    return app


def visit(server, page, **query: str) -> None:
    page.goto(f"{server.url}/tradeoffs?{urlencode({'sweep': SWEEP.key, **query})}")
    stage_ready(page)


def query_of(page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def plot(page):
    return page.locator(".js-plotly-plot").first


def test_map_and_words_are_seen_without_scrolling_and_a_click_shows_that_cell_s_models(server, browser_page) -> None:
    visit(server, browser_page)
    box = plot(browser_page).bounding_box()
    assert box["y"] + box["height"] < browser_page.viewport_size["height"]
    place = plot(browser_page).locator(".scatterlayer .point").last.bounding_box()
    browser_page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    until(browser_page, "() => location.search.includes('cell=')")
    browser_page.locator(".ctviz-cell-title").filter(has_text="0.5").wait_for()
    index = int(query_of(browser_page)["cell"])
    words = browser_page.locator(".ctviz-cell-title").inner_text()
    for _, value in SWEEP.cells()[index].values:
        assert f"{value:g}" in words
    assert browser_page.locator(".ctv-play").is_hidden()  # a single epoch has nothing to play
    browser_page.get_by_role("button", name="Share and take away").click()
    browser_page.get_by_text(f"&cell={index}").first.wait_for()  # the link that is offered is that of what is seen


def test_a_box_over_the_lines_keeps_what_lies_within(server, browser_page) -> None:
    visit(server, browser_page, chart="lines")
    assert_fits_a_phone(browser_page)
    area = plot(browser_page).locator(".nsewdrag").first.bounding_box()
    first = area["x"] + plot(browser_page).evaluate("plot => plot._fullLayout.xaxis.d2p(0)")
    browser_page.mouse.move(first - 12, area["y"] + 2)
    browser_page.mouse.down()
    browser_page.mouse.move(first + 12, area["y"] + 0.45 * area["height"], steps=6)
    browser_page.mouse.up()
    until(browser_page, "() => location.search.includes('only.')")
    browser_page.get_by_text("6 of 12 cells are left").wait_for()


def test_a_sweep_run_from_the_page_fills_its_map_and_is_there_after_a_reload(server, browser_page) -> None:
    browser_page.goto(f"{server.url}/tradeoffs?{urlencode(TINY)}")
    browser_page.get_by_role("button", name="Run this sweep").click()
    until(browser_page, "() => location.search.includes('sweep=')")
    browser_page.reload()
    stage_ready(browser_page)
    assert browser_page.get_by_role("button", name="Stop").count() == 0
    browser_page.locator(".ctviz-cell").first.wait_for()
