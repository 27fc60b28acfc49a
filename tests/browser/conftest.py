"""A real Chromium and a real server for the browser tests; every page watches itself.

``browser_page``, and ``still_page`` where nothing need move, is a page that fails its test on an error in the console
and on any request that leaves this computer; ``open_page(**options)`` opens more of them, with Playwright's options of
a context (viewport, color_scheme, reduced_motion …). Pages of all tests share one context, so that what one has loaded
the next finds in the cache; with other options a page has a context of its own.

``app`` is the app on one server for all tests, with a CTVIZ_HOME of its own; each test asks for settings that no
other one trains. ``components`` is the server of the small apps around components.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ctviz.bench.browser import chromium_path
from ctviz.bench.streamlit_client import Visitor

playwright_api = pytest.importorskip("playwright.sync_api")

from tests.browser.driving import ARGUMENTS, ROOT, Server, Watch, follow, launch, stop  # noqa: E402
from tests.browser.looks import sideways  # noqa: E402
from tests.browser.shots import LOOKS, ONE_OF_EACH_PAGE, Shot, take  # noqa: E402
from tests.waiting import PATIENCE  # noqa: E402

VIEWPORT = {"width": 1440, "height": 900}
QUIET_PAGE = "/paper"
"""A page on which nothing moves or is asked for while it stays open."""


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """One browser for all tests."""
    with playwright_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
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
    """Opens pages that must neither err nor call out; ``open_page(viewport=…, color_scheme=…, offline=…)``."""
    watch = Watch()
    opened = []

    def open_(*, viewport=VIEWPORT, color_scheme="light", reduced_motion="no-preference", **options):
        context = shared_context
        if options:
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


@pytest.fixture
def still_page(open_page):
    """The same for who wants no motion: no film plays, which would be drawn anew all the time, where none is tested."""
    return open_page(reduced_motion="reduce")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a fresh server come first; a browser test that fails is tried once more.

    A click while the app redraws may be lost without an error. The report names what was tried again (RERUN), so that a
    test that fails often is found.
    """
    items.sort(key=lambda item: "crowd" not in getattr(item, "fixturenames", ()))
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def fresh_server(tmp_path_factory) -> Iterator[Server]:
    """The app, on one server for all tests, which nobody has visited."""
    place = tmp_path_factory.mktemp("app")
    server = launch(ROOT / "app.py", place / "home", place / "log", {})
    yield server
    stop(server.process)


@pytest.fixture(scope="session")
def app(fresh_server, shared_context) -> Server:
    """The server of the app, of which a page stays open."""
    keep_open(shared_context, fresh_server.url, QUIET_PAGE)
    return fresh_server


def keep_open(context, url: str, path: str = "") -> None:
    """Has a page of a server stay open, so that others find its scripts compiled: that halves their load."""
    if not any(page.url.startswith(url) for page in context.pages):
        context.new_page().goto(url + path)


@dataclass
class Seen:
    """A page as its first visitor saw it on a phone: the picture, alerts, faults, pixels out of sight at the side."""

    picture: Path
    alerts: list[str]
    faults: list[str]
    sideways: int


@pytest.fixture(scope="session")
def crowd(fresh_server) -> dict[str, list[str]]:
    """What went wrong for the first visitors of a server that has just been started, one on each page, all at once."""

    async def come(shot: Shot) -> list[str]:
        async with Visitor(fresh_server.url, PATIENCE) as visitor:
            parts = urlsplit(shot.link)
            return (await visitor.visit(parts.path.strip("/"), parts.query)).errors

    async def all_come() -> dict[str, list[str]]:
        errors = await asyncio.gather(*map(come, ONE_OF_EACH_PAGE))
        return {shot.name: found for shot, found in zip(ONE_OF_EACH_PAGE, errors, strict=True)}

    with ThreadPoolExecutor(1) as thread:  # this one has a loop of Playwright's
        return thread.submit(asyncio.run, all_come()).result()


@pytest.fixture(scope="session")
def first_visits(crowd, fresh_server, shared_context, tmp_path_factory) -> dict[str, Seen]:
    """Each page as a deep link shows it, by the picture's name; in one tab, since each load takes seconds."""
    page, watch = shared_context.new_page(), Watch()
    page.set_default_timeout(1000 * PATIENCE)
    page.emulate_media(reduced_motion="reduce")  # what plays by itself never looks the same twice
    watch.over(page)
    seen, place = {}, tmp_path_factory.mktemp("pictures")
    for shot in ONE_OF_EACH_PAGE:
        watch.faults, path = [], place / f"{shot.name}.png"
        page.set_viewport_size(LOOKS["phone"]["viewport"])
        if shot is ONE_OF_EACH_PAGE[0]:
            page.goto(fresh_server.url + shot.link)
        else:
            follow(page, shot.link)
        take(page, shot, path, looks=1)
        alerts = page.locator('[data-testid="stAlert"]').all_inner_texts()
        seen[shot.name] = Seen(path, alerts, watch.faults, sideways(page))
    page.set_viewport_size(VIEWPORT)
    follow(page, QUIET_PAGE)  # it stays open, see ``app``
    return seen


@pytest.fixture(scope="session")
def components(shared_context, tmp_path_factory) -> Iterator[str]:
    """Address of the server of ``components_app.py``, of which a page stays open."""
    place = tmp_path_factory.mktemp("components")
    server = launch(Path(__file__).with_name("components_app.py"), place / "home", place / "log", {})
    try:
        keep_open(shared_context, server.url)
        yield server.url
    finally:
        stop(server.process)
