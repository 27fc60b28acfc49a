"""Pictures are taken of every page, and of none before all on it is drawn."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import urlsplit

import pytest

from ctviz.ui.kit.pages import PAGES
from tests.browser.conftest import READY
from tests.browser.shots import SHOTS

APP = '<div data-testid="stApp" data-test-script-state="{state}">{body}</div>'
CHART = '<div data-testid="stPlotlyChart">{0}</div>'
COMPONENT = '<div data-testid="stBidiComponentIsolated">{0}</div>'
STAGE = '<template shadowrootmode="open"><div class="ctv-stage">{0}</div></template>'


def test_every_page_has_a_picture_and_no_two_pictures_one_name():
    pages = {"/" if page.path == "app.py" else f"/{PurePath(page.path).stem}" for page in PAGES}
    assert {urlsplit(shot.link).path for shot in SHOTS} == pages
    assert len({shot.name for shot in SHOTS}) == len(SHOTS)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("body", "ready"),
    [
        ("words alone", True),
        (CHART.format('<svg class="main-svg"></svg>'), True),
        (CHART.format('<svg class="main-svg"></svg>') + CHART.format(""), False),
        ('<div data-testid="stSkeleton"></div>', False),
        ('<div data-testid="stSpinner"></div>', False),
        (COMPONENT.format(""), False),
        (COMPONENT.format(STAGE.format("")), False),
        (COMPONENT.format(STAGE.format("<canvas></canvas>")), True),
        ("<script>__ctvizPaths = {drawn: null, traceKey: 'a'}</script>", False),
        ("<script>__ctvizPaths = {drawn: 'a', traceKey: 'a'}</script>", True),
    ],
)
def test_what_is_waited_for(body, ready, browser_page):
    for state in ("running", "notRunning"):
        browser_page.goto("about:blank")
        text = APP.format(state=state, body=body)
        browser_page.evaluate("text => { document.open(); document.write(text); document.close(); }", text)
        assert browser_page.evaluate(READY) is (ready and state == "notRunning")
