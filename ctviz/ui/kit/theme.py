"""The browser's theme: the colours that fit it, and a rerun when it changes."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.figures.theme import DARK, LIGHT, Palette


def palette() -> Palette:
    """The colours that fit the theme the browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


THEME_JS = """
export default function ({ parentElement, setStateValue }) {
  if (parentElement.querySelector("span")) return;
  const mark = document.createElement("span");
  // A transition ends where a colour has changed, however it came about.
  mark.style.cssText = "position:absolute;width:1px;height:1px;opacity:0;pointer-events:none;" +
    "background-color:var(--st-background-color);transition:background-color 1ms";
  mark.setAttribute("aria-hidden", "true");
  parentElement.append(mark);
  mark.addEventListener("transitionend", () => setStateValue("ground", getComputedStyle(mark).backgroundColor));
}
"""


def follow_theme() -> None:
    """Runs the page again when the browser's theme changes: charts are drawn in the colours of one theme."""
    _theme_component()(key="theme", on_ground_change=_nothing)


def _nothing() -> None:
    """A state without a callback would not be returned."""


@st.cache_resource(show_spinner=False)
def _theme_component() -> Any:
    return st.components.v2.component("ctviz_theme", js=THEME_JS)
