"""What a session remembers of Digits and no link needs to hold."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.ui.kit.pages import DIGITS
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.service import Service

MEMORY = "digits"


@dataclass(frozen=True)
class Pad:
    """A drawing pad: the drawing that it began with, as in the link, and what was taken from it last."""

    number: int = 0
    start: str = ""
    taken: str = ""
    digest: str = ""

    @property
    def key(self) -> str:
        return f"digits-pad-{self.number}"


@dataclass
class DigitsMemory:
    """What a session remembers.

    Attributes:
        run: key of the run that was shown last.
        headlines: part → the run that it was about last, and its headline.
        played: when the last epoch came into sight while epochs play.
        pad: the drawing pad that is on the page.
        files: pictures that were uploaded, and what was done to each.
        painting: whether the mask painter is open though what is locked is one of the usual choices.
        painted: the mask that was taken over last, so that a refused one is refused once.
        guesses: pictures of which the person has said what they read, or that they would rather see → whether they
            read the target in the conventional model's digit, and in the other's.
        folder_asked: whether the folder of all digits is asked for and not known yet.
    """

    run: str = ""
    headlines: dict[str, tuple[str, str]] = field(default_factory=dict)
    played: float = 0.0
    pad: Pad = Pad()
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    painting: bool = False
    painted: str | None = None
    guesses: dict[Hashable, tuple[bool, bool] | None] = field(default_factory=dict)
    folder_asked: bool = False

    def forget_training(self) -> None:
        """Closes the mask painter and the question for a folder."""
        self.painting, self.painted, self.folder_asked = False, None, False


def memory() -> DigitsMemory:
    """The memory of this session."""
    found: DigitsMemory = st.session_state.setdefault(MEMORY, DigitsMemory())
    return found


def seen_last(service: Service) -> tuple[RunView | None, str]:
    """The run on digits that this session saw last, else the one that ships; and what it is called."""
    keys = {"the run you saw last": memory().run, "the run that ships": Experiment.preset(DIGITS.preset).key}
    found = ((service.run_view(key), name) for name, key in keys.items() if key)
    return next(((run_view, name) for run_view, name in found if run_view is not None), (None, ""))
