"""Runs on images have a page of their own: the pages that draw a plane send there who comes with one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.ui import results
from ctviz.ui.draft import Draft
from ctviz.ui.home import DIGITS

ON_IMAGES = (
    "This page draws the plane of two features, and the link that you opened is about images, which have hundreds. "
    "The page Digits shows them."
)


def send_images_on(draft: Draft[Any], preset: str) -> None:
    """Where a page of the plane is asked for a run on images, says so, leads to where it is shown, and stops there.

    Args:
        draft: what the page has been asked for.
        preset: what the page shows instead, if the person would rather stay.
    """
    if draft.experiment.data.grid is None:
        return
    results.title("Digits have a page of their own.")
    st.markdown(ON_IMAGES)
    st.page_link(
        DIGITS, label="Open this run in Digits", icon=":material/arrow_forward:",
        query_params=draft.experiment.to_query(),
    )  # fmt: skip
    st.button(
        "Stay here, with data in a plane", key="stay", icon=":material/undo:",
        on_click=lambda: draft.start_from(Experiment.preset(preset)),
    )  # fmt: skip
    st.stop()
