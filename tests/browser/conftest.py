"""A real Chromium and a real server for the browser tests; every page watches itself.

``browser_page`` is a page that fails its test on an error in the console and on any request that leaves this
computer; ``open_page(**options)`` opens more of them, with Playwright's options of a context (viewport,
color_scheme, reduced_motion …). Pages of all tests share one context, so that what one has loaded the next finds in
the cache; ``open_page(elsewhere=True)`` is a browser of its own, that of somebody else.

``app`` is the app on one server for all tests, with a CTVIZ_HOME of its own; each test asks for settings that no
other one trains. ``serve(script)`` starts ``streamlit run`` for a script of a test's own and returns a ``Server``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ctviz.ui.kit.pages import PAGES
from tests.waiting import PATIENCE, free_port, served

playwright_api = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LOCAL_SCHEMES = ("file", "data", "blob", "about")
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""On a deep link Streamlit's page asks for these below the page's own path first, and below the root after a 404."""


VIEWPORT = {"width": 1440, "height": 900}


@dataclass
class Server:
    """A running app: where it is, where it keeps its state, what it has written.

    ``alerts`` are, by page, those that were seen when its first visitors came, all of them by a deep link.
    """

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path
    alerts: dict[str, list[str]] = field(default_factory=dict)


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


def executable() -> str | None:
    """The system's Chromium if there is one; None for the one that Playwright brought."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """One browser for all tests."""
    with playwright_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        except playwright_api.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared_context(chromium) -> Iterator:
    """Where all pages are opened that need no browser of their own."""
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def open_page(chromium, shared_context) -> Iterator[Callable]:
    """Opens pages that must neither err nor call out; ``open_page(viewport=…, color_scheme=…, elsewhere=…)``."""
    watch = Watch()
    opened = []

    def open_(*, viewport=VIEWPORT, color_scheme="light", reduced_motion="no-preference", elsewhere=False, **options):
        context = shared_context
        if elsewhere or options:
            context = chromium.new_context(**options)
            opened.append(context)
        page = context.new_page()
        opened.append(page)
        page.set_default_timeout(1000 * PATIENCE)
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        watch.over(page)
        return page

    yield open_
    for page_or_context in reversed(opened):
        page_or_context.close()
    assert not watch.faults, "\n".join(watch.faults)


@pytest.fixture
def browser_page(open_page):
    """One page of 1440 × 900 that must neither err nor call out."""
    return open_page()


@pytest.fixture(scope="session")
def app(tmp_path_factory, shared_context) -> Iterator[Server]:
    """The app, whose server has just been started when each of its pages is opened by a deep link, all at once."""
    place = tmp_path_factory.mktemp("app")
    server = launch(ROOT / "app.py", place / "home", place / "log", {})
    try:
        arrive(server, shared_context)
        yield server
    finally:
        stop(server.process)


def arrive(server: Server, context) -> None:
    pages = {entry.title: context.new_page() for entry in PAGES}
    for entry in PAGES:
        path = "" if entry.path == "app.py" else Path(entry.path).stem
        pages[entry.title].goto(f"{server.url}/{path}")
    for title, page in pages.items():
        # A fresh server loads a lot before it shows its first page.
        page.locator(".ctviz-headline").first.wait_for(timeout=1000 * PATIENCE)
        picture_ready(page)
        server.alerts[title] = page.locator('[data-testid="stAlert"]').all_inner_texts()
        page.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory) -> Iterator[Callable[..., Server]]:
    """Starts ``streamlit run script`` with an empty CTVIZ_HOME; ``serve(script, home=…, **environment)``."""
    servers: list[Server] = []

    def start(script: Path, home: Path | None = None, **environment: str) -> Server:
        place = tmp_path_factory.mktemp("server")
        server = launch(script, home or place / "home", place / "log", environment)
        servers.append(server)
        return server

    yield start
    for server in servers:
        stop(server.process)


def until(page, expression: str, arg=None) -> None:
    """Waits until a JavaScript expression, or function of ``arg``, holds in the page.

    Like Playwright's ``wait_for_function``, which needs an ``eval`` that a strict page forbids.
    """
    end = time.monotonic() + PATIENCE
    while not page.evaluate(expression, arg):
        if time.monotonic() > end:
            raise AssertionError(f"After {PATIENCE:.0f} s still not: {expression} with {arg}")
        page.wait_for_timeout(30)  # between two polls


READY = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const stages = (root) => [...root.querySelectorAll(".ctv-stage")];
  const drawn = (root) => root?.childElementCount && stages(root).every((stage) => stage.querySelector("canvas"));
  const paths = globalThis.__ctvizPaths;
  const fetched = "[data-testid=stSkeleton], [data-testid=stSpinner]"; // in place of what is on its way
  return document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
    && !all(fetched).length
    && all("[data-testid=stPlotlyChart]").every((chart) => chart.querySelector(".main-svg"))
    && all("img").every((image) => image.complete)
    && all("[data-testid^=stBidiComponent]").every((component) => drawn(component.shadowRoot))
    && (!paths || paths.drawn === paths.traceKey);
}"""


def picture_ready(page) -> None:
    """Waits until nothing of a page is on its way any more and every picture on it, of whatever kind, is drawn."""
    until(page, READY)


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
