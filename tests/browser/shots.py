"""Pictures of every page, light, dark and on a phone: ``python -m tests.browser.shots [--readme] [--out FOLDER]``.

With ``--readme`` only the README's picture is made, ``assets/images/boundaries.png``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from ctviz.bench.browser import chromium_path
from ctviz.ui.kit.pages import HOME, PAGES
from tests.browser.driving import ARGUMENTS, ROOT, Server, launch, picture_ready, scroll_down, stop
from tests.browser.looks import MAIN, warm
from tests.waiting import PATIENCE


@dataclass(frozen=True)
class Shot:
    """A picture: its name, the link it shows, whether it is taken down to the end of the page."""

    name: str
    link: str
    whole: bool = False

    @property
    def page(self) -> str:
        """The path of the page."""
        return urlsplit(self.link).path


CHOSEN = (
    Shot("home", "/", whole=True),
    Shot("learn", "/learn?step=4&guesses=4~5,0.5"),
    Shot("learn-asking", "/learn?step=2"),
    Shot("learn-where", "/learn?step=7&guesses=7~b"),
    Shot("learn-quiz", "/learn?step=11&question=3&answers=--b"),
    Shot("learn-notes", "/learn?view=notes", whole=True),
    Shot("learn-handout", "/learn?view=handout", whole=True),
    Shot("learn-projected", "/learn?step=4&guesses=4~5,0.5&view=project"),
    Shot("boundaries", "/boundaries?preset=moons&epoch=40"),
    Shot("boundaries-whole", "/boundaries?preset=circles", whole=True),
    Shot("boundaries-untrained", "/boundaries?preset=moons&arms=vanilla,adversarial,energy,full"),
    Shot("boundaries-bad-link", "/boundaries?preset=ol&training.epochs=abc&speed=9"),
    Shot("actionability", "/actionability?preset=figure1-short&probe=8,1", whole=True),
    Shot("actionability-where", "/actionability?preset=where-short&part=where", whole=True),
    Shot("actionability-proxies", "/actionability?preset=proxies&part=proxies", whole=True),
    Shot("recourse", "/recourse?preset=german&person=147", whole=True),
    Shot("recourse-credit", "/recourse?preset=credit"),
    Shot("recourse-accepted", "/recourse?preset=german&person=24&set=law"),
    Shot("recourse-projected", "/recourse?preset=german&person=147&view=project"),
    Shot("boundaries-projected", "/boundaries?preset=moons&view=project"),
    Shot("trajectories", "/trajectories?preset=moons"),
    Shot("trajectories-whole", "/trajectories?preset=objectives", whole=True),
    Shot("trajectories-point", "/trajectories?preset=moons&pick=point&at=0.5,0.2&search.step_size=0.01", whole=True),
    Shot("digits-read", "/digits?preset=readable&part=read", whole=True),
    Shot("digits", "/digits?preset=mnist", whole=True),
    Shot("digits-classes", "/digits?preset=mnist&part=classes"),
    Shot("digits-counterfactuals", "/digits?preset=mnist&part=counterfactuals"),
    Shot("digits-fool", "/digits?preset=mnist&part=fool"),
    Shot("digits-projected", "/digits?preset=mnist&view=project&pick=hard"),
    Shot("tradeoffs", "/tradeoffs", whole=True),
    Shot("tradeoffs-lines", "/tradeoffs?chart=lines"),
    Shot("tradeoffs-front", "/tradeoffs?chart=front"),
    Shot("tradeoffs-compare", "/tradeoffs?part=compare"),
    Shot("tradeoffs-projected", "/tradeoffs?view=project"),
    Shot("paper", "/paper", whole=True),
    Shot("paper-draws", "/paper?data=ls&draws=1", whole=True),
    Shot("paper-projected", "/paper?view=project"),
    Shot("limits", "/limits", whole=True),
    Shot("limits-energies", "/limits?limit=energies"),
    Shot("limits-locks", "/limits?limit=locks"),
    Shot("limits-generator", "/limits?limit=generator"),
    Shot("limits-long", "/limits?limit=long"),
    Shot("limits-projected", "/limits?limit=locks&view=project"),
    Shot("trajectories-bad-link", "/trajectories?preset=circles&at=nan,1&search.tau=0.1"),
)
SHOTS = (
    *CHOSEN,
    *(Shot(page.name, f"/{page.name}", whole=True) for page in PAGES
      if page is not HOME and f"/{page.name}" not in {shot.page for shot in CHOSEN}),
)  # fmt: skip
"""Those, and one of every page that none of them shows."""

ONE_OF_EACH_PAGE = tuple({shot.page: shot for shot in reversed(SHOTS)}.values())
"""One picture of every page."""
README = Shot("boundaries", "/boundaries?preset=moons&epoch=40")
LOOKS = {
    "light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "device_scale_factor": 2},
}


def main() -> None:
    """Takes the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.shots", description=__doc__)
    parser.add_argument("--readme", action="store_true", help="only the README's picture")
    parser.add_argument("--out", type=Path, default=ROOT / ".shots", help="folder for the pictures")
    arguments = parser.parse_args()
    with running() as (server, browser):
        wanted = [(shot, name, f"{shot.name}-{name}.png") for shot in SHOTS for name in LOOKS]
        folder = arguments.out
        if arguments.readme:
            wanted, folder = [(README, "light", "boundaries.png")], ROOT / "assets" / "images"
        for shot, look, name in wanted:
            context = browser.new_context(**LOOKS[look])
            page = context.new_page()
            page.set_default_timeout(1000 * PATIENCE)
            page.goto(server.url + shot.link)
            take(page, shot, folder / name)
            context.close()
            print(folder / name)


@contextmanager
def running() -> Iterator[tuple[Server, Browser]]:
    """A fresh server that has shown its first page, and a browser."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        server = launch(ROOT / "app.py", Path(folder) / "home", Path(folder) / "log", {})
        try:
            warm(server, browser)
            yield server, browser
        finally:
            stop(server.process)
            browser.close()


def take(page: Page, shot: Shot, path: Path, looks: int = 20) -> None:
    """One picture of a page that has been opened, once all of it is drawn; see ``settled`` for ``looks``."""
    page.bring_to_front()  # behind others, a page draws once a second
    page.locator("h1.ctviz-headline").wait_for()
    picture_ready(page)
    if shot.whole:  # what lies below is drawn for who scrolls there
        scroll_down(page)
        picture_ready(page)
        page.locator(MAIN).evaluate("main => main.scrollTo(0, 0)")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(settled(page, shot.whole, looks))


def settled(page: Page, whole: bool, looks: int) -> bytes:
    """The picture of a page that looks the same twice in a row, or that has been looked at so many times."""
    before = b""
    for _ in range(looks):
        if whole:
            height = page.locator(MAIN).evaluate("main => main.scrollHeight")
            page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
        page.wait_for_timeout(250)
        now = page.screenshot()
        if now == before:
            break
        before = now
    return now


if __name__ == "__main__":
    main()
