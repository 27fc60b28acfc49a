"""Runs beside each other: their results, what differs in their settings, their boundaries and their curves."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from ctviz.catalogue.differences import UNCLEAR, difference
from ctviz.catalogue.differences import reduction as reduced
from ctviz.catalogue.metrics import RECORDED, Metric
from ctviz.catalogue.settings import setting, words_of
from ctviz.data.kinds import kind_of_data
from ctviz.errors import StoreError
from ctviz.experiments.config import Experiment
from ctviz.experiments.differences import SettingDifference, differences
from ctviz.experiments.evaluate import default_references
from ctviz.experiments.measure import field
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import has_report, stored_report
from ctviz.experiments.store import Store
from ctviz.figures.boundary import SIDE, boundary_png
from ctviz.figures.curves import CurveLine as Curve
from ctviz.figures.curves import overlay
from ctviz.figures.theme import DARK, DASHES, LIGHT, ArmStyle, arm_styles
from ctviz.figures.words import compared, prices, samples_of
from ctviz.models.stack import Stack
from ctviz.prose import inside, listed, number
from ctviz.ui.kit import bind, tables
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.elsewhere import link_of, shown_kind
from ctviz.ui.kit.frame import link_to
from ctviz.ui.kit.link import MAX_ARMS
from ctviz.ui.kit.results import CURVES, leaps
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.theme import palette
from ctviz.ui.tradeoffs.runs.comparison_view import ComparisonView
from ctviz.ui.tradeoffs.runs.run_entries import RunEntry

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN = 8
"""Boundaries and curves that are shown of all runs together; of more, each run shows its compared model and the
conventional one."""

COARSE = 100
"""Cells per side of a field that is made from the weights, where none was recorded."""

TIE = 0.005
"""Runs whose change in IP is that near to the best one's gain the same: they differ by less than is shown."""

COLUMNS = ("validation_accuracy", "robust_accuracy", "ip", "ip_star", "cost", "validity", "mature")
"""Results of a finished run: those of its last epoch, as on all pages."""

IP = RECORDED["ip"]

CALLED = {name: RECORDED[name] for name in COLUMNS}

TESTED = {"validation_accuracy": "accuracy"}
"""What an evaluation calls what snapshots call otherwise."""

PICTURES = {"every", "also", "field", "paths"}
"""Settings of a run's measures that change its pictures and not its numbers."""

RECORDED_ON = "On validation data at the last epoch, by the search that the run was measured with."

EVALUATED = "Evaluated on test data"


@dataclass(frozen=True)
class Chosen:
    """A run of the comparison: the letter it goes by, its entry of the list, and the models shown of it."""

    letter: str
    entry: RunEntry
    styles: tuple[ArmStyle, ...]
    shown: tuple[int, ...]

    @property
    def experiment(self) -> Experiment:
        return self.entry.info.experiment

    def value(self, metric: str, arm: int) -> float:
        """A metric of a model at the last epoch; NaN where there is none."""
        values = self.entry.results.get(metric, ())
        return values[arm] if arm < len(values) else math.nan

    @property
    def title(self) -> str:
        return f"{self.letter} · {self.entry.title}"

    @property
    def brief(self) -> str:
        """``run B (moons)``: with its name where it has one that is short, else with its data."""
        info = self.entry.info
        return f"run {self.letter} ({self.entry.title if info.name or info.preset else info.data})"


def chosen_of(entries: Sequence[RunEntry]) -> list[Chosen]:
    """The runs of a comparison, with as many of their models as there is room for."""
    found = [
        Chosen(chr(ord("A") + index), entry, arm_styles(entry.info.experiment), ())
        for index, entry in enumerate(entries)
    ]
    crowded = sum(len(run.styles) for run in found) > MOST_SHOWN
    return [replace(run, shown=_pair(run) if crowded else tuple(range(len(run.styles)))) for run in found]


def _pair(run: Chosen) -> tuple[int, ...]:
    """The conventional model and the one that is compared with it, as far as there are two."""
    return run.entry.pair or (0,)


# -- results -----------------------------------------------------------------------------------------------


def finding(service: Service, runs: Sequence[Chosen]) -> str:
    """Which of the runs gained most, and at what price; no winner where they were not measured alike."""
    gains = [(change, run) for run in runs if math.isfinite(change := run.entry.change("ip"))]
    if not gains:
        return "None of the runs that you chose has a counterfactually trained model beside a conventional one."
    if len(gains) == 1:
        run = gains[0][1]
        return _said(f"In {run.brief}, ", run, _caveat(service, run))
    if len({run.experiment.data.model_dump_json() for _, run in gains}) > 1:
        return f"{_each(gains)}: the data differ, so that no run is named the best."
    if len({run.experiment.evaluation.model_dump_json(exclude=PICTURES) for _, run in gains}) > 1:
        return f"{_each(gains)}: they were not measured alike, so that no run is named the best."
    ordered = sorted(gains, key=lambda entry: entry[0])
    change, run = ordered[0]
    if change > -0.005:
        return f"In none of {len(gains)} runs does counterfactual training bring advice {IP.less}."
    level = [other for found, other in ordered if found - change < TIE]
    if len(level) > 1:
        named = listed([f"run {other.letter}" for other in level])
        words = difference(IP, 1 + change, 1).words
        gain = f"Of {len(gains)} runs, {named} gain the same: advice ends about {words} than the conventional model's"
        return f"{gain}{_prices(level)}."
    return _said(f"Of {len(gains)} runs, {run.brief} gains most: ", run)


def _said(lead: str, run: Chosen, caveat: str = "") -> str:
    """What all pages say of a run at its last epoch: gain, price, caveat."""
    if run.entry.pair is None:
        return ""
    return compared(lead, run.styles, run.entry.pair, run.entry.results, samples_of(run.experiment), caveat)


def _prices(level: Sequence[Chosen]) -> str:
    """What each of several runs that gain the same pays for it."""
    paid = []
    for run in level:
        pair = run.entry.pair or (0, 0)
        found = prices(run.entry.results, pair, samples_of(run.experiment))
        worse = [one.words for one in found if one.verdict == "worse"]
        paid += [f"{listed(worse)} in run {run.letter}"] if worse else []
    return f", at the price of {'; '.join(paid)}" if paid else ""


def _caveat(service: Service, run: Chosen) -> str:
    """What a run's gain hangs on, and what an evaluation on test data says of it."""
    run_view = None if run.entry.stack else service.run_view(run.entry.key)
    said = leaps(run_view, run.styles, run_view.at(None)) if run_view else ""
    rounds = _rounds(service.store, run.entry.key, Protocol.usual(run.experiment.data))
    found = rounds.reductions.get((run.entry.compared, "ip"))
    return " ".join(filter(None, (said, f"{EVALUATED}: {_reduced(IP, found)}." if found else "")))


def _each(gains: Sequence[tuple[float, Chosen]]) -> str:
    """The gain of every run, without an order."""
    parts = []
    for change, run in gains:
        found = difference(IP, 1 + change, 1)
        parts.append(f"{run.brief} {IP.alike if found.alike else found.words}")
    return f"Advice against each run's own conventional model: {', '.join(parts)}"


def results(store: Store, runs: Sequence[Chosen]) -> None:
    """What the models of each run reach on validation data, and below it in rounds on test data where it has been
    evaluated."""
    rows, levels = list[str](), set()
    for run in runs:
        protocol = Protocol.usual(run.experiment.data)
        rounds = _rounds(store, run.entry.key, protocol)
        levels |= {protocol.level} if rounds.means else set()
        rows += _rows(run, rounds)
    metrics = [
        f'<th class="number" scope="col" title="{escape(CALLED[name].help)}">{escape(CALLED[name].title)}<br>'
        f"<small>{escape(CALLED[name].symbol)}</small></th>"
        for name in COLUMNS
    ]
    first, last = tables.heads("Run and model", "Against the conventional model", number=False)
    tables.scrolling("Results of the runs", tables.table([first, *metrics, last], rows, kind="ctviz-results"))
    level = f" In brackets: {listed([f'{100 * level:g} %' for level in sorted(levels)])} intervals." if levels else ""
    more = "" if levels else " “ctviz evaluate” adds rounds on test data, with intervals."
    st.caption(f"{RECORDED_ON}{level}{more}")


@dataclass(frozen=True)
class Rounds:
    """What a stored report says: (arm, metric) → mean over the rounds, low, high; and the reduction against the
    conventional arm in %, low, high, and whether it differs from none. Empty without a report."""

    means: Mapping[tuple[str, str], tuple[float, float, float]]
    reductions: Mapping[tuple[str, str], tuple[float, float, float, bool]]


def _rounds(store: Store, key: str, protocol: Protocol) -> Rounds:
    if has_report(key, protocol, store):
        with contextlib.suppress(StoreError):
            return _of_report(key, protocol.key, store, protocol)
    return Rounds({}, {})


@st.cache_data(max_entries=200, show_spinner=False)
def _of_report(run: str, key: str, _store: Store, _protocol: Protocol) -> Rounds:
    """The numbers of the report of a run by a protocol, which stay what they are; ``StoreError`` if it is damaged."""
    report = stored_report(run, _protocol, _store)
    if report is None:
        raise StoreError(f"The report of run {run} was damaged.")
    over_all, compared = report.overall, report.compare()
    over_all, compared = over_all[over_all["part"] == ""], compared[compared["part"] == ""]
    # Those of the training searches are something else than those of an evaluation.
    means = _by_arm(over_all[over_all["metric"] != "mature"], ("value", "low", "high"))
    return Rounds(means, _by_arm(compared, ("reduction", "reduction_low", "reduction_high", "significant")))


def _by_arm(table: pd.DataFrame, columns: Sequence[str]) -> dict[tuple[str, str], Any]:
    values = zip(*(table[name] for name in columns), strict=True)
    return dict(zip(zip(table["arm"], table["metric"], strict=True), values, strict=True))


def _rows(run: Chosen, rounds: Rounds) -> list[str]:
    references = default_references(run.experiment)
    names = [style.name for style in run.styles]
    if run.entry.pair is not None:
        references[run.entry.compared] = names[run.entry.pair[0]]
    state = "" if run.entry.info.state == "done" else f", {run.entry.info.state}"
    width = len(COLUMNS) + 2
    rows = [f'<tr><th scope="rowgroup" colspan="{width}"><b>{escape(run.title)}</b>{escape(state)}</th></tr>']
    for index in run.shown:
        name, title = names[index], run.styles[index].title
        cells = [
            f'<td class="number">{escape(CALLED[metric].amount(run.value(metric, index)))}</td>' for metric in COLUMNS
        ]
        base = names.index(references[name]) if name in references else None
        words = [
            "" if base is None else difference(CALLED[metric], run.value(metric, index), run.value(metric, base)).words
            for metric in ("ip", "cost")
        ]
        rows.append(tables.row(title, [*cells, *tables.words("; ".join(filter(None, words)))]))
        if any((name, metric) in rounds.means for metric in COLUMNS):
            cells = [
                _interval(CALLED[metric], rounds.means.get((name, TESTED.get(metric, metric)))) for metric in COLUMNS
            ]
            found = [(CALLED[metric], rounds.reductions.get((name, metric))) for metric in ("ip", "cost")]
            said = "; ".join(filter(None, (_reduced(metric, reduction) for metric, reduction in found if reduction)))
            rows.append(tables.row(f"{title}, {inside(EVALUATED)}", [*cells, *tables.words(said)]))
    left = len(run.styles) - len(run.shown)
    if left:
        rows.append(f'<tr><td colspan="{width}" class="ctviz-muted">and {left} more models</td></tr>')
    return rows


def _interval(metric: Metric, rounds: tuple[float, float, float] | None) -> str:
    """The mean over the rounds, and the interval below it."""
    if rounds is None:
        return '<td class="number">—</td>'
    mean, low, high = rounds
    scale = metric.scale
    interval = f"<br><small>[{number(scale * low, 3)}, {number(scale * high, 3)}]</small>"
    known = math.isfinite(low) and math.isfinite(high)
    return f'<td class="number">{escape(metric.amount(mean))}{interval if known else ""}</td>'


def _reduced(metric: Metric, found: tuple[float, float, float, bool]) -> str:
    """``13 % closer to real data [10, 16]``, or that no difference is clear."""
    reduction, low, high, significant = found
    if not math.isfinite(reduction):
        return ""
    if not significant:
        between = listed([f"{number(abs(end))} % {'less' if end > 0 else 'more'}" for end in (low, high)])
        return f"{UNCLEAR} in {metric.symbol}: between {between}"
    sign = 1 if reduction > 0 else -1
    ends = sorted((sign * low, sign * high))
    return f"{reduced(metric, reduction).words} [{number(ends[0])}, {number(ends[1])}]"


# -- settings ----------------------------------------------------------------------------------------------


def settings(runs: Sequence[Chosen], draft: Draft[ComparisonView]) -> None:
    """What differs between the settings of the runs; all of them, with what differs in bold, if asked for."""
    whole = draft.view.settings == "all"
    binding = bind.to("runs-settings", whole, lambda on: draft.look(settings="all" if on else "differ"))
    bind.toggle("All settings, not only what differs", binding)
    found = differences([run.experiment for run in runs], alike=whole)
    if not found:
        st.markdown("The settings of these runs are the same.")
        return
    heads = tables.heads("Setting", *(run.title for run in runs), number=False)
    rows = (tables.row(_setting(entry.path), _values(entry)) for entry in found)
    tables.scrolling("Settings of the runs", tables.table(heads, rows, kind="ctviz-settings"))


def _setting(path: str) -> str:
    if path == "arms":
        return "Models"
    label = setting(path).label
    arm = path.split(".")[1] if path.startswith("arms.") else "*"
    return label if arm == "*" else f"{label} of “{arm}”"


def _values(entry: SettingDifference) -> list[str]:
    cells = []
    for value in entry.values:  # noqa: PD011 (no data frame)
        if value is None and not entry.path.endswith("seed"):
            text = "—"
        elif entry.path == "arms" and len(value) > MAX_ARMS:
            text = f"{len(value)} models"
        else:
            text = words_of(entry.path, value)
        cells.append(f"<td>{f'<b>{escape(text)}</b>' if entry.differs else escape(text)}</td>")
    return cells


# -- boundaries --------------------------------------------------------------------------------------------


def boundaries(service: Service, runs: Sequence[Chosen]) -> None:
    """The last boundary of each model, and where its run can be looked at more closely."""
    columns = 3 if len(runs) == 3 or len(runs) > 4 else min(len(runs), 2)
    dark = palette() == DARK
    for start in range(0, len(runs), columns):
        for cell, run in zip(st.columns(columns, gap="large"), runs[start : start + columns], strict=False):
            with cell:
                st.html(f'<p class="ctviz-chart-title">{escape(run.title)}</p>')
                _pictures(service, run, dark)
                _open(run)


def _pictures(service: Service, run: Chosen, dark: bool) -> None:
    run_view = service.run_view(run.entry.key)
    if run_view is None:
        st.markdown("Nothing of this run can be shown yet.")
        return
    if undrawn := shown_kind(run.experiment).undrawn:
        st.markdown(undrawn)
        return
    with st.container(key=f"runs-pictures-{run.letter}"):
        row = st.columns(max(len(run.shown), 2), gap="small")
    for cell, index in zip(row, run.shown, strict=False):
        style = run.styles[index]
        picture = _picture(run_view.attempt, run_view.last, index, dark, run_view)
        if picture is not None:
            cell.image(
                picture, caption=style.title, width="stretch",
                alt=f"Decision boundary of {style.title} in run {run.letter} after epoch {run_view.last}.",
            )  # fmt: skip


@st.cache_data(max_entries=200, show_spinner=False)
def _picture(attempt: str, epoch: int, arm: int, dark: bool, _feed: RunView) -> bytes | None:
    """The boundary of one arm after an epoch of an attempt; None for data that are not in a plane."""
    snapshot = _feed.at(epoch)
    plane = snapshot.field
    if plane is None:
        own = _feed.experiment
        stack = Stack.from_weights(snapshot.weights, own.model, members=own.members)
        plane = field(stack, _feed.scene, COARSE)
    return None if plane is None else boundary_png(_feed.scene, plane[arm], DARK if dark else LIGHT, SIDE)


def _open(run: Chosen) -> None:
    if kind_of_data(run.experiment.data).drawn and run.experiment.evaluation.field == 0:
        st.caption("No pictures were kept of this run, so the other pages have nothing to show of it.")
        return
    if len(run.experiment.arms) > MAX_ARMS:
        st.caption(f"The other pages show at most {MAX_ARMS} models.")
        return
    query, pages = link_of(run.experiment), shown_kind(run.experiment).pages
    if not pages:
        st.caption("No other page shows it.")
    with st.container(horizontal=True):
        for page in pages:
            link_to(page, f"Open in {page.title}", query)


# -- curves ------------------------------------------------------------------------------------------------


def curves(service: Service, runs: Sequence[Chosen], draft: Draft[ComparisonView]) -> None:
    """One metric of all runs over the epochs."""
    binding = bind.to_view(draft, "curve", key="runs-curve")
    bind.choice("Over the epochs", CURVES, binding, words=lambda name: RECORDED[name].title, width=320)
    metric = RECORDED[draft.view.curve]
    lines = [
        line
        for run in runs
        if (run_view := service.run_view(run.entry.key))
        for line in _curves(run, run_view, metric.name)
    ]
    ends = [f"{line.style.title} {metric.amount(_last(line.values))}" for line in lines]
    st.plotly_chart(
        overlay(metric, lines, palette()), key="runs-curves", theme=None, config={"displayModeBar": False},
        alt=f"{metric.title} over the epochs, on validation data. At the end: {'; '.join(ends) or 'nothing measured'}.",
    )  # fmt: skip
    st.caption(f"{metric.help} On validation data. A dash of its own for each run.")


def _curves(run: Chosen, run_view: RunView, metric: str) -> list[Curve]:
    epochs, history = run_view.history()
    dash = DASHES[(ord(run.letter) - ord("A")) % len(DASHES)]
    return [
        Curve(
            replace(
                run.styles[index], dash=dash, short=f"{run.letter} {run.styles[index].short.lower()}",
                title=f"{run.letter} {run.styles[index].title}",
            ),
            epochs, history[metric][:, index],
        )
        for index in run.shown
    ]  # fmt: skip


def _last(values: npt.NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else math.nan
