"""Paper: the published results, computed anew, beside what was published."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import PAPER
from ctviz.ui.kit.panel import say_problems
from ctviz.ui.kit.results import follow_theme
from ctviz.ui.kit.service import service
from ctviz.ui.paper.controls import panel
from ctviz.ui.paper.look import above, below, nothing, numbers
from ctviz.ui.paper.results import choose
from ctviz.ui.paper.view import PaperView

draft = current(PAPER, PaperView)

with page(PAPER, draft) as projecting:
    follow_theme()
    shared = service()
    shown = choose(draft.view.result, shared.store.root)
    if projecting and shown.result is not None:
        with st.container(key="projected"):
            above(shown.result, large=True)
    else:
        say_problems(shared, draft)
        with st.container(key="page"):
            left, main = st.columns([0.2, 0.8], gap="medium")
            with main:
                if shown.result is None:
                    nothing(shown.problem)
                else:
                    above(shown.result)
                    numbers(shown.result, shown.problem)
            with left, st.container(key="controls"):
                panel(draft, shown)
        if shown.result is not None:
            below(shown.result, draft)
