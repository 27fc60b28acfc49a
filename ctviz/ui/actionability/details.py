"""What stands under the picture of Actionability: charts, a sentence for each place, the proposition at work."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from ctviz.catalogue.proposition import sentence, verdict
from ctviz.catalogue.settings import value_of
from ctviz.data.catalogue import DataSettings
from ctviz.experiments.config import Experiment
from ctviz.experiments.proposition import assumptions, overshoots
from ctviz.experiments.snapshot import Snapshot
from ctviz.figures import advice as words
from ctviz.figures.advice import Names, Span
from ctviz.figures.checked import CheckedFigure, Drawings
from ctviz.figures.locks import IntervalRow, Tried, intervals, over_correlation
from ctviz.figures.stage.recording import ArmLabel
from ctviz.figures.theme import Palette
from ctviz.ui.actionability.names import focus_of, labels_of
from ctviz.ui.actionability.numbers import Numbers, numbers_of
from ctviz.ui.actionability.panel import LocksView
from ctviz.ui.kit.feature_names import names_of
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.searches import searches
from ctviz.ui.kit.sight import in_sight
from ctviz.ui.kit.theme import palette

ROOM = 180
"""Pixels that the charts take at least."""


def details(run_view: RunView, snapshot: Snapshot, live: bool, view: LocksView) -> None:
    """What there is room for under the picture: each part's own account of the numbers."""
    if live:
        return
    names, numbers = names_of(run_view.scene, view.names), numbers_of(run_view, snapshot)
    if view.part == "where":
        _places(run_view.experiment, numbers, names, view)
    elif view.part == "proxies":
        _proxies(run_view, snapshot, numbers, names, view)
    else:
        with st.container(key="locks-charts"):
            if in_sight(ROOM):
                _charts(run_view.experiment, numbers, names, view)


def _charts(experiment: Experiment, numbers: Numbers, names: Names, view: LocksView) -> None:
    """Effort and attribution of every model, each on one scale, with intervals."""
    focus = focus_of(experiment)
    feature, labels, colours = names.features[focus], labels_of(experiment, view), palette()
    of_effort = [IntervalRow(label.title, label.role, span) for label, span in zip(labels, numbers.effort, strict=True)]
    of_share = [IntervalRow(label.title, label.role, s[focus]) for label, s in zip(labels, numbers.share, strict=True)]
    charts = (
        ("effort", "What advice costs, in data units", _drawn(of_effort, colours)),
        ("share", f"How far answers rest on {feature}", _drawn(of_share, colours, percent=True, most=1.0)),
    )
    for cell, (key, title, figure) in zip(st.columns(2, gap="large"), charts, strict=True):
        with cell:
            st.html(f'<p class="ctviz-chart-title">{escape(title)}</p>')
            st.plotly_chart(figure, key=f"locks-{key}", theme=None, alt=title, config={"displayModeBar": False})


_DRAWINGS = Drawings()


def _drawn(rows: Sequence[IntervalRow], colours: Palette, **scale: Any) -> CheckedFigure:
    """A chart of intervals, drawn once for all sessions."""
    return _DRAWINGS.get((tuple(rows), colours, *sorted(scale.items())), lambda: intervals(rows, colours, **scale))


def _places(experiment: Experiment, numbers: Numbers, names: Names, view: LocksView) -> None:
    """One sentence for each place where the lock acts."""
    focus = focus_of(experiment)
    cards = []
    for index, (arm, label) in enumerate(zip(experiment.arms, labels_of(experiment, view), strict=True)):
        lean = numbers.lean[index][focus]
        said = words.of_place(
            arm.lock_when, names.features[focus], numbers.share[index][focus],
            "less" if lean.high < 0 else "more" if lean.low > 0 else "",
            numbers.changed[index][focus], numbers.effort[index], arm.shield == "off",
        )  # fmt: skip
        cards.append(f"<div><dt>{escape(label.title)}</dt><dd>{escape(said)}</dd></div>")
    st.html(f'<dl class="ctviz-places">{"".join(cards)}</dl>')


def _but_correlation(one: Experiment, other: Experiment) -> bool:
    """Whether two experiments differ in nothing but the correlation of their data."""
    return one.replace({"data.correlation": 0.0}) == other.replace({"data.correlation": 0.0})


def _verdict(run_view: RunView, snapshot: Snapshot, names: Names) -> None:
    """Whether what the proposition assumes is so here, each assumption with the number that says so."""
    found = assumptions(run_view.experiment, searches().explorer(run_view.experiment).data)
    marks = {True: ("holds", "✓"), False: ("fails", "✗")}
    items = "".join(
        f'<li class="{marks[one.holds][0]}"><span aria-hidden="true">{marks[one.holds][1]}</span> '
        f"{escape(sentence(one, names.features))}</li>"
        for one in found
    )
    said = verdict(found, names.features, overshoots(run_view.experiment, snapshot))
    st.html(f'<div class="ctviz-verdict"><p>{escape(said)}</p><ul>{items}</ul></div>')


def _proxies(run_view: RunView, snapshot: Snapshot, numbers: Numbers, names: Names, view: LocksView) -> None:
    """The proposition, and the settings that this session has tried, as charts."""
    focus, labels = focus_of(run_view.experiment), labels_of(run_view.experiment, view)
    _verdict(run_view, snapshot, names)
    if not isinstance(run_view.experiment.data, DataSettings):
        return  # points of one's own have no correlation to be set
    if snapshot.epoch == run_view.experiment.training.epochs:
        tried = st.session_state.setdefault("proxies-tried", {})
        tried[run_view.key] = (
            run_view.experiment,
            {
                "share": tuple(share[focus] for share in numbers.share),
                "leak": tuple(Span(along[focus]) for along in numbers.leak),
            },
        )
    feature = names.features[focus]
    _chart(run_view, labels, "share", f"How far answers rest on {feature}, in the settings tried so far", (0, 1))
    _chart(run_view, labels, "leak", f"How far decisions go along with {feature} (correlation within a class)", (-1, 1))
    if len(st.session_state.get("proxies-tried", {})) < 2:
        st.caption("Move a slider: every setting you train adds its points.")


def _chart(run_view: RunView, labels: Sequence[ArmLabel], name: str, title: str, extent: tuple[float, float]) -> None:
    """One number of the settings that this session has tried, over their correlation."""
    tried: dict[str, tuple[Experiment, dict[str, tuple[Span, ...]]]] = st.session_state.get("proxies-tried", {})
    points = [
        Tried(
            value_of(one, "data.correlation"),
            values[name],
            key == run_view.key,
            _but_correlation(one, run_view.experiment),
        )
        for key, (one, values) in tried.items()
        if len(values[name]) == len(labels)
    ]
    st.html(f'<p class="ctviz-chart-title">{escape(title)}</p>')
    titles = [(label.title, label.role) for label in labels]
    st.plotly_chart(
        over_correlation(points, titles, palette(), extent, percent=name == "share"),
        key=f"locks-{name}-tried", theme=None, alt=title, config={"displayModeBar": False},
    )  # fmt: skip
