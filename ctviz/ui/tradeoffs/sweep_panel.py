"""The page's draft, the sweep that it shows, and the controls beside the picture."""

from __future__ import annotations

import contextlib

import streamlit as st

from ctviz.data.kinds import kind_of_data
from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment
from ctviz.figures.tradeoffs.cells import metrics_of
from ctviz.studies.sweeps.catalogue import list_sweeps, load_sweep
from ctviz.studies.sweeps.declaration import Sweep
from ctviz.ui.kit.draft import Draft, current
from ctviz.ui.kit.frame import project_button
from ctviz.ui.kit.link import sentence
from ctviz.ui.kit.pages import TRADEOFFS
from ctviz.ui.kit.runner import Runner
from ctviz.ui.kit.service import Service
from ctviz.ui.tradeoffs.new_sweep import form
from ctviz.ui.tradeoffs.sweep_controls import check, choices, filters
from ctviz.ui.tradeoffs.sweep_export import share_sweep
from ctviz.ui.tradeoffs.sweep_list import sweep_choice
from ctviz.ui.tradeoffs.sweep_results import results_of
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView

LEAD = "Each cell is a model with settings of its own, compared with a conventional one of the same seed."

GONE = (
    "is not stored here, so you see another one. Choose one on the left, or bring it back: its settings are a TOML "
    "file that “Share and take away” gives and takes."
)

OTHER_DATA = "The sweep that you are about to run is of two features; the link's data, {}, were left out."


def open_draft() -> Draft[TradeoffsView]:
    """The session's draft of this page. Its experiment is the base of the sweep that is to be run."""
    draft = current(TRADEOFFS, TradeoffsView)
    kind = kind_of_data(draft.experiment.data)
    if not kind.drawn:
        view = draft.view
        draft.start_from(Experiment.preset(TRADEOFFS.preset))
        draft.view, draft.problems = view, (OTHER_DATA.format(kind.title),)
    return draft


def pick_sweep(service: Service, draft: Draft[TradeoffsView], sweeps: Runner) -> Sweep | None:
    """The sweep that the view names; else, and where it is gone, the first there is.

    What the link asks for and the sweep does not have is put right, and said.
    """
    sweep = _named(service, draft)
    if sweep is not None:
        _draw_of(sweep, draft)
        with contextlib.suppress(CtvizError):  # said in the place of the picture
            check(draft, results_of(sweep, sweeps).result.across)
    return sweep


def _draw_of(sweep: Sweep, draft: Draft[TradeoffsView]) -> None:
    draw, seeds = draft.view.draw, sweep.seed_values
    if draw is not None and draw not in seeds:
        draft.view = draft.view.model_copy(update={"draw": None})
        draft.problems = (*draft.problems, sentence("draw", draw, f"{seeds[0]} to {seeds[-1]}, the sweep's seeds"))


def _named(service: Service, draft: Draft[TradeoffsView]) -> Sweep | None:
    wanted = draft.view.sweep.rstrip(",")
    if wanted:
        try:
            return load_sweep(wanted, service.store)
        except CtvizError:
            draft.problems = (*draft.problems, f"The sweep {wanted!r} {GONE}")
            draft.view = draft.view.elsewhere().model_copy(update={"sweep": ""})
    known = list_sweeps(service.store)
    return next((info.sweep for info in sorted(known, key=lambda info: not info.shipped)), None)


def panel(service: Service, draft: Draft[TradeoffsView], sweep: Sweep | None, sweeps: Runner) -> None:
    """Everything left of the picture."""
    st.markdown(LEAD)
    result = None
    sweep_choice(service.store, draft, sweep, sweeps)
    if sweep is not None:
        with contextlib.suppress(CtvizError):  # said in the place of the picture
            result = results_of(sweep, sweeps).result
    if result is not None and metrics_of(result.across):
        choices(draft, result.across)
        with st.expander("Look at", expanded=bool(draft.view.only)):
            filters(draft, result.across)
    with st.expander("Run a sweep of your own", expanded=sweep is None or bool(draft.view.grid)):
        form(service, draft, sweeps)
    share_sweep(service.store, draft, result)
    project_button(draft)
