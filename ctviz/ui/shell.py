"""What every page is inside: its configuration, the menu, the style, and a guard that never shows a traceback."""

from __future__ import annotations

import functools
import logging
import logging.handlers
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

import numpy as np
import streamlit as st
from PIL import Image

from ctviz.errors import CtvizError
from ctviz.experiments.store import default_root
from ctviz.ui.launch import ask_nobody

P = ParamSpec("P")

ask_nobody()  # `ctviz serve` has done so before; `streamlit run app.py` has not


@dataclass(frozen=True)
class Page:
    """An entry of the menu: the file of a page and what it is called."""

    path: str
    title: str


MENU = (
    Page("app.py", "Home"),
    Page("pages/boundaries.py", "Boundaries"),
    Page("pages/trajectories.py", "Trajectories"),
    Page("pages/actionability.py", "Actionability"),
    Page("pages/digits.py", "Digits"),
    Page("pages/tradeoffs.py", "Trade-offs"),
    Page("pages/paper.py", "Paper"),
    Page("pages/limits.py", "Limits"),
)
"""The pages in the order of the menu."""

STYLE = Path(__file__).with_name("style.css")

PROJECTING = """
.block-container { padding-top: .6rem; max-width: none; }
[data-testid="stHeader"] { display: none; }
.ctviz-headline { font-size: clamp(1.6rem, 2.6vw, 3rem); }
"""


@contextmanager
def page(title: str, *, projecting: bool = False) -> Iterator[None]:
    """The frame of a page; its body goes inside, and what goes wrong there is said in place.

    ``projecting`` leaves out menu and chrome and enlarges the type.
    """
    st.set_page_config(page_title=f"{title} · ctviz", page_icon=_icon(), layout="wide")
    st.html(f"<style>{_style()}{PROJECTING if projecting else ''}</style>")
    if not projecting:
        _menu()
    with _guard():
        yield


def guarded(function: Callable[P, None]) -> Callable[P, None]:
    """The same guard for what runs on its own: a fragment."""

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> None:
        with _guard():
            function(*args, **kwargs)

    return inside


def literal(text: str) -> str:
    """Text that Markdown leaves as it is: what comes from a link or a file must not become a picture or a link."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|$:<>~&])", r"\\\1", text)


@contextmanager
def _guard() -> Iterator[None]:
    try:
        yield
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/error:")
    except Exception:
        log().exception("A page failed")
        st.error(
            "Something went wrong here; your settings are kept in the link, so reloading the page brings them back. "
            f"What happened was written to {literal(str(log_file()))}.",
            icon=":material/error:",
        )


def _menu() -> None:
    with st.container(key="menu", horizontal=True, vertical_alignment="center", gap="medium"):
        st.html('<span class="ctviz-brand">ctviz</span>', width="content")
        for entry in MENU:
            st.page_link(entry.path, label=entry.title)


@functools.cache
def _icon() -> Image.Image:
    """Two classes and the boundary between them; drawn here, since an icon by name would be fetched from the net."""
    y, x = np.mgrid[0:48, 0:48] / 47 - 0.5
    side = y > 0.22 * np.sin(6 * x)
    icon = np.where(side[..., None], (213, 94, 0), (0, 114, 178))
    icon[abs(y - 0.22 * np.sin(6 * x)) < 0.07] = 255
    return Image.fromarray(icon.astype(np.uint8))


@functools.cache
def _style() -> str:
    return STYLE.read_text(encoding="utf-8")


def log_file() -> Path:
    """Where unexpected errors are written."""
    return default_root() / "logs" / "app.log"


@functools.cache
def log() -> logging.Logger:
    """The app's log: a file of bounded size, or standard error where none can be written."""
    logger = logging.getLogger("ctviz.app")
    handler: logging.Handler
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(log_file(), maxBytes=2**20, backupCount=2, encoding="utf-8")
    except OSError:
        handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    return logger
