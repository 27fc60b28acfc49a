"""Learn: the idea in ten steps, each with a guess before it is seen, and a quiz."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import LEARN
from ctviz.ui.kit.service import service
from ctviz.ui.kit.training import say_problems
from ctviz.ui.learn.learn_view import LearnView
from ctviz.ui.learn.quiz import quiz
from ctviz.ui.learn.sheets import handout, notes
from ctviz.ui.learn.steps import QUIZ
from ctviz.ui.learn.story import progress, tell

draft = current(LEARN, LearnView)

with page(LEARN, draft) as projecting:
    shared = service()
    if not projecting:
        say_problems(shared, draft)
    if draft.view.view == "notes":
        notes(shared, draft)
    elif draft.view.view == "handout":
        handout(shared, draft)
    else:
        with st.container(key="projected" if projecting else "learn-told"):
            progress(draft)
            if draft.view.step == QUIZ:
                quiz(shared, draft)
            else:
                tell(shared, draft)
