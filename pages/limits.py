"""Limits: where counterfactual training was expected to fail, and whether it does."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import LIMITS
from ctviz.ui.kit.service import service
from ctviz.ui.kit.theme import follow_theme
from ctviz.ui.kit.training import say_problems
from ctviz.ui.limits.limits_view import LimitsView
from ctviz.ui.limits.story import look, stories

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
