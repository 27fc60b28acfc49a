"""Trade-offs: what each weight of the objective buys, and at what price; and stored runs side by side."""

import streamlit as st

from ctviz.ui.kit import messages
from ctviz.ui.kit.frame import columns, page
from ctviz.ui.kit.pages import TRADEOFFS
from ctviz.ui.kit.runner import runner
from ctviz.ui.kit.service import service
from ctviz.ui.kit.training import say_problems
from ctviz.ui.tradeoffs.runs.compare_runs import compare_runs
from ctviz.ui.tradeoffs.sweep_controls import parts
from ctviz.ui.tradeoffs.sweep_panel import open_draft, panel, pick_sweep
from ctviz.ui.tradeoffs.sweep_picture import show_sweep

draft = open_draft()

with page(TRADEOFFS, draft) as projecting:
    shared, sweeps = service(), runner()
    sweep = pick_sweep(shared, draft, sweeps) if draft.view.part == "sweep" else None
    messages.show()
    if not projecting:
        say_problems(shared, draft)
        parts(draft)
    if draft.view.part == "compare":
        compare_runs(shared, draft)
    elif projecting:
        with st.container(key="projected-sweep"):
            show_sweep(shared, draft, sweep, sweeps)
    else:
        main, controls = columns(0.21)
        with main:
            show_sweep(shared, draft, sweep, sweeps)
        with controls:
            panel(shared, draft, sweep, sweeps)
