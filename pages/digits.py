"""Digits: where models look in handwritten digits, what counterfactual digits look like, and what fools them."""

import streamlit as st

from ctviz.ui.digits.digits_view import DigitsView, check
from ctviz.ui.digits.panel import panel
from ctviz.ui.digits.parts import choose_part
from ctviz.ui.digits.story import explanation, show_story
from ctviz.ui.kit.draft import current
from ctviz.ui.kit.elsewhere import send_on
from ctviz.ui.kit.frame import columns, details, page
from ctviz.ui.kit.pages import DIGITS, FIRST_DIGITS
from ctviz.ui.kit.service import service
from ctviz.ui.kit.training import say_problems

draft = current(DIGITS, DigitsView, first=FIRST_DIGITS)

with page(DIGITS, draft) as projecting:
    send_on(draft, "images", DIGITS.preset)
    shared = service()
    check(draft)
    if projecting:
        with st.container(key="projected"):
            choose_part(draft)
            show_story(shared, draft)
    else:
        say_problems(shared, draft)
        choose_part(draft)
        main, controls = columns(0.23)
        with main:
            show_story(shared, draft)
        with controls:
            panel(shared, draft)
        with details():
            explanation()
