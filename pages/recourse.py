"""Recourse: what one person has to change so that models accept them, and whether less would do."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.elsewhere import send_on
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import RECOURSE
from ctviz.ui.kit.service import service
from ctviz.ui.kit.theme import follow_theme
from ctviz.ui.kit.training import say_problems
from ctviz.ui.recourse.context import context_of
from ctviz.ui.recourse.data_choice import choose_data
from ctviz.ui.recourse.own_table import own_table
from ctviz.ui.recourse.recourse_view import FIRST, RecourseView
from ctviz.ui.recourse.story import story
from ctviz.ui.recourse.untrained import untrained

draft = current(RECOURSE, RecourseView, first=FIRST)

with page(RECOURSE, draft) as projecting:
    send_on(draft, "table", RECOURSE.preset)
    shared = service()
    follow_theme()
    with st.spinner("The models of this table are being read."):
        context = context_of(draft)
    if not projecting:
        say_problems(shared, draft)
    if context is None:
        untrained(shared, draft)
        choose_data(draft)
    else:
        story(shared, draft, context, projecting)
    if not projecting:
        own_table(draft)
