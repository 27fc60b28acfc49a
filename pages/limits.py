"""Limits: where counterfactual training was expected to fail, and whether it does."""

import streamlit as st

from ctviz.ui.draft import current, write_link
from ctviz.ui.limits.controls import stories
from ctviz.ui.limits.look import look
from ctviz.ui.limits.view import PAGE, PRESET, LimitsView
from ctviz.ui.panel import say_problems
from ctviz.ui.results import follow_theme
from ctviz.ui.service import service
from ctviz.ui.shell import page

draft = current(PAGE, LimitsView, PRESET)
projecting = draft.view.view == "project"

with page("Limits", projecting=projecting):
    follow_theme()
    shared = service()
    if projecting:
        with st.container(key="projected"):
            look(shared, draft)
        st.button("Show the controls", key="unproject", type="tertiary", on_click=draft.look, kwargs={"view": "page"})
    else:
        say_problems(shared, draft)
        stories(draft)
        look(shared, draft)
    write_link(draft)
