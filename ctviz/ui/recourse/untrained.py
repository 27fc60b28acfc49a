"""What the page says where there are no models to ask: they are trained first, or there is only one of them."""

from __future__ import annotations

import streamlit as st

from ctviz.catalogue.settings import CHOICES
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal, live, page_title
from ctviz.ui.kit.pages import RECOURSE
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.training import train_button
from ctviz.ui.kit.watch import POLL, slower, status, trains
from ctviz.ui.recourse.data_choice import sentence
from ctviz.ui.recourse.recourse_view import RecourseView

NEEDS = "Advice needs two models of the same table: one trained as usual, one on counterfactuals."


def untrained(service: Service, draft: Draft[RecourseView]) -> None:
    """How far the training is, or how to begin it; and the way to models that are there."""
    experiment = draft.experiment
    if len(experiment.arms) < 2:
        page_title("This run has one model alone.")
        st.markdown(NEEDS)
    else:
        live(lambda: _training(service, draft), lambda: POLL if trains(service) else None, slower(service))
    usual = Experiment.preset(RECOURSE.preset)
    if experiment != usual:
        st.button(
            f"Show {CHOICES[usual.data.name]} instead", key="recourse-usual", icon=":material/undo:",
            on_click=draft.start_from, args=(usual,),
        )  # fmt: skip


def _training(service: Service, draft: Draft[RecourseView]) -> None:
    state, table = service.state(draft.experiment.key), CHOICES.get(draft.experiment.data.name, "this table")
    titles = {
        "failed": f"The training on {table} ended with an error.",
        "cancelled": f"The training on {table} was stopped before its end.",
        "interrupted": f"The training on {table} stopped before its end.",
    }
    not_yet = f"No models have been trained on {table} with these settings yet."
    page_title(f"Models learn from {table}." if state.live else titles.get(state.state, not_yet))
    st.markdown(literal(f"{sentence(draft)} {NEEDS}".strip()))
    status(service, draft, state, None)
    if not state.live:
        with st.container(key="recourse-train", width=320):  # a phone has the button that the status draws
            train_button(service, draft)
