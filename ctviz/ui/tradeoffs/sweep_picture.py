"""A sweep as it is looked at: finding, picture and details, growing while it runs; below, the models of a cell."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from ctviz.errors import ConfigError, CtvizError
from ctviz.figures.tradeoffs.cells import best_cell, cell_with, metrics_of
from ctviz.figures.tradeoffs.words import finding
from ctviz.studies.sweeps.declaration import Sweep
from ctviz.studies.sweeps.results import SweepResult
from ctviz.ui.kit import frame, messages, rights
from ctviz.ui.kit.draft import Draft, run_again, write_link
from ctviz.ui.kit.frame import literal, page_title
from ctviz.ui.kit.runner import Runner, StudyProgress
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.theme import follow_theme, palette
from ctviz.ui.tradeoffs.cell_stage import stage_of
from ctviz.ui.tradeoffs.charts import alternative, draw, figure, key_words
from ctviz.ui.tradeoffs.method import method
from ctviz.ui.tradeoffs.new_sweep import begin
from ctviz.ui.tradeoffs.sweep_controls import chart, check, kept_cells
from ctviz.ui.tradeoffs.sweep_details import details, headline
from ctviz.ui.tradeoffs.sweep_results import Loaded, results_of
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView

POLL = 1.5
"""Seconds between two looks while a sweep is under way."""

STILL = {"displayModeBar": False}

NOTHING = (
    "There is no sweep in the store yet. Open “Run a sweep of your own” on the left: choose settings and values, and "
    "press the button. The map fills as models are done."
)


def show_sweep(service: Service, draft: Draft[TradeoffsView], sweep: Sweep | None, sweeps: Runner) -> None:
    """The sweep of the view, live where it is under way."""
    follow_theme()
    if sweep is None:
        page_title("What does each weight buy, and at what price?")
        st.html(f'<p class="ctviz-invite">{NOTHING}</p>')
        return
    before = _Shown(draft.view)
    frame.live(
        lambda: _show(service, draft, sweep, sweeps, before),
        every=lambda: POLL if sweep.key in sweeps.running() else None,
    )


@dataclass
class _Shown:
    """What the controls beside the picture were drawn for: the view, and the metrics that were measured by then."""

    view: TradeoffsView
    metrics: tuple[str, ...] | None = None


def _show(service: Service, draft: Draft[TradeoffsView], sweep: Sweep, sweeps: Runner, before: _Shown) -> None:
    """Draws the sweep; where its controls would say something else by now, the whole page runs again."""
    if draft.view != before.view and draft.view.view != "project":
        run_again()
    progress = sweeps.progress(sweep.key)
    live = progress is not None and progress.live
    try:
        loaded = results_of(sweep, sweeps)
    except CtvizError as error:
        page_title("This sweep cannot be read.")
        st.error(literal(str(error)), icon=":material/error:")
        return
    result, across = loaded.result, loaded.result.across
    check(draft, across)
    metrics = metrics_of(across)
    if before.metrics not in (None, metrics):
        run_again()
    before.metrics = metrics
    view = draft.view
    page_title(loaded.told.get(view.metric, lambda: headline(across, view.metric)))
    _status(service, result, sweeps, progress)
    if not metrics:
        _nothing_yet(across, live)
        if len(across):
            still = draft.view.model_copy(update={"chart": "map", "metric": str(across["metric"].iloc[0]), "only": ()})
            _empty_map(across, still, paper_cell(sweep, across))
        write_link(draft)
        return
    _picture(draft, sweep, loaded)
    write_link(draft)


def _picture(draft: Draft[TradeoffsView], sweep: Sweep, loaded: Loaded) -> None:
    across, view, level = loaded.result.across, draft.view, sweep.protocol.level
    kept = kept_cells(across, view)
    paper = paper_cell(sweep, across)
    cell = view.cell if view.cell is not None else usual_cell(across, view, paper)
    projecting = view.view == "project"
    left, right = (st.container(), None) if projecting else st.columns([0.68, 0.32], gap="medium")
    with left:
        chart(draft)
        try:
            draw(draft, loaded, cell, paper, kept, 1.35 if projecting else 1.0, level)
            st.caption(key_words(across, view, level))
        except ConfigError as error:
            st.info(literal(str(error)), icon=":material/grid_off:")
        if cell is not None:
            with frame.details():
                stage_of(draft, sweep, loaded.result.table, cell)
        if not projecting:
            alternative(across, view, level)
            method(sweep)
    if right is not None:
        with right:
            said = loaded.told.get(
                (view.metric, view.show), lambda: finding(across, view.metric, view.show, level=level)
            )
            details(draft, across, said, cell, kept, level)


def usual_cell(across: pd.DataFrame, view: TradeoffsView, paper: int | None) -> int | None:
    """The cell that is shown to who has picked none: that of the paper's settings, else the best, else the first."""
    best = paper if paper is not None else best_cell(across, view.metric, view.show)
    return int(across["cell"].iloc[0]) if best is None and len(across) else best


def paper_cell(sweep: Sweep, across: pd.DataFrame) -> int | None:
    """The cell with the settings that the sweep's own arm had before anything was varied: those of the preset."""
    arm = next(arm for arm in sweep.base.arms if arm.name == sweep.arm)
    found: dict[str, Any] = {}
    for axis in sweep.axes:
        section, dot, name = axis.setting.rpartition(".")
        found[axis.setting] = getattr(getattr(sweep.base, section), name) if dot else getattr(arm, name)
    return cell_with(across, found)


def _nothing_yet(across: pd.DataFrame, live: bool) -> None:
    reasons = [str(reason) for reason in across["reason"].unique() if reason] if len(across) else []
    if live:
        st.caption("The first models are being trained; the map fills as they are done.")
    elif reasons:
        st.warning(literal(f"None of its models has results: {'; '.join(reasons)}."), icon=":material/warning:")
    else:
        st.info("None of its models is trained yet. Press “Train what is missing”.", icon=":material/grid_on:")


def _empty_map(across: pd.DataFrame, view: TradeoffsView, paper: int | None) -> None:
    """The cells that there will be, all of them crossed out."""
    with contextlib.suppress(ConfigError):  # of a sample there is no map
        drawn = figure(across, view, palette(), None, paper)
        st.plotly_chart(drawn, key="trade-empty", theme=None, alt="No cell has results yet.", config=STILL)


def _status(service: Service, result: SweepResult, sweeps: Runner, progress: StudyProgress | None) -> None:
    """How far the sweep is and how to stop it; or what is missing and how to get it."""
    sweep = result.sweep
    if progress is not None and progress.live:
        bar, stop = st.columns([0.84, 0.16], vertical_alignment="center")
        bar.progress(progress.share, text=progress.words())
        rights.button(
            "stop sweep", "Stop", place=stop, key="trade-stop", icon=":material/stop:", width="stretch",
            on_click=sweeps.cancel, args=(sweep.key,),
        )  # fmt: skip
        return
    if progress is not None and progress.message:
        st.error(literal(f"Not all of it could be done. {progress.message}"), icon=":material/error:")
    if not (missing := result.missing):
        return
    words, button = st.columns([0.74, 0.26], vertical_alignment="center")
    words.caption(f"{missing:,} of {sweep.models:,} models are not trained yet.")
    rights.button(
        "sweep", "Train what is missing", place=button, key="trade-go-on", icon=":material/play_arrow:",
        width="stretch", on_click=_go_on, args=(service, sweep, sweeps),
    )  # fmt: skip


def _go_on(service: Service, sweep: Sweep, sweeps: Runner) -> None:
    with messages.errors_as("refused"):
        begin(service, sweeps, sweep)
