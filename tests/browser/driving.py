"""How servers of the app are started and stopped, and how a page in a browser is waited for and watched."""

from __future__ import annotations

import base64
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from tests import waiting
from tests.waiting import PATIENCE, free_port, served

ROOT = Path(__file__).parents[2]
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--process-per-site",  # pages share what has been compiled
    # Most code of a page runs for a moment: to optimise it, in threads of their own, takes longer than it saves.
    "--js-flags=--single-threaded --no-turbofan --no-flush-bytecode",
)  # fmt: skip
LOCAL_SCHEMES = ("file", "data", "blob", "about")
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""On a deep link Streamlit's page asks for these below the page's own path first, and below the root after a 404."""


@dataclass
class Server:
    """A running app: where it is, where it keeps its state, what it has written."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path


@dataclass
class Watch:
    """What a page has done that no page may do."""

    faults: list[str] = field(default_factory=list)

    def over(self, page) -> None:
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", lambda request: self.request(request.url))
        page.on("websocket", lambda socket_: self.request(socket_.url))

    def console(self, message) -> None:
        if message.type == "error" and not message.location["url"].endswith(PROBES):
            self.faults.append(f"console: {message.text}")

    def request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in LOCAL_SCHEMES and parts.hostname not in ("127.0.0.1", "localhost"):
            self.faults.append(f"request to {url}")


WAITING = """async ([arg, patience]) => {
  const end = performance.now() + patience;
  for (;;) {
    const found = (EXPRESSION);
    if (await (typeof found === "function" ? found(arg) : found)) return true;
    if (performance.now() > end) return false;
    await new Promise((done) => setTimeout(done, 30)); // between two looks
  }
}"""
PAGE_LEFT = "Execution context was destroyed"
"""What Playwright says of a wait in a page that has been left for another one, or loaded again."""


def until(page, expression: str, arg=None, patience: float = PATIENCE) -> None:
    """Waits until a JavaScript expression, or function of ``arg``, holds in the page; at most so many seconds.

    The page itself looks again and again. Playwright's ``wait_for_function`` does that too, but needs an ``eval`` that
    a strict page forbids, and has the page draw a frame for each look; a question from here for each look would cost
    more than what is waited for.
    """
    from playwright.sync_api import Error  # here, for those who start a server and no browser

    end = time.monotonic() + patience
    while (left := end - time.monotonic()) > 0:
        try:
            if page.evaluate(WAITING.replace("EXPRESSION", expression), [arg, 1000 * left]):
                return
        except Error as error:
            if PAGE_LEFT not in error.message:
                raise
    raise AssertionError(f"After {patience:.0f} s still not: {expression} with {arg}")


READY = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const stages = (root) => [...root.querySelectorAll(".ctv-stage")];
  const drawn = (root) => root?.childElementCount && stages(root).every((stage) => stage.querySelector("canvas"));
  const paths = globalThis.__ctvizPaths;
  const fetched = "[data-testid=stSkeleton], [data-testid=stSpinner]"; // in place of what is on its way
  return document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
    && !all(fetched).length
    && all("[data-testid=stPlotlyChart]").every((chart) => chart.querySelector(".main-svg"))
    && all(".js-plotly-plot").every((plot) => Math.abs(plot._fullLayout.width - plot.clientWidth) < 2)
    && all("img").every((image) => image.complete)
    && all("[data-testid^=stBidiComponent]").every((component) => drawn(component.shadowRoot))
    && (!paths || paths.drawn === paths.traceKey);
}"""


FOLLOW = """link => new Promise((done) => {
  const app = document.querySelector("[data-testid=stApp]");
  const resting = () => app.dataset.testScriptState === "notRunning";
  const go = () => {
    const watch = new MutationObserver(() => { watch.disconnect(); done(); });
    watch.observe(app, { attributes: true });
    watch.observe(app.querySelector("[data-testid=stMain]"), { childList: true, characterData: true, subtree: true });
    history.pushState(null, "", link);
    dispatchEvent(new PopStateEvent("popstate"));
    setTimeout(() => resting() && done(), UNCHANGED_MS);
  };
  const rest = () => (resting() ? go() : setTimeout(rest, 30));
  rest();
})"""
UNCHANGED_MS = 10000
"""Milliseconds after which a page that nothing has changed, and that rests, is taken for what was asked for."""


def follow(page, link: str) -> None:
    """Goes to a link of the app without loading its page anew, as the browser's own arrows do; the app has begun.

    A busy browser draws the beginning and the end of a short run of the script at once, so that its state never seems
    to change: then what the run has changed on the page tells of it.
    """
    page.evaluate(FOLLOW.replace("UNCHANGED_MS", str(UNCHANGED_MS)), link)


def picture_ready(page) -> None:
    """Waits until nothing of a page is on its way any more and every picture on it, of whatever kind, is drawn."""
    until(page, READY)


STYLE_IS_THERE = """() => [...document.querySelectorAll("[data-testid^=stBidiComponent]")]
  .map((component) => component.shadowRoot?.querySelector(".ctv-panels")).filter(Boolean)
  .every((panels) => getComputedStyle(panels).display === "grid")"""


def style_ready(page) -> None:
    """Waits until the style of a stage, a file of its own, has come: until then a panel is as wide as the page."""
    until(page, STYLE_IS_THERE)
    frames(page, 2)


def scroll_down(page) -> None:
    """Goes to the end of a page, and waits until what lies there is drawn for who comes."""
    page.locator('[data-testid="stMain"]').evaluate("main => main.scrollTo(0, main.scrollHeight)")
    places = "[...document.querySelectorAll('[class*=st-key-seen-on-]')]"
    until(page, f"() => {places}.every((place) => !place.offsetParent)")  # some are hidden on a phone


def launch(script: Path, home: Path, log: Path, environment: dict[str, str]) -> Server:
    port = free_port()
    command = [
        sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port),
        "--server.address", "127.0.0.1", "--server.headless", "true", "--browser.gatherUsageStats", "false",
        "--server.fileWatcherType", "none",
    ]  # fmt: skip
    return begin(command, f"http://127.0.0.1:{port}", home, log, environment)


def begin(command: list[str], url: str, home: Path, log: Path, environment: dict[str, str], **options) -> Server:
    """Starts a server of this checkout, with options of ``Popen``; it answers when this returns."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {**os.environ, "PYTHONPATH": path, "CTVIZ_HOME": str(home), **environment}
    with log.open("wb") as out:
        # A session of its own, so that workers of the app end with it.
        options = {"cwd": ROOT, "stdout": out, "stderr": subprocess.STDOUT, **options}
        process = subprocess.Popen(command, env=variables, start_new_session=True, **options)
    server = Server(url, home, process, log)
    try:
        served(f"{server.url}/_stcore/health", process, log)
    except BaseException:
        stop(process)
        raise
    return server


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a server and the workers in its process group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


TRIES = 10
"""Times that a gesture is made at most."""

APP_RESTS = "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState !== 'running'"


def place_of(locator) -> dict[str, float]:
    """Where an element is in the window, for who points at it: once it can be, the app rests and the place stays.

    Playwright's own look, at two frames, is too short: what is drawn above may still come, or a chart find its width.
    """
    found: list[dict[str, float]] = []

    def stays() -> bool:
        locator.hover(trial=True)
        found.append(locator.bounding_box() if locator.page.evaluate(APP_RESTS) else {})
        return bool(found[-1]) and found[-3:] == 3 * found[-1:]

    waiting.until(stays, "a place that stays", pause=0.1)
    return found[-1]


def repeat_until(page, gesture: Callable[[], None], expression: str) -> None:
    """Makes a gesture of the pointer until an expression holds: one on a chart that is just redrawn is lost."""
    for left in reversed(range(TRIES)):
        gesture()
        try:
            until(page, expression, patience=PATIENCE / TRIES)
            break
        except AssertionError:
            if not left:
                raise


def picture(page, panel: int = 0) -> np.ndarray:
    """Pixels of a panel's canvas, (height width 3), row 0 on top."""
    url = page.locator(".ctv-canvas").nth(panel).evaluate("canvas => canvas.toDataURL('image/png').split(',')[1]")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url))).convert("RGB")).astype(int)


def app_wrote(page, words: str) -> None:
    """Waits until the app has written something that starts with these words."""
    page.get_by_test_id("stText").filter(has_text=words).first.wait_for()


def frames(page, count: int) -> None:
    """Lets the browser draw so many times."""
    drawn = "n => new Promise(done => { const next = () => n-- ? requestAnimationFrame(next) : done(); next(); })"
    page.evaluate(drawn, count)


def resize(page, width: int, height: int) -> None:
    """Makes the window as large as this, and waits until what is on the page has found its place in it."""
    page.set_viewport_size({"width": width, "height": height})
    until(page, "([width, height]) => innerWidth === width && innerHeight === height", [width, height])
    frames(page, 2)
    if page.get_by_test_id("stApp").count():
        picture_ready(page)
