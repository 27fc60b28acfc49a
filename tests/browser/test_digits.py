"""Digits in a real browser: five parts, the film of a digit, drawing, painting, training, and all of it in the link."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ctviz.experiments.run import run
from ctviz.experiments.store import Store
from tests.browser.driving import follow, picture_ready, place_of, resize, until
from tests.browser.looks import assert_fits_a_phone
from tests.pages.digit_runs import small

pytestmark = pytest.mark.browser

RUN = small(seed=11, **{"data.n_test": 120})


@pytest.fixture(scope="module")
def home(app):
    """The app, with a small run in its store."""
    run(RUN, device="cpu", store=Store(app.home))
    return app


def link(app, **query: str) -> str:
    return f"{app.url}/digits?{urlencode({**RUN.to_query(), **query})}"


def headline(page, words: str):
    return page.locator(".ctviz-headline").filter(has_text=words)


def link_has(page, name: str, value: str | None) -> None:
    until(page, "([name, value]) => new URLSearchParams(location.search).get(name) === value", [name, value])


PARTS = {
    "One digit": ("read", "Epoch"),
    "Counterfactual digits": ("ounterfactuals", "Search step"),
    "Fool it": ("With every pixel moved by at most 0.10", "Strength ε"),
}


IN_TWO_ROWS = """() => {
  const buttons = [...document.querySelectorAll(".st-key-digits-part button")];
  return new Set(buttons.map((button) => button.getBoundingClientRect().top)).size === 2 && buttons.length === 5;
}"""


def part(page, name: str) -> None:
    page.locator(".st-key-digits-part").get_by_role("radio", name=name).click()


def test_every_part_is_above_the_fold_fits_a_phone_and_a_large_screen_and_reads_a_drawing(home, browser_page) -> None:
    page = browser_page
    page.goto(link(home))
    for name, (words, axis) in PARTS.items():
        part(page, name)
        headline(page, words).wait_for()
        slider = page.get_by_role("slider", name=axis, exact=True)
        slider.wait_for()
        picture_ready(page)
        box = slider.bounding_box()
        assert box["y"] + box["height"] < page.viewport_size["height"]
    slider.fill("25")
    headline(page, "With every pixel moved by at most 0.25").wait_for()
    link_has(page, "frame", "25")
    part(page, "All classes")
    headline(page, "ixels locked for one of the models draw").wait_for()
    page.locator(".ctv-grid[data-frame] .ctv-tile").nth(29).wait_for()
    page.locator(".js-plotly-plot").wait_for()
    part(page, "Can you read it?")
    headline(page, "Would you read").wait_for()
    page.get_by_role("button", name="In neither", exact=True).click()
    headline(page, "An independent reader takes").wait_for()
    assert page.locator('[data-testid="stAlert"]').count() == 0
    on_a_large_screen_numbers_are_near_their_names_and_can_be_read(page)
    assert_fits_a_phone(page)
    page.set_viewport_size({"width": 390, "height": 844})
    until(page, IN_TWO_ROWS)
    resize(page, 1440, 900)
    follow(page, link(home, pick="own"))
    a_drawing_is_read_by_every_model_and_stands_in_the_link_until_it_is_wiped_off(page)


def on_a_large_screen_numbers_are_near_their_names_and_can_be_read(page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.get_by_role("button", name="Project: hide the controls").click()
    row = page.locator(".st-key-projected .ctviz-beside dd:has(b)").first
    row.wait_for()
    picture_ready(page)
    name, value = row.locator("span").bounding_box(), row.locator("b").bounding_box()
    assert value["x"] - (name["x"] + name["width"]) < 300
    assert float(row.evaluate("node => getComputedStyle(node).fontSize").removesuffix("px")) >= 20
    page.get_by_role("button", name="Show the controls").click()
    page.get_by_role("button", name="Project: hide the controls").wait_for()


WATCH_FOR_JUMPS = """() => {
  const watched = (globalThis.__watched = { lost: 0, tops: new Set() });
  const look = () => {
    const grid = document.querySelector('[class*="st-key-digits-counterfactuals-"]');
    if (!document.querySelector(".ctviz-headline")) watched.lost += 1;
    if (grid) watched.tops.add(Math.round(grid.getBoundingClientRect().top));
    requestAnimationFrame(look);
  };
  look();
}"""
"""Notes in every frame whether there is a headline, and where the image grid is."""


LINE = 32
"""Pixels of a line of the headline, which may have one more of them at another epoch."""


def test_a_digit_is_followed_through_training_and_with_a_painted_mask_it_is_trained_anew(home, browser_page) -> None:
    page = browser_page
    page.goto(link(home, part="counterfactuals"))
    nothing_jumps_while_epochs_play(page)
    part(page, "One digit")
    headline(page, "read").wait_for()
    the_link_keeps_epoch_and_digit(page)
    painting_a_mask_changes_what_would_be_trained(page)
    page.get_by_role("button", name="Train", exact=True).first.click()
    headline(page, "read").wait_for()
    page.get_by_text("3 models, same first weights and batches").wait_for()


def nothing_jumps_while_epochs_play(page) -> None:
    headline(page, "ounterfactuals").wait_for()
    page.locator(".st-key-digits-look .ctv-grid[data-frame]").wait_for()
    page.evaluate(WATCH_FOR_JUMPS)
    page.locator(".st-key-digits-play").get_by_role("button", name="Play").first.click()
    for words in ("After epoch ", "ounterfactuals"):  # a busy browser does not show the headline of every epoch
        headline(page, words).wait_for()
    link_has(page, "play", None)
    link_has(page, "epoch", None)
    watched = page.evaluate("() => ({ ...__watched, tops: [...__watched.tops] })")
    assert watched["lost"] == 0
    assert max(watched["tops"]) - min(watched["tops"]) <= LINE, watched["tops"]


def the_link_keeps_epoch_and_digit(page) -> None:
    slider = page.get_by_role("slider", name="Epoch", exact=True)
    slider.wait_for()
    slider.fill("1")
    headline(page, "After epoch 1: ").wait_for()
    link_has(page, "epoch", "1")
    slider.fill("3")
    link_has(page, "epoch", None)
    page.locator(".st-key-digits-gallery .ctv-tile").nth(5).click()
    link_has(page, "at", "5")


def painting_a_mask_changes_what_would_be_trained(page) -> None:
    page.get_by_text("Paint them").click()
    painter = page.locator(".st-key-digits-mask")
    painter.get_by_role("button", name="Invert").click()
    until(page, "() => (new URLSearchParams(location.search).get('arms.full locked.locked') ?? '').includes('mask ')")
    headline(page, "not been trained yet").wait_for()
    page.get_by_text("Dimmed, until then: the run you saw last").wait_for()


def draw_a_seven(page) -> None:
    pad = page.locator(".ctv-pad canvas").first
    pad.wait_for()
    box = place_of(pad)
    x, y, side = box["x"], box["y"], box["width"]
    page.mouse.move(x + 0.3 * side, y + 0.25 * side)
    page.mouse.down()
    page.mouse.move(x + 0.7 * side, y + 0.25 * side, steps=6)
    page.mouse.move(x + 0.45 * side, y + 0.8 * side, steps=6)
    page.mouse.up()


def a_drawing_is_read_by_every_model_and_stands_in_the_link_until_it_is_wiped_off(page) -> None:
    headline(page, "Draw a digit").wait_for()
    draw_a_seven(page)
    headline(page, "read").filter(has_not_text="Draw a digit").wait_for()
    until(page, "() => new URLSearchParams(location.search).has('drawing')")
    page.locator(".ctv-pad").get_by_role("button", name="Start again (delete)").click()
    headline(page, "Draw a digit").wait_for()
    link_has(page, "drawing", None)
