"""Messages of a callback, which runs before the page is drawn: kept for the page that follows, and shown once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import streamlit as st

from ctviz.errors import CtvizError
from ctviz.ui.kit.frame import literal

Kind = Literal["error", "warning", "refused"]

MESSAGES = "messages"
"""Where the session keeps them."""


def say(kind: Kind, words: str) -> None:
    """Keeps a message; ``refused`` says why what was asked for has no effect."""
    st.session_state.setdefault(MESSAGES, []).append((kind, words))


@contextmanager
def errors_as(kind: Kind) -> Iterator[None]:
    """Keeps an error of what is done inside as a message; the rest of it is left undone."""
    try:
        yield
    except CtvizError as error:
        say(kind, str(error))


def show() -> None:
    """Shows the messages that were kept."""
    for kind, words in st.session_state.pop(MESSAGES, []):
        draw, icon = DRAWN[kind]
        draw(literal(words), icon=icon)


DRAWN = {
    "error": (st.error, ":material/error:"),
    "warning": (st.warning, ":material/warning:"),
    "refused": (st.warning, ":material/block:"),
}
"""Kind → how it is drawn, and its icon."""
