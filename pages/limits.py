"""Limits: where counterfactual training was expected to fail, and whether it does."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import LIMITS
from ctviz.ui.kit.panel import say_problems
from ctviz.ui.kit.results import follow_theme
from ctviz.ui.kit.service import service
from ctviz.ui.limits.controls import stories
from ctviz.ui.limits.look import look
from ctviz.ui.limits.view import LimitsView

draft = current(LIMITS, LimitsView)

with page(LIMITS, draft) as projecting:
    follow_theme()
    shared = service()
    if projecting:
        with st.container(key="projected"):
            look(shared, draft)
    else:
        say_problems(shared, draft)
        stories(draft)
        look(shared, draft)
