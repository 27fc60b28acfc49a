"""Pictures are taken of every page, and of none before all on it is drawn."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from PIL import Image

from ctviz.ui.kit.pages import PAGES
from tests.browser.driving import READY
from tests.browser.shots import ONE_OF_EACH_PAGE, SHOTS

APP = '<div data-testid="stApp" data-test-script-state="{state}">{body}</div>'
CHART = '<div data-testid="stPlotlyChart">{0}</div>'
PLOT = (
    '<div class="js-plotly-plot" style="width: 50px"></div>'
    "<script>document.querySelector('.js-plotly-plot')._fullLayout = {{width: {0}}}</script>"
)
"""A chart that was drawn for so many pixels."""
COMPONENT = '<div data-testid="stBidiComponentIsolated">{0}</div>'
STAGE = '<template shadowrootmode="open"><div class="ctv-stage">{0}</div></template>'


def test_every_page_has_a_picture_and_no_two_pictures_one_name():
    pages = {"/" if page.path == "app.py" else f"/{PurePath(page.path).stem}" for page in PAGES}
    assert {shot.page for shot in SHOTS} == {shot.page for shot in ONE_OF_EACH_PAGE} == pages
    assert len({shot.name for shot in SHOTS}) == len(SHOTS)


@pytest.mark.browser
def test_a_fresh_server_shows_every_page_to_visitors_who_come_all_at_once(crowd):
    assert crowd == {shot.name: [] for shot in ONE_OF_EACH_PAGE}


@pytest.mark.browser
@pytest.mark.parametrize("shot", ONE_OF_EACH_PAGE, ids=lambda shot: shot.name)
def test_a_deep_link_shows_every_page_on_a_phone_and_its_picture_is_taken(shot, first_visits):
    seen = first_visits[shot.name]
    assert seen.alerts == []
    assert seen.faults == []
    assert seen.sideways == 0
    with Image.open(seen.picture) as picture:
        assert picture.width == 390
        assert picture.height > 844 if shot.whole else picture.height == 844
        assert picture.convert("RGB").getcolors(50) is None, "no blank page: it has more colours"


READINESS = (
    ("words alone", True),
    (CHART.format('<svg class="main-svg"></svg>'), True),
    (CHART.format('<svg class="main-svg"></svg>') + CHART.format(""), False),
    (PLOT.format(50), True),
    (PLOT.format(70), False),
    ('<div data-testid="stSkeleton"></div>', False),
    ('<div data-testid="stSpinner"></div>', False),
    (COMPONENT.format(""), False),
    (COMPONENT.format(STAGE.format("")), False),
    (COMPONENT.format(STAGE.format("<canvas></canvas>")), True),
    ("<script>__ctvizPaths = {drawn: null, traceKey: 'a'}</script>", False),
    ("<script>__ctvizPaths = {drawn: 'a', traceKey: 'a'}</script>", True),
)
"""What stands on a page, and whether that may be all."""


@pytest.mark.browser
def test_what_is_waited_for(browser_page):
    for body, ready in READINESS:
        for state in ("running", "notRunning"):
            browser_page.goto("about:blank")
            text = APP.format(state=state, body=body)
            browser_page.evaluate("text => { document.open(); document.write(text); document.close(); }", text)
            assert browser_page.evaluate(READY) is (ready and state == "notRunning"), (body, state)
