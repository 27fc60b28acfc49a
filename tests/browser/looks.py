"""What several browser tests look at."""

from __future__ import annotations

import re
from hashlib import sha256

from tests.browser.driving import until
from tests.waiting import PATIENCE

MAIN = '[data-testid="stMain"]'
SIDEWAYS = "main => main.scrollWidth - main.clientWidth"


def stage_ready(page, epochs: int = 1) -> None:
    """Waits until the stage holds at least so many epochs."""
    until(page, "n => globalThis.__ctvizStage && globalThis.__ctvizStage.epochs >= n", arg=epochs)


def live_ready(page, epochs: int = 1) -> None:
    """Waits until the stage shows a run that is being trained, with at least so many epochs."""
    until(page, "n => globalThis.__ctvizStage?.live && globalThis.__ctvizStage.epochs >= n", arg=epochs)


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
