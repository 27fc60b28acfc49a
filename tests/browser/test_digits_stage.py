"""The image grid, the drawing pad and the mask painter in a real Chromium."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from ctviz.figures.digits.export import grid_html
from ctviz.figures.digits.image_grid import ImageGrid, Label, Scale
from ctviz.figures.digits.pictures import paint
from tests.browser.driving import frames, place_of, resize, until
from tests.figures import digits

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    """Addresses of pages with a grid each, and one whose words try to break out of it."""
    place = tmp_path_factory.mktemp("grids")
    many = digits.many()
    grids = {name: make() for name, make in digits.GRIDS.items()}
    over = many.overlays.copy()
    over[0, 6] = 0
    grids["open"] = ImageGrid(
        rows=[Label("<img src=x>", "<b>note</b>", "counterfactual")], columns=many.columns, images=many.images[:1],
        overlays=over[:1], scale=Scale(1.0), frames=many.frames, axis="<i>", captions=[["<b>x</b>"] * 10],
        marks=[["constructor"] * 10], alt="<img src=x>",
    )  # fmt: skip
    for name, grid in grids.items():
        (place / f"{name}.html").write_text(grid_html(grid), encoding="utf-8")
    return {name: (place / f"{name}.html").as_uri() for name in grids}


def opened(page, address: str):
    page.goto(address)
    shows(page, ".ctv-grid[data-frame]")
    frames(page, 2)
    return page


def shows(page, selector: str) -> None:
    """Waits for an element; within an app they lie in shadow trees, which selectors of locators pierce."""
    page.locator(selector).first.wait_for(state="attached")


def state_of(page) -> dict:
    return page.locator(".ctv-grid").evaluate("node => ({...node.dataset})")


def at_frame(page, frame: int) -> None:
    shows(page, f".ctv-grid[data-frame='{frame}']")
    frames(page, 2)


def pixels(page, nth: int) -> np.ndarray:
    """Colours at the middle of each of a cell's 28 × 28 pixels."""
    url = page.locator(".ctv-tile").nth(nth).evaluate("canvas => canvas.toDataURL('image/png').split(',')[1]")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(url))).convert("RGB"))
    side = image.shape[0] // 28
    return image[side // 2 :: side, side // 2 :: side]


def nth(row: int, column: int) -> int:
    """Place of a cell of ``many`` among those that are there."""
    return row * 9 + column - (column > 3)


def set_strength(page, value: int) -> None:
    page.get_by_role("slider", name="Strength").fill(str(value))
    shows(page, f".ctv-grid[data-strength='{value}']")
    frames(page, 2)


def test_every_pixel_is_drawn_as_the_formulas_say(browser_page, pages):
    grid = digits.many()
    page = opened(browser_page, pages["many"])
    assert page.locator(".ctv-tile").count() == 18
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        shows(page, f".ctv-grid[data-theme='{theme}']")
        for row, column, frame, strength in ((0, 5, 30, 80), (1, 9, 30, 35), (1, 2, 0, 100), (0, 0, 11, 0)):
            page.get_by_role("slider", name="Search step").fill(str(frame))
            at_frame(page, frame)
            set_strength(page, strength)
            expected = paint(*grid.pixels(row, column, frame), strength, theme).astype(int)
            assert np.abs(pixels(page, nth(row, column)).astype(int) - expected).max() <= 1


def test_attributions_alone_lie_on_a_bare_ground(browser_page, pages):
    page = opened(browser_page, pages["means"])
    expected = paint(None, digits.means().pixels(0, 4, 0)[1], 100, signed=False).astype(int)
    assert np.abs(pixels(page, 4)[6:22] - expected[6:22]).max() <= 1
    assert not page.get_by_role("slider", name="Strength").is_visible()
    assert_cells(page, 760, 56, 70)


def test_a_gallery_has_no_headings_and_plain_digits(browser_page, pages):
    page = opened(browser_page, pages["gallery"])
    grid = digits.gallery()
    assert page.locator(".ctv-tile").count() == 7
    assert page.locator(".ctv-row-title, .ctv-column-title, .ctv-key li").count() == 0
    assert (pixels(page, 5)[..., 0] == grid.pixels(1, 1, 0)[0]).all()
    labels = page.locator(".ctv-tile").evaluate_all("tiles => tiles.map(tile => tile.getAttribute('aria-label'))")
    assert labels == [f"a {k}, test digit {10 * k}" + (", chosen" if k == 2 else "") for k in range(7)]
    assert page.locator(".ctv-tile[aria-pressed='true']").count() == 1

    # what is chosen looks otherwise than what is focused, and no ring is cut
    ticks = page.locator(".ctv-tick").evaluate_all("ticks => ticks.map(tick => getComputedStyle(tick).display)")
    assert ticks == ["none"] * 2 + ["block"] + ["none"] * 4
    page.locator(".ctv-tile").first.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    ring, room = page.evaluate(
        """() => {
          const frame = document.querySelector('.ctv-tile-frame'), style = getComputedStyle(frame);
          const [a, b] = [frame, frame.closest('.ctv-grid-scroll')].map(node => node.getBoundingClientRect());
          return [style.outlineStyle + parseFloat(style.outlineWidth), Math.min(a.left - b.left, a.top - b.top)
            - parseFloat(style.outlineWidth) - parseFloat(style.outlineOffset)]; }"""
    )
    assert ring == "dashed2" and room >= 0


def test_models_of_one_digit_lie_in_as_many_lines_as_make_them_large(browser_page, pages):
    page = opened(browser_page, pages["models"])
    for width, height, across, least in (
        (390, 844, 2, 140), (320, 844, 2, 118), (430, 900, 2, 160), (776, 900, 2, 200), (740, 900, 4, 130),
        (1300, 700, 4, 280), (1840, 1080, 4, 400),
    ):  # fmt: skip
        within(page, width, (width, height))
        boxes = [tile.bounding_box() for tile in page.locator(".ctv-tile").all()]
        at = f"in {width} pixels"
        assert len({round(box["y"]) for box in boxes}) == 4 // across and boxes[0]["width"] >= least, at
        assert max(box["x"] + box["width"] for box in boxes) <= width, at
        assert page.locator(".ctv-sideways").is_hidden(), f"nothing is out of sight {at}"
        words = [words.bounding_box() for words in page.locator(".ctv-heading-words b").all()]
        for box, tile in zip(words, boxes, strict=True):
            inside = tile["x"] - 1 <= box["x"] and box["x"] + box["width"] <= tile["x"] + tile["width"] + 12
            assert inside, f"headings stay apart {at}"
            assert box["y"] + box["height"] <= tile["y"], at

    # words grow where a grid is looked at from afar
    within(page, 1880, (1920, 1080))
    for part in (".ctv-tile-words", ".ctv-row-title"):
        size = page.locator(part).first.evaluate("node => parseFloat(getComputedStyle(node).fontSize)")
        assert size >= 20, part


def within(page, room: int, window: tuple[int, int]) -> None:
    """Leaves a grid so much room in a window of this size."""
    page.locator("main").evaluate("(main, room) => { main.style.maxWidth = `${room}px`; }", room)
    resize(page, *window)


def test_models_with_one_title_are_told_apart_and_the_slider_stays_in_sight_of_the_pictures(browser_page, pages):
    page = opened(browser_page, pages["models"])
    labels = page.locator(".ctv-tile").evaluate_all("tiles => tiles.map(tile => tile.getAttribute('aria-label'))")
    assert labels == [
        "The digit, a 5 was meant", "Conventional, 5 · 98 %", "Counterfactual training, nothing locked, 3 · 61 %",
        "Counterfactual training, rows 1–5 and 24–28 locked, 5 · 90 %",
    ]  # fmt: skip
    page.locator(".ctv-tile").nth(1).hover()
    until(page, "document.querySelector('.ctv-status').textContent.includes('training, nothing locked: brightness')")

    # the slider stays in sight of the pictures
    for width, place in ((736, "aside"), (350, "above"), (1300, "below")):
        resize(page, width + 40, 900)
        shows(page, f".ctv-grid[data-transport='{place}']")
        frames(page, 2)
        first = page.locator(".ctv-tile").first.bounding_box()
        last = page.locator(".ctv-tile").last.bounding_box()
        slider = page.get_by_role("slider", name="Strength").bounding_box()
        seen = {
            "aside": slider["x"] > last["x"] + last["width"] and slider["y"] < last["y"],
            "above": slider["y"] < first["y"] and slider["x"] < first["x"] + first["width"],
            "below": slider["y"] > last["y"] + last["height"],
        }
        assert [name for name, there in seen.items() if there] == [place]
        assert slider["x"] + slider["width"] <= width + 40, place

    # arrow keys go from model to model over lines
    resize(page, 390, 844)
    page.locator(".ctv-tile").first.focus()
    focused = "[...document.querySelectorAll('.ctv-tile')].indexOf(document.activeElement)"
    for key, at in (("ArrowRight", 1), ("ArrowDown", 3), ("ArrowDown", 3), ("ArrowLeft", 2), ("ArrowUp", 0)):
        page.keyboard.press(f"Shift+{key}")
        assert page.evaluate(focused) == at


def assert_cells(page, width: int, least: int, most: int) -> None:
    """In a window so wide cells are as large as the room allows, words can be read, and nothing overflows."""
    resize(page, width, 844)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".ctv-tile").first.bounding_box()
    assert least <= box["width"] <= most and box["width"] == box["height"], f"{box} in {width} pixels"
    size = page.locator(".ctv-tile-words, .ctv-column-title").first.evaluate("node => getComputedStyle(node).fontSize")
    assert float(size.removesuffix("px")) >= 11


def test_cells_are_as_large_as_the_room_allows_and_a_grid_that_goes_on_at_the_side_says_so(browser_page, pages):
    page = opened(browser_page, pages["many"])
    assert_cells(page, 1440, 64, 110)
    assert_cells(page, 320, 56, 70)
    assert_cells(page, 390, 56, 70)
    hint, scroller = page.locator(".ctv-sideways"), page.locator(".ctv-grid-scroll")
    assert hint.is_visible() and scroller.get_attribute("data-more") == "right"
    scroller.evaluate("node => { node.scrollLeft = 9999; }")
    shows(page, ".ctv-grid-scroll[data-more='left']")
    resize(page, 1000, 844)
    shows(page, ".ctv-grid-scroll[data-more='']")
    assert hint.is_hidden()


def test_a_page_taken_away_opens_at_what_was_seen(browser_page, tmp_path):
    place = tmp_path / "grid.html"
    place.write_text(grid_html(digits.many(), 7, 35), encoding="utf-8")
    state = state_of(opened(browser_page, place.as_uri()))
    assert (state["frame"], state["strength"]) == ("7", "35")


def test_the_slider_moves_frames_and_captions(browser_page, pages):
    page = opened(browser_page, pages["many"])
    assert state_of(page)["frame"] == "30", "it opens at the end"
    slider = page.get_by_role("slider", name="Search step")
    slider.focus()
    page.keyboard.press("Home")
    at_frame(page, 0)
    words = page.locator(".ctv-tile-words").nth(nth(1, 4))
    mark = page.locator(".ctv-tile-mark").nth(nth(1, 4))
    assert words.inner_text() == "4 · 3 %" and mark.inner_text() == "searching"
    page.keyboard.press("ArrowRight")
    at_frame(page, 1)
    page.get_by_role("button", name="Step forward").click()
    at_frame(page, 2)
    assert slider.get_attribute("aria-valuetext") == "step 2 of 30"
    assert page.locator(".ctv-epoch").inner_text() == "Step 2 of 30"
    page.keyboard.press("Tab")
    slider.focus()
    page.keyboard.press("End")
    at_frame(page, 30)
    assert words.inner_text() == "4 · 97 %" and mark.inner_text() == "failed"
    assert mark.locator("svg").count() == 1, "a state has a shape"
    assert page.get_by_role("button", name="Step forward").is_disabled()


def test_keys_are_those_of_every_player_and_the_scrubber_follows_the_mouse_by_whole_frames(browser_page, pages):
    page = opened(browser_page, pages["many"])
    page.get_by_role("slider", name="Search step").focus()
    for key, frame in (("PageDown", 20), ("ArrowDown", 19), ("ArrowLeft", 18), ("PageUp", 28), ("PageUp", 30)):
        page.keyboard.press(key)
        at_frame(page, frame)
    page.get_by_role("button", name="Step back").focus()
    page.keyboard.press("Home")
    at_frame(page, 0)

    # another slider keeps its own
    page.get_by_role("slider", name="Strength").focus()
    page.keyboard.press("End")
    shows(page, ".ctv-grid[data-strength='100'][data-frame='0']")

    # the scrubber
    box = place_of(page.locator(".ctv-slider"))
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 1, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.34 * box["width"], y, steps=4)
    at_frame(page, 10)
    page.mouse.move(box["x"] + 0.5 * box["width"], y - 300, steps=2)
    page.mouse.up()
    at_frame(page, 15)
    page.mouse.move(box["x"] + 5, y - 300)
    page.get_by_role("button", name="Play (space)").click()
    shows(page, ".ctv-grid[data-playing='true']")

    # nothing plays where nobody looks
    page.get_by_role("slider", name="Search step").focus()
    page.keyboard.press("Home")
    at_frame(page, 0)
    page.evaluate("document.body.style.paddingBottom = '4000px'")
    page.keyboard.press("Space")
    page.evaluate("scrollTo(0, 3500)")
    still = """new Promise(done => {
      const at = () => document.querySelector('.ctv-grid').dataset.frame;
      let before = at(), left = 30;
      const look = () => left-- ? requestAnimationFrame(look) : done(at() === before);
      look(); })"""
    until(page, still)
    assert state_of(page)["playing"] == "true"


def test_it_plays_from_the_start_and_stops_at_the_end(browser_page, pages):
    page = opened(browser_page, pages["other"])
    first = page.get_by_role("button", name="Play (space)").evaluate(
        """async button => {
          button.click();
          await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
          return document.querySelector('.ctv-grid').dataset.frame; }"""
    )
    assert first == "0"
    shows(page, ".ctv-grid[data-playing='false']")
    at_frame(page, 12)
    page.get_by_role("slider", name="Search step").focus()
    page.keyboard.press("Space")
    shows(page, ".ctv-grid[data-playing='true']")
    page.keyboard.press("Space")
    shows(page, ".ctv-grid[data-playing='false']")


def test_the_pixel_under_the_pointer_is_read_in_every_model(browser_page, pages):
    page = opened(browser_page, pages["many"])
    grid = digits.many()
    box = place_of(page.locator(".ctv-tile").nth(nth(0, 5)))
    x, y = 13, 2
    page.mouse.move(box["x"] + (x + 0.5) / 28 * box["width"], box["y"] + (y + 0.5) / 28 * box["height"])
    until(page, "document.querySelector('.ctv-status').textContent.startsWith('Row 3, column 14 (locked).')")
    words = page.locator(".ctv-status").inner_text()
    for row, title in enumerate(("Conventional", "Counterfactual training")):
        image, over = grid.pixels(row, 5, 30)
        value = over[y, x] / 127 * grid.scale.limit
        said = words.split(f"{title}: ")[1].split(" · ")[0]
        assert said.startswith(f"brightness {round(image[y, x] / 2.55)} %, attribution ")
        number = said.split("attribution ")[1].replace("−", "-")
        assert float(number) == pytest.approx(value, rel=0.06, abs=1e-9)
    page.mouse.move(5, 5)
    until(page, "document.querySelector('.ctv-status').textContent === 'Click a digit to look at it alone.'")

    # pixels and cells are reached by keys
    page.locator(".ctv-tile").first.focus()
    page.keyboard.press("ArrowDown")
    until(page, "document.querySelector('.ctv-status').textContent.startsWith('Row 15, column 15.')")
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('.ctv-spoken').textContent.startsWith('Row 15, column 14.')")
    focused = "document.activeElement.getAttribute('aria-label')"
    for key, words in (("ArrowRight", "to 1"), ("ArrowRight", "to 2"), ("ArrowRight", "to 4"), ("ArrowDown", "to 4")):
        page.keyboard.press(f"Shift+{key}")
        assert f", {words}, " in page.evaluate(focused)
    assert page.evaluate(focused) == "Counterfactual training, to 4, 4 · 97 %, failed, step 30 of 30"
    assert page.locator(".ctv-tile[tabindex='0']").count() == 1

    # without motion there is a stepper
    assert page.get_by_role("button", name="Play (space)").is_visible()
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("button", name="Play (space)").wait_for(state="hidden")
    page.get_by_role("button", name="Step back").click()
    at_frame(page, 29)


def test_the_lock_is_outlined_and_the_key_says_what_is_what(browser_page, pages):
    page = opened(browser_page, pages["single"])
    url = page.locator(".ctv-tile").first.evaluate("canvas => canvas.toDataURL('image/png').split(',')[1]")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(url))).convert("RGB")).astype(int)
    side = image.shape[0] // 28
    at_edge = image[5 * side - 1 : 5 * side + 1, side:-side]
    grey = lambda colour: (np.abs(at_edge - colour).max(2) < 40).any(0).mean()  # noqa: E731
    assert grey(np.array([16, 24, 32])) > 0.3 and grey(np.array([255, 255, 255])) > 0.3
    words = page.locator(".ctv-key").inner_text()
    assert "locked pixels" in words and "speaks against" in words and "+0.79" in words and "−0.79" in words
    grid = page.get_by_role("group", name="Attributions of a 5.")
    assert grid.count() == 1
    assert not page.get_by_role("slider", name="Frame").is_visible(), "one frame needs no slider"
    assert page.locator(".ctv-tile-mark").all_inner_texts() == ["right", "wrong"]
    assert_cells(page, 1440, 440, 480)
    assert_cells(page, 390, 150, 180)


def test_words_stay_words(browser_page, pages):
    page = opened(browser_page, pages["open"])
    assert page.locator("img").count() == 0 and page.locator(".ctv-grid i").count() == 0
    assert page.locator(".ctv-tile-words").first.inner_text() == "<b>x</b>"
    assert page.locator(".ctv-tile-mark").first.inner_text() == "constructor"
    assert (pixels(page, 6)[..., 1] == digits.many().pixels(0, 6, 30)[0]).all(), "nothing is laid over it"


# -- inside an app -----------------------------------------------------------------------------------------------


@pytest.fixture
def app(components) -> str:
    return f"{components}/digits_app"


def told(page, words: str) -> None:
    """Waits until the app has written something with these words."""
    page.get_by_test_id("stText").filter(has_text=words).first.wait_for()


def test_the_app_learns_where_the_person_rests_and_what_is_held_is_not_sent_again(browser_page, app):
    received = []
    browser_page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page = opened(browser_page, f"{app}/?frame=4")
    at_frame(page, 4)
    told(page, "frame=4 strength=80 cell=None")
    first, size = sum(received), len(digits.many().payload)
    received.clear()
    page.get_by_role("slider", name="Search step").fill("9")
    told(page, "frame=9 strength=80")
    assert 0 < sum(received) < first - 0.9 * size
    set_strength(page, 25)
    told(page, "frame=9 strength=25")
    page.locator(".ctv-tile").nth(nth(1, 6)).click()
    told(page, "frame=9 strength=25 cell=(1, 6)")
    page.get_by_role("button", name="Step forward").click()
    told(page, "frame=10 strength=25 cell=None")
    page.get_by_text("other", exact=True).click()
    page.locator(".ctv-epoch").get_by_text("Step 10 of 12").wait_for()
    at_frame(page, 10)
    page.get_by_text("means", exact=True).click()
    page.locator(".ctv-tile").nth(19).wait_for()
    told(page, "frame=None")

    # what is lost is sent again
    page.get_by_text("none", exact=True).click()
    page.locator(".ctv-grid").wait_for(state="detached")
    page.evaluate("globalThis.__ctvizGrids.clear()")
    page.get_by_text("many", exact=True).click()
    page.locator(".ctv-tile").nth(17).wait_for()


def below(page, what: str) -> None:
    """Has a fresh pad or painter lie below the grid."""
    page.get_by_text("nothing", exact=True).click()
    page.locator(".ctv-pad, .ctv-painter").wait_for(state="detached")
    page.get_by_text(what, exact=True).click()
    shows(page, ".ctv-pad[data-strokes], .ctv-painter[data-numbers]")  # until it is drawn it has another size


def drag(page, box: dict, *points: tuple[float, float]) -> None:
    """Presses at the first of some places, given as shares of a box, moves along the others and lets go."""
    at = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def test_a_drawing_reaches_the_app_and_comes_back_as_the_models_see_it_and_one_of_a_link_does_too(open_page, app):
    page = open_page(viewport={"width": 1000, "height": 1400})
    page.goto(app)
    below(page, "pad")
    told(page, "ink=0 seen=False")
    paper = page.locator(".ctv-paper")

    # drawn by keys
    paper.focus()
    for key in ("ArrowUp", "ArrowUp", "Space", *["ArrowDown"] * 9, "Space", *["ArrowRight"] * 5):
        page.keyboard.press(key)
    told(page, "seen=True")
    assert page.locator(".ctv-pad").get_attribute("data-strokes") == "1"
    page.keyboard.press("Control+z")
    told(page, "ink=0 seen=False")

    # drawn by the pointer
    box = place_of(paper)
    assert box["width"] >= 280
    drag(page, box, (0.5, 0.2), (0.5, 0.8))
    told(page, "seen=True")
    shows(page, ".ctv-pad[data-seen='true']")
    frames(page, 2)
    grey = "(c, u) => c.getContext('2d').getImageData(u * c.width, c.height / 2, 1, 1).data[0]"
    seen = [page.locator(".ctv-seen").evaluate(grey, u) for u in (0.5, 0.1)]
    assert seen[0] > 200 and seen[1] < 30
    assert "28" in page.locator(".ctv-seen-words").inner_text()
    drag(page, box, (0.2, 0.5), (0.8, 0.5))
    shows(page, ".ctv-pad[data-strokes='2']")
    page.get_by_role("button", name="Take the last stroke back").click()
    shows(page, ".ctv-pad[data-strokes='1']")
    page.get_by_role("button", name="Start again").click()
    told(page, "ink=0 seen=False")

    # a drawing of a link lies on the pad until it is cleared or drawn over
    grey_down = "(c, v) => c.getContext('2d').getImageData(c.width / 2, v * c.height, 1, 1).data[0]"
    below(page, "given")
    shows(page, ".ctv-pad[data-given='true'][data-seen='true']")
    told(page, "ink=0 seen=False digest= cleared=False")
    frames(page, 2)
    expected = digits.x(7).reshape(28, 28)[:, 14].argmax()
    for canvas in (".ctv-paper", ".ctv-seen"):
        assert page.locator(canvas).evaluate(grey_down, (expected + 0.5) / 28) > 200, canvas
    assert page.locator(".ctv-invite").inner_text() == "Draw here to start anew."
    page.get_by_role("button", name="Start again").click()
    told(page, "ink=0 seen=False digest= cleared=True")
    shows(page, ".ctv-pad[data-given='false'][data-seen='false']")
    below(page, "given too")
    shows(page, ".ctv-pad[data-given='true']")
    drag(page, place_of(page.locator(".ctv-paper")), (0.2, 0.9), (0.8, 0.9))
    told(page, "seen=True")
    shows(page, ".ctv-pad[data-given='false'][data-seen='true']")
    frames(page, 2)
    assert page.locator(".ctv-paper").evaluate(grey_down, (expected + 0.5) / 28) == 0


def test_a_mask_is_painted_by_pointer_edge_button_and_keys(open_page, app):
    page = open_page(viewport={"width": 390, "height": 900})
    page.goto(app)
    below(page, "mask")
    told(page, "locked=56")
    assert page.locator(".ctv-board").bounding_box()["width"] < 380, "smaller than it is drawn"
    assert float(page.locator(".ctv-painter").get_attribute("data-numbers").split()[0]) >= 10.9, "can be read"

    resize(page, 1000, 1400)
    below(page, "mask")
    told(page, "locked=56 rows=[0, 1]")
    board = page.locator(".ctv-board")
    box = place_of(board)
    edge, span = 26 / 420, 14 / 420  # of the board: room for the numbers, a pixel
    at = lambda row, column: (edge + (column + 0.5) * span, edge + (row + 0.5) * span)  # noqa: E731
    drag(page, box, at(10, 3), at(10, 12))
    told(page, "locked=66 rows=[0, 1]")
    page.mouse.click(box["x"] + 0.02 * box["width"], box["y"] + at(27, 0)[1] * box["height"])
    told(page, "locked=94 rows=[0, 1, 27]")
    page.get_by_role("button", name="Unlock").click()
    page.get_by_role("button", name="Brush of 2 × 2 pixels").click()
    drag(page, box, at(0, 0), at(0, 5))
    told(page, "locked=80 rows=[27]")
    page.get_by_role("button", name="None").click()
    told(page, "locked=0 rows=[]")
    page.get_by_role("button", name="Top and bottom five rows").click()
    told(page, "locked=280 rows=[0, 1, 2, 3, 4, 23, 24, 25, 26, 27]")
    page.get_by_role("button", name="Invert").click()
    told(page, "locked=504")
    board.focus()
    for key in ("ArrowUp", "Space", "r"):
        page.keyboard.press(key)
    told(page, "locked=504")
    page.keyboard.press("r")
    told(page, "locked=476")
    assert page.locator(".ctv-painter .ctv-status").inner_text() == "476 pixels of 784 locked (61 %)."
