"""Boundaries: how a conventional and a counterfactually trained model come to see the same data."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.elsewhere import send_images_on
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import BOUNDARIES
from ctviz.ui.kit.panel import panel, say_problems
from ctviz.ui.kit.service import service
from ctviz.ui.kit.watch import below, watch

draft = current(BOUNDARIES)

with page(BOUNDARIES, draft) as projecting:
    send_images_on(draft, "moons")
    shared = service()
    if projecting:
        watch(shared, draft)
    else:
        say_problems(shared, draft)
        with st.container(key="page"):
            left, main = st.columns([0.21, 0.79], gap="medium")
            # What people wait for comes first: a script writes in its own order, the columns keep theirs.
            with main:
                watch(shared, draft)
            with left:
                panel(shared, draft)
        below(shared, draft)
