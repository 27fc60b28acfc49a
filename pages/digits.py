"""Digits: where models look in handwritten digits, what counterfactual digits look like, and what fools them."""

import streamlit as st

from ctviz.ui.digits.controls import choices, parts
from ctviz.ui.digits.look import look
from ctviz.ui.digits.take_away import take_away
from ctviz.ui.digits.training import training
from ctviz.ui.digits.view import DigitsView, check
from ctviz.ui.digits.words import explanation
from ctviz.ui.kit.draft import current
from ctviz.ui.kit.elsewhere import send_planes_on
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import DIGITS
from ctviz.ui.kit.panel import say_problems
from ctviz.ui.kit.service import service

draft = current(DIGITS, DigitsView)

with page(DIGITS, draft) as projecting:
    send_planes_on(draft, DIGITS.preset)
    shared = service()
    check(draft)
    if projecting:
        with st.container(key="projected"):
            parts(draft)
            look(shared, draft)
    else:
        say_problems(shared, draft)
        parts(draft)
        with st.container(key="page"):
            left, main = st.columns([0.23, 0.77], gap="medium")
            # What people wait for comes first: a script writes in its own order, the columns keep theirs.
            with main:
                look(shared, draft)
            with left, st.container(key="controls"):
                choices(shared, draft)
                training(shared, draft)
                take_away(shared, draft)
        explanation()
