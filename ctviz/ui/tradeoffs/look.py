"""The picture of a sweep with its finding, growing while the sweep runs; below it the models of the cell picked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.sweeps.declaration import Sweep
from ctviz.experiments.sweeps.results import SweepResult
from ctviz.figures.tradeoffs.cells import best_cell, cell_with, metrics_of
from ctviz.figures.tradeoffs.words import finding
from ctviz.ui.kit import results
from ctviz.ui.kit.draft import Draft, write_link
from ctviz.ui.kit.frame import guarded, literal
from ctviz.ui.kit.service import Service
from ctviz.ui.tradeoffs.beside import beside, headline
from ctviz.ui.tradeoffs.bounds import within_sight
from ctviz.ui.tradeoffs.cell import stage_of
from ctviz.ui.tradeoffs.charts import alternative, draw, figure, key_words
from ctviz.ui.tradeoffs.controls import chart, check, kept_cells
from ctviz.ui.tradeoffs.form import begin, refuse
from ctviz.ui.tradeoffs.known import known, texts
from ctviz.ui.tradeoffs.measured import measured
from ctviz.ui.tradeoffs.runner import HowFar, Runner
from ctviz.ui.tradeoffs.view import TradeoffsView

POLL = 1.5
"""Seconds between two looks while a sweep is under way."""

STILL = {"displayModeBar": False}

NOTHING = (
    "There is no sweep in the store yet. Open “Run a sweep of your own” on the left: choose settings and values, and "
    "press the button. The map fills as models are done."
)


def results_of(sweep: Sweep, sweeps: Runner) -> SweepResult:
    """What is stored of a sweep by now.

    Raises:
        CtvizError: it cannot be read, or has more models than can be shown.
    """
    within_sight(sweep)
    far = sweeps.how_far(sweep.key)
    return known().get(sweep, far.state if far is not None else "", sweeps.outcomes(sweep.key))


def look(service: Service, draft: Draft[TradeoffsView], sweep: Sweep | None, sweeps: Runner) -> None:
    """The sweep of the view, live where it is under way."""
    results.follow_theme()
    if sweep is None:
        results.title("What does each weight buy, and at what price?")
        st.html(f'<p class="ctviz-invite">{NOTHING}</p>')
        return
    far = sweeps.how_far(sweep.key)
    live = far is not None and far.live
    seen = draft.view
    body: Callable[[], None] = guarded(lambda: _look(service, sweep, sweeps, live, seen))
    st.fragment(body, run_every=POLL if live else None)()


def _look(service: Service, sweep: Sweep, sweeps: Runner, polled: bool, seen_view: TradeoffsView) -> None:
    draft: Draft[TradeoffsView] = st.session_state["draft"]
    if draft.view != seen_view and draft.view.view != "project":
        st.rerun()  # what was chosen in the picture is also in the controls beside it, and in the link that they offer
    far = sweeps.how_far(sweep.key)
    live = far is not None and far.live
    if live != polled:
        st.rerun()
    try:
        result = results_of(sweep, sweeps)
    except CtvizError as error:
        results.title("This sweep cannot be read.")
        st.error(literal(str(error)), icon=":material/error:")
        return
    across = result.across
    check(draft, across)
    metrics = metrics_of(across)
    if live and st.session_state.get("trade-seen") != (sweep.key, metrics):
        seen, st.session_state["trade-seen"] = st.session_state.get("trade-seen"), (sweep.key, metrics)
        if seen is not None and seen[0] == sweep.key:
            st.rerun()  # the controls on the left offer what is measured
    view = draft.view
    results.title(texts().get((result, view.metric), lambda: headline(across, view.metric)))
    _status(service, result, sweeps, far)
    if not metrics:
        _nothing_yet(across, live)
        if len(across):
            still = draft.view.model_copy(update={"chart": "map", "metric": str(across["metric"].iloc[0]), "only": ()})
            _empty_map(across, still, paper_cell(sweep, across))
        write_link(draft)
        return
    _picture(draft, sweep, result)
    write_link(draft)


def _picture(draft: Draft[TradeoffsView], sweep: Sweep, result: SweepResult) -> None:
    across, view, level = result.across, draft.view, sweep.protocol.level
    kept = kept_cells(across, view)
    paper = paper_cell(sweep, across)
    cell = view.cell if view.cell is not None else usual_cell(across, view, paper)
    projecting = view.view == "project"
    left, right = (st.container(), None) if projecting else st.columns([0.68, 0.32], gap="medium")
    with left:
        chart(draft)
        try:
            draw(draft, across, cell, paper, kept, 1.35 if projecting else 1.0, level)
            st.caption(key_words(across, view, level))
        except ConfigError as error:
            st.info(literal(str(error)), icon=":material/grid_off:")
        if cell is not None:
            stage_of(draft, sweep, result.table, cell)
        if not projecting:
            alternative(across, view, level)
            measured(sweep)
    if right is not None:
        with right:
            said = texts().get(
                (result, view.metric, view.show), lambda: finding(across, view.metric, view.show, level=level)
            )
            beside(draft, across, said, cell, kept, level)


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
        drawn = figure(across, view, results.palette(), None, paper)
        st.plotly_chart(drawn, key="trade-empty", theme=None, alt="No cell has results yet.", config=STILL)


def _status(service: Service, result: SweepResult, sweeps: Runner, far: HowFar | None) -> None:
    """How far the sweep is and how to stop it; or what is missing and how to get it."""
    sweep = result.sweep
    if far is not None and far.live:
        bar, stop = st.columns([0.84, 0.16], vertical_alignment="center")
        bar.progress(far.share, text=far.words())
        stop.button(
            "Stop", key="trade-stop", icon=":material/stop:", width="stretch", on_click=sweeps.cancel, args=(sweep.key,)
        )
        return
    if far is not None and far.message:
        st.error(literal(f"Not all of it could be done. {far.message}"), icon=":material/error:")
    if not (missing := result.missing):
        return
    words, button = st.columns([0.74, 0.26], vertical_alignment="center")
    words.caption(f"{missing:,} of {sweep.models:,} models are not trained yet.")
    button.button(
        "Train what is missing", key="trade-go-on", icon=":material/play_arrow:", width="stretch",
        on_click=_go_on, args=(service, sweep, sweeps),
    )  # fmt: skip


def _go_on(service: Service, sweep: Sweep, sweeps: Runner) -> None:
    try:
        begin(service, sweeps, sweep)
    except CtvizError as error:
        refuse(error)
