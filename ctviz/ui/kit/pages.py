"""The registry of pages: the file of each, its title, its place in the menu, and what it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Page:
    """A page of the app."""

    path: str
    title: str
    preset: str = "moons"
    """What it shows where the link names no run."""
    of_one_run: bool = False
    """Whether all of it is about the experiment of its draft."""

    @property
    def name(self) -> str:
        """The last part of its address; a session keeps a draft under it."""
        return PurePath(self.path).stem


PAGES = (
    HOME := Page("app.py", "Home"),
    LEARN := Page("pages/learn.py", "Learn", "figure1"),
    BOUNDARIES := Page("pages/boundaries.py", "Boundaries", of_one_run=True),
    TRAJECTORIES := Page("pages/trajectories.py", "Trajectories", of_one_run=True),
    ACTIONABILITY := Page("pages/actionability.py", "Actionability", "figure1", of_one_run=True),
    RECOURSE := Page("pages/recourse.py", "Recourse", "german", of_one_run=True),
    DIGITS := Page("pages/digits.py", "Digits", "mnist", of_one_run=True),
    TRADEOFFS := Page("pages/tradeoffs.py", "Trade-offs"),
    PAPER := Page("pages/paper.py", "Paper"),
    LIMITS := Page("pages/limits.py", "Limits"),
)
"""In the order of the menu."""

FIRST_DIGITS = {"preset": "readable", "part": "read", "pick": "class5", "to": "8"}
"""What Digits opens with for those who come with no wish; a link that names no run still means the page's preset."""

BY_NAME = {page.name: page for page in PAGES}
"""Name → page."""
