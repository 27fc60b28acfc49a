"""Learn in a real browser: a guess by a click and by the keyboard, what it reveals, the arrow keys, one screen."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.browser.driving import picture_ready, place_of, resize, until

pytestmark = pytest.mark.browser

PATHS = "globalThis.__ctvizPaths"
PICTURE_BETWEEN = """() => {
  const top = (of) => document.querySelector(of).getBoundingClientRect().top;
  const picture = top(".st-key-learn-picture");
  return top(".st-key-learn-step h1") < picture && picture < top(".st-key-learn-way");
}"""
"""On a phone: words, picture, and the way on below it, so that nobody scrolls back to what is asked."""

ENDS = f"[0, 1].map((arm) => [{PATHS}.place(arm, 0, 0), {PATHS}.place(arm, 0, 1e6)])"


def test_a_guess_is_clicked_and_typed_and_the_steps_follow_the_arrow_keys(app, browser_page) -> None:
    page = browser_page
    page.emulate_media(reduced_motion="reduce")  # the search is seen whole at once
    page.goto(f"{app.url}/learn?step=2")
    until(page, f"() => {PATHS}?.resting")  # the component is there
    picture_ready(page)
    a_click_is_a_guess_and_shows_how_far_off_it_was(page)
    a_click_then_moves_the_start(page)
    the_keyboard_guesses_too(page)
    arrow_keys_turn_the_pages(page)
    the_energy_is_seen_and_the_start_dragged_over_it(page)
    a_step_fits_on_one_screen(page)


def canvas(page):
    return page.locator(".ctv-panel canvas").first


def a_click_is_a_guess_and_shows_how_far_off_it_was(page) -> None:
    assert page.evaluate(f"{PATHS}.traceKey") is None, "nothing is told before the guess"
    box = place_of(canvas(page))
    canvas(page).click(position={"x": 0.5 * box["width"], "y": 0.6 * box["height"]})
    page.get_by_text("your guess is").wait_for()
    until(page, f"() => {PATHS}.drawn !== null && {PATHS}.steps > 10 && {PATHS}.marks.length === 2")
    page.wait_for_url("**guesses=2~**")
    said = page.evaluate(f"{PATHS}.marks").pop()
    assert said.startswith("your guess, ") and said.endswith(" off"), "it is read out too"


def a_click_then_moves_the_start(page) -> None:
    before = page.evaluate(f"{PATHS}.traceKey")
    box = place_of(canvas(page))
    canvas(page).click(position={"x": 0.8 * box["width"], "y": 0.15 * box["height"]})
    until(page, f"before => {PATHS}.traceKey !== before && {PATHS}.drawn === {PATHS}.traceKey", before)
    page.wait_for_url("**at=**")
    page.get_by_role("button", name="Back to the first start").click()
    page.wait_for_url(lambda url: "at=" not in url)


def the_keyboard_guesses_too(page) -> None:
    page.get_by_role("button", name="Guess again").click()
    page.wait_for_url(lambda url: "guesses" not in url)
    until(page, f"() => {PATHS}.traceKey === null")
    picture_ready(page)
    page.locator(".ctv-panels").focus()
    for key in ("ArrowLeft", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    until(page, "() => !location.search.includes('step=3')")  # the arrows move the cursor, not the page
    page.keyboard.press("Enter")
    page.get_by_text("your guess is").wait_for()
    page.wait_for_url("**guesses=2~**")


def arrow_keys_turn_the_pages(page) -> None:
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name="3. Would you believe it?").wait_for()
    page.wait_for_url("**step=3**")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("heading", name="2. The least").wait_for()
    page.wait_for_url("**step=2**guesses=2~**")
    page.get_by_text("your guess is").wait_for()


def the_energy_is_seen_and_the_start_dragged_over_it(page) -> None:
    page.get_by_role("radio", name="4", exact=True).click()
    page.get_by_role("button", name="Show me without guessing").click()
    until(page, f"() => {PATHS}?.draggable && __ctvizStage.layer === 'energy'")
    told = page.locator(".ctv-value").first
    told.filter(has_text=re.compile("^−4.2$")).wait_for()  # the mean that the sentence tells
    handle = page.locator(".ctv-start").first
    box = place_of(handle)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 50, steps=5)
    until(page, f"() => {PATHS}.dragged && {PATHS}.traceKey.startsWith('dragged')")
    held = page.evaluate(ENDS)
    page.mouse.up()
    until(page, f"() => !{PATHS}.traceKey.startsWith('dragged') && {PATHS}.drawn && {PATHS}.resting")
    np.testing.assert_allclose(page.evaluate(ENDS), held, atol=0.1)
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("PageDown")
    page.get_by_text("Once trained to the end").wait_for()
    page.get_by_role("button", name="Probability", exact=True).click()
    page.wait_for_url("**epoch=60**at=**layer=probability**")


def a_step_fits_on_one_screen(page) -> None:
    page.get_by_role("radio", name="7", exact=True).click()
    page.get_by_role("button", name="Locked in both").click()
    page.get_by_text("Mean effort").wait_for()
    picture_ready(page)
    foot = "() => document.querySelector('[data-testid^=stBidiComponent]').getBoundingClientRect().bottom"
    for width, height in ((1440, 900), (1920, 1080)):
        resize(page, width, height)
        until(page, f"height => ({foot})() <= height", height)
    resize(page, 390, 844)
    until(page, PICTURE_BETWEEN)
