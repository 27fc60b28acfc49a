"""The small apps of the components' tests, on one server: ``/stage_app``, ``/paths_app`` and ``/digits_app``."""

import streamlit as st


def front() -> None:
    """What stands at the root: one page must, and a path of its own is not known for that one."""


apps = [st.Page(f"{name}_app.py") for name in ("stage", "paths", "digits")]
st.navigation([st.Page(front, default=True), *apps], position="hidden").run()
