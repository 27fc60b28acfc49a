"""What several browser tests look at."""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from tests.browser.driving import frames, until
from tests.waiting import PATIENCE

MAIN = '[data-testid="stMain"]'
SIDEWAYS = "main => main.scrollWidth - main.clientWidth"


def stage_ready(page, epochs: int = 1) -> None:
    """Waits until the stage holds at least so many epochs."""
    until(page, "n => globalThis.__ctvizStage && globalThis.__ctvizStage.epochs >= n", arg=epochs)


def stage_drawn(page, key: str = "") -> None:
    """Waits until the stage shows a run whose key begins so, rests on an epoch and has drawn it."""
    drawn = """key => { const s = globalThis.__ctvizStage;
      return s && s.key.startsWith(key) && s.epochs > 0 && s.resting && s.drawn === s.epoch; }"""
    until(page, drawn, key)
    frames(page, 2)  # of a run that another one has followed, an epoch may have been drawn, too


def live_ready(page, epochs: int = 1) -> None:
    """Waits until the stage shows a run that is being trained, with at least so many epochs."""
    until(page, "n => globalThis.__ctvizStage?.live && globalThis.__ctvizStage.epochs >= n", arg=epochs)


def query_of(page) -> dict[str, str]:
    """The parameters of the link, as the page has it by now; what Playwright notes of it may come later."""
    query = urlsplit(page.evaluate("location.href")).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def epoch_of(page) -> int:
    return page.evaluate("globalThis.__ctvizStage.epoch")


def picture_of(page) -> str:
    """A fingerprint of the pixels of the first panel."""
    pixels = page.locator(".ctv-panel canvas").first.evaluate("canvas => canvas.toDataURL()")
    return sha256(pixels.encode()).hexdigest()


def sideways(page) -> int:
    """Pixels that the page can be scrolled sideways."""
    return page.locator(MAIN).evaluate(SIDEWAYS)


def assert_fits(page, size: dict[str, int]) -> None:
    """The page, made as large as ``size``, need not be scrolled sideways; it stays as large as that."""
    page.set_viewport_size(size)
    fits = f"width => innerWidth === width && (({SIDEWAYS})(document.querySelector('{MAIN}'))) <= 0"
    until(page, fits, size["width"])


def assert_one_sheet(page) -> None:
    """What the page prints is one sheet of paper."""
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1


def assert_fits_a_phone(page) -> None:
    assert_fits(page, {"width": 390, "height": 844})


def warm(server, chromium) -> None:
    """Waits until a fresh server has shown its first page: it loads a lot before that."""
    page = chromium.new_page()
    page.goto(f"{server.url}/boundaries")
    page.locator(".ctviz-headline").wait_for(timeout=1000 * PATIENCE)
    page.close()
