"""What lies below the picture is drawn once a person has scrolled to it.

Most never do, and a chart costs the server, the line and above all the browser: plotly alone takes a second to load.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

SIGHT_JS = """
const watched = new WeakMap();
export default function ({ parentElement, setStateValue }) {
  watched.get(parentElement)?.();
  const place = parentElement.getRootNode().host ?? parentElement, path = location.pathname;
  const root = place.closest('[data-testid="stMain"]');
  let scrolled = false, waiting = 0;
  const scroll = () => (scrolled = true);
  const observer = new IntersectionObserver((entries) => {
    clearTimeout(waiting);
    if (entries.at(-1).isIntersecting) waiting = setTimeout(tell, scrolled ? 0 : 2000);
  }, { root, rootMargin: "0px 0px 120px 0px" });
  const rest = () => {
    clearTimeout(waiting);
    observer.disconnect();
    root?.removeEventListener("scroll", scroll);
  };
  const tell = () => {
    rest();
    if (location.pathname === path) setStateValue("seen", true); // else it would run in place of the page gone to
  };
  root?.addEventListener("scroll", scroll, { passive: true });
  observer.observe(place);
  watched.set(parentElement, rest);
  return rest;
}
"""
"""Tells when its place comes into sight, or nearly so; where nobody has scrolled, once it has been there for a while:
before the picture above has its height, all places are in sight."""

ROOM = 640
"""Pixels that are kept free for what is to come, so that the page can be scrolled to it."""


def in_sight(room: int = ROOM) -> bool:
    """Whether the person has been where this is called, once on a page; if not, ``room`` pixels are kept free that tell
    when they come, and then this part of the page runs again."""
    name = _name()
    if not st.session_state.get(name):
        _watcher()(key=f"{name}-watched", height=room, on_seen_change=lambda: st.session_state.update({name: True}))
    return seen()


def seen() -> bool:
    """Whether the person has been at the place of this page that is drawn once it is in sight."""
    return bool(st.session_state.get(_name()))


def _name() -> str:
    """The key of the session that notes it: of each page, for as long as the session lasts."""
    return f"seen-on-{st.session_state['page']}"


@st.cache_resource(show_spinner=False)
def _watcher() -> Any:
    return st.components.v2.component("ctviz_sight", html="<div></div>", js=SIGHT_JS)
