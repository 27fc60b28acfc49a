"""Controls that show what the link says, and tell what a person makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st


def held(key: str, value: Any, take: Callable[[Any], None]) -> dict[str, Any]:
    """Makes a control show ``value``, and what every widget needs: its key, and what becomes of a new value."""
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value

    def moved() -> None:
        now = st.session_state[key]
        # A control that is still being loaded when something else is pressed reports what it shows.
        if now != value and now is not None:
            take(now)

    return {"key": key, "on_change": moved}
