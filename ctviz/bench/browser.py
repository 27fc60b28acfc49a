"""Benchmark of the app: a real server and a real Chromium, timed inside the page.

The server gets a store of its own in a temporary folder; the runs that it shows are trained here, by clicks.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ctviz.bench import searches
from ctviz.bench.measure import BenchRow, Goal, python, say
from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

GROUP = "App on a warm server, headless Chromium"
EPOCHS = 20
PATIENCE = 60
"""Seconds after which an expected event counts as failed."""

FIGURES = (
    ("click on Train → first new snapshot", "s", Goal("≤", 1.5)),
    ("Boundaries → first field", "s", Goal("≤", 2.5)),
    ("a computed setting chosen → shown", "ms", Goal("≤", 250)),
    ("stage, 2 panels of 100×100, 600 points", "fps", Goal("≥", 50)),
    *searches.FIGURES,
)

SHOWS = """(key) => {
  const stage = globalThis.__ctvizStage;
  return stage?.key?.split(".")[0] === key && stage.epochs > 0 && stage.frames > 0;
}"""
"""Whether the stage shows an attempt at a run."""

GIVE_UP = 'setTimeout(() => reject(new Error("the stage did not show the run within a minute")), 60_000)'

WATCH = f"""([selector, event, key]) => {{
  const shows = {SHOWS};
  globalThis.__bench = new Promise((resolve, reject) => {{
    {GIVE_UP};
    const begin = () => {{
      const start = performance.now();
      const look = () => (shows(key) ? resolve(performance.now() - start) : requestAnimationFrame(look));
      look();
    }};
    document.querySelector(selector).addEventListener(event, begin, {{ capture: true, once: true }});
  }});
}}"""
"""Milliseconds from the next ``event`` at ``selector`` to the moment that the stage shows run ``key``."""

ARRIVAL = f"""(key) => new Promise((resolve, reject) => {{
  {GIVE_UP};
  const shows = {SHOWS};
  const look = () => (shows(key) ? resolve(performance.now()) : requestAnimationFrame(look));
  look();
}})"""
"""Milliseconds from the start of the navigation to the moment that the stage shows run ``key``."""

PLAYED = """async (seconds) => {
  const [frames, start] = [__ctvizStage.frames, performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  return (1000 * (__ctvizStage.frames - frames)) / (performance.now() - start);
}"""
"""Frames a second that the stage draws."""


def measure(rounds: int) -> list[BenchRow]:
    """The rows of the app, or the reason why they could not be measured."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return _missing("playwright is not installed")
    say("app: starting the server")
    try:
        with serving() as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"]
            )
            try:
                return _rows(browser, url, rounds)
            finally:
                browser.close()
    except (CtvizError, Error) as error:
        return _missing(str(error).splitlines()[0])


def _missing(reason: str) -> list[BenchRow]:
    return [BenchRow(GROUP, what, unit, goal=goal, note=f"not measured: {reason}") for what, unit, goal in FIGURES]


def _rows(browser: Browser, url: str, rounds: int) -> list[BenchRow]:
    few = max(3, rounds // 3)
    runs = [Experiment.preset("moons").replace({"training.epochs": EPOCHS + i}) for i in range(few + 1)]
    say("app: training by clicks")
    new = [_train(browser, url, run) for run in runs][1:]  # the first one warms the server up
    known = _switch(browser, url, runs[:2], rounds)
    say("app: opening the page")
    first = [_open(browser, url, runs[0]) for _ in range(rounds)]
    say("app: playing")
    fps = [_play(browser, url, runs[0]) for _ in range(3)]
    knobs, clicks = searches.answers(browser, url, rounds)
    times = ([t / 1000 for t in new], [t / 1000 for t in first], known, fps, knobs, clicks)
    return [_row(*what, values) for what, values in zip(FIGURES, times, strict=True)]


def _row(what: str, unit: str, goal: Goal, values: list[float]) -> BenchRow:
    median = statistics.median(values)
    note = f"median of {len(values)}, {min(values):.3g} to {max(values):.3g}"
    return BenchRow(GROUP, what, unit, ours=median, figure=median, goal=goal, note=note)


# -- actions of a user -------------------------------------------------------------------------------------


@contextmanager
def _visit(browser: Browser, url: str, experiment: Experiment) -> Iterator[Page]:
    """A fresh visitor on Boundaries, with the link of an experiment."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    page.goto(f"{url}/boundaries?{urlencode(experiment.to_query())}", wait_until="commit")
    try:
        yield page
    finally:
        context.close()


def _train(browser: Browser, url: str, experiment: Experiment) -> float:
    """Press Train; also wait for the run to end, so that the server is idle for the next one."""
    button = ".st-key-train button"
    with _visit(browser, url, experiment) as page:
        page.wait_for_selector(f"{button}:enabled")
        page.wait_for_timeout(500)  # wait until the server is idle
        page.evaluate(WATCH, [button, "click", experiment.key])
        page.click(button)
        taken = float(page.evaluate("__bench"))
        page.wait_for_function("(n) => !__ctvizStage.live && __ctvizStage.epochs > n", arg=experiment.training.epochs)
    return taken


def _switch(browser: Browser, url: str, runs: list[Experiment], rounds: int) -> list[float]:
    """Switch between two runs by their number of epochs; the first switch to each is a warm-up."""
    field = '[class*="st-key-set-training-epochs"] input'
    taken = []
    with _visit(browser, url, runs[0]) as page:
        page.evaluate(ARRIVAL, runs[0].key)
        for i in range(1, rounds + 3):
            run = runs[i % 2]
            say(f"app: switching, {i} of {rounds + 2}")
            page.fill(field, str(run.training.epochs))
            page.wait_for_timeout(400)
            page.evaluate(WATCH, [field, "keydown", run.key])
            page.press(field, "Enter")
            taken.append(float(page.evaluate("__bench")))
            page.wait_for_timeout(400)
    return taken[2:]


def _open(browser: Browser, url: str, experiment: Experiment) -> float:
    """Open the page as a new visitor."""
    with _visit(browser, url, experiment) as page:
        return float(page.evaluate(ARRIVAL, experiment.key))


def _play(browser: Browser, url: str, experiment: Experiment) -> float:
    """Play for three of the ten seconds or so that a run takes from its start."""
    with _visit(browser, url, experiment) as page:
        page.evaluate(ARRIVAL, experiment.key)
        page.wait_for_timeout(1000)
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("__ctvizStage.playing")
        page.wait_for_timeout(1000)
        return float(page.evaluate(PLAYED, 3))


# -- server and browser -------------------------------------------------------------------------------------


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """The address of a server of its own, with an empty store; see ``server``."""
    with server(*options) as (url, _):
        yield url


@contextmanager
def server(*options: str) -> Iterator[tuple[str, int]]:
    """Address and process of a server of its own, with an empty store and further options of ``ctviz serve``.

    Raises ``CtvizError`` if the server does not come up.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="ctviz-bench-", ignore_cleanup_errors=True) as home:
        command, environment = python("-m", "ctviz", "serve", "--port", str(port), "--headless", *options)
        process = subprocess.Popen(
            command,
            env={**environment, "CTVIZ_HOME": home},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/_stcore/health", process)
            yield url, process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(url: str, process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise CtvizError("The server did not start.")


def chromium_path() -> str | None:
    """The system's Chromium if there is one; None leaves it to playwright's own.

    First Debian's headless one, which is like playwright's own and takes less processor time.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)
