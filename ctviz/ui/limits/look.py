"""A limit as it is told: the finding, the pictures, what they show, what to do about it, how to see it oneself."""

from __future__ import annotations

from html import escape

import streamlit as st

from ctviz.experiments.limits.limit import Finding, Limit, Metric
from ctviz.experiments.limits.numbers import LEVEL, Mean, number, percent
from ctviz.experiments.limits.results import LimitResult, stored_limit
from ctviz.figures.limits import INTERVALS, key, pictures, summary_rows
from ctviz.ui.kit import results
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import link_to, literal
from ctviz.ui.kit.pages import BY_NAME
from ctviz.ui.kit.service import Service
from ctviz.ui.limits.controls import measure, take_away
from ctviz.ui.limits.recompute import recompute
from ctviz.ui.limits.view import LimitsView

LARGE = 1.35
"""How much larger letters are on a large screen."""

PLAIN = (
    "Each draw is another sample of the data, with other first weights and another order of the batches; in a draw all "
    "models share them. A gain is what counterfactual training saves against the conventional model of the same draw."
)


def look(service: Service, draft: Draft[LimitsView]) -> LimitResult:
    """Everything of the limit that is chosen; on a large screen without what is for reading alone."""
    study, metric = draft.view.study, draft.view.chosen
    projecting = draft.view.view == "project"
    result = stored_limit(study, service.store)
    found = study.finding(result.table, metric)
    results.title(f"{found.headline}.")
    lead = escape(study.question) if projecting else f"{escape(study.question)} {escape(study.expected)}"
    st.html(f'<p class="ctviz-limit-lead ctviz-muted">{lead}</p>')
    if not result.done:
        st.info("No numbers ship for these settings; compute them below.", icon=":material/hourglass_empty:")
    else:
        if not projecting:
            with st.columns([0.42, 0.58])[0]:
                measure(draft)
        _pictures(study, result, metric, LARGE if projecting else 1.0)
    if projecting:
        st.html(f'<p class="ctviz-limit-lead">{escape(study.advice)}</p>')
        return result
    _words(study, found)
    _ways_on(service, draft, result)
    _reading(study, result, metric)
    return result


def _pictures(study: Limit, result: LimitResult, metric: Metric, scale: float) -> None:
    drawn = pictures(study, result.table, metric, results.palette(), scale)
    symbols = "".join(f"<span><b>{symbol}</b> {escape(words)}</span>" for symbol, words in key(study))
    if symbols:
        more = "<span>each at four thresholds τ</span>" if study.kind == "gains" else ""
        st.html(f'<p class="ctviz-limit-key">{symbols}{more}</p>')
    for cell, picture in zip(st.columns(len(drawn), gap="medium"), drawn, strict=True):
        with cell:
            st.html(f'<p class="ctviz-chart-title">{escape(picture.title)}</p>')
            st.plotly_chart(
                picture.figure, key=f"limit-{study.name}-{picture.name}", theme=None, alt=picture.alt,
                config={"displayModeBar": False},
            )  # fmt: skip
    draws = sorted(set(result.draws.values()))
    many = f"{draws[0]}" if len(draws) == 1 else f"{draws[0]} to {draws[-1]}"
    means = " Geometric means." if metric.log else ""
    st.caption(f"{metric.title}.{means} {INTERVALS}; {many} draws.")


def _words(study: Limit, found: Finding) -> None:
    shown = "".join(f"<li>{_unbroken(escape(sentence))}</li>" for sentence in found.sentences)
    st.html(
        '<div class="ctviz-limit-words">'
        f"<section><h2>What it shows</h2><ul>{shown}</ul></section>"
        f"<section><h2>What to do about it</h2><p>{escape(study.advice)}</p></section></div>"
    )


def _unbroken(text: str) -> str:
    """A number and its unit stay in one line."""
    return text.replace(" %", "\u00a0%")


def _ways_on(service: Service, draft: Draft[LimitsView], result: LimitResult) -> None:
    """See it oneself, compute it again, take it away, show it."""
    study = draft.view.study
    cells = st.columns(3, gap="medium")
    with cells[0]:
        for place, door in enumerate(study.doors):
            with st.container(key=f"limits-door-{place}"):
                page = BY_NAME[door.page]
                link_to(page, f"{door.label} ({page.title})", dict(door.query))
    with cells[1]:
        problem = st.session_state.pop("limits-problem", None)
        if problem:
            st.error(literal(problem), icon=":material/error:")
        recompute(service, study, result)
    with cells[2]:
        take_away(draft, result)
        st.button(
            "Project: hide the controls", key="project", icon=":material/cast:", width="stretch",
            help="A view for a large screen; it is in the link.", on_click=draft.look, kwargs={"view": "project"},
        )  # fmt: skip


def _reading(study: Limit, result: LimitResult, metric: Metric) -> None:
    with st.expander("The numbers as a table", key="limits-table"):
        st.html(table(study, result, metric))
    with st.expander("Exact settings", key="limits-settings"):
        st.markdown(PLAIN)
        for panel in study.panels:
            experiment = panel.experiment
            st.markdown(
                f"**{panel.title}**: {len(experiment.arms)} models trained as one stack, "
                f"{experiment.training.epochs:,} epochs, {result.draws[panel.name]} draws"
            )
            st.code(experiment.to_toml(), language="toml", height=220)


def table(study: Limit, result: LimitResult, metric: Metric) -> str:
    """Every mean of the pictures with its interval (of the last epoch, where they go over epochs), as a table."""
    rows = []
    for panel, variant, dose, found in summary_rows(study, result.table, metric):
        name = f'<th scope="row">{escape(panel)}</th><td>{escape(variant)}</td><td>{escape(dose)}</td>'
        rows.append(f'<tr>{name}<td class="number">{_amount(found, metric)}</td><td class="number">{found.n}</td></tr>')
    dose = {"gains": "τ", "doses": "dose"}.get(study.kind, "")
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in ("Data", "Variant", dose))
    mean = "Geometric mean" if metric.log else "Mean"
    for head in (f"{mean} ({100 * LEVEL:g} % interval)", "Draws"):
        heads += f'<th class="number" scope="col">{head}</th>'
    body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
    caption = escape(metric.title) + (", after the last epoch" if study.kind == "epochs" else "")
    inner = f'<table class="ctviz-table"><caption>{caption}</caption>{body}</table>'
    return f'<div class="ctviz-scroll" tabindex="0" role="region" aria-label="The numbers">{inner}</div>'


def _amount(found: Mean, metric: Metric) -> str:
    said = percent if metric.unit == "%" else number
    if found.n < 2:
        return said(found.value)
    return f"{said(found.value)} ({said(found.low)} to {said(found.high)})"
