"""The comparison with rivals as CSV and Markdown."""

from __future__ import annotations

import csv
import io

from ctviz.catalogue.metrics import RIVAL_METRICS
from ctviz.figures.rivals_words import SEARCHES, caveat, gain, gains, headline, how, price, settings
from ctviz.studies.rivals.methods import CONVENTIONAL
from ctviz.studies.rivals.result import VerdictResult

HEAD = ("data", "method", "locked", "metric", "search", "seed", "value")


def to_csv(result: VerdictResult) -> str:
    """A row for each data set, method, metric, search and draw; numbers as they are."""
    out = io.StringIO()
    rows = csv.DictWriter(out, HEAD, lineterminator="\n")
    rows.writeheader()
    for one in result.table():
        rows.writerow(
            {**one, "locked": str(one["locked"]).lower(), "value": "" if one["value"] is None else one["value"]}
        )
    return out.getvalue()


def to_markdown(result: VerdictResult) -> str:
    """A table for each data set and search: how much better each method is than conventional training."""
    lines = [headline(result), "", gains(result), "", price(result), "", caveat(result), ""]
    for row in result.rows:
        measures = result.measures([row])
        for search in result.searches:
            lines += [f"{row.title}, {SEARCHES.get(search, search)}", ""]
            lines.append(f"| method | {' | '.join(RIVAL_METRICS[one.name].symbol for one in measures)} | settings |")
            lines.append("|---" * (2 + len(measures)) + "|")
            for method in row.methods:
                cells = [gain(result.compared(row, method.name, CONVENTIONAL, m, search), m) for m in measures]
                if method.name == CONVENTIONAL:
                    cells = [
                        RIVAL_METRICS[m.name].amount(result.average(row, method.name, m, search).value)
                        for m in measures
                    ]
                told = " | ".join([*cells, settings(method.settings)])
                lines.append(f"| {result.titles[method.name]} | {told} |")
            lines.append("")
    return "\n".join([*lines, how(result), "", result.rule, ""]).replace("*", "\\*")
