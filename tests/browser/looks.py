"""What several browser tests look at."""

from __future__ import annotations

from hashlib import sha256

MAIN = '[data-testid="stMain"]'


def stage_ready(page, epochs: int = 1) -> None:
    """Waits until the stage holds at least so many epochs."""
    page.wait_for_function("n => globalThis.__ctvizStage && globalThis.__ctvizStage.epochs >= n", arg=epochs)


def picture_ready(page) -> None:
    """Waits until the stage holds an epoch, the searches of Trajectories are drawn, or a wall of digits stands."""
    page.wait_for_function(
        "globalThis.__ctvizStage?.epochs >= 1 || globalThis.__ctvizWalls?.size || "
        "(globalThis.__ctvizTracks?.drawn ?? null) === (globalThis.__ctvizTracks?.traceKey ?? 'none')"
    )


def live_ready(page, epochs: int = 1) -> None:
    """Waits until the stage shows a run that is being trained, with at least so many epochs."""
    page.wait_for_function("n => globalThis.__ctvizStage?.live && globalThis.__ctvizStage.epochs >= n", arg=epochs)


def epoch_of(page) -> int:
    return page.evaluate("globalThis.__ctvizStage.epoch")


def picture_of(page) -> str:
    """A fingerprint of the pixels of the first panel."""
    pixels = page.locator(".ctv-panel canvas").first.evaluate("canvas => canvas.toDataURL()")
    return sha256(pixels.encode()).hexdigest()


def sideways(page) -> int:
    """Pixels that the page can be scrolled sideways."""
    return page.locator(MAIN).evaluate("main => main.scrollWidth - main.clientWidth")


def warm(server, chromium) -> None:
    """Waits until a fresh server has shown its first page: it loads a lot before that."""
    page = chromium.new_page()
    page.goto(f"{server.url}/boundaries")
    page.locator(".ctviz-headline").wait_for(timeout=120_000)
    page.close()
