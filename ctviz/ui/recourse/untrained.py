"""What the page says where there are no models to ask: they are trained first, or there is only one of them."""

from __future__ import annotations

import streamlit as st

from ctviz.catalogue.settings import CHOICES
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import live, page_title
from ctviz.ui.kit.pages import RECOURSE
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.training import train_button
from ctviz.ui.kit.watch import POLL, expectation, slower, status, trains
from ctviz.ui.recourse.recourse_view import RecourseView


def untrained(service: Service, draft: Draft[RecourseView]) -> None:
    """How far the training is, or how to begin it; and the way to models that are there."""
    experiment = draft.experiment
    if len(experiment.arms) < 2:
        page_title("This run has one model alone.")
        st.markdown(
            "Recourse puts the advice of two models beside each other: one trained as usual, one on counterfactuals."
        )
    else:
        live(lambda: _training(service, draft), lambda: POLL if trains(service) else None, slower(service))
    usual = Experiment.preset(RECOURSE.preset)
    if experiment != usual:
        st.button(
            f"Show {CHOICES[usual.data.name]} instead", key="recourse-usual", icon=":material/undo:",
            on_click=draft.start_from, args=(usual,),
        )  # fmt: skip


def _training(service: Service, draft: Draft[RecourseView]) -> None:
    state = service.state(draft.experiment.key)
    page_title(expectation(state))
    if not state.live:
        st.markdown("Advice needs the finished models of this table.")
    status(service, draft, state, None)
    if not state.live:
        with st.container(key="recourse-train", width=320):  # a phone has the button that the status draws
            train_button(service, draft)
