"""The app under a path of a proxy, in a real browser: pages, links, what is shared, what components show."""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from ctviz.ui.kit.pages import PAGES
from tests.browser.driving import begin, stop
from tests.browser.looks import stage_ready
from tests.elsewhere import knock
from tests.waiting import free_port

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def under(tmp_path_factory):
    """``ctviz serve`` under a path."""
    port, path, place = free_port(), "tools/a-b/ctviz_1.0", tmp_path_factory.mktemp("under")
    command = [sys.executable, "-m", "ctviz", "serve", "--headless", "--port", str(port), "--base-path", f"/{path}/"]
    variables = {"STREAMLIT_BROWSER_SERVER_ADDRESS": "proxy.example"}
    server = begin(command, f"http://127.0.0.1:{port}/{path}", place / "home", place / "log", variables)
    yield server
    stop(server.process)


def test_it_is_found_there_alone_and_by_pages_of_the_proxy(under) -> None:
    """Settings of Streamlit's own still count, such as the name of a proxy that changes the header Host."""
    address = urlsplit(under.url)
    assert f"Starting ctviz at {under.url};" in under.log.read_text(encoding="utf-8")
    assert " 101 " in knock(address.port, "https://proxy.example", address.path)
    assert " 403 " in knock(address.port, "https://elsewhere.example", address.path)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://{address.netloc}/_stcore/health")


def test_pages_links_and_what_is_shared_stay_under_it(under, still_page) -> None:
    requested = []
    still_page.on("request", lambda request: requested.append(request.url))
    still_page.goto(f"{under.url}/boundaries?preset=loans")
    stage_ready(still_page)
    links = still_page.locator(".st-key-menu")
    menu = links.locator("a").evaluate_all("links => links.map((link) => link.href)")
    assert len(menu) == len(PAGES) and all(f"{address}/".startswith(f"{under.url}/") for address in menu), menu
    still_page.get_by_role("button", name="Share and take away").click()
    address = still_page.get_by_test_id("stCode").filter(has_text=re.compile("^\\s*http"))  # the other is code
    shared = address.inner_text().strip()
    assert shared.startswith(f"{under.url}/boundaries?"), "like the link that was opened"
    with still_page.expect_download() as download:
        still_page.get_by_role("button", name="Settings (TOML)").click()
    assert 'name = "ls"' in download.value.path().read_text(encoding="utf-8")
    still_page.keyboard.press("Escape")
    links.get_by_role("link", name="Home").click()
    door = still_page.get_by_role("link", name="Open Boundaries").evaluate("link => link.href")
    assert door.startswith(f"{under.url}/boundaries?") and "preset=loans" in door
    outside = [url for url in requested if url.startswith("http") and not url.startswith(under.url)]
    assert not outside, json.dumps(outside, indent=1)
