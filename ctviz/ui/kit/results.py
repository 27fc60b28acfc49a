"""The numbers of a run beside and below its stage: the finding in words, the table, the curves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from ctviz.catalogue.differences import difference
from ctviz.catalogue.findings import diverged
from ctviz.catalogue.metrics import RECORDED, Metric
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.experiments.endpoints import Endpoints
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures.checked import CheckedFigure, Drawings
from ctviz.figures.curves import curve
from ctviz.figures.theme import ArmStyle, reference_pair
from ctviz.figures.words import (
    MISSING,
    Metrics,
    as_lists,
    describe_curve,
    headline,
    leap,
    left_in_short_steps,
    samples_of,
    short_name,
)
from ctviz.ui.kit.facts import Fact, Row, fact_list
from ctviz.ui.kit.frame import page_title
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.search import measured_search
from ctviz.ui.kit.searches import searches
from ctviz.ui.kit.tables import CORNER, heads, numbers, row, scrolling, words
from ctviz.ui.kit.tables import table as html_table
from ctviz.ui.kit.theme import palette

CURVES = ("ip", "ip_star", "cost", "validation_accuracy", "robust_accuracy", "mature")
BESIDE = ("ip", "cost", "validation_accuracy", "robust_accuracy")
OTHERS = ("validation_accuracy", "robust_accuracy", "mature", "steps")
TABLE = ("ip", "ip_star", "cost", "validity", *OTHERS)


def finding(run_view: RunView, styles: Sequence[ArmStyle], snapshot: Snapshot, live: bool) -> None:
    """The headline: what the picture shows, what it costs, and what it hangs on.

    The last takes a search, which a run that is being trained is spared.
    """
    caveat = "" if live else leaps(run_view, styles, snapshot)
    metrics, experiment = as_lists(snapshot), run_view.experiment
    page_title(headline(snapshot.epoch, styles, metrics, samples_of(experiment), caveat))
    batches = -(-experiment.data.n_train // experiment.training.batch)
    if said := diverged([style.title for style in styles], metrics.get("skipped", ()), batches):
        st.caption(f":material/warning: {said}")


def leaps(run_view: RunView, styles: Sequence[ArmStyle], snapshot: Snapshot) -> str:
    """What is left of a gain in short steps, in a sentence, where the recorded searches leap; empty where they do not.

    A search that arrives in a step or two leaps across the data, and where it lands says little about the model. The
    search in short steps is that of the last epoch, whichever is shown: one for all who scrub through a run.
    """
    experiment, (conventional, trained) = run_view.experiment, reference_pair(styles)
    settings = measured_search(experiment)
    bounded = settings.step_bound or "step_bound" not in GENERATORS[settings.generator].settings
    if conventional is None or trained is None or snapshot.paths is None or bounded:
        return ""
    if not leap(snapshot.paths, (conventional, trained)):
        return ""
    last = run_view.at(None)
    asked = (run_view.attempt, last.epoch, "short steps")
    ends = searches().ask(experiment, asked, lambda explorer: _in_short_steps(explorer, last))
    return left_in_short_steps(ends, (conventional, trained), None if snapshot.epoch == last.epoch else last.epoch)


def _in_short_steps(explorer: Explorer, snapshot: Snapshot) -> Endpoints:
    """Where the searches that the run recorded, from the same samples, end with short steps."""
    experiment = explorer.experiment
    slow = measured_search(experiment).in_short_steps()
    factuals, labels = explorer.pick("random", experiment.evaluation.factuals, experiment.data.seed)
    targets = (labels + 1) % explorer.data.k
    return explorer.endpoints(explorer.trace(snapshot, factuals, targets, slow))


def facts_of(styles: Sequence[ArmStyle], snapshot: Snapshot) -> None:
    """The few numbers that belong next to the picture, each with what the difference means."""
    metrics = as_lists(snapshot)
    conventional, trained = reference_pair(styles)
    facts = []
    if len(styles) > 2 and conventional is not None and trained is not None:
        ours, theirs = (short_name(styles[arm], styles) for arm in (trained, conventional))
        facts.append(Fact(f"In words: {ours} against {theirs.lower()}"))
    for name in BESIDE:
        metric = RECORDED[name]
        said, values = _said(metric, metrics, conventional, trained), metrics.get(name, ())
        note = "" if np.isfinite(values).all() else MISSING.get(name, "")
        facts.append(Fact(metric.title, amounts(metric, values, styles), words=said, help=metric.help, note=note))
    fact_list(facts)


def amounts(metric: Metric, values: Sequence[float], styles: Sequence[ArmStyle]) -> list[Row]:
    """A row of a fact for each model's value of a metric."""
    return [
        Row(short_name(style, styles), metric.amount(value), style.role)
        for style, value in zip(styles, values, strict=False)
    ]


def _said(metric: Metric, metrics: Metrics, conventional: int | None, trained: int | None) -> str:
    """What the difference between the two compared arms means; empty where there are no two."""
    values = metrics.get(metric.name, ())
    if conventional is None or trained is None or not values:
        return ""
    return difference(metric, values[trained], values[conventional]).words


def table(styles: Sequence[ArmStyle], snapshot: Snapshot, losses: Sequence[str]) -> None:
    """All metrics of one epoch, with the ``losses`` of the run, and in words what the difference between the two
    compared arms means."""
    conventional, trained = reference_pair(styles)
    metrics, rows = as_lists(snapshot), []
    pair = None if conventional is None or trained is None else (conventional, trained)
    for name in (name for name in (*TABLE, *losses, "skipped") if name in metrics):
        metric, values = RECORDED[name], metrics[name]
        cells = numbers(*(metric.amount(value) for value in values))
        if pair is not None:
            found = difference(metric, values[pair[1]], values[pair[0]])
            cells += words(found.mark + found.words)
        rows.append(row(metric.title, cells, symbol=metric.symbol, help=metric.help))
    last = [] if pair is None else heads(f"{styles[pair[1]].title} in words", number=False)
    head = [CORNER, *heads(*(style.title for style in styles)), *last]
    scrolling("Metrics of the epoch", html_table(head, rows))


def curves(run_view: RunView, styles: Sequence[ArmStyle], marked: Snapshot, names: Sequence[str], columns: int) -> None:
    """Small charts of metrics over the epochs, ``columns`` in a row, with a line at ``marked``."""
    at = as_lists(marked)
    drawn = _drawn(run_view, styles, names)
    conventional, trained = reference_pair(styles)
    place = min(marked.epoch / max(run_view.experiment.training.epochs, 1), 1.0)
    for start in range(0, len(names), columns):
        row = st.columns(columns, gap="medium")
        for cell, name in zip(row, names[start : start + columns], strict=False):
            metric = RECORDED[name]
            said = _said(metric, at, conventional, trained) if metric.compared else None
            described = describe_curve(metric, styles, marked.epoch, at.get(name, ()))
            with cell:
                st.html(_above_chart(metric, said, described, place))
                st.plotly_chart(
                    drawn[name], key=f"curve-{name}", theme=None, config={"displayModeBar": False},
                    alt=f"{metric.title} over the epochs.",
                )  # fmt: skip


def _above_chart(metric: Metric, said: str | None, described: str, place: float) -> str:
    """What stands above a chart and changes with the epoch, its line included: the chart itself stays as it is, so that
    it is neither sent nor drawn again.

    Args:
        said: what a difference means; None leaves no line for it.
        described: the numbers at the epoch, for who does not see the chart.
        place: of the line, as a share of the chart's width.
    """
    words = "" if said is None else f'<p class="ctviz-chart-values ctviz-muted">{escape(said) or "&nbsp;"}</p>'
    return (
        f'<p class="ctviz-chart-title" title="{escape(metric.help)}">{escape(metric.title)}</p>{words}'
        f'<p class="ctviz-unseen">{escape(described)}</p>'
        f'<i class="ctviz-epoch" style="--place: {place:.4f}" aria-hidden="true"></i>'
    )


_DRAWINGS = Drawings()


def _drawn(run_view: RunView, styles: Sequence[ArmStyle], names: Sequence[str]) -> dict[str, CheckedFigure]:
    """The charts, drawn once for all sessions."""
    colours, history = palette(), cache(run_view.history)

    def draw(name: str) -> Any:
        epochs, values = history()
        return curve(RECORDED[name], epochs, values[name], styles, colours, run_view.experiment.training.epochs)

    of = run_view.attempt, run_view.last, tuple(styles), colours
    return {name: _DRAWINGS.get((name, *of), partial(draw, name)) for name in names}
