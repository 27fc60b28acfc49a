"""The stage of searches in a real Chromium, inside a Streamlit app that searches what is clicked."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from tests import waiting
from tests.browser.driving import app_wrote, frames, picture, place_of, resize, style_ready, until
from tests.browser.looks import assert_fits

pytestmark = pytest.mark.browser

EPOCHS = 16
READY = "window.__ctvizPaths?.drawn && window.__ctvizStage.epochs === 17 && window.__ctvizPaths.resting"
ONE_IS_SEARCHED = "window.__ctvizPaths.factuals === 1 && window.__ctvizPaths.drawn"


NOTE_WHILE_ASKED = """status => {
  window.__told = [];
  const look = () => {
    const { asked, factuals, drawn } = window.__ctvizPaths ?? {};
    if (asked && factuals === 100 && drawn === null) window.__told.push(status.textContent);
    requestAnimationFrame(look);
  };
  look();
}"""
"""Notes in every frame what is said while a place that was asked for is not answered yet: that may be over soon."""


@pytest.fixture
def app(components) -> str:
    return f"{components}/paths_app"


@pytest.fixture
def browser_page(open_page):
    """One page in which four panels just stand beside each other: a film, drawn without a GPU, costs by the pixel."""
    return open_page(viewport={"width": 1040, "height": 700})


def visited(page, address: str):
    """Opens the app, which shows the searches from a hundred factuals."""
    page.goto(address)
    until(page, READY)
    style_ready(page)
    return page


def leave(page) -> None:
    """Goes to a page without a stage."""
    choose(page, "of", "none")
    page.locator(".ctv-stage").wait_for(state="detached")


def go(page, of: str, how: str = "plain") -> None:
    """Goes to a page without a stage, and from there to other searches."""
    leave(page)
    choose(page, "how", how)
    choose(page, "of", of)
    until(page, READY)
    style_ready(page)


def choose(page, radio: str, option: str) -> None:
    page.get_by_role("radiogroup", name=radio, exact=True).get_by_text(option, exact=True).click()


def paths(page) -> dict:
    return page.evaluate("({...window.__ctvizPaths})")


def at_step(page, step: int) -> None:
    until(page, "step => { const t = window.__ctvizPaths; return t.resting && t.walk === step; }", step)


def at_epoch(page, epoch: int) -> None:
    until(page, "epoch => window.__ctvizPaths.epoch === epoch && window.__ctvizPaths.resting", epoch)


def other_searches(page, before: str) -> None:
    """Waits until other searches are drawn than those before."""
    until(page, "before => window.__ctvizPaths.drawn && window.__ctvizPaths.traceKey !== before", before)


def focus(page) -> None:
    page.locator(".ctv-panels").focus()


def click(page, u: float, v: float, panel: int = 0) -> None:
    """Clicks a place of the unit square of a panel."""
    box = place_of(page.locator(".ctv-plot").nth(panel))
    page.mouse.click(box["x"] + u * box["width"], box["y"] + (1 - v) * box["height"])
    page.mouse.move(5, 5)


def click_on(page, panel: int, factual: int, step: int) -> None:
    box = place_of(page.locator(".ctv-plot").nth(panel))
    x, y = page.evaluate(
        "([arm, factual, step]) => window.__ctvizPaths.place(arm, factual, step)", [panel, factual, step]
    )
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.mouse.move(5, 5)


def tap(page, x: float, y: float) -> None:
    """Taps a place of the window with a finger."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


# -- steps -------------------------------------------------------------------------------------------------------


def test_steps_go_by_keys_play_are_scrubbed_and_pointed_at_and_layers_and_the_theme_come_and_go(browser_page, app):
    page = visited(browser_page, app)
    steps_go_by_keys_play_and_are_scrubbed_and_the_panels_follow(page)
    page.keyboard.press("End")
    at_step(page, paths(page)["steps"])
    charts_are_pointed_at_layers_and_the_theme_come_and_go_and_there_is_a_stepper(page)


def steps_go_by_keys_play_and_are_scrubbed_and_the_panels_follow(page):
    last = paths(page)["steps"]
    assert last >= 2 and paths(page)["step"] == last
    whole = picture(page)
    counts = paths(page)["counts"]
    mature = page.locator(".ctv-caption").first.locator(".ctv-value").first
    assert mature.inner_text() == f"{counts[0]['mature'] + counts[0]['already']} of 100"
    focus(page)
    page.keyboard.press("Home")
    at_step(page, 0)
    assert np.abs(whole - picture(page)).max() > 50
    assert mature.inner_text() == f"{counts[0]['already']} of 100", "captions count what is mature at the step"
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

    # they play to their end and stop
    page.evaluate("""() => {
      window.__played = [];
      const look = ({ playing, walk }) => playing && window.__played.push(walk);
      const next = () => { look(window.__ctvizPaths ?? {}); requestAnimationFrame(next); };
      next();
    }""")
    page.keyboard.press("Space")
    until(page, "window.__played.length > 0 && !window.__ctvizPaths.playing")
    played = page.evaluate("window.__played")
    assert played[0] < 2 and not all(float(walk).is_integer() for walk in played), "smoothly from the start"
    at_step(page, last)
    assert paths(page)["epoch"] == EPOCHS
    button = page.locator(".ctv-play")  # under whichever name: a short film may have ended meanwhile
    assert button.get_attribute("aria-label") == "Play (space)"
    button.click()
    until(page, "window.__ctvizPaths.playing")
    button.click()
    until(page, "window.__ctvizPaths.resting")
    assert float(paths(page)["walk"]).is_integer()

    # the scrubber follows the mouse and rests on a step
    box = place_of(slider)
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 1, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 2 / last + 4, y, steps=4)
    page.mouse.up()
    at_step(page, 2)
    assert paths(page)["epoch"] == EPOCHS


def charts_are_pointed_at_layers_and_the_theme_come_and_go_and_there_is_a_stepper(page):
    last = paths(page)["steps"]
    whole = picture(page)

    # pointing at a chart moves the step everywhere until the mouse leaves
    box = place_of(page.locator(".ctv-chart-canvas").nth(1))
    page.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + 50)
    until(page, "last => window.__ctvizPaths.walk < last / 2", last)
    frames(page, 2)
    assert np.abs(whole - picture(page)).max() > 50
    page.mouse.move(5, 5)
    at_step(page, last)
    page.mouse.click(box["x"] + 12, box["y"] + 50)
    page.mouse.move(5, 5)
    at_step(page, 0)
    app_wrote(page, "epoch=None step=0")
    focus(page)
    page.keyboard.press("End")
    at_step(page, last)

    # the theme may change while it is shown
    page.emulate_media(color_scheme="dark")
    page.locator(".ctv-stage[data-theme=dark]").wait_for()
    frames(page, 2)
    assert picture(page).mean() < whole.mean() - 60
    page.emulate_media(color_scheme="light")
    page.locator(".ctv-stage[data-theme=light]").wait_for()
    frames(page, 2)

    # layers come and go
    before = picture(page)
    for layer in ("Points", "Paths", "Contours"):
        page.get_by_role("button", name=layer).click()
        page.get_by_role("button", name=layer, pressed=False).wait_for()
        frames(page, 2)
        without = picture(page)
        assert np.abs(before - without).max() > 20, layer
        before = without
    app_wrote(page, "layers= speed=1.0")

    # without motion there is a stepper
    page.emulate_media(reduced_motion="reduce")
    go(page, "100")
    assert not page.get_by_role("button", name="Play (space)").is_visible()
    page.get_by_role("button", name="Step back").click()
    at_step(page, last - 1)
    page.get_by_role("button", name="Step forward").click()
    at_step(page, last)


def test_a_link_opens_at_its_step_and_its_factual_and_fits(browser_page, app):
    page = visited(browser_page, f"{app}?step=1&epoch=9&selected=5")
    at_step(page, 1)
    assert (paths(page)["epoch"], paths(page)["selected"]) == (9, 5)
    app_wrote(page, "epoch=9 step=1 selected=5")

    for width in (390, 768, 1440):
        assert_fits(page, {"width": width, "height": 844})
        frames(page, 2)
        boxes = [page.locator(".ctv-plot").nth(i).bounding_box() for i in range(4)]
        assert (boxes[0]["y"] == boxes[1]["y"]) and len({round(box["width"]) for box in boxes}) == 1, width
        assert (boxes[1]["y"] == boxes[2]["y"]) == (width > 1000), width

    # the picture can be downloaded with its charts
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as PNG").click()
    assert download.value.suggested_filename.endswith("-epoch-9-step-1.png")
    image = Image.open(download.value.path())
    box = page.locator(".ctv-plot").first.bounding_box()
    assert image.width > 8 * box["width"] and image.height > 2 * box["height"] + 400
    charts = image.convert("RGB").crop((0, image.height - 480, image.width, image.height - 150))
    assert charts.getcolors(20) is None, "they have more colours"

    # charts tell their numbers in words, and the last one has reached tau
    before = paths(page)["traceKey"]
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("End")
    other_searches(page, before)
    until(page, READY)
    app_wrote(page, "epoch=16 step=1 selected=5")
    words = page.get_by_role("img", name=re.compile("^Probability of the target over the search steps"))
    text = words.get_attribute("aria-label")
    for arm, name in enumerate(("Conventional", "adversarial", "energy", "full")):
        said = float(re.search(rf"{name} from \S+ to (\S+?),", text)[1])
        exact = page.evaluate("arm => window.__ctvizPaths.at('probability', arm, 5, 99)", arm)
        assert exact >= 0.75 and said == pytest.approx(exact, abs=0.01)
    distance = page.get_by_role("img", name=re.compile("^Distance from the factual"))
    assert re.search("Conventional from 0 to", distance.get_attribute("aria-label"))

    # another threshold keeps the chosen factual
    before = paths(page)["traceKey"]
    choose(page, "tau", "0.95")
    other_searches(page, before)
    assert paths(page)["selected"] == 5
    choose(page, "of", "1")
    until(page, ONE_IS_SEARCHED)
    assert paths(page)["selected"] is None


# -- epochs ------------------------------------------------------------------------------------------------------


def test_searches_follow_the_epoch_and_a_click_on_a_path_follows_its_factual_alone(browser_page, app):
    page = visited(browser_page, app)
    searches_follow_the_epoch(page)
    go(page, "100")
    a_click_on_a_path_follows_its_factual_alone(page)


def searches_follow_the_epoch(page):
    # old searches are dimmed until those of the epoch come
    first = paths(page)["traceKey"]
    page.evaluate("""() => {
      const t = window.__ctvizPaths;
      window.__dimmed = 0;
      const look = () => { window.__dimmed += t.drawn === null && t.traceKey !== null; requestAnimationFrame(look); };
      look();
    }""")
    focus(page)
    page.keyboard.press("[")
    other_searches(page, first)
    assert page.evaluate("window.__dimmed") > 0
    assert paths(page)["epochs"] == [EPOCHS - 1] and paths(page)["epoch"] == EPOCHS - 1

    # the counterfactual of one factual moves with the epoch
    go(page, "1")
    assert paths(page)["epochs"] == list(range(EPOCHS + 1))
    ends = set()
    focus(page)
    for epoch in (EPOCHS, EPOCHS - 1, EPOCHS - 2):
        at_epoch(page, epoch)
        assert paths(page)["drawn"] == paths(page)["traceKey"], "no other trace is needed"
        ends.add(tuple(page.evaluate("window.__ctvizPaths.place(3, 0, 99)")))
        page.keyboard.press("[")
    assert len(ends) == 3
    page.keyboard.press("PageDown")
    at_epoch(page, 3)
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("ArrowRight")
    at_epoch(page, 4)
    app_wrote(page, "epoch=4 step=None")

    # several counterfactuals of a factual are seen together
    go(page, "1", "four each")
    assert paths(page)["factuals"] == 1
    assert sum(paths(page)["counts"][0].values()) == 4
    assert "of 4" in page.locator(".ctv-value").first.inner_text()


# -- factuals ----------------------------------------------------------------------------------------------------


def a_click_on_a_path_follows_its_factual_alone(page):
    all_of_them = picture(page)
    click_on(page, 1, 5, 0)
    until(page, "window.__ctvizPaths.selected !== null && window.__ctvizPaths.resting")
    chosen = paths(page)["selected"]
    app_wrote(page, f"epoch=None step=None selected={chosen}")
    frames(page, 2)
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
    frames(page, 2)
    assert np.abs(all_of_them - picture(page)).max() == 0

    # without factuals there are fields and a hint
    leave(page)
    choose(page, "of", "0")
    page.locator(".ctv-canvas").first.wait_for()
    until(page, "window.__ctvizStage?.epochs === 17")
    assert not page.locator(".ctv-charts").is_visible()
    page.locator(".ctv-status").filter(has_text="Click anywhere to search from there.").wait_for()
    click(page, 0.5, 0.5)
    until(page, ONE_IS_SEARCHED)
    assert page.locator(".ctv-charts").is_visible()


def test_searches_begin_where_one_clicks_taps_or_chooses_by_keys_and_follow_a_start_that_is_dragged(browser_page, app):
    page = visited(browser_page, app)
    a_place_is_searched_from_that_is_clicked_or_chosen_by_keys(page)
    go(page, "100")
    the_searches_follow_a_start_that_is_dragged_and_the_server_says_the_same(page)

    # with a finger
    resize(page, 390, 844)
    finger_drags_start_alone(page)
    app_wrote(page, "placed=3")
    go(page, "100")
    a_finger_does_what_the_mouse_does(page)


def a_place_is_searched_from_that_is_clicked_or_chosen_by_keys(page):
    click(page, 0.93, 0.9)
    until(page, ONE_IS_SEARCHED)
    app_wrote(page, "placed=1 at=(")
    x, y = page.evaluate("window.__ctvizPaths.place(0, 0, 0)")
    box = page.locator(".ctv-plot").first.bounding_box()
    assert abs(x / box["width"] - 0.93) < 0.01 and abs(1 - y / box["height"] - 0.9) < 0.01
    assert paths(page)["epochs"] == list(range(EPOCHS + 1))

    # each click is told once
    until(page, "window.__ctvizPaths.factuals === 1 && window.__ctvizPaths.resting")
    focus(page)
    page.keyboard.press("Home")
    app_wrote(page, "epoch=None step=0")
    app_wrote(page, "placed=1 at=None")
    before = paths(page)["traceKey"]
    click(page, 0.07, 0.1, panel=2)
    app_wrote(page, "placed=2 at=(")
    other_searches(page, before)

    # it is seen before it is answered
    go(page, "100", "slow")
    page.locator(".ctv-status").evaluate(NOTE_WHILE_ASKED)
    click(page, 0.93, 0.9)
    until(page, "!window.__ctvizPaths.asked && window.__ctvizPaths.factuals === 1")
    assert "Searching …" in page.evaluate("window.__told")

    # from the keyboard
    go(page, "100")
    focus(page)
    page.keyboard.press("Shift+ArrowRight")
    page.locator(".ctv-status").filter(has_text="Probe at").wait_for()
    page.keyboard.press("Enter")
    until(page, ONE_IS_SEARCHED)
    app_wrote(page, "placed=1")


def a_finger_does_what_the_mouse_does(page):
    box = place_of(page.locator(".ctv-plot").first)
    tap(page, box["x"] + 0.93 * box["width"], box["y"] + 0.1 * box["height"])
    until(page, ONE_IS_SEARCHED)


def start_of(page, panel: int = 0) -> tuple[float, float]:
    """Where in the window the start is that can be dragged."""
    box = place_of(page.locator(".ctv-start").nth(panel))
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def swipe(page, x: float, y: float, dx: float, dy: float):
    """Moves a finger over the window, and returns what lifts it."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind: str, *points: dict[str, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for share in (0.1, 0.4, 0.7, 1):
        touch("touchMove", {"x": x + share * dx, "y": y + share * dy})
    return lambda: touch("touchEnd")


ENDS = "[0, 1, 2, 3].map((arm) => [window.__ctvizPaths.place(arm, 0, 0), window.__ctvizPaths.place(arm, 0, 1e6)])"


def dropped(page, before: str) -> None:
    """Waits until the server's searches are drawn in place of those of the browser."""
    other_searches(page, before)
    until(page, "!window.__ctvizPaths.traceKey.startsWith('dragged') && window.__ctvizPaths.resting")


def the_searches_follow_a_start_that_is_dragged_and_the_server_says_the_same(page):
    assert not page.locator(".ctv-start").first.is_visible(), "of a hundred starts none is dragged"
    choose(page, "of", "1")
    until(page, "window.__ctvizPaths.draggable && window.__ctvizPaths.resting")
    assert "Drag the start" in page.locator(".ctv-status").inner_text()
    before = paths(page)
    x, y = start_of(page, panel=1)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y - 30, steps=8)
    until(page, "window.__ctvizPaths.dragged")
    held = page.evaluate(ENDS)
    told = page.locator(".ctv-caption").first.inner_text()
    assert paths(page)["searching"]["count"] >= 2
    app_wrote(page, "placed=0")
    assert page.locator(".ctv-status").inner_text().startswith("Start at x1 = ")
    page.mouse.up()
    dropped(page, before["traceKey"])
    app_wrote(page, "placed=1")
    np.testing.assert_allclose(page.evaluate(ENDS), held, atol=0.1)
    assert page.locator(".ctv-caption").first.inner_text() == told
    assert paths(page)["epochs"] == list(range(EPOCHS + 1)), "the server has searched at all epochs"

    # at another epoch, its models are asked; escape takes it back
    focus(page)
    page.keyboard.press("PageDown")
    at_epoch(page, EPOCHS - 10)
    before = paths(page)
    there = page.evaluate(ENDS)
    start = page.locator(".ctv-start").first
    start.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    until(page, "window.__ctvizPaths.dragged")
    page.keyboard.press("Escape")
    until(page, "key => window.__ctvizPaths.drawn === key && !window.__ctvizPaths.dragged", before["traceKey"])
    assert page.evaluate(ENDS) == there
    start.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    until(page, "window.__ctvizPaths.dragged")
    held = page.evaluate(ENDS)
    page.keyboard.press("Enter")
    dropped(page, before["traceKey"])
    assert paths(page)["epoch"] == EPOCHS - 10
    np.testing.assert_allclose(page.evaluate(ENDS), held, atol=0.1)

    # models that got lost are sent again
    page.evaluate("globalThis.__ctvizModels.clear()")
    assert not paths(page)["draggable"]
    choose(page, "tau", "0.95")
    until(page, "window.__ctvizPaths?.draggable")


def finger_drags_start_alone(page) -> None:
    """On the start a finger drags it and scrolls nothing; beside it it scrolls, and searches nothing."""
    plot = page.locator(".ctv-plot").first
    until(page, "window.__ctvizPaths.resting")
    before, top = paths(page), place_of(plot)["y"]
    lift = swipe(page, *start_of(page), 25, -60)
    until(page, "window.__ctvizPaths.dragged")
    assert plot.bounding_box()["y"] == top
    lift()
    dropped(page, before["traceKey"])
    box = place_of(plot)
    swipe(page, box["x"] + 0.95 * box["width"], box["y"] + 0.9 * box["height"], 0, -60)()
    until(page, "([plot, top]) => plot.getBoundingClientRect().top < top - 20", [plot.element_handle(), top])


# -- the way to the browser --------------------------------------------------------------------------------------


def has_room(canvas) -> bool:
    box = canvas.bounding_box()
    return box is not None and box["width"] > 100 and box["height"] > 100


def test_what_is_held_is_not_sent_again_and_what_got_lost_is(browser_page, app):
    received = []
    browser_page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page = visited(browser_page, app)
    app_wrote(page, "placed=0")
    first = sum(received)
    received.clear()
    focus(page)
    page.keyboard.press("Home")
    app_wrote(page, "epoch=None step=0")
    assert 0 < sum(received) < 0.7 * first

    # a trace that got lost is sent again
    go(page, "100", "lost searches")
    assert paths(page)["factuals"] == 100

    # a run that got lost is sent again, and its searches are not dimmed
    go(page, "100", "lost run")
    assert not paths(page)["asked"]
    assert "Dimmed" not in page.locator(".ctv-stage").inner_text()

    # locks stand at their axes
    go(page, "100", "locked")
    words = [axis.inner_text().strip() for axis in page.locator(".ctv-axis-y").all()]
    assert words == ["x2 →", "x2 locked →", "x2 only up →", "x2 in a range →"]
    assert page.locator(".ctv-axis-x .ctv-lock").count() == 0

    # going away and back keeps the picture
    go(page, "100", "locked")
    assert paths(page)["factuals"] == 100

    # nothing is drawn before there is room
    for style in ("display: none", "width: 0", "width: 20px"):
        leave(page)
        tag = page.add_style_tag(content=f".stBidiComponent {{ {style} !important; }}")
        choose(page, "of", "100")
        page.locator(".ctv-canvas").first.wait_for(state="attached")
        frames(page, 20)  # in which an error could show
        tag.evaluate("tag => tag.remove()")
        until(page, READY)
        waiting.until(lambda: has_room(page.locator(".ctv-canvas").first), f"a picture after {style}")
