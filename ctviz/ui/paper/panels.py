"""What Paper shows: the panels, the table, and below them how the numbers came about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from ctviz.catalogue.metrics import REPRODUCED
from ctviz.figures.paper import attack_curves, panel, reliability_curves
from ctviz.figures.paper_words import (
    ARMS,
    agreement,
    calibrated,
    curve_words,
    draws_of,
    exactly,
    fill,
    headline,
    how,
    interval,
    judged,
    published,
    size,
)
from ctviz.prose import begun, decimal, listed, number, unbroken
from ctviz.studies.reproduce.published import LINK, METRICS, TABLE1, TITLES, MetricName
from ctviz.studies.reproduce.result import ComparedReduction, ExactOutcome, Reduction, Table1, Table1Row
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal, page_title
from ctviz.ui.kit.tables import CORNER, number_table, scrolling, table
from ctviz.ui.kit.tables import numbers as numbers_of
from ctviz.ui.kit.tables import row as table_row
from ctviz.ui.kit.theme import palette
from ctviz.ui.paper.choices import choosing, every_draw
from ctviz.ui.paper.files import Loaded, findings
from ctviz.ui.paper.paper_view import PaperView
from ctviz.ui.paper.rivals import better_than

QUIET = {"displayModeBar": False}

STAR = "* zero lies outside of the interval. Reductions in % against conventional training: positive is better."

REST = (
    "“Not over the same requests”: over those requests that both models meet there is no such saving. In the picture, "
    "published numbers have ± 2.58 standard errors."
)

SEARCHED_GROUP, EXACT_GROUP = "Searched as in the paper", "The cheapest advice, no search"
"""Over the columns of the paper, and over those of the exact judge."""

EXACT = {"ip": "Real data", "nearest": "Nearest sample", "cost": "Effort"}
"""Columns of the exact judge, which say how much less there is."""

SENSITIVITY = (
    "How much of a model's answers rests on what is locked, by integrated gradients: standardised as in the paper, "
    "which a few samples can dominate, and as a share of all features. The columns: conventional training, "
    "counterfactual training without and with the lock, and how the last differs from the first, with an interval over "
    "draws."
)
ROOM = (
    "Mean distance to real samples of the class aimed at: of factuals before any search, of both models' "
    "counterfactuals, and of real samples of that class among themselves. Where conventional counterfactuals lie no "
    "farther than real samples do, there is nothing to gain."
)
SEARCHED = (
    "The same models, with counterfactuals searched in shorter and in longer steps. Where a model is steep, long steps "
    "leap across the data and end beyond them; conventional models are the steeper ones. So how much there is to gain "
    "depends on how advice is searched. η is the length of a step, T the most steps; the table on top has η = 0.1. "
    "These are the first draws, ten at most."
)
ABLATION = (
    "The objective has two parts: the energy part teaches with mature counterfactuals, the adversarial part with "
    "nascent ones. Each is trained alone from the same first weights, with the settings that were chosen for the whole."
)
ATTACKS = (
    "Share of test samples that are still classified correctly when each is moved by up to ε against the model (FGSM). "
    "Bands span the least and the greatest of the draws."
)


CALIBRATED = (
    "A model says of each sample how sure it is of its answer. Of the answers of which it is 90 % sure, 90 % should be "
    "right: the dotted line. Larger dots stand for more of the test samples, those of all draws together; the "
    "calibration error is the mean distance from the dotted line."
)


def nothing(problem: str) -> None:
    """Where there is no result: why, and what to do next."""
    page_title("The paper's results have not been computed here yet.")
    if problem:
        st.warning(literal(problem), icon=":material/error:")
    st.markdown("This computes them; it can be stopped at any time and goes on from there.")
    st.code("ctviz reproduce table1 --quick", language="bash")


def above(shown: Loaded, *, large: bool = False) -> None:
    """The finding, and the three panels that carry it; on a large screen these come first, to be seen at once."""
    result, colours = shown.result, palette()
    if not large:
        page_title(headline(result))
        _judged(result)
    with st.container(key="paper-panels"):
        if large:  # what both leave of the window is shared: see style.css
            page_title(headline(result))
        places = st.columns(len(METRICS), gap="medium")
    for cell, metric in zip(places, METRICS, strict=True):
        column = REPRODUCED[metric]
        with cell:
            symbol = "" if metric == "cost" else f" ({column.symbol})"
            st.html(
                f'<p class="ctviz-chart-title" title="{escape(column.help)}">{escape(column.title + symbol)}</p>'
                '<p class="ctviz-chart-values ctviz-muted">Less than with conventional training, in %</p>'
            )
            said = [f"{row.title}: {interval(row.outcome(metric))}, {_theirs(row, metric)}" for row in result.rows]
            draw = partial(panel, result.rows, metric, colours, large=large)
            st.plotly_chart(
                shown.drawings.get((metric, colours, large), draw), key=f"panel-{metric}", theme=None, config=QUIET,
                alt=f"{column.title}, reduction in %. {'; '.join(said)}.",
            )  # fmt: skip
    if large:
        _judged(result)


def _judged(result: Table1) -> None:
    """The finding without any search, and how all came about."""
    exact = judged(result)
    first = f'<p class="ctviz-judged">{escape(unbroken(exact))}</p>' if exact else ""
    st.html(f'{first}<p class="ctviz-muted">{escape(how(result))}</p>')


def _theirs(row: Table1Row, metric: MetricName) -> str:
    outcome = row.outcome(metric)
    return f"published {published(outcome)}, {agreement(outcome)}"


def numbers(result: Table1, problem: str = "") -> None:
    """The same as a table: ours, the published number, and whether they agree."""
    if problem:
        st.warning(literal(problem), icon=":material/link_off:")
    named = [f"{escape(column.title)} <small>{column.symbol}</small>" for column in REPRODUCED.values()]
    head = [f'<th scope="col">{title}</th>' for title in named]
    solved = any(row.exact is not None for row in result.rows)
    if solved:
        head += [f'<th class="ctviz-solved" scope="col">{title}</th>' for title in EXACT.values()]
    body = []
    for row in result.rows:
        texts = []
        for metric in METRICS:
            outcome = row.outcome(metric)
            texts.append(
                f"<td><b>{escape(interval(outcome))}</b>{_published(outcome)}"
                f"<br>{escape(', '.join(filter(None, (agreement(outcome), size(outcome)))))}</td>"
            )
        texts += _solved(row.exact) if solved else []
        drawn = f'<br><small class="ctviz-muted">{escape(draws_of(row))}</small>'
        body.append(f'<tr><th scope="row">{escape(row.title)}{drawn}</th>{"".join(texts)}</tr>')
    groups = [(SEARCHED_GROUP, len(METRICS)), (EXACT_GROUP, len(EXACT))] if solved else []
    width = 62 if solved else 46
    shown = table([CORNER, *head], body, width=width, kind="ctviz-published", groups=groups)
    scrolling("Table 1, here and as published", shown)
    rest = f"{REST}{f' {exactly(result)}' if solved else ''}{_left_out(result)}"
    said = f"{STAR} Published: [{result.source}]({LINK}), with standard errors. {rest}"
    st.caption(said.replace("*", "\\*", 1))


def _published(outcome: ComparedReduction) -> str:
    """The line of the published number, where there is one."""
    if outcome.published is None:
        return ""
    return f"<br><small>published {escape(published(outcome))}</small>"


def _solved(exact: ExactOutcome | None) -> list[str]:
    """The cells of the exact judge: how much less, and from what to what."""
    if exact is None:
        return [f'<td class="ctviz-muted" colspan="{len(EXACT)}">not solved</td>']
    cells = []
    for metric in EXACT:
        one: Reduction = getattr(exact, metric)
        two, three = ([number(end, digits) for end in (one.base, one.value)] for digits in (2, 3))
        ends = " → ".join(three if two[0] == two[1] else two)
        near = bool(one.significant) and min(abs(one.low or 0), abs(one.high or 0)) < 0.5  # a bound reads as 0
        size, _, span = interval(one, int(near)).partition(" [")
        star = " *" if span.endswith("*") else ""
        told = f"[{span.removesuffix(' *')}" if span else ""
        cells.append(
            f'<td class="ctviz-solved"><b>{escape(size + star)}</b><br><small>{escape(told)}</small>'
            f"<br><small>{escape(ends)}</small></td>"
        )
    return cells


def _left_out(result: Table1) -> str:
    """Which rows of the paper's table are not in the result, and what computes them."""
    missing = [data for data in TABLE1 if result.row(data) is None]
    if not missing:
        return ""
    titles, names = listed([TITLES[data] for data in missing]), ",".join(missing)
    return f" Not in this result: {titles}; `ctviz reproduce table1 --data {names}` computes them."


def below(shown: Loaded, draft: Draft[PaperView]) -> None:
    """How the settings were chosen and what else was measured, each under a heading."""
    result = shown.result
    row = result.row(draft.view.data)
    if row is None:
        row = result.rows[0]
        st.info(f"{TITLES[draft.view.data]} is not in this result; what follows is about {row.title}.")
    _found_besides(result)
    better_than(draft)
    left, right = st.columns(2, gap="large")
    with left:
        choosing(result, row)
        every_draw(result, row, draft)
    with right:
        _room(result)
        _searched(result)
        _ablation(result)
        _sensitivity(result)
    _attacks(shown)
    _calibration(shown)


def _found_besides(result: Table1) -> None:
    filled = [(finding.title, fill(finding.words, result)) for finding in findings()]
    known = [(title, words) for title, words in filled if words is not None]
    if not known:
        return
    st.subheader("What we found beyond the paper", anchor=False)
    for start in range(0, len(known), 3):
        for cell, (title, words) in zip(st.columns(3, gap="large"), known[start : start + 3], strict=False):
            cell.markdown(f"**{title}** {words}".replace(" *", " \\*"))


def _room(result: Table1) -> None:
    """How much implausibility there was to take away."""
    st.subheader("How much there is to gain", anchor=False)
    st.markdown(ROOM)
    body = []
    for row in result.rows:
        room = row.room
        ends = (room.start, room.conventional, room.counterfactual, room.floor)
        share = "–" if room.share is None else f"{decimal(100 * room.share, 0)} %"
        body.append(table_row(row.title, numbers_of(*(decimal(end, 2) for end in ends), share)))
    titles = ("factuals", "conventional", "counterfactual training", "real samples", "share of the gain")
    number_table("IP of factuals, counterfactuals and real samples", titles, body)


def _searched(result: Table1) -> None:
    """How much of the gain hangs on the steps of the search."""
    known = [(row, search) for row in result.rows for search in row.searched]
    if not known:
        return
    st.subheader("How much hangs on the search", anchor=False)
    st.markdown(SEARCHED)
    body = [
        table_row(
            row.title,
            numbers_of(interval(search.ip), interval(search.ip_star)),
            symbol=f"η {search.step_size:g}, T {search.steps:,}",
        )
        for row, search in known
    ]
    number_table("Reduction in % with other steps of the search", ("IP, %", "IP*, %"), body)


def _ablation(result: Table1) -> None:
    if not result.ablation:
        return
    st.subheader("What each part of the objective does", anchor=False)
    st.markdown(ABLATION)
    arms = list(dict.fromkeys(part.arm for part in result.ablation))
    known = {(part.data, part.arm, str(part.metric)): part for part in result.ablation}
    body = []
    for row in result.rows:
        for metric in METRICS[:2]:
            texts = [interval(known.get((row.data, arm, metric))) for arm in arms]
            body.append(table_row(row.title, numbers_of(*texts), symbol=REPRODUCED[metric].symbol))
    number_table("Ablation: reduction in %", [ARMS[arm] for arm in arms], body)


def _sensitivity(result: Table1) -> None:
    if not result.sensitivity:
        return
    st.subheader("How much rests on what is locked", anchor=False)
    st.markdown(SENSITIVITY)
    called = {row.data: row.title for row in result.rows}
    body = []
    for part in result.sensitivity:
        spanned = "" if part.low is None else f" [{decimal(part.low, 2)}, {decimal(part.high, 2)}]"
        difference = decimal(part.difference, 2) + spanned + (" *" if part.significant else "")
        shown = numbers_of(*(decimal(value, 2) for value in (part.base, part.unlocked, part.value)), difference)
        body.append(table_row(called.get(part.data, part.data), shown, symbol=f"{part.feature}, {part.measure}"))
    titles = ("conventional", "without the lock", "with the lock", "with − conventional")
    number_table("Sensitivity to what is locked", titles, body)


def _attacks(loaded: Loaded) -> None:
    result, colours = loaded.result, palette()
    shown = [row for row in result.rows if any(c.data == row.data and c.attack == "fgsm" for c in result.robustness)]
    if not shown:
        return
    st.subheader("Accuracy under attack", anchor=False)
    st.markdown(ATTACKS)
    for start in range(0, len(shown), 3):
        for place, row in zip(st.columns(3, gap="medium"), shown[start : start + 3], strict=False):
            curves = [c for c in result.robustness if c.data == row.data and c.attack == "fgsm"]
            said = [f"{ARMS[c.arm]} {decimal(_last(c.accuracy))} %" for c in curves]
            drawn = loaded.drawings.get(("attack", row.data, colours), partial(attack_curves, curves, colours))
            with place:
                st.html(
                    f'<p class="ctviz-chart-title">{escape(row.title)}</p><p class="ctviz-chart-values ctviz-muted">'
                    f"{escape(_ends(result, row))}</p>"
                )
                st.plotly_chart(
                    drawn, key=f"attack-{row.data}", theme=None, config=QUIET,
                    alt=f"{row.title}, accuracy at ε = {curves[0].epsilon[-1]:g}: {', '.join(said)}.",
                )  # fmt: skip


def _calibration(loaded: Loaded) -> None:
    """How far what the models say of their own certainty can be believed, beside how often they are right."""
    result, colours = loaded.result, palette()
    known = [(row, row.reliability) for row in result.rows if row.reliability]
    if not known:
        return
    st.subheader("How far certainty can be believed", anchor=False)
    st.markdown(" ".join(filter(None, (CALIBRATED, unbroken(calibrated(result))))))
    shown = [(row, curves) for row, curves in known if any(len(curve.low) > 1 for curve in curves)]
    for start in range(0, len(shown), 3):
        for place, (row, curves) in zip(st.columns(3, gap="medium"), shown[start : start + 3], strict=False):
            errors, right = (
                " → ".join(decimal(value, scale=100) for value in values)
                for values in ([c.error for c in curves], [c.accuracy_overall for c in curves])
            )
            said = f"calibration error {errors} %, right {right} %"
            draw = partial(reliability_curves, curves, colours)
            drawn = loaded.drawings.get(("reliability", row.data, colours), draw)
            with place:
                st.html(
                    f'<p class="ctviz-chart-title">{escape(row.title)}</p><p class="ctviz-chart-values ctviz-muted">'
                    f"{escape(begun(unbroken(said)))}</p>"
                )
                st.plotly_chart(
                    drawn, key=f"reliability-{row.data}", theme=None, config=QUIET,
                    alt=f"{row.title}: {said}. {'; '.join(map(curve_words, curves))}.",
                )  # fmt: skip
    sure = listed([row.title for row, curves in known if all(len(curve.low) == 1 for curve in curves)])
    alone = f" Not drawn: {sure}, where both models are as sure of all samples as can be." if sure else ""
    missing = [row for row in result.rows if not row.reliability]
    if missing:
        data = ",".join(row.data for row in missing)
        alone += (
            f" Not measured yet: {listed([row.title for row in missing])}; "
            f"`ctviz reproduce table1 --extend FILE --data {data}` does that."
        )
    st.caption(
        f"Conventional training → counterfactual training: diamonds on a dashed line, dots on a green one.{alone}"
    )


def _last(values: Sequence[float | None]) -> float | None:
    return 100 * values[-1] if values and values[-1] is not None else None


def _ends(result: Table1, row: Table1Row) -> str:
    """Accuracy at the strongest attack of each kind, conventional → counterfactual training."""
    parts = []
    for attack in ("fgsm", "pgd"):
        found = {c.arm: c for c in result.robustness if c.data == row.data and c.attack == attack}
        if "vanilla" in found and "full" in found:
            values = [decimal(_last(found[arm].accuracy)) for arm in ("vanilla", "full")]
            parts.append(f"{attack.upper()} at ε = {found['full'].epsilon[-1]:g}: {values[0]} → {values[1]} %")
    return "; ".join(parts)
