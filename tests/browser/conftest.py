"""A real Chromium and a real server for the browser tests; every page watches itself.

``browser_page`` is a page that fails its test on an error in the console and on any request that leaves this
computer; ``open_page(**options)`` opens more of them, with Playwright's options of a context (viewport,
color_scheme, reduced_motion …). ``serve(script)`` starts ``streamlit run`` on a free port with a CTVIZ_HOME of its
own and returns a ``Server``.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

playwright_api = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LOCAL_SCHEMES = ("file", "data", "blob", "about")
STARTUP_SECONDS = 60
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


@pytest.fixture
def open_page(chromium) -> Iterator[Callable]:
    """Opens pages that must neither err nor call out; ``open_page(viewport=…, color_scheme=…)``."""
    watch = Watch()
    contexts = []

    def open_(**options):
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        watch.over(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not watch.faults, "\n".join(watch.faults)


@pytest.fixture
def browser_page(open_page):
    """One page of 1440 × 900 that must neither err nor call out."""
    return open_page()


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


def until(page, expression: str, arg=None, seconds: float = 20) -> None:
    """Waits until a JavaScript expression, or function of ``arg``, holds in the page.

    Like Playwright's ``wait_for_function``, which needs an ``eval`` that a strict page forbids.
    """
    end = time.monotonic() + seconds
    while not page.evaluate(expression, arg):
        if time.monotonic() > end:
            raise AssertionError(f"After {seconds} s still not: {expression} with {arg}")
        page.wait_for_timeout(30)  # between two polls


def launch(script: Path, home: Path, log: Path, environment: dict[str, str]) -> Server:
    port = free_port()
    command = [
        sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port),
        "--server.address", "127.0.0.1", "--server.headless", "true", "--browser.gatherUsageStats", "false",
        "--server.fileWatcherType", "none",
    ]  # fmt: skip
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {**os.environ, "PYTHONPATH": path, "CTVIZ_HOME": str(home), **environment}
    with log.open("wb") as out:
        # A session of its own, so that workers of the app end with it.
        process = subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    server = Server(f"http://127.0.0.1:{port}", home, process, log)
    try:
        wait_until_healthy(server)
    except BaseException:
        stop(process)
        raise
    return server


def wait_until_healthy(server: Server) -> None:
    until = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < until:
        if server.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)  # between two polls
    raise RuntimeError(f"The server did not start:\n{server.log.read_text(errors='replace')[-4000:]}")


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
