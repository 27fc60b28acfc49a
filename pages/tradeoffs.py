"""Trade-offs: what each weight of the objective buys, and at what price; and stored runs side by side."""

import streamlit as st

from ctviz.ui.kit.frame import page
from ctviz.ui.kit.pages import TRADEOFFS
from ctviz.ui.kit.panel import say_problems
from ctviz.ui.kit.service import service
from ctviz.ui.tradeoffs.controls import parts
from ctviz.ui.tradeoffs.form import say_refusal
from ctviz.ui.tradeoffs.look import look
from ctviz.ui.tradeoffs.panel import open_draft, panel, pick_sweep
from ctviz.ui.tradeoffs.runner import runner
from ctviz.ui.tradeoffs.runs.compare import compare

draft = open_draft()

with page(TRADEOFFS, draft) as projecting:
    shared, sweeps = service(), runner()
    sweep = pick_sweep(shared, draft, sweeps) if draft.view.part == "sweep" else None
    say_refusal()
    if not projecting:
        say_problems(shared, draft)
        parts(draft)
    if draft.view.part == "compare":
        compare(shared, draft.view, draft.look)
    elif projecting:
        with st.container(key="projected-sweep"):
            look(shared, draft, sweep, sweeps)
    else:
        with st.container(key="page"):
            left, main = st.columns([0.21, 0.79], gap="medium")
            with main:
                look(shared, draft, sweep, sweeps)
            with left:
                panel(shared, draft, sweep, sweeps)
