"""What every page is inside: its configuration, the menu, the style, the projected view, a guard without tracebacks."""

from __future__ import annotations

import base64
import functools
import io
import logging
import logging.handlers
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from html import escape
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np

# Every page waits for this module, and so for all of pandas: plotly asks whether pandas is there and then uses it, even
# while another session is still about to import it.
import pandas  # noqa: F401
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from ctviz.errors import CtvizError
from ctviz.experiments.store import default_root
from ctviz.imports import leave_matplotlib_out
from ctviz.prose import unbroken
from ctviz.ui.kit.draft import Draft, run_again, write_link
from ctviz.ui.kit.pages import PAGES, Page
from ctviz.ui.kit.printed import printed
from ctviz.ui.launch import ask_nobody, bound_uploads, keep_uploads_in_memory

P = ParamSpec("P")

ask_nobody()  # `ctviz serve` has done so before; `streamlit run app.py` has not
keep_uploads_in_memory()
bound_uploads()
leave_matplotlib_out()


ARROW = ":material/arrow_forward:"

STYLE = Path(__file__).with_name("style.css")

PLACE_JS = """
const seen = new WeakMap();
export default function ({ parentElement, data }) {
  if (seen.get(parentElement) === data) return;
  seen.set(parentElement, data);
  const page = (parentElement.getRootNode().host ?? parentElement).closest('[data-testid="stMain"]');
  if (!page) return;
  if (data === "project") page.scrollTop = 0;
  const menu = page.querySelector(".st-key-menu"), here = menu?.querySelector(".st-key-here a");
  here?.setAttribute("aria-current", "page");
  const write = () => document.querySelectorAll(".ctviz-address").forEach((node) => (node.textContent = location.href));
  if (!globalThis.__ctvizPrints) addEventListener("beforeprint", write);
  globalThis.__ctvizPrints = true;
  if (here) menu.scrollLeft = here.getBoundingClientRect().left - menu.getBoundingClientRect().left - 24;
}
"""
"""Brings into sight what a page begins with: its top where it is projected, its place in a menu wider than the screen.
On paper it writes the link, which is the browser's to know."""

PROJECTING = """
.stApp { --ctv-fill: 1; }
.block-container { padding: .6rem clamp(1rem, 2.2vw, 2.4rem) 1rem; max-width: none; }
[data-testid="stHeader"] { display: none; }
.ctviz-headline { font-size: clamp(1.6rem, 2.6vw, 3rem); }
"""


@contextmanager
def page(entry: Page, draft: Draft[Any] | None = None, projecting: bool | None = None) -> Iterator[bool]:
    """The frame of a page, which yields whether it is projected; what goes wrong inside is said in place.

    The projected view is without menu and chrome, of larger type, and has a button that leads back. The link is
    brought in line with the ``draft`` at the end. A page without a draft says itself whether it is ``projecting``.
    """
    if projecting is None:
        projecting = draft is not None and draft.view.view == "project"
    st.set_page_config(page_title=f"{entry.title} · ctviz", page_icon=_icon(), layout="wide")
    st.html(f"<style>{_style()}{PROJECTING if projecting else ''}</style>")
    if not projecting:
        _menu(entry)
    _place()(key="place", data="project" if projecting else entry.name)
    with _guard():
        yield projecting
        shows_run = draft is not None and entry.of_one_run and not getattr(draft.view, "own", "")
        printed(draft.experiment if draft is not None and shows_run else None)
        if draft is None:
            return
        if projecting:
            st.button(
                "Show the controls", key="unproject", type="tertiary", on_click=draft.look, kwargs={"view": "page"}
            )
        write_link(draft)


def columns(width: float) -> tuple[DeltaGenerator, DeltaGenerator]:
    """The picture's column and that of the controls left of it, whose share of the page is ``width``.

    Draw the picture first: people wait for it, and a script writes in its own order while columns keep theirs.
    """
    with st.container(key="page"):
        left, main = st.columns([width, 1 - width], gap="medium")
    return main, left.container(key="controls")


def details() -> DeltaGenerator:
    """Where a page goes into detail, below all that its sheet of paper holds: to be used with ``with``."""
    return st.container(key="below")


def project_button(draft: Draft[Any]) -> None:
    """The button that shows the page without its controls, for a large screen."""
    st.button(
        "Project: hide the controls", key="project", icon=":material/cast:", width="stretch",
        help="A view for a large screen; it is in the link.", on_click=draft.look, kwargs={"view": "project"},
    )  # fmt: skip


def live(body: Callable[[], None], every: Callable[[], float | None], slower: float = 1.0) -> None:
    """Shows a part of the page that runs again by itself, as long as ``every`` gives the seconds until then.

    Whenever that changes, say because a run has ended, the whole page runs again. What goes wrong is said in place.
    ``slower`` multiplies the seconds; the page does not run again where it alone changes.
    """
    pause = every()

    @guarded
    def part() -> None:
        if every() != pause:
            run_again()
        body()

    st.fragment(part, run_every=None if pause is None else pause * slower)()


def page_title(words: str, level: int = 1) -> DeltaGenerator:
    """The first heading of a page, or the finding under another one; what is written into what it returns takes its
    place."""
    return st.html(f'<h{level} class="ctviz-headline">{unbroken(escape(words))}</h{level}>')


def link_to(entry: Page, label: str, query: Mapping[str, str], icon: str = ARROW, help: str | None = None) -> None:
    """A link to a page in the state that ``query`` names."""
    st.page_link(entry.path, label=label, icon=icon, query_params=dict(query), help=help)


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


@st.cache_resource(show_spinner=False)
def _place() -> Any:
    return st.components.v2.component("ctviz_place", js=PLACE_JS)


def _menu(here: Page) -> None:
    with st.container(key="menu", horizontal=True, vertical_alignment="center", gap="medium"):
        st.html('<span class="ctviz-brand">ctviz</span>', width="content")
        for entry in PAGES:
            with st.container(key="here", width="content") if entry == here else nullcontext():
                st.page_link(entry.path, label=entry.title)


@functools.cache
def _icon() -> str:
    """Two classes and the boundary between them; drawn here, since an icon by name would be fetched from the net, and
    once: a picture would be written anew at each run of a page."""
    y, x = np.mgrid[0:48, 0:48] / 47 - 0.5
    side = y > 0.22 * np.sin(6 * x)
    icon = np.where(side[..., None], (213, 94, 0), (0, 114, 178))
    icon[abs(y - 0.22 * np.sin(6 * x)) < 0.07] = 255
    png = io.BytesIO()
    Image.fromarray(icon.astype(np.uint8)).save(png, "PNG")
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


@functools.cache
def _style() -> str:
    """In one line: Streamlit looks through all lines for an indentation to take away, at each run of a page."""
    return " ".join(line.strip() for line in STYLE.read_text(encoding="utf-8").splitlines())


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
