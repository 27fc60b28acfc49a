"""Paper's section on other methods: is counterfactual training better than they are?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from ctviz.catalogue.metrics import RIVAL_METRICS
from ctviz.figures.rivals import dots, dots_words
from ctviz.figures.rivals_tables import to_csv, to_markdown
from ctviz.figures.rivals_words import (
    QUESTION,
    SEARCHES,
    SIDES,
    Caveat,
    caveats,
    drawn,
    gain,
    gains,
    headline,
    measured,
    price,
    rivals,
    settings,
    standing,
    unit,
)
from ctviz.prose import inside, unbroken
from ctviz.studies.rivals.methods import CONVENTIONAL, COUNTERFACTUAL
from ctviz.studies.rivals.result import MEASURES, Measure, VerdictResult, VerdictRow
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import ExportFile, offer
from ctviz.ui.kit.tables import CORNER, heads, numbers, scrolling, table, words
from ctviz.ui.kit.tables import row as table_row
from ctviz.ui.kit.theme import palette
from ctviz.ui.paper.files import Comparison, comparison
from ctviz.ui.paper.paper_view import PaperView

HOW = "How the numbers came about"
"""Over what is folded away of that."""

READING = (
    "How much better each method is than conventional training, the dotted line, in {unit}: {side}. Beside each name "
    "stands whether the method is ahead of counterfactual training with the paper's ε-box or behind it, draw by draw."
)
TABLE = (
    "The mean over draws, and below it how much better it is than conventional training with its interval; * zero lies "
    "outside. Effort is compared over those requests that both models meet."
)


def better_than(draft: Draft[PaperView]) -> None:
    """The answer in words, the picture of one measure on every data set, and the table of the chosen one."""
    shown = comparison()
    if shown is None:
        return
    st.subheader(QUESTION, anchor=False)
    st.html(shown.told.get("answer", lambda: _answer(shown.result)))
    _standings(shown, COUNTERFACTUAL)
    known = [RIVAL_METRICS[one.name] for one in shown.measures]
    st.caption(f"{'; '.join(f'{one.symbol}: {inside(one.title)}' for one in known)}.".replace("*", "\\*"))
    measure, search = _chosen(shown, draft)
    _pictures(shown, measure, search)
    _numbers(shown, shown.result.row(draft.view.data) or shown.result.rows[0], search)
    _more(shown)


def _answer(result: VerdictResult) -> str:
    """Gain, price and caveats, and how the numbers came about."""
    return (
        f'<div class="ctviz-against"><p><b>{escape(unbroken(headline(result)))}</b></p>'
        f"<p>{escape(unbroken(gains(result)))}</p><p>{escape(unbroken(price(result)))}</p>"
        f"<ul>{''.join(map(_hangs, caveats(result)))}</ul>"
        f'<div class="ctviz-muted">{escape(unbroken(drawn(result)))} {_fold(HOW, measured(result))}</div></div>'
    )


def _hangs(caveat: Caveat) -> str:
    """A caveat as an item of a list; its details are folded."""
    folds = "".join(_fold(title, text) for title, text in caveat.details.items())
    said = f" {escape(unbroken(caveat.said))}" if caveat.said else ""
    return f"<li><b>{escape(caveat.about)}.</b>{said}{folds}</li>"


def _fold(title: str, text: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{escape(unbroken(text))}</details>"


def _standings(shown: Comparison, first: str) -> None:
    """How one method stands to all others by every measure: comparisons won and lost beyond chance."""
    label = f"{shown.result.titles[first]} against each method, won : lost"
    scrolling(label, shown.told.get(("standings", first), lambda: _standings_table(shown, first, label)))


def _standings_table(shown: Comparison, first: str, label: str) -> str:
    body = []
    for other in rivals(shown.result):
        cells = []
        for measure in shown.measures:
            found = standing(shown.result, first, other.name, measure)
            text = f"<b>{found.words}</b>" if found.side > 0 else found.words
            side = f"<br><small>{SIDES[found.side]}</small>"
            cells.append(f'<td class="number">{text + side if found.of else "–"}</td>')
        body.append(table_row(other.title, cells))
    titles = [RIVAL_METRICS[measure.name].symbol for measure in shown.measures]
    return table([CORNER, *heads(*titles)], body, caption=label, width=58)


def _chosen(shown: Comparison, draft: Draft[PaperView]) -> tuple[Measure, str]:
    """What is compared, and with which search."""
    known = [measure.name for measure in shown.measures]
    name = draft.view.measure if draft.view.measure in known else known[0]
    left, right, _ = st.columns([0.36, 0.3, 0.34], vertical_alignment="bottom")
    with left:
        bind.choice(
            "Compared by", known, bind.to("paper-measure", name, lambda chosen: draft.look(measure=chosen)),
            words=lambda one: RIVAL_METRICS[one].title, help=RIVAL_METRICS[name].help,
        )  # fmt: skip
    with right:
        bind.choice(
            "Advice is sought with", shown.result.searches, bind.to_view(draft, "search", key="paper-search"),
            kind="buttons", words=SEARCHES,
        )  # fmt: skip
    return MEASURES[name], draft.view.search


def _pictures(shown: Comparison, measure: Measure, search: str) -> None:
    side = "farther to the right is more" if measure.unit == "times" else "to the right is better"
    st.caption(READING.format(unit=unit(measure), side=side))
    rows = [row for row in shown.result.rows if any(row.values(one.name, measure, search) for one in row.methods)]
    colours = palette()
    for start in range(0, len(rows), 3):
        for place, row in zip(st.columns(3, gap="medium"), rows[start : start + 3], strict=False):
            of = shown.result, row, measure, search
            drawn = shown.drawings.get((row.data, measure.name, search, colours), partial(dots, *of, colours))
            alt = shown.told.get(("picture", row.data, measure.name, search), partial(dots_words, *of))
            with place:
                found = shown.result.average(row, CONVENTIONAL, measure, search)
                conventional = f"conventional training: {RIVAL_METRICS[measure.name].amount(found.value)}"
                st.html(
                    f'<p class="ctviz-chart-title">{escape(row.title)}</p>'
                    f'<p class="ctviz-chart-values ctviz-muted">{escape(conventional)}</p>'
                )
                st.plotly_chart(drawn, key=f"rivals-{row.data}", theme=None, config={"displayModeBar": False}, alt=alt)


def _numbers(shown: Comparison, row: VerdictRow, search: str) -> None:
    """All measures of all methods on one data set."""
    label = f"{row.title}, {SEARCHES[search]}"
    made = shown.told.get(("numbers", row.data, search), lambda: _numbers_table(shown.result, row, search, label))
    scrolling(f"All methods on {label}", made)
    st.caption(f"{TABLE} “Settings and draws of” chooses the data set.".replace("*", "\\*"))


def _numbers_table(result: VerdictResult, row: VerdictRow, search: str, label: str) -> str:
    measures = result.measures([row])
    titles = [RIVAL_METRICS[measure.name].symbol for measure in measures]
    body = [
        table_row(
            result.titles[method.name],
            [*_cells(result, row, method.name, measures, search), *words(settings(method.settings))],
        )
        for method in row.methods
    ]
    return table([CORNER, *heads(*titles), *heads("settings", number=False)], body, caption=label, width=70)


def _cells(result: VerdictResult, row: VerdictRow, method: str, measures: Sequence[Measure], search: str) -> list[str]:
    cells = []
    for measure in measures:
        mean = RIVAL_METRICS[measure.name].amount(result.average(row, method, measure, search).value)
        beside = (
            "" if method == CONVENTIONAL else gain(result.compared(row, method, CONVENTIONAL, measure, search), measure)
        )
        (cell,) = numbers(mean)
        cells.append(cell.replace("</td>", f"<br><small>{escape(beside)}</small></td>") if beside else cell)
    return cells


def _more(shown: Comparison) -> None:
    """What was compared, how its settings were chosen, and all of it to take away."""
    result = shown.result
    with st.expander("The methods, the rule, and the numbers to take away"):
        for method in result.methods:
            many = f" {method.tries} tries." if method.tries > 1 else ""
            st.markdown(f"**{method.title}**: {method.words}{many}".replace("*", "\\*").replace("\\*\\*", "**"))
        for method in result.methods:
            if method.ours and method.name != COUNTERFACTUAL:
                _standings(shown, method.name)
        st.markdown(result.rule.replace("*", "\\*"))
        offer(
            ExportFile(label, made, f"ctviz-rivals.{end}", mime, "download")
            for label, made, end, mime in (
                ("Comparison, every draw (CSV)", lambda: to_csv(result), "csv", "text/csv"),
                ("Comparison (Markdown)", lambda: to_markdown(result), "md", "text/markdown"),
                ("Comparison, everything (JSON)", result.to_json, "json", "application/json"),
            )
        )
        st.code("ctviz reproduce rivals", language="bash")
