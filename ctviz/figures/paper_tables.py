"""Table 1, ours beside the published numbers, as CSV, LaTeX and Markdown."""

from __future__ import annotations

import csv
import io

from ctviz.catalogue.metrics import METRICS as METRICS_OF
from ctviz.catalogue.metrics import REPRODUCED
from ctviz.figures.paper_words import agreement, drawn, exactly, interval, published
from ctviz.studies.reproduce.published import METRICS
from ctviz.studies.reproduce.result import ComparedReduction, Reduction, Table1, Table1Row

HEAD = (
    "data", "metric", "seed", "reduction", "low", "high", "error", "significant", "value", "base",
    "published", "published_error", "published_significant", "agrees", "tau", "lambda_reg",
)  # fmt: skip
"""Columns of the CSV; ``seed`` is empty where the row is that of all draws."""


def to_csv(result: Table1) -> str:
    """One row for each data set and metric over all draws, and one for each draw; numbers as they are."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(HEAD)
    for row, metric, outcome in result.outcomes():
        cell = row.cell(metric)
        chosen = ["", ""] if cell is None else [str(cell.tau), str(cell.lambda_reg)]
        known = ["" if value is None else value for value in (outcome.published, outcome.published_error)]
        theirs = [*known, _yes(outcome.published_significant)]
        rows.writerow([row.data, metric, "", *_numbers(outcome), *theirs, _yes(outcome.agrees), *chosen])
        for seed, one in row.draws(metric):
            rows.writerow([row.data, metric, seed, *_numbers(one), "", "", "", "", *chosen])
    for row in result.rows:
        cell = row.settings.plausibility
        for name, one in _solved(row):
            rows.writerow([row.data, name, "", *_numbers(one), "", "", "", "", cell.tau, cell.lambda_reg])
    return out.getvalue()


def _solved(row: Table1Row) -> list[tuple[str, Reduction]]:
    """The metrics of the exact judge, as reports call them, over all draws; none where nothing was solved."""
    if row.exact is None:
        return []
    return [(f"exact_{name}", getattr(row.exact, name)) for name in ("ip", "nearest", "nearest_five", "cost")]


def _numbers(one: Reduction) -> list[str]:
    values = [one.reduction, one.low, one.high, one.error, _yes(one.significant), one.value, one.base]
    return ["" if value is None else str(value) for value in values]


def _yes(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


def to_markdown(result: Table1) -> str:
    """A table with three columns of ours, each with the published number and the agreement in words."""
    heads = [f"{column.title} ({column.symbol})" for column in REPRODUCED.values()]
    lines = [f"| data | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for row in result.rows:
        cells = [_plain(row.outcome(metric)).replace("*", "\\*") for metric in METRICS]
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join([*lines, *_solved_markdown(result), "", _note(result).replace("*", "\\*"), ""])


def _solved_markdown(result: Table1) -> list[str]:
    """A table of the exact judge, if anything was solved."""
    solved = [row for row in result.rows if row.exact is not None]
    if not solved:
        return []
    heads = [f"{METRICS_OF[name].title} ({METRICS_OF[name].symbol})" for name, _ in _solved(solved[0])]
    lines = ["", f"| data | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for row in solved:
        cells = [interval(one).replace("*", "\\*") for _, one in _solved(row)]
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return [*lines, "", exactly(result)]


def _plain(outcome: ComparedReduction) -> str:
    return f"{interval(outcome)}; published {published(outcome)}: {agreement(outcome)}"


def to_latex(result: Table1) -> str:
    r"""A ``tabular`` for the package booktabs: two lines for each data set, ours and the published one."""
    heads = " & ".join(f"{_latex(column.title)} ({_latex(column.symbol)})" for column in REPRODUCED.values())
    lines = [r"\begin{tabular}{llrrr}", r"\toprule", rf"Data & & {heads} \\", r"\midrule"]
    for row in result.rows:
        outcomes = [row.outcome(metric) for metric in METRICS]
        ours = " & ".join(_latex(interval(outcome)) for outcome in outcomes)
        theirs = " & ".join(_latex(published(outcome)) for outcome in outcomes)
        lines += [rf"{_latex(row.title)} & here & {ours} \\", rf" & published & {theirs} \\"]
    lines += [r"\bottomrule", r"\end{tabular}", f"% {_note(result)}", ""]
    return "\n".join(lines)


def _latex(text: str) -> str:
    for plain, written in (("%", r"\%"), ("±", r"$\pm$"), ("−", "$-$"), ("–", "--"), ("*", "$^*$")):
        text = text.replace(plain, written)
    return text


def _note(result: Table1) -> str:
    """What the numbers are."""
    return (
        "Reduction in % against conventional training, with its interval; * zero lies outside. Over "
        f"{drawn(result.rows)}. Published: {result.source}."
    )
