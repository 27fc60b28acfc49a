"""Benchmark of searches on Trajectories: from a changed setting or a click to the drawn paths."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ctviz.bench.measure import Goal, say
from ctviz.experiments.config import Experiment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FIGURES = (
    ("a knob turned → 100 searches of 4 models drawn", "ms", Goal("≤", 300)),
    ("a click → searches of 4 models, all epochs, drawn", "ms", Goal("≤", 300)),
)

DRAWN = "globalThis.__ctvizPaths?.drawn && __ctvizPaths.drawn === __ctvizPaths.traceKey"

WATCH = f"""(event) => {{
  const before = __ctvizPaths.drawn;
  globalThis.__bench = new Promise((resolve, reject) => {{
    setTimeout(() => reject(new Error("the searches were not drawn within a minute")), 60_000);
    const begin = () => {{
      const start = performance.now();
      const look = () =>
        {DRAWN} && __ctvizPaths.drawn !== before ? resolve(performance.now() - start) : requestAnimationFrame(look);
      look();
    }};
    document.addEventListener(event, begin, {{ capture: true, once: true }});
  }});
}}"""
"""Milliseconds from the next ``event`` to the moment that other searches are drawn."""


def answers(browser: Browser, url: str, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds from changed settings and from clicks to drawn paths, on the preset of the four objectives."""
    query = urlencode({**Experiment.preset("objectives").to_query(), "pick": "random", "count": "100"})
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    try:
        page.goto(f"{url}/trajectories?{query}")
        page.wait_for_function(f"() => {DRAWN}")
        # The first answers warm the server up.
        return _knobs(page, rounds + 2)[2:], _clicks(page, rounds + 2)[2:]
    finally:
        context.close()


def _knobs(page: Page, rounds: int) -> list[float]:
    """Another step size each time: repeated requests would be answered from a cache."""
    field = '[class*="st-key-explore-search-step_size"] input'
    page.wait_for_selector(field)
    taken = []
    for i in range(rounds):
        say(f"app: turning a knob, {i + 1} of {rounds}")
        page.wait_for_timeout(700)
        page.fill(field, f"{0.02 + 0.001 * i:.3f}")
        page.evaluate(WATCH, "keydown")
        page.press(field, "Enter")
        taken.append(float(page.evaluate("__bench")))
    return taken


def _clicks(page: Page, rounds: int) -> list[float]:
    picture = page.locator(".ctv-panel canvas").first
    taken = []
    for i in range(rounds):
        say(f"app: clicking, {i + 1} of {rounds}")
        page.wait_for_timeout(700)
        box = picture.bounding_box() or {"width": 0, "height": 0}
        place = {"x": (0.1 + 0.8 * i / rounds) * box["width"], "y": (0.9 if i % 2 else 0.1) * box["height"]}
        page.evaluate(WATCH, "pointerdown")
        picture.click(position={"x": place["x"], "y": place["y"]})
        taken.append(float(page.evaluate("__bench")))
    return taken
