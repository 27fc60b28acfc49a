"""Trajectories: how the search for a counterfactual goes, step by step, in every model of a run."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.elsewhere import send_images_on
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import BOUNDARIES, TRAJECTORIES
from ctviz.ui.kit.panel import say_problems
from ctviz.ui.kit.service import service
from ctviz.ui.trajectories.controls import choices
from ctviz.ui.trajectories.look import below, explore
from ctviz.ui.trajectories.take_away import take_away
from ctviz.ui.trajectories.view import FIRST, TracksView, check

draft = current(TRAJECTORIES, TracksView, follows=BOUNDARIES, first=FIRST)

with page(TRAJECTORIES, draft) as projecting:
    send_images_on(draft, FIRST["preset"])
    shared = service()
    check(draft)
    if projecting:
        explore(shared, draft)
    else:
        say_problems(shared, draft)
        with st.container(key="page"):
            left, main = st.columns([0.21, 0.79], gap="medium")
            # What people wait for comes first: a script writes in its own order, the columns keep theirs.
            with main:
                explore(shared, draft)
            with left, st.container(key="controls"):
                choices(shared, draft)
                take_away(shared, draft)
        below(shared, draft)
