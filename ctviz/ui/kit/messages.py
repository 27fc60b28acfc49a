"""Messages of a callback, which runs before the page is drawn: kept for the page that follows, and shown once."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from ctviz.ui.kit.frame import literal

Kind = Literal["error", "warning", "refused"]

MESSAGES = "messages"
"""Where the session keeps them."""


def say(kind: Kind, words: str) -> None:
    """Keeps a message; ``refused`` says why what was asked for has no effect."""
    st.session_state.setdefault(MESSAGES, []).append((kind, words))


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
