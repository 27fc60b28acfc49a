"""A limit as it is told: the finding, the pictures, what they show, what to do about it, how to see it oneself."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from html import escape
from typing import TypeVar

import streamlit as st

from ctviz.cache import Cache
from ctviz.figures.checked import CheckedFigure
from ctviz.figures.limits import INTERVALS, StudyPicture, key, pictures, summary_rows
from ctviz.figures.theme import Palette
from ctviz.prose import unbroken
from ctviz.studies.registry import LIMITS
from ctviz.studies.results import StudyResult, stored_study
from ctviz.studies.study import Finding, Study, StudyMetric, number, percent
from ctviz.studies.summary import LEVEL, Mean
from ctviz.ui.kit import bind, messages
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import link_to, page_title, project_button
from ctviz.ui.kit.pages import BY_NAME
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.tables import heads, scrolling
from ctviz.ui.kit.tables import table as html_table
from ctviz.ui.kit.theme import palette
from ctviz.ui.limits.export import share
from ctviz.ui.limits.limits_view import LimitsView
from ctviz.ui.limits.recompute import recompute

LARGE = 1.35
"""How much larger letters are on a large screen."""

PLAIN = (
    "Each draw is another sample of the data, with other first weights and another order of the batches; in a draw all "
    "models share them. A gain is what counterfactual training saves against the conventional model of the same draw."
)

T = TypeVar("T")

_TOLD = Cache(256)
"""Findings, pictures and tables of what ships."""


def _once(result: StudyResult, metric: StudyMetric, *what: Hashable, make: Callable[[], T]) -> T:
    """What is made of the numbers that ship, once for all sessions; of others, each time."""
    if set(result.sources) != {"shipped"}:
        return make()
    keys = tuple(draw.key for draw in result.panel_draws)
    return _TOLD.get((result.study.name, keys, metric.name, *what), make)


def stories(draft: Draft[LimitsView]) -> None:
    """The choice of the limit."""
    bind.choice(
        "Limit", LIMITS, bind.to_view(draft, "limit", key="limits-limit", metric=""), kind="buttons", hidden=True,
        words=lambda name: LIMITS[name].title,
    )  # fmt: skip


def look(service: Service, draft: Draft[LimitsView]) -> StudyResult:
    """Everything of the limit that is chosen; on a large screen without what is for reading alone."""
    study, metric = draft.view.study, draft.view.chosen
    projecting = draft.view.view == "project"
    result = stored_study(study, service.store)
    found = _once(result, metric, "finding", make=lambda: study.finding(result.table, metric))
    page_title(f"{found.headline}.")
    lead = escape(study.question) if projecting else f"{escape(study.question)} {escape(study.expected)}"
    st.html(f'<p class="ctviz-limit-lead ctviz-muted">{lead}</p>')
    if not result.done:
        st.info("No numbers ship for these settings; compute them below.", icon=":material/hourglass_empty:")
    else:
        if not projecting:
            with st.columns([0.42, 0.58])[0]:
                bind.choice(
                    "The pictures show", [shown.name for shown in study.shown],
                    bind.to(f"limits-metric-{draft.view.limit}", metric.name, lambda name: draft.look(metric=name)),
                    words=lambda name: study.metric(name).title, help=metric.help,
                )  # fmt: skip
        _pictures(study, result, metric, LARGE if projecting else 1.0)
    if projecting:
        st.html(f'<p class="ctviz-limit-lead">{escape(study.advice)}</p>')
        return result
    _words(study, found)
    _ways_on(service, draft, result)
    _reading(study, result, metric)
    return result


def _pictures(study: Study, result: StudyResult, metric: StudyMetric, scale: float) -> None:
    colours = palette()
    drawn = _once(result, metric, colours, scale, make=lambda: _drawn(study, result, metric, colours, scale))
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


def _drawn(
    study: Study, result: StudyResult, metric: StudyMetric, colours: Palette, scale: float
) -> tuple[StudyPicture, ...]:
    """All at once, each with its title and its words; so they are kept by ``_once``, not as ``Drawings``."""
    drawn = pictures(study, result.table, metric, colours, scale)
    return tuple(replace(one, figure=CheckedFigure(one.figure)) for one in drawn)


def _words(study: Study, found: Finding) -> None:
    shown = "".join(f"<li>{unbroken(escape(sentence))}</li>" for sentence in found.sentences)
    st.html(
        '<div class="ctviz-limit-words">'
        f"<section><h2>What it shows</h2><ul>{shown}</ul></section>"
        f"<section><h2>What to do about it</h2><p>{escape(study.advice)}</p></section></div>"
    )


def _ways_on(service: Service, draft: Draft[LimitsView], result: StudyResult) -> None:
    """See it oneself, compute it again, take it away, show it."""
    study = draft.view.study
    cells = st.columns(3, gap="medium")
    with cells[0]:
        for place, link in enumerate(study.links):
            with st.container(key=f"limits-link-{place}"):
                page = BY_NAME[link.page]
                link_to(page, f"{link.label} ({page.title})", dict(link.query))
    with cells[1]:
        messages.show()
        recompute(service, study, result)
    with cells[2]:
        share(draft, result)
        project_button(draft)


def _reading(study: Study, result: StudyResult, metric: StudyMetric) -> None:
    with st.expander("The numbers as a table", key="limits-table"):
        scrolling("The numbers", _once(result, metric, "table", make=lambda: table(study, result, metric)))
    with st.expander("Exact settings", key="limits-settings"):
        st.markdown(PLAIN)
        for panel in study.panels:
            for experiment in (stack.experiment for stack in panel.stacks):
                st.markdown(
                    f"**{panel.title}**: {len(experiment.arms)} models trained as one stack, "
                    f"{experiment.training.epochs:,} epochs, {result.draws[panel.name]} draws"
                )
                st.code(experiment.to_toml(), language="toml", height=220)


def table(study: Study, result: StudyResult, metric: StudyMetric) -> str:
    """Every mean of the pictures with its interval (of the last epoch, where they go over epochs), as a table."""
    rows = []
    for panel, variant, dose, found in summary_rows(study, result.table, metric):
        name = f'<th scope="row">{escape(panel)}</th><td>{escape(variant)}</td><td>{escape(dose)}</td>'
        rows.append(f'<tr>{name}<td class="number">{_amount(found, metric)}</td><td class="number">{found.n}</td></tr>')
    dose = {"gains": "τ", "doses": "dose"}.get(study.kind, study.dose)
    mean = "Geometric mean" if metric.log else "Mean"
    head = [*heads("Data", "Variant", dose, number=False), *heads(f"{mean} ({100 * LEVEL:g} % interval)", "Draws")]
    caption = metric.title + (", after the last epoch" if study.kind == "epochs" else "")
    return html_table(head, rows, caption=caption)


def _amount(found: Mean, metric: StudyMetric) -> str:
    said = percent if metric.unit == "%" else number
    if found.n < 2:
        return said(found.value)
    return f"{said(found.value)} ({said(found.low)} to {said(found.high)})"
