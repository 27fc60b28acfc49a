"""Actionability: what becomes of boundaries and advice where features are locked."""

import streamlit as st

from ctviz.ui.actionability.panel import PARTS, open_draft, panel, parts
from ctviz.ui.actionability.story import story
from ctviz.ui.kit.elsewhere import send_images_on
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import ACTIONABILITY
from ctviz.ui.kit.panel import say_problems
from ctviz.ui.kit.service import service
from ctviz.ui.kit.watch import watch

draft = open_draft()

with page(ACTIONABILITY, draft) as projecting:
    send_images_on(draft, PARTS[draft.view.part].preset)
    shared = service()
    if projecting:
        watch(shared, draft, story(draft))
    else:
        say_problems(shared, draft)
        parts(draft)
        with st.container(key="page"):
            left, main = st.columns([0.23, 0.77], gap="medium")
            with main:
                watch(shared, draft, story(draft))
            with left:
                panel(shared, draft)
