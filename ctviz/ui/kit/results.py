"""The numbers of a run beside and below its stage: the finding in words, the table, the curves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ctviz.experiments.snapshot import Snapshot
from ctviz.figures.curves import curve
from ctviz.figures.theme import DARK, LIGHT, ArmStyle, Palette, reference_pair
from ctviz.figures.words import METRICS, Metric, Metrics, amount, compare, describe_curve, headline, verdict
from ctviz.ui.kit.run_view import RunView

CURVES = ("ip", "ip_star", "cost", "validation_accuracy", "robust_accuracy", "mature")
LOSSES = ("loss_class", "loss_div", "loss_adv", "loss_reg")
BESIDE = ("ip", "cost", "validation_accuracy", "robust_accuracy")
OTHERS = ("validation_accuracy", "robust_accuracy", "mature", "steps")
TABLE = ("ip", "ip_star", "cost", "validity", *OTHERS, *LOSSES, "skipped")


def palette() -> Palette:
    """The colours that fit the theme the browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


THEME_JS = """
export default function ({ parentElement, setStateValue }) {
  if (parentElement.querySelector("span")) return;
  const mark = document.createElement("span");
  // A transition ends where a colour has changed, however it came about.
  mark.style.cssText = "position:absolute;width:1px;height:1px;opacity:0;pointer-events:none;" +
    "background-color:var(--st-background-color);transition:background-color 1ms";
  mark.setAttribute("aria-hidden", "true");
  parentElement.append(mark);
  mark.addEventListener("transitionend", () => setStateValue("ground", getComputedStyle(mark).backgroundColor));
}
"""


def follow_theme() -> None:
    """Runs the page again when the browser's theme changes: charts are drawn in the colours of one theme."""
    _theme_component()(key="theme", on_ground_change=_nothing)


def _nothing() -> None:
    """A state without a callback would not be returned."""


@st.cache_resource(show_spinner=False)
def _theme_component() -> Any:
    return st.components.v2.component("ctviz_theme", js=THEME_JS)


def as_lists(snapshot: Snapshot) -> Metrics:
    """A snapshot's metrics as plain numbers."""
    return {name: [float(value) for value in values] for name, values in snapshot.metrics.items()}


def finding(styles: Sequence[ArmStyle], snapshot: Snapshot) -> None:
    """The headline: what the picture shows, in one sentence."""
    title(headline(snapshot.epoch, styles, as_lists(snapshot)))


def title(words: str) -> DeltaGenerator:
    """The first heading of a page; what is written into what it returns takes its place."""
    return st.html(f'<h1 class="ctviz-headline">{escape(words)}</h1>')


def beside(styles: Sequence[ArmStyle], snapshot: Snapshot) -> None:
    """The few numbers that belong next to the picture, each with what the difference means."""
    metrics = as_lists(snapshot)
    conventional, trained = reference_pair(styles)
    # Beside the picture there is room for one full title of each kind only.
    name_of = {style.name: style.title if len(styles) <= 2 else style.short for style in styles}
    blocks = []
    if len(styles) > 2 and conventional is not None and trained is not None:
        pair = f"In words: {name_of[styles[trained].name]} against {name_of[styles[conventional].name].lower()}"
        blocks.append(f"<div><dt>{escape(pair)}</dt></div>")
    for name in BESIDE:
        metric, values = METRICS[name], metrics.get(name, ())
        said = _said(metric, metrics, conventional, trained)
        rows = "".join(
            f'<dd class="{style.role}"><span>{escape(name_of[style.name])}</span> <b>{amount(metric, value)}</b></dd>'
            for style, value in zip(styles, values, strict=False)
        )
        words = f'<dd class="ctviz-words">{escape(said)}</dd>' if said else ""
        blocks.append(f'<div title="{escape(metric.help)}"><dt>{escape(metric.title)}</dt>{words}{rows}</div>')
    colours = palette()
    st.html(
        f'<dl class="ctviz-beside" style="--accent:{colours.accent};--conventional:{colours.conventional}">'
        f"{''.join(blocks)}</dl>"
    )


def _said(metric: Metric, metrics: Metrics, conventional: int | None, trained: int | None) -> str:
    """What the difference between the two compared arms means; empty where there are no two."""
    values = metrics.get(metric.name, ())
    if conventional is None or trained is None or not values:
        return ""
    return compare(metric, values[trained], values[conventional])


def table(styles: Sequence[ArmStyle], snapshot: Snapshot) -> None:
    """All metrics of one epoch, and in words what the difference between the two compared arms means."""
    conventional, trained = reference_pair(styles)
    body = _table(styles, as_lists(snapshot), conventional, trained, TABLE)
    st.html(f'<div class="ctviz-scroll" tabindex="0" role="region" aria-label="Metrics of the epoch">{body}</div>')


def _table(
    styles: Sequence[ArmStyle], metrics: Metrics, conventional: int | None, trained: int | None, names: Sequence[str]
) -> str:
    both = conventional is not None and trained is not None
    heads = "".join(f'<th class="number" scope="col">{escape(style.title)}</th>' for style in styles)
    last = f'<th scope="col">{escape(styles[trained].title)} in words</th>' if both and trained is not None else ""
    rows = [f"<thead><tr><td></td>{heads}{last}</tr></thead><tbody>"]
    for name in names:
        if name not in metrics:
            continue
        metric, values = METRICS[name], metrics[name]
        cells = "".join(f'<td class="number">{amount(metric, value)}</td>' for value in values)
        words = ""
        if conventional is not None and trained is not None:
            said = compare(metric, values[trained], values[conventional])
            mark = {"better": "↑ ", "worse": "↓ ", "": ""}[verdict(metric, values[trained], values[conventional])]
            words = f"<td>{mark}{escape(said)}</td>"
        head = f"{escape(metric.title)} <small>{escape(metric.symbol)}</small>"
        rows.append(f'<tr><th scope="row" title="{escape(metric.help)}">{head}</th>{cells}{words}</tr>')
    return f'<table class="ctviz-table">{"".join(rows)}</tbody></table>'


def curves(run_view: RunView, styles: Sequence[ArmStyle], marked: Snapshot, names: Sequence[str], columns: int) -> None:
    """Small charts of metrics over the epochs, ``columns`` in a row, with a line at ``marked``."""
    epochs, history = run_view.history()
    total = run_view.experiment.training.epochs
    at = as_lists(marked)
    colours = palette()
    conventional, trained = reference_pair(styles)
    for start in range(0, len(names), columns):
        row = st.columns(columns, gap="medium")
        for cell, name in zip(row, names[start : start + columns], strict=False):
            metric = METRICS[name]
            described = describe_curve(metric, styles, marked.epoch, at.get(name, ()))
            said = _said(metric, at, conventional, trained)
            with cell:
                words = f'<p class="ctviz-chart-values ctviz-muted">{escape(said) or "&nbsp;"}</p>'
                st.html(
                    f'<p class="ctviz-chart-title" title="{escape(metric.help)}">{escape(metric.title)}</p>'
                    + ("" if metric.kind == "value" else words)
                )
                st.plotly_chart(
                    curve(metric, epochs, history[name], styles, colours, marked.epoch, total),
                    key=f"curve-{name}", theme=None, alt=described, config={"displayModeBar": False},
                )  # fmt: skip
