"""The stage of searches in a real Chromium, inside a Streamlit app that searches what is clicked."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.driving import app_wrote, picture, until

pytestmark = pytest.mark.browser

EPOCHS = 16
READY = "window.__ctvizPaths?.drawn && window.__ctvizStage.epochs === 17 && window.__ctvizPaths.resting"
MANY, ONE = "?of=100", "?of=1"


@pytest.fixture(scope="module")
def app(serve) -> str:
    return serve(Path(__file__).parent / "paths_app.py").url


def visited(page, address: str):
    page.goto(address)
    until(page, READY)
    return page


def paths(page) -> dict:
    return page.evaluate("({...window.__ctvizPaths})")


def at_step(page, step: int) -> None:
    until(page, "step => { const t = window.__ctvizPaths; return t.resting && t.walk === step; }", step)


def focus(page) -> None:
    page.locator(".ctv-panels").focus()


def frames(page, count: int) -> None:
    """Lets the browser draw so many times."""
    page.evaluate(
        "n => new Promise(done => { const next = () => n-- ? requestAnimationFrame(next) : done(); next(); })", count
    )


def click(page, u: float, v: float, panel: int = 0) -> None:
    """Clicks a place of the unit square of a panel."""
    box = page.locator(".ctv-plot").nth(panel).bounding_box()
    page.mouse.click(box["x"] + u * box["width"], box["y"] + (1 - v) * box["height"])
    page.mouse.move(5, 5)


def click_on(page, panel: int, factual: int, step: int) -> None:
    x, y = page.evaluate(
        "([arm, factual, step]) => window.__ctvizPaths.place(arm, factual, step)", [panel, factual, step]
    )
    box = page.locator(".ctv-plot").nth(panel).bounding_box()
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.mouse.move(5, 5)


# -- steps -------------------------------------------------------------------------------------------------------


def test_steps_go_by_keys_and_the_panels_follow(browser_page, app):
    page = visited(browser_page, app + MANY)
    last = paths(page)["steps"]
    assert last >= 2 and paths(page)["step"] == last
    whole = picture(page)
    focus(page)
    page.keyboard.press("Home")
    at_step(page, 0)
    assert np.abs(whole - picture(page)).max() > 50
    page.keyboard.press("ArrowRight")
    at_step(page, 1)
    app_wrote(page, "epoch=None step=1 selected=None playing=False")
    page.keyboard.press("ArrowLeft")
    at_step(page, 0)
    page.keyboard.press("End")
    at_step(page, last)
    app_wrote(page, "epoch=None step=None selected=None")
    assert np.abs(whole - picture(page)).max() == 0
    slider = page.get_by_role("slider", name="Search step")
    assert slider.get_attribute("aria-valuetext") == f"step {last} of {last}"


def test_steps_play_to_their_end_and_stop(browser_page, app):
    page = visited(browser_page, app + MANY)
    last = paths(page)["steps"]
    focus(page)
    page.keyboard.press("Space")
    until(page, "window.__ctvizPaths.playing && window.__ctvizPaths.walk > 0.2 && window.__ctvizPaths.walk < 2")
    until(page, "!window.__ctvizPaths.playing")
    at_step(page, last)
    assert paths(page)["epoch"] == EPOCHS
    page.get_by_role("button", name="Play (space)").click()
    until(page, "window.__ctvizPaths.playing")
    page.get_by_role("button", name="Pause (space)").click()
    until(page, "window.__ctvizPaths.resting")
    assert float(paths(page)["walk"]).is_integer()


def test_the_scrubber_of_steps_follows_the_mouse_and_rests_on_a_step(browser_page, app):
    page = visited(browser_page, app + MANY)
    last = paths(page)["steps"]
    slider = page.get_by_role("slider", name="Search step")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 1, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 2 / last + 4, y, steps=4)
    page.mouse.up()
    at_step(page, 2)
    assert paths(page)["epoch"] == EPOCHS


def test_a_link_opens_at_its_step_and_its_factual(browser_page, app):
    page = visited(browser_page, f"{app}{MANY}&step=1&epoch=9&selected=7")
    at_step(page, 1)
    assert (paths(page)["epoch"], paths(page)["selected"]) == (9, 7)
    app_wrote(page, "epoch=9 step=1 selected=7")


def test_without_motion_there_is_a_stepper(open_page, app):
    page = visited(open_page(reduced_motion="reduce"), f"{app}{MANY}&step=0")
    assert not page.get_by_role("button", name="Play (space)").is_visible()
    page.get_by_role("button", name="Step forward").click()
    at_step(page, 1)


# -- epochs ------------------------------------------------------------------------------------------------------


def test_the_counterfactual_of_one_factual_moves_with_the_epoch(browser_page, app):
    page = visited(browser_page, app + ONE)
    assert paths(page)["epochs"] == list(range(EPOCHS + 1))
    ends = set()
    focus(page)
    for epoch in (EPOCHS, EPOCHS - 1, EPOCHS - 2):
        until(page, "e => window.__ctvizPaths.epoch === e && window.__ctvizPaths.resting", epoch)
        assert paths(page)["drawn"] == paths(page)["traceKey"], "no other trace is needed"
        ends.add(tuple(page.evaluate("window.__ctvizPaths.place(3, 0, 99)")))
        page.keyboard.press("[")
    assert len(ends) == 3
    page.keyboard.press("PageDown")
    until(page, "window.__ctvizPaths.epoch === 3 && window.__ctvizPaths.resting")
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("ArrowRight")
    until(page, "window.__ctvizPaths.epoch === 4 && window.__ctvizPaths.resting")
    app_wrote(page, "epoch=4 step=None")


def test_old_searches_are_dimmed_until_those_of_the_epoch_come(browser_page, app):
    page = visited(browser_page, app + MANY)
    first = paths(page)["traceKey"]
    page.evaluate("""() => {
      const t = window.__ctvizPaths;
      window.__dimmed = 0;
      const look = () => { window.__dimmed += t.drawn === null && t.traceKey !== null; requestAnimationFrame(look); };
      look();
    }""")
    focus(page)
    page.keyboard.press("[")
    until(page, "first => window.__ctvizPaths.drawn && window.__ctvizPaths.traceKey !== first", first)
    assert page.evaluate("window.__dimmed") > 0
    assert paths(page)["epochs"] == [EPOCHS - 1] and paths(page)["epoch"] == EPOCHS - 1


# -- factuals ----------------------------------------------------------------------------------------------------


def test_a_click_on_the_plane_searches_from_there(browser_page, app):
    page = visited(browser_page, app + MANY)
    click(page, 0.93, 0.9)
    until(page, "window.__ctvizPaths.factuals === 1 && window.__ctvizPaths.drawn")
    app_wrote(page, "placed=1 at=(")
    x, y = page.evaluate("window.__ctvizPaths.place(0, 0, 0)")
    box = page.locator(".ctv-plot").first.bounding_box()
    assert abs(x / box["width"] - 0.93) < 0.01 and abs(1 - y / box["height"] - 0.9) < 0.01
    assert paths(page)["epochs"] == list(range(EPOCHS + 1))
    click(page, 0.07, 0.1, panel=2)
    app_wrote(page, "placed=2 at=(")
    until(page, "window.__ctvizPaths.resting && window.__ctvizPaths.drawn?.includes('[(')")


def test_each_click_is_told_once(browser_page, app):
    page = visited(browser_page, app + MANY)
    click(page, 0.93, 0.9)
    app_wrote(page, "placed=1")
    until(page, "window.__ctvizPaths.factuals === 1 && window.__ctvizPaths.resting")
    focus(page)
    page.keyboard.press("Home")
    app_wrote(page, "epoch=None step=0")
    app_wrote(page, "placed=1 at=None")


def test_a_click_is_seen_before_it_is_answered(browser_page, app):
    page = visited(browser_page, app + MANY + "&slow=1")
    click(page, 0.93, 0.9)
    until(
        page,
        "window.__ctvizPaths.asked && window.__ctvizPaths.factuals === 100 && window.__ctvizPaths.drawn === null",
    )
    assert page.locator(".ctv-status").inner_text() == "Searching …"
    until(page, "!window.__ctvizPaths.asked && window.__ctvizPaths.factuals === 1")


def test_a_click_on_a_path_follows_its_factual_alone(browser_page, app):
    page = visited(browser_page, app + MANY)
    all_of_them = picture(page)
    click_on(page, 1, 5, 0)
    until(page, "window.__ctvizPaths.selected !== null && window.__ctvizPaths.resting")
    chosen = paths(page)["selected"]
    app_wrote(page, f"epoch=None step=None selected={chosen}")
    assert np.abs(all_of_them - picture(page)).max() > 50
    assert sum(paths(page)["counts"][0].values()) == 1
    focus(page)
    page.keyboard.press("n")
    app_wrote(page, f"epoch=None step=None selected={(chosen + 1) % 100}")
    page.keyboard.press("p")
    page.keyboard.press("p")
    app_wrote(page, f"epoch=None step=None selected={(chosen - 1) % 100}")
    page.keyboard.press("Escape")
    app_wrote(page, "epoch=None step=None selected=None")
    until(page, "window.__ctvizPaths.resting")
    assert np.abs(all_of_them - picture(page)).max() == 0


def test_another_threshold_keeps_the_chosen_factual(browser_page, app):
    page = visited(browser_page, f"{app}{MANY}&selected=5")
    first = paths(page)["traceKey"]
    page.get_by_text("0.95", exact=True).click()
    until(page, "first => window.__ctvizPaths.drawn && window.__ctvizPaths.traceKey !== first", first)
    assert paths(page)["selected"] == 5
    page.get_by_text("1", exact=True).click()
    until(page, "window.__ctvizPaths.factuals === 1 && window.__ctvizPaths.drawn")
    assert paths(page)["selected"] is None


def test_a_place_is_chosen_from_the_keyboard(browser_page, app):
    page = visited(browser_page, app + MANY)
    focus(page)
    page.keyboard.press("Shift+ArrowRight")
    page.locator(".ctv-status").filter(has_text="Probe at").wait_for()
    page.keyboard.press("Enter")
    until(page, "window.__ctvizPaths.factuals === 1 && window.__ctvizPaths.drawn")
    app_wrote(page, "placed=1")


def test_a_finger_does_what_the_mouse_does(open_page, app):
    page = visited(open_page(viewport={"width": 390, "height": 844}, has_touch=True), app + MANY)
    box = page.locator(".ctv-plot").first.bounding_box()
    page.touchscreen.tap(box["x"] + 0.93 * box["width"], box["y"] + 0.1 * box["height"])
    until(page, "window.__ctvizPaths.factuals === 1 && window.__ctvizPaths.drawn")


def test_several_counterfactuals_of_a_factual_are_seen_together(browser_page, app):
    page = visited(browser_page, app + ONE + "&dice=1")
    assert paths(page)["factuals"] == 1
    assert sum(paths(page)["counts"][0].values()) == 4
    assert "of 4" in page.locator(".ctv-value").first.inner_text()


# -- what is told ------------------------------------------------------------------------------------------------


def test_captions_count_what_is_mature_at_the_step(browser_page, app):
    page = visited(browser_page, app + MANY)
    counts = paths(page)["counts"]
    first = page.locator(".ctv-caption").first.locator(".ctv-value").first
    assert first.inner_text() == f"{counts[0]['mature'] + counts[0]['already']} of 100"
    focus(page)
    page.keyboard.press("Home")
    at_step(page, 0)
    assert first.inner_text() == f"{counts[0]['already']} of 100"


def test_charts_tell_their_numbers_in_words_and_the_last_one_has_reached_tau(browser_page, app):
    page = visited(browser_page, f"{app}{MANY}&selected=5")
    words = page.get_by_role("img", name=re.compile("^Probability of the target over the search steps"))
    text = words.get_attribute("aria-label")
    for arm, name in enumerate(("Conventional", "adversarial", "energy", "full")):
        said = float(re.search(rf"{name} from \S+ to (\S+?),", text)[1])
        exact = page.evaluate("arm => window.__ctvizPaths.at('probability', arm, 5, 99)", arm)
        assert exact >= 0.75 and said == pytest.approx(exact, abs=0.01)
    distance = page.get_by_role("img", name=re.compile("^Distance from the factual"))
    assert re.search("Conventional from 0 to", distance.get_attribute("aria-label"))


def test_pointing_at_a_chart_moves_the_step_everywhere_until_the_mouse_leaves(browser_page, app):
    page = visited(browser_page, app + MANY)
    last = paths(page)["steps"]
    whole = picture(page)
    box = page.locator(".ctv-chart-canvas").nth(1).bounding_box()
    page.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + 50)
    until(page, "last => window.__ctvizPaths.walk < last / 2", last)
    assert np.abs(whole - picture(page)).max() > 50
    page.mouse.move(5, 5)
    at_step(page, last)
    page.mouse.click(box["x"] + 12, box["y"] + 50)
    page.mouse.move(5, 5)
    at_step(page, 0)
    app_wrote(page, "epoch=None step=0")


def test_layers_come_and_go(browser_page, app):
    page = visited(browser_page, app + MANY)
    whole = picture(page)
    for layer in ("Points", "Paths", "Contours"):
        page.get_by_role("button", name=layer).click()
        page.get_by_role("button", name=layer, pressed=False).wait_for()
        frames(page, 2)
        without = picture(page)
        assert np.abs(whole - without).max() > 20, layer
        whole = without
    app_wrote(page, "layers= speed=1.0")


def test_without_factuals_there_are_fields_and_a_hint(browser_page, app):
    page = browser_page
    page.goto(app + "?of=0")
    until(page, "window.__ctvizStage?.epochs === 17")
    page.locator(".ctv-canvas").first.wait_for()
    assert not page.locator(".ctv-charts").is_visible()
    assert page.locator(".ctv-status").inner_text() == "Click anywhere to search from there."
    click(page, 0.5, 0.5)
    until(page, "window.__ctvizPaths.factuals === 1 && window.__ctvizPaths.drawn")
    assert page.locator(".ctv-charts").is_visible()


# -- locks --------------------------------------------------------------------------------------------


def test_locks_stand_at_their_axes(browser_page, app):
    page = visited(browser_page, app + MANY + "&lock=1")
    words = [axis.inner_text().strip() for axis in page.locator(".ctv-axis-y").all()]
    assert words == ["x2 →", "x2 locked →", "x2 only up →", "x2 in a range →"]
    assert page.locator(".ctv-axis-x .ctv-lock").count() == 0


# -- the way to the browser --------------------------------------------------------------------------------------


def test_what_is_held_is_not_sent_again(browser_page, app):
    received = []
    browser_page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page = visited(browser_page, app + MANY)
    app_wrote(page, "placed=0")
    first = sum(received)
    received.clear()
    focus(page)
    page.keyboard.press("Home")
    app_wrote(page, "epoch=None step=0")
    assert 0 < sum(received) < 0.7 * first


def test_a_trace_that_got_lost_is_sent_again(browser_page, app):
    page = visited(browser_page, app + MANY + "&lose=1")
    assert paths(page)["factuals"] == 100


def test_a_run_that_got_lost_is_sent_again_and_its_searches_are_not_dimmed(browser_page, app):
    page = visited(browser_page, app + MANY + "&lose=run")
    assert not paths(page)["asked"]
    assert "Dimmed" not in page.locator(".ctv-stage").inner_text()


def test_nothing_is_drawn_before_there_is_room(browser_page, app):
    page = visited(browser_page, app + MANY)
    for style in ("display: none", "width: 0", "width: 20px"):
        page.get_by_text("none", exact=True).click()
        page.locator(".ctv-stage").wait_for(state="detached")
        tag = page.add_style_tag(content=f".stBidiComponent {{ {style} !important; }}")
        page.get_by_text("100", exact=True).click()
        page.locator(".ctv-canvas").first.wait_for(state="attached")
        frames(page, 20)  # in which an error could show
        tag.evaluate("tag => tag.remove()")
        until(page, READY)
        box = page.locator(".ctv-canvas").first.bounding_box()
        assert box["width"] > 100 and box["height"] > 100, style


def test_going_away_and_back_keeps_the_picture(browser_page, app):
    page = visited(browser_page, app + MANY)
    page.get_by_text("none", exact=True).click()
    page.locator(".ctv-stage").wait_for(state="detached")
    page.get_by_text("100", exact=True).click()
    page.locator(".ctv-canvas").first.wait_for()
    until(page, READY)
    assert paths(page)["factuals"] == 100


# -- looks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_it_fits(open_page, app, width):
    page = visited(open_page(viewport={"width": width, "height": 844}), app + MANY + "&selected=3")
    assert page.locator('[data-testid="stMain"]').evaluate("main => main.scrollWidth - main.clientWidth") <= 0
    boxes = [page.locator(".ctv-plot").nth(i).bounding_box() for i in range(4)]
    assert (boxes[0]["y"] == boxes[1]["y"]) and len({round(box["width"]) for box in boxes}) == 1
    assert (boxes[1]["y"] == boxes[2]["y"]) == (width > 1000)


def test_the_theme_may_change_while_it_is_shown(open_page, app):
    page = visited(open_page(color_scheme="light"), app + MANY)
    light = picture(page)
    page.emulate_media(color_scheme="dark")
    page.locator(".ctv-stage[data-theme=dark]").wait_for()
    frames(page, 2)
    assert picture(page).mean() < light.mean() - 60


def test_the_picture_can_be_downloaded_with_its_charts(browser_page, app):
    page = visited(browser_page, app + MANY + "&step=1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as PNG").click()
    assert download.value.suggested_filename.endswith("-epoch-16-step-1.png")
    image = Image.open(download.value.path())
    box = page.locator(".ctv-plot").first.bounding_box()
    assert image.width > 8 * box["width"] and image.height > 2 * box["height"] + 400
    charts = np.asarray(image.convert("RGB").crop((0, image.height - 480, image.width, image.height - 150)))
    assert len(np.unique(charts.reshape(-1, 3), axis=0)) > 20
