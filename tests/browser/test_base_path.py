"""The app under a path of a proxy, in a real browser: pages, links, what is shared, what components show."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.browser.driving import begin, stop
from tests.browser.looks import stage_ready
from tests.waiting import free_port

pytestmark = pytest.mark.browser


@pytest.fixture
def under(tmp_path):
    """``ctviz serve`` under a path."""
    port, path = free_port(), "tools/a-b/ctviz_1.0"
    command = [sys.executable, "-m", "ctviz", "serve", "--headless", "--port", str(port), "--base-path", f"/{path}/"]
    server = begin(command, f"http://127.0.0.1:{port}/{path}", tmp_path / "home", tmp_path / "log", {})
    yield server
    stop(server.process)


def test_pages_links_and_what_is_shared_stay_under_it(under, browser_page) -> None:
    requested = []
    browser_page.on("request", lambda request: requested.append(request.url))
    browser_page.goto(f"{under.url}/")
    stage_ready(browser_page)
    browser_page.locator(".st-key-menu").get_by_role("link", name="Paper").click()
    browser_page.wait_for_url(f"{under.url}/paper**")
    browser_page.locator(".st-key-menu").get_by_role("link", name="Home").click()
    browser_page.get_by_role("link", name="Open Boundaries").click()
    browser_page.wait_for_url(f"{under.url}/boundaries?**preset=loans**")
    stage_ready(browser_page)
    browser_page.get_by_role("button", name="Share and take away").click()
    address = browser_page.get_by_test_id("stCode").filter(has_text=re.compile("^\\s*http"))  # the other is code
    shared = address.inner_text().strip()
    assert shared.startswith(f"{under.url}/boundaries?")
    with browser_page.expect_download() as download:
        browser_page.get_by_role("button", name="Settings (TOML)").click()
    assert 'name = "ls"' in download.value.path().read_text(encoding="utf-8")
    browser_page.goto(shared)
    stage_ready(browser_page)
    outside = [url for url in requested if url.startswith("http") and not url.startswith(under.url)]
    assert not outside, json.dumps(outside, indent=1)
