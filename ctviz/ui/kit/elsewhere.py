"""Runs on images and runs in a plane are shown on different pages: each sends on who comes with another kind."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import link_to, page_title
from ctviz.ui.kit.pages import BOUNDARIES, DIGITS, Page

ON_IMAGES = (
    "This page draws the plane of two features, and the link that you opened is about images, which have hundreds. "
    "The page Digits shows them."
)
IN_A_PLANE = "The page Digits shows models that read images; Boundaries shows those of two features."
ON_A_TABLE = (
    "The link that you opened is about a table of many features, which no page draws. Such models are trained and "
    "asked in Python and on the command line."
)


def send_images_on(draft: Draft[Any], preset: str) -> None:
    """Where a page of the plane is asked for a run on images, says so, leads to where it is shown, and stops there.

    Args:
        draft: what the page has been asked for.
        preset: what the page shows instead, if the person would rather stay.
    """
    if draft.experiment.data.grid is not None:
        page_title("Digits have a page of their own.")
        _send_on(draft, ON_IMAGES, DIGITS, "data in a plane", preset)
    _stop_tables(draft, "data in a plane", preset)


def send_planes_on(draft: Draft[Any], preset: str) -> None:
    """The same where Digits is asked for a run in a plane."""
    _stop_tables(draft, "digits", preset)
    if draft.experiment.data.grid is None:
        page_title("This run is about points in a plane.")
        _send_on(draft, IN_A_PLANE, BOUNDARIES, "digits", preset)


def _stop_tables(draft: Draft[Any], usual: str, preset: str) -> None:
    if draft.experiment.data.grid is None and not draft.experiment.plane:
        page_title("This run is about a table.")
        _send_on(draft, ON_A_TABLE, None, usual, preset)


def _send_on(draft: Draft[Any], words: str, page: Page | None, usual: str, preset: str) -> None:
    st.markdown(words)
    if page is not None:
        link_to(page, f"Open this run in {page.title}", draft.experiment.to_query())
    st.button(
        f"Stay here, with {usual}", key="stay", icon=":material/undo:",
        on_click=lambda: draft.start_from(Experiment.preset(preset)),
    )  # fmt: skip
    st.stop()
