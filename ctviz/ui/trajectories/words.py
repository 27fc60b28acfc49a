"""What searches came to, in words and tables: the headline, the outcomes, one search in detail, the ends measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt

from ctviz.catalogue.differences import UNCLEAR, Difference
from ctviz.catalogue.findings import CLOSENESS, ON_AVERAGE, against_the_first, finding
from ctviz.catalogue.metrics import METRICS, Metric
from ctviz.catalogue.objective import AS_DATA, TERMS, in_words
from ctviz.catalogue.outcomes import OUTCOME_HELP, OUTCOME_TITLES, proof
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.experiments.endpoints import ENDPOINT_METRICS, Endpoints
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.loss_terms import LossTerms
from ctviz.experiments.outcome import OUTCOMES
from ctviz.experiments.trace import Trace
from ctviz.figures.advice import Names
from ctviz.figures.theme import ArmStyle, reference_pair
from ctviz.figures.words import short_name
from ctviz.prose import inside, number
from ctviz.ui.kit.facts import Fact, Row
from ctviz.ui.kit.results import amounts
from ctviz.ui.kit.tables import CORNER, heads, row, table

ENDS = tuple(METRICS[name] for name in ENDPOINT_METRICS)
"""What is measured where searches end, in the order a reader meets it."""


# -- the finding -----------------------------------------------------------------------------------


def headline(trace: Trace, styles: Sequence[ArmStyle], ends: Endpoints | None, last: int) -> str:
    """The finding of one picture, in one sentence."""
    when = f"At epoch {trace.epoch}: " if trace.epoch < last else ""
    if len(trace) == 0:
        return "There is no point to start from."
    conventional, trained = reference_pair(styles)
    first = conventional or 0
    pair = [first] if trained in (None, first) else [first, trained]
    if int(trace.group[-1]) == 0:
        return when + _one(trace, [(i, _spoken(styles[i])) for i in pair])
    counts = [(_spoken(styles[i]), *arrivals(trace, i)) for i in pair]
    if not any(of for _, _, of in counts):
        return f"{when}Every point is already in the class aimed at: there is nothing to search for."
    alike = len(styles) == len(counts) == 2 and counts[0][1:] == counts[1][1:]
    said = _alike(counts) if alike else _counted(counts)
    if ends is None or trained is None or conventional != 0:
        return f"{when}{said}."
    closer, dearer = (against_the_first(ends, name, trained) for name in (CLOSENESS, "cost"))
    who = f"; those of {inside(_spoken(styles[trained]))}" if alike else ", and they"
    return finding(f"{when}{said}{_closeness(closer, who)}", [dearer], better=closer.verdict == "better")


def arrivals(trace: Trace, arm: int) -> tuple[int, int]:
    """How many searches of an arm arrived, and how many set out: those that did not begin in the class aimed at."""
    out = trace.judged[arm]
    return int((trace.mature[arm] & out).sum()), int(out.sum())


def _counted(counts: Sequence[tuple[str, int, int]]) -> str:
    parts = []
    for place, (title, arrived, of) in enumerate(counts):
        name = title if place == 0 else inside(title)
        same = place > 0 and of == counts[0][2]
        if same:
            parts.append(f"{name}: {_of(arrived, of, short=True)}")
        else:
            parts.append(f"{name}: {_of(arrived, of)} {'arrives' if 1 in (arrived, of) else 'arrive'}")
    return "; ".join(parts)


def _alike(counts: Sequence[tuple[str, int, int]]) -> str:
    """The same number of two models."""
    _, arrived, of = counts[0]
    if arrived == 0:
        return f"None of {of} searches arrives with either model"
    many = f"{_of(arrived, of)} {'arrives' if 1 in (arrived, of) else 'arrive'}"
    return f"{many[0].upper()}{many[1:]} with both models"


def _of(arrived: int, of: int, short: bool = False) -> str:
    """``97 of 100 searches``, ``all 100 searches``, ``none of 100 searches``; short: the number alone."""
    noun = "" if short else " search" if of == 1 else " searches"
    if arrived == of and of > 1:
        return f"all {of}{noun}"
    if arrived == 0 and of > 0:
        return "none" if short else f"none of {of}{noun}"
    return f"{arrived}" if short else f"{arrived} of {of}{noun}"


def _spoken(style: ArmStyle) -> str:
    """What a model is called in a sentence: its title, or its own name where the title is that of several."""
    return f"“{style.name}”" if ":" in style.title else style.title


def _closeness(found: Difference, who: str) -> str:
    """How much closer to the nearest real sample the searches of a model end."""
    if not found.words:
        return ""
    if found.words == UNCLEAR:
        return f"; {UNCLEAR} in how close to the nearest real sample they end"
    return f"{who} end " + (f"about {METRICS[CLOSENESS].alike}" if found.alike else found.words)


def _one(trace: Trace, arms: Sequence[tuple[int, str]]) -> str:
    """The finding for a single factual."""
    parts = []
    for place, (arm, title) in enumerate(arms):
        name = title if place == 0 else inside(title)
        parts.append(f"{name} {_fate(trace, arm, best_row(trace, arm, 0))}")
    return f"{'; '.join(parts)}."


def _fate(trace: Trace, arm: int, row: int) -> str:
    word = OUTCOMES[int(trace.outcome[arm, row])]
    steps = int(trace.steps[arm, row])
    far = number(float(trace.distance[arm, row, -1]))
    if word != "already" and (shown := proof(trace, arm, row)):
        return {
            "cheapest": f"has its nearest counterfactual {far} away, proved",
            "near": f"has one {far} away",
            "none": "has no counterfactual, proved",
            "open": "has none that was found in time",
        }[shown]
    if word == "mature":
        return f"arrives after {steps} {'step' if steps == 1 else 'steps'}, {far} away"
    return {
        "already": "has nothing to change",
        "short": f"does not arrive in {steps} {'step' if steps == 1 else 'steps'}",
        "stuck": "comes to rest on the way",
        "impossible": "has nowhere to go",
    }[word]


def best_row(trace: Trace, arm: int, factual: int) -> int:
    """Of the searches from one factual: the one that arrived with the least effort, else the first."""
    rows = np.flatnonzero(trace.group == factual)
    arrived = rows[trace.mature[arm, rows]]
    if not len(arrived):
        return int(rows[0])
    return int(arrived[np.argmin(trace.distance[arm, arrived, -1])])


# -- beside the picture ----------------------------------------------------------------------------


def outcome_facts(trace: Trace, styles: Sequence[ArmStyle]) -> list[Fact]:
    """How all searches ended, counted, per arm."""
    counts = np.stack([np.bincount(row, minlength=len(OUTCOMES)) for row in trace.outcome])  # m outcomes
    return [
        Fact(
            OUTCOME_TITLES[outcome],
            [
                Row(short_name(style, styles), f"{count}{'' if place else f' of {len(trace)}'}", style.role)
                for style, count in zip(styles, counts[:, place].tolist(), strict=True)
            ],
            help=OUTCOME_HELP[outcome],
        )
        for place, outcome in enumerate(OUTCOMES)
        if counts[:, place].any() or outcome == "mature"
    ]


def end_facts(ends: Endpoints, styles: Sequence[ArmStyle]) -> list[Fact]:
    """The few numbers at the ends that belong next to the picture, each with what the difference means."""
    conventional, trained = reference_pair(styles)
    facts = []
    for name in (CLOSENESS, "ip", "cost"):
        metric, interval = METRICS[name], ends.metrics[name]
        said = against_the_first(ends, name, trained).words if conventional == 0 and trained is not None else ""
        note = ON_AVERAGE if name == "ip" else ""
        rows = amounts(metric, interval.value.tolist(), styles)
        facts.append(Fact(metric.title, rows, words=said, note=note, help=metric.help))
    return facts


def search_facts(
    explorer: Explorer, trace: Trace, styles: Sequence[ArmStyle], factual: int, names: Names | None = None
) -> list[Fact]:
    """How every arm's search from one factual ended; ``names``: what to call things, by default as the data do."""
    features, classes, scales = (names.features, names.classes, names.scales) if names else (None, None, ())
    facts = []
    for arm, style in enumerate(styles):
        row = best_row(trace, arm, factual)
        of = int((trace.group == factual).sum())
        which = f"The nearest of {of}: " if of > 1 else ""
        rows = [
            Row("Begins in", (classes or explorer.data.classes)[int(trace.predicted[arm, row])]),
            Row("Steps taken", f"{int(trace.steps[arm, row])}"),
            Row("Effort", number(float(trace.distance[arm, row, -1]), 3)),
            Row("To the nearest real sample", number(float(trace.gap[arm, row]), 3)),
            Row("Nascent until", f"step {int(trace.nascent[arm, row])}"),
        ]
        said = which + explorer.words(trace, arm, row, features, classes, scales)
        facts.append(Fact(short_name(style, styles), rows, text=said, kind="ctviz-search", role=style.role))
    return facts


def notes(trace: Trace, factual: int | None, count: int) -> list[str]:
    """What is unusual about where the searches start; ``count`` is how many factuals were asked for."""
    said = []
    there = int(trace.group[-1]) + 1 if len(trace) else 0
    if there < count:
        samples = "sample" if there == 1 else "samples"
        said.append(f"The run has {there} such validation {samples}: fewer than {count}, so all are searched from.")
    rows = np.arange(len(trace)) if factual is None else np.flatnonzero(trace.group == factual)
    alone = factual is not None
    if trace.outside[rows].any():
        which = "This point lies" if alone else "Some points lie"
        said.append(f"{which} outside of the range of the data; the first step brings it in, as far as locks allow.")
    elif trace.excluded[:, rows].any():
        which = "This point lies" if alone else "Some points lie"
        said.append(f"{which} outside of the range that advice is limited to in one of the models.")
    unsure = (trace.outcome == OUTCOMES.index("mature")) & (trace.predicted == trace.targets)  # m b
    if not alone and unsure.any():
        said.append(
            "Some points are in the class aimed at already, only less surely than is asked for: they are counted "
            "beside the picture, and left out of the headline and of the measures."
        )
    if _leaps(trace, rows):
        said.append(
            "Most of these searches arrive in one step: they leap across the data, and there is no way to be seen. "
            "“Slow motion”, below the search's settings, takes smaller steps."
        )
    return said


def _leaps(trace: Trace, rows: npt.NDArray[np.intp]) -> bool:
    """Whether searches by steps arrive at once in most cases, in every model in which any do."""
    if "step_size" not in GENERATORS[trace.settings.generator].settings:
        return False
    steps = trace.steps[:, rows]
    arrived = trace.mature[:, rows] & (steps > 0)
    medians = [float(np.median(own[there])) for own, there in zip(steps, arrived, strict=True) if there.any()]
    return bool(medians) and len(rows) > 1 and max(medians) <= 1


# -- below the picture -----------------------------------------------------------------------------


def loss_terms_table(loss_terms: Sequence[LossTerms], styles: Sequence[ArmStyle]) -> str:
    """What training would make of one search of each arm: the terms of the objective, and a sentence."""
    terms = (*TERMS, AS_DATA) if any(one.lambda_aug > 0 for one in loss_terms) else TERMS
    rows = [
        (title, symbol, help_, "number", [value(one) for one in loss_terms]) for title, symbol, help_, value in terms
    ]
    said = ("In words", "", "What training does on account of such a search.", "words", list(map(in_words, loss_terms)))
    body = [
        row(title, [f'<td class="{kind}">{escape(cell)}</td>' for cell in cells], symbol=symbol, help=help_)
        for title, symbol, help_, kind, cells in (*rows, said)
    ]
    return table([CORNER, *heads(*(style.title for style in styles))], body, kind="ctviz-loss-terms")


def ends_table(ends: Endpoints, styles: Sequence[ArmStyle]) -> str:
    """Where the searches ended, measured, with intervals, and what the difference to the first model means."""
    many, body = len(styles) > 1, []
    for metric in ENDS:
        interval = ends.metrics[metric.name]
        numbers = np.stack([interval.value, interval.low, interval.high], axis=1).tolist()  # m 3
        cells = "".join(
            f'<td class="number">{metric.amount(value)}<br><small>{_between(metric, low, high)}</small></td>'
            for value, low, high in numbers
        )
        words = f"<td>{_against_first(ends, metric, styles)}</td>" if many else ""
        better = f"{metric.direction} is better" if metric.direction else ""
        unit = ", ".join(part for part in (metric.symbol, metric.unit or "no unit", better) if part)
        head = f"{escape(metric.title)}<br><small>{escape(unit)}</small>"
        body.append(f'<tr><th scope="row" title="{escape(metric.help)}">{head}</th>{cells}{words}</tr>')
    last = heads(f"Against {inside(_spoken(styles[0]))}", number=False) if many else []
    return table([CORNER, *heads(*(style.title for style in styles)), *last], body, kind="ctviz-ends")


def _between(metric: Metric, low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "&nbsp;"
    return f"{metric.amount(low)} to {metric.amount(high)}"


def _against_first(ends: Endpoints, metric: Metric, styles: Sequence[ArmStyle]) -> str:
    """For every arm but the first: what its difference means, or that chance may have made it."""
    clear, said = ends.differences[metric.name].significant, []
    for arm in range(1, len(styles)):
        who = f"{styles[arm].short}: " if len(styles) > 2 else ""
        found = against_the_first(ends, metric.name, arm)
        star = " *" if found.words and clear[arm] else ""
        said.append(f"{found.mark}{who}{found.words or '—'}{star}")
    return "<br>".join(escape(one) for one in said)
