"""Paper: the published results, computed anew, beside what was published."""

import streamlit as st

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.frame import columns, details, page
from ctviz.ui.kit.pages import PAPER
from ctviz.ui.kit.service import service
from ctviz.ui.kit.theme import follow_theme
from ctviz.ui.kit.training import say_problems
from ctviz.ui.paper.files import choose
from ctviz.ui.paper.panels import above, below, nothing, numbers
from ctviz.ui.paper.paper_view import PaperView
from ctviz.ui.paper.sidebar import panel

draft = current(PAPER, PaperView)

with page(PAPER, draft) as projecting:
    follow_theme()
    shared = service()
    shown = choose(draft.view.result, shared.store)
    if projecting and shown.loaded is not None:
        with st.container(key="projected"):
            above(shown.loaded, large=True)
    else:
        say_problems(shared, draft)
        main, controls = columns(0.2)
        with main:
            if shown.loaded is None:
                nothing(shown.problem)
            else:
                above(shown.loaded)
                numbers(shown.loaded.result, shown.problem)
        with controls:
            panel(draft, shown)
        if shown.loaded is not None:
            with details():
                below(shown.loaded, draft)
