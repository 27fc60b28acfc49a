"""The stage in a real Chromium: as a page from a folder, and inside a Streamlit app."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from ctviz.experiments.config import Experiment
from ctviz.figures import player
from ctviz.figures.player.source import PARTS, entry
from ctviz.figures.stage.export import standalone_html
from ctviz.figures.stage.recording import pack
from tests import waiting
from tests.browser.driving import app_wrote, frames, picture, place_of, resize, style_ready, until
from tests.figures import fake

pytestmark = pytest.mark.browser

EPOCHS = 20
SCENE = fake.scene()
NEWEST = "window.__ctvizStage?.epochs > 0"
SMALL = {"width": 760, "height": 700}
"""A window with few pixels, for films: what is drawn without a GPU costs by the pixel."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> str:
    """Address of a page with two arms and two classes."""
    return written(
        tmp_path_factory, "two", standalone_html(SCENE, fake.snapshots(SCENE, epochs=EPOCHS, g=60), Experiment())
    )


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> str:
    """Address of a page with eight arms and four classes, some named to break out of the page."""
    scene = fake.scene(k=4, n=200)
    experiment = Experiment().replace({"arms": "vanilla,a,b,c,d,e,f,full"})
    page = standalone_html(scene, fake.snapshots(scene, m=8, epochs=4, g=40), experiment, title="<img src=x>")
    return written(tmp_path_factory, "many", page)


def written(factory, name: str, page: str) -> str:
    path: Path = factory.mktemp("stage") / f"{name}.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


def opened(page, address: str):
    """Opens a page, waits for its first picture, and pauses it on epoch 0."""
    page.goto(address)
    until(page, NEWEST)
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("Home")
    at_epoch(page, 0)
    return page


def stage(page) -> dict:
    return page.evaluate("({...window.__ctvizStage})")


def at_epoch(page, epoch: int) -> None:
    """Waits until the stage rests on an epoch, and has drawn it."""
    resting = "epoch => { const s = window.__ctvizStage; return s.resting && s.epoch === epoch && s.drawn === epoch; }"
    until(page, resting, epoch)


def only_the_field(page) -> None:
    for layer in ("Points", "Paths", "Contours"):
        page.get_by_role("button", name=layer).click()
        page.get_by_role("button", name=layer, pressed=False).wait_for()


# -- as a page from a folder -------------------------------------------------------------------------------------


def test_a_page_from_a_folder_plays_to_its_end_and_asks_for_nothing(browser_page, recorded):
    page = browser_page
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(recorded)
    until(page, "window.__ctvizStage?.playing && window.__ctvizStage.epoch > 1 && window.__ctvizStage.fps > 0")
    early = picture(page)
    page.get_by_role("button", name="Speed 4 times").click()
    until(page, "window.__ctvizStage.epoch > 6")
    assert np.abs(early - picture(page)).max() > 20
    until(page, f"!window.__ctvizStage.playing && window.__ctvizStage.epoch === {EPOCHS}")
    assert requests == [recorded]

    # its field is the right way up, and its boundary where the probability is a half
    at_epoch(page, EPOCHS)
    only_the_field(page)
    shown = [picture(page, arm) for arm in (0, 1)]
    for arm, pixels in enumerate(shown):
        height, width, _ = pixels.shape
        for u, v in [(0.1, 0.9), (0.9, 0.1), (0.5, 0.05), (0.75, 0.9), (0.1, 0.1)]:
            point = SCENE.lower + np.array([u, v]) * (SCENE.upper - SCENE.lower)
            chance = fake.probabilities(SCENE, point, 1.0, arm)[1]
            red, _, blue = pixels[int((1 - v) * (height - 1)), int(u * (width - 1))]
            assert abs(chance - 0.5) > 0.3, "a place that tells nothing"
            assert (red > blue) == (chance > 0.5), f"at {u, v} of panel {arm}"
    height, width, _ = shown[0].shape
    rows = np.linspace(SCENE.upper[1], SCENE.lower[1], height)
    for u in (0.15, 0.45, 0.8):
        x1 = SCENE.lower[0] + u * (SCENE.upper[0] - SCENE.lower[0])
        chances = fake.probabilities(SCENE, np.stack([np.full(height, x1), rows], 1), 1.0, 0)[:, 1]
        assert np.abs(chances - 0.5).min() < 0.05, "no boundary in this column"
        darkest = int(shown[0][:, int(u * (width - 1))].sum(1).argmin())
        assert abs(darkest - int(np.abs(chances - 0.5).argmin())) <= 0.03 * height


def test_keys_step_jump_play_and_loop(open_page, recorded):
    page = opened(open_page(viewport=SMALL), recorded)
    press = page.keyboard.press
    press("ArrowRight")
    at_epoch(page, 1)
    press("ArrowRight")
    press("ArrowRight")
    at_epoch(page, 3)
    press("ArrowLeft")
    at_epoch(page, 2)
    press("End")
    at_epoch(page, EPOCHS)
    press("ArrowRight")
    at_epoch(page, EPOCHS)

    # what is shown is told in words
    until(page, f"document.querySelector('.ctv-spoken').textContent.startsWith('Epoch {EPOCHS}.')")
    spoken = page.locator(".ctv-spoken").text_content()
    assert "Conventional: accuracy 98 %" in spoken and "Counterfactual training: accuracy 97 %" in spoken
    assert page.locator(".ctv-spoken").get_attribute("aria-live") == "polite"
    assert "accuracy 98 %" in page.locator(".ctv-canvas").first.get_attribute("aria-label")

    # a loop starts again
    loop = page.get_by_role("button", name="Loop")
    assert loop.get_attribute("aria-pressed") == "false"
    press("l")
    page.get_by_role("button", name="Loop", pressed=True).wait_for()
    page.get_by_role("button", name="Speed 4 times").click()
    slider = page.get_by_role("slider", name="Epoch")
    slider.focus()
    press("ArrowLeft")
    at_epoch(page, EPOCHS - 1)
    page.get_by_role("button", name="Play (space)").click()
    until(page, f"window.__ctvizStage.epoch === {EPOCHS}")
    until(page, f"window.__ctvizStage.playing && window.__ctvizStage.epoch < {EPOCHS // 2}")

    # space plays and pauses
    slider.focus()
    press("Home")
    at_epoch(page, 0)
    press("Space")
    until(page, "window.__ctvizStage.playing && window.__ctvizStage.epoch > 0")
    press("Space")
    until(page, "!window.__ctvizStage.playing")
    press("l")
    page.get_by_role("button", name="Loop", pressed=False).wait_for()
    press("Home")
    at_epoch(page, 0)
    assert slider.get_attribute("aria-valuetext") == f"epoch 0 of {Experiment().training.epochs}"


def test_the_scrubber_and_the_probe_follow_mouse_and_keys_and_panels_stand_where_there_is_room(browser_page, recorded):
    page = opened(browser_page, recorded)

    # the scrubber follows the mouse, and assistive technology, and rests on an epoch that is loaded
    slider = page.get_by_role("slider", name="Epoch")
    total = Experiment().training.epochs
    box = place_of(page.locator(".ctv-slider"))
    page.mouse.move(box["x"] + 1, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 12 / total, box["y"] + 10, steps=4)
    page.mouse.up()
    at_epoch(page, 12)
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    at_epoch(page, EPOCHS)
    slider.fill("7")
    at_epoch(page, 7)
    slider.fill("99")
    at_epoch(page, EPOCHS)
    slider.fill("0")
    at_epoch(page, 0)

    # the probe reads the same place in every panel
    box = place_of(page.locator(".ctv-plot").nth(1))
    u, v = 0.4, 0.65
    page.mouse.click(box["x"] + u * box["width"], box["y"] + (1 - v) * box["height"])
    page.mouse.move(5, 5)
    until(page, "document.querySelector('.ctv-status').textContent.startsWith('Pinned at')")
    point = SCENE.lower + np.array([u, v]) * (SCENE.upper - SCENE.lower)
    for arm in (0, 1):
        chance = fake.probabilities(SCENE, point, 0.0, arm)[1]
        words = page.locator(".ctv-reading").nth(arm).inner_text()
        assert words.startswith("P(class 2) = ")
        assert abs(float(words.split("=")[1]) - chance) < 0.03
    status = page.locator(".ctv-status")
    assert f"x1 = {point[0]:.1f}".replace("-", "−")[:8] in status.inner_text()
    page.locator(".ctv-panels").focus()
    page.keyboard.press("Escape")
    until(page, "document.querySelector('.ctv-reading').hidden")

    # the same from the keyboard
    page.keyboard.press("Shift+ArrowRight")
    until(page, "document.querySelector('.ctv-status').textContent.startsWith('Probe at')")
    first = status.inner_text()
    page.keyboard.press("Shift+ArrowUp")
    until(page, "first => document.querySelector('.ctv-status').textContent !== first", arg=first)
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.ctv-status').textContent.startsWith('Pinned at')")
    assert stage(page)["epoch"] == 0
    assert "P(class 2)" in page.locator(".ctv-spoken").text_content()

    # panels stand under each other on a phone and side by side on a desk
    for width, beside in ((390, False), (760, True)):
        resize(page, width, 844)
        first, second = (page.locator(".ctv-plot").nth(i).bounding_box() for i in (0, 1))
        assert (first["y"] == second["y"]) is beside
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_picture_can_be_downloaded_layers_come_and_go_and_so_does_the_theme(browser_page, recorded):
    page = opened(browser_page, recorded)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as PNG").click()
    assert download.value.suggested_filename == f"ctviz-{Experiment().key}-epoch-0.png"
    image = Image.open(download.value.path())
    box = page.locator(".ctv-plot").first.bounding_box()
    assert image.width > 4 * box["width"] and image.height > 2 * box["height"]
    assert len(image.convert("RGB").resize((80, 60)).getcolors(4800)) > 50
    foot = np.asarray(image.convert("L")).astype(int)[-170:]  # the epoch, and the legend with its ways and diamonds
    written = np.flatnonzero((abs(foot - foot[0, 0]) > 40).any(axis=0))
    assert written.max() > 0.6 * image.width

    whole = light = picture(page)
    page.emulate_media(color_scheme="dark")
    until(page, "document.querySelector('.ctv-stage').dataset.theme === 'dark'")
    frames(page, 2)
    assert picture(page).mean() < light.mean() - 60
    page.emulate_media(color_scheme="light")
    until(page, "document.querySelector('.ctv-stage').dataset.theme === 'light'")
    frames(page, 2)
    assert (picture(page) == light).all()

    for layer in ("Points", "Paths", "Contours"):
        switch = page.get_by_role("button", name=layer)
        switch.click()
        page.get_by_role("button", name=layer, pressed=False).wait_for()
        frames(page, 2)
        without = picture(page)
        assert np.abs(whole - without).max() > 20, layer
        whole = without


def test_nothing_moves_where_nobody_looks_or_no_motion_is_wanted(open_page, recorded):
    page = opened(open_page(viewport=SMALL), recorded)
    page.evaluate("document.body.style.paddingBottom = '4000px'")
    page.get_by_role("button", name="Loop").click()
    page.keyboard.press("Home")
    page.get_by_role("button", name="Play (space)").click()
    page.evaluate("scrollTo(0, 3500)")
    still = """new Promise(done => { const frames = () => window.__ctvizStage.frames; let before = frames(), left = 20;
      const look = () => left-- ? requestAnimationFrame(look) : done(frames() === before); look(); })"""
    until(page, still)
    assert stage(page)["playing"]
    before = stage(page)["frames"]
    page.evaluate("scrollTo(0, 0)")
    until(page, "before => window.__ctvizStage.frames > before + 5", arg=before)

    page.emulate_media(reduced_motion="reduce")
    page.goto(recorded)
    until(page, NEWEST)
    assert not stage(page)["playing"] and stage(page)["epoch"] == 0
    assert not page.get_by_role("button", name="Play (space)").is_visible()
    page.get_by_role("button", name="Step forward").click()
    at_epoch(page, 1)
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("End")
    at_epoch(page, EPOCHS)


def test_eight_panels_and_four_classes_fit(browser_page, many):
    page = opened(browser_page, many)
    assert page.locator(".ctv-panel").count() == 8
    assert page.locator("img").count() == 0 and page.title() == "<img src=x>"
    for width in (390, 700, 1440):
        resize(page, width, 844)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        boxes = [page.locator(".ctv-plot").nth(i).bounding_box() for i in range(8)]
        assert len({round(box["width"]) for box in boxes}) == 1, width
        assert boxes[0]["y"] == boxes[1]["y"], width
        assert all(box["x"] + box["width"] <= width for box in boxes), width
        page.locator(".ctv-plot").first.click(position={"x": 20, "y": 20})
        until(page, "document.querySelector('.ctv-reading').textContent.split('P(class').length === 3")
        page.mouse.move(5, 5)
        page.keyboard.press("Escape")
        until(page, "document.querySelector('.ctv-reading').hidden")


# -- unlinked ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """Address and folder of a server with the modules as they are, and a page's script that imports them."""
    folder = tmp_path_factory.mktemp("modules")
    for path in Path(player.__file__).parent.glob("*.js"):
        shutil.copy(path, folder)
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        """Says nothing."""


def test_the_modules_work_as_they_are_too(browser_page, served):
    address, folder = served
    page = standalone_html(SCENE, fake.snapshots(SCENE, epochs=2, g=20), Experiment())
    page = re.sub("<meta http-equiv=[^>]*>", '<link rel="icon" href="data:,">', page)
    page = re.sub(
        '<script type="module">.*</script>', '<script type="module" src="entry.js"></script>', page, flags=re.S
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    (folder / "entry.js").write_text(entry("Stage", "open", "open({kind});"), encoding="utf-8")
    opened(browser_page, f"{address}/index.html")
    browser_page.keyboard.press("End")
    at_epoch(browser_page, 2)
    exported = "([module, kind]) => import(`/${module}.js`).then((exports) => typeof exports[kind])"
    for kind, (module, _) in PARTS.items():
        assert browser_page.evaluate(exported, [module, kind]) == "function"


# -- inside an app -----------------------------------------------------------------------------------------------


@pytest.fixture
def app(components) -> str:
    return f"{components}/stage_app"


APP_EPOCHS = 11


def visited(page, app: str):
    """Opens the app, which shows run 0."""
    page.goto(app)
    until(page, NEWEST)
    app_wrote(page, "epoch=None playing=False")
    return page


def go(page, run: str) -> None:
    """Goes to a page without a stage and from there to a run."""
    page.get_by_text("none", exact=True).click()
    page.locator(".ctv-stage").wait_for(state="detached")
    page.get_by_text(run, exact=True).click()
    until(page, "run => window.__ctvizStage?.key === `run-${run}` && window.__ctvizStage.epochs > 0", run)
    style_ready(page)


def test_a_run_is_sent_once_and_again_where_it_got_lost_and_the_app_learns_what_is_seen(browser_page, app):
    received = []
    browser_page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page = visited(browser_page, app)
    size = len(pack(SCENE, fake.LABELS, fake.snapshots(fake.scene(seed=0), epochs=APP_EPOCHS, g=40)).payload)
    first = sum(received)

    # going away and back sends nothing again
    page.get_by_text("none", exact=True).click()
    page.locator(".ctv-stage").wait_for(state="detached")
    received.clear()
    page.get_by_text("0", exact=True).click()
    page.locator(".ctv-canvas").first.wait_for()
    app_wrote(page, "epoch=None")
    until(page, f"window.__ctvizStage?.epochs === {APP_EPOCHS + 1}")
    assert 0 < sum(received) < first - 0.9 * size

    # another run takes the stage
    page.get_by_text("1", exact=True).click()
    until(page, "window.__ctvizStage.key === 'run-1' && window.__ctvizStage.epochs > 0")
    page.get_by_text("0", exact=True).click()
    until(page, "window.__ctvizStage.key === 'run-0' && window.__ctvizStage.epochs > 0")
    app_wrote(page, "epoch=None")

    # what the page has lost is sent again
    page.get_by_text("none", exact=True).click()
    page.locator(".ctv-stage").wait_for(state="detached")
    page.evaluate("globalThis.__ctvizRuns.clear()")
    page.get_by_text("0", exact=True).click()
    page.locator(".ctv-canvas").first.wait_for()
    until(page, f"window.__ctvizStage.epochs === {APP_EPOCHS + 1}")

    # the app learns where the person rests, and says where to begin
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("Home")
    app_wrote(page, "epoch=0 playing=False speed=1.0")
    page.get_by_role("button", name="Speed 2 times").click()
    app_wrote(page, "epoch=0 playing=False speed=2.0")
    page.get_by_role("button", name="Contours").click()
    app_wrote(page, "epoch=0 playing=False speed=2.0 layers=points,paths")
    page.locator(".ctv-plot").first.click(position={"x": 50, "y": 60})
    app_wrote(page, "probe=(")
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("Space")
    app_wrote(page, "playing=True")
    until(page, "window.__ctvizStage.epoch > 2")
    page.keyboard.press("Space")
    until(page, "!window.__ctvizStage.playing")
    app_wrote(page, "playing=False")
    go(page, "fifth")
    at_epoch(page, 5)
    app_wrote(page, "epoch=5 playing=False")

    the_energy_is_asked_for_once_drawn_and_told(page, received)

    # what gets lost again is asked for until it is there
    go(page, "lost")
    until(page, f"window.__ctvizStage.epochs === {APP_EPOCHS + 1}")
    at_epoch(page, APP_EPOCHS)


def the_energy_is_asked_for_once_drawn_and_told(page, received) -> None:
    """On a run of fake energies, from epoch 5 on."""
    plain, legend = picture(page), page.locator("p.ctv-scale")
    assert not legend.is_visible()
    page.locator(".ctv-panels").focus()
    page.keyboard.press("e")
    until(page, "window.__ctvizStage.layer === 'energy'")
    app_wrote(page, "layer=energy of None")
    assert stage(page)["scale"] == [-5, 15], "one scale, with round ends, for all epochs and panels"
    assert "Low: looks like data of this class" in legend.inner_text() and "high: does not" in legend.inner_text()
    frames(page, 2)
    assert np.abs(plain - picture(page)).max() > 40
    assert page.locator(".ctv-value").all_inner_texts()[:3] == ["5.0", "7.5", "2.5 higher"]
    told = page.locator(".ctv-canvas").nth(1).get_attribute("aria-label")
    assert "Energy of “class 2”: real samples 6.0, counterfactuals 8.5: 2.5 higher." in told
    page.locator(".ctv-plot").first.click(position={"x": 50, "y": 60})
    page.locator(".ctv-reading").filter(has_text="E(class 2) = ").first.wait_for()

    # another class is asked for too; what is held is not asked for again
    page.get_by_role("button", name="class 1").click()
    until(page, "window.__ctvizStage.layer === 'energy'")
    app_wrote(page, "layer=energy of 0")
    page.get_by_role("button", name="Probability").click()
    app_wrote(page, "layer=probability of 0")
    held = len(fake.energies(SCENE, fake.snapshots(SCENE, epochs=APP_EPOCHS, g=40), 1).levels.tobytes()) // 10
    received.clear()
    page.get_by_role("button", name="Energy", exact=True).click()
    app_wrote(page, "layer=energy of 0")
    assert 0 < sum(received) < held
    page.get_by_role("button", name="Probability").click()
    app_wrote(page, "layer=probability of 0")


def test_a_run_grows_where_it_stands(open_page, app):
    page = visited(open_page(viewport=SMALL), app)
    go(page, "grows")
    until(page, "window.__ctvizStage.following && window.__ctvizStage.epochs > 3")
    energy = page.get_by_role("button", name="Energy", exact=True)

    def coloured() -> bool:
        """A stage may be mounted anew while the page runs again, and this app does not say how it was left."""
        if energy.get_attribute("aria-pressed") != "true":
            energy.click()
        return stage(page)["layer"] == "energy"

    waiting.until(coloured, "energy", pause=0.1)
    page.locator(".ctv-canvas").first.evaluate("canvas => { canvas.dataset.mine = 'yes' }")
    narrow = stage(page)["scale"]
    live = page.locator(".ctv-follow")
    assert live.inner_text() == "Live"
    page.get_by_role("slider", name="Epoch").focus()
    page.keyboard.press("Home")
    until(page, "!window.__ctvizStage.following && window.__ctvizStage.epoch === 0")
    held = stage(page)["epochs"]
    page.get_by_role("button", name="More").click()
    until(page, "held => window.__ctvizStage.epochs > held + 2", arg=held)
    assert stage(page)["epoch"] == 0, "the person has scrubbed away"
    live.click()
    until(page, "window.__ctvizStage.following && window.__ctvizStage.epoch > 4")
    page.get_by_role("button", name="More").click()
    until(page, f"window.__ctvizStage.epoch === {APP_EPOCHS} && !window.__ctvizStage.live")
    assert page.locator(".ctv-canvas").first.get_attribute("data-mine") == "yes", "still the same element"
    page.locator(".ctv-value").first.filter(has_text="11.0").wait_for()  # those of the last epoch may be on their way
    assert page.locator(".ctv-value").all_inner_texts()[:2] == ["11.0", "13.5"], "the energies have grown with the run"
    assert narrow[1] < stage(page)["scale"][1] == 15, "and the one scale of all epochs with them"
    assert not live.is_visible()

    # playing goes on while a run grows
    go(page, "plays")
    until(page, "window.__ctvizStage.playing && window.__ctvizStage.epochs > 3")
    page.get_by_role("button", name="More").click()
    until(page, "window.__ctvizStage.playing && window.__ctvizStage.epochs > 5")
    page.get_by_role("button", name="More").click()
    until(page, f"window.__ctvizStage.epoch === {APP_EPOCHS}")

    # a run that ends before its data is there is followed to its end
    go(page, "ends")
    until(page, "window.__ctvizStage.following && window.__ctvizStage.epochs > 3")
    page.get_by_role("button", name="More").click()
    until(page, f"!window.__ctvizStage.live && window.__ctvizStage.epochs === {APP_EPOCHS + 1}")
    at_epoch(page, APP_EPOCHS)
    assert not stage(page)["following"]
