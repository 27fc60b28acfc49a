"""Recourse: what one person has to change so that models accept them, and whether less would do."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.elsewhere import send_on
from ctviz.ui.kit.frame import columns, page, page_title
from ctviz.ui.kit.pages import RECOURSE
from ctviz.ui.kit.service import service
from ctviz.ui.kit.training import say_problems, train_button
from ctviz.ui.recourse.advice import advice_of, show_advice
from ctviz.ui.recourse.ground import ground_of
from ctviz.ui.recourse.recourse_view import RecourseView

draft = current(RECOURSE, RecourseView)

with page(RECOURSE, draft):
    send_on(draft, "table", RECOURSE.preset)
    shared = service()
    say_problems(shared, draft)
    ground = ground_of(draft)
    if ground is None:
        page_title("These models have not been trained yet.")
        train_button(shared, draft)
        st.stop()
    main, controls = columns(0.27)
    with main:
        page_title("What would have to change?")
        show_advice(ground, advice_of(draft, ground))
