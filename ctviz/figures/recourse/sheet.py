"""Advice for one person as a sheet of paper, and as JSON: to print, to save, to check.

The sheet is a page that works offline and makes no request. Names and levels come from tables of anybody's: all texts
are escaped, and long ones cut on the sheet, not in JSON.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files

from ctviz.catalogue import advice as words
from ctviz.catalogue.recourse import headline, rules_model_sentence, rules_sentences
from ctviz.catalogue.rows import in_words_of
from ctviz.data.schema import Schema
from ctviz.data.tables.settings import TableSettings
from ctviz.data.tables.table import Table
from ctviz.experiments.advice import Advice, AdvisedPlan, ModelAdvice
from ctviz.experiments.config import Experiment
from ctviz.figures.page import OFFLINE, page, variables
from ctviz.figures.recourse import dumbbell
from ctviz.figures.theme import LIGHT
from ctviz.prose import begun, clipped, listed, number, unbroken

FORMAT = 1
"""The version of the JSON of a sheet: a number that rises where a field changes its meaning or goes."""

ABOUT_A_MODEL = (
    "This is advice about models, not about the world: it says what would change their answers, not what would make "
    "anybody pay back, earn or succeed. It is no legal and no financial advice, and no promise of a decision."
)
"""Said on every sheet."""

EFFORT = (
    "Effort adds up the changes: 1 for another level; for a number its change over the median absolute deviation in "
    "the data; each times the feature’s difficulty, from ¼ (very easy) to 4 (very hard)."
)

PAPER = "@media print { @page { size: portrait; margin: 10mm 12mm; } }"
"""Upright, on whichever paper the printer has."""

LINES, WIDTH = 61.5, 50.0
"""On a sheet of Letter, the lines of the usual type, and the characters of a column in a wide font."""

SMALLEST = 0.5
"""The smallest type, as a share of the usual one: what is still too long goes on to another sheet."""

SENTENCE = 600
"""The most characters of a sentence on the sheet; JSON has all."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """What a sheet is made of.

    Attributes:
        advice: of one model or several.
        schema: of the table.
        data: what data the models have learned from, in a sentence or two.
        rule_set: what the rules are called.
        version: of ctviz.
        date: of the sheet.
        arms: the names of the two models that the headline compares (``headline``).
        plan: position of the plan that is drawn; of a model with fewer, its last one.
        cheaper: as of ``headline``; of a first plan it is said in place of its proof.
        link: to the page; empty where it is not asked for.
    """

    advice: Advice
    schema: Schema
    data: str
    rule_set: str
    version: str
    date: datetime.date
    arms: tuple[str, ...] = ()
    plan: int = 0
    cheaper: Mapping[str, AdvisedPlan] = field(default_factory=dict)
    link: str = ""

    @property
    def headline(self) -> str:
        """What the models ask, in a sentence or two."""
        asked = self.advice, self.arms, self.plan, self.cheaper
        return in_words_of(self.advice.data, " ".join(filter(None, (headline(*asked), rules_model_sentence(*asked)))))

    @property
    def title(self) -> str:
        """Whom it is for, and on which data."""
        place = self.advice.place
        who = "a person" if place is None else "person {1} of the {0} data".format(*place)
        return in_words_of(self.advice.data, f"Advice for {who}")


def data_words(experiment: Experiment, table: Table) -> str:
    """What data the models of a run have learned from, and where they are from."""
    rows = f"{len(table.train[0]):,} rows to learn from"
    if isinstance(experiment.data, TableSettings):
        info = experiment.data.info
        return f"{info.title}. {info.sentence} {begun(rows)}. Source: {info.source}."
    return f"A table of one’s own, “{clipped(table.name)}”, {rows}. Whoever gave the table knows its source."


# -- JSON -----------------------------------------------------------------------------------------------


def to_json(sheet: Sheet) -> str:
    """The sheet as JSON: an object of these fields, in this order.

    Beside those of ``Advice.record`` (``run``: the key of the models; ``person``, ``rules``, ``models`` with their
    plans, …): ``format`` (``FORMAT``), ``made_with`` (ctviz and its version), ``date`` (ISO 8601), ``about``,
    ``headline``, ``data_words``, ``rule_set`` and ``rules_words``, ``words`` (all of the advice in sentences) and
    ``link``, empty where it was not asked for. Fields may be added; one that changes its meaning or goes makes another
    ``format``.
    """
    told = {
        "format": FORMAT,
        "made_with": f"ctviz {sheet.version}",
        "date": sheet.date.isoformat(),
        "about": ABOUT_A_MODEL,
        "headline": sheet.headline,
        "data_words": sheet.data,
        "rule_set": sheet.rule_set,
        "rules_words": rules_sentences(sheet.advice.rules, sheet.schema),
        "words": sheet.advice.words(),
        "link": sheet.link,
    }
    return json.dumps({**told, **sheet.advice.record()}, ensure_ascii=False, allow_nan=False, indent=1)


# -- HTML -----------------------------------------------------------------------------------------------


def to_html(sheet: Sheet) -> str:
    """The sheet as a page of its own, which prints on one sheet of A4 or Letter."""
    light = f"@media print {{ :root {{ {variables(LIGHT)} }} }}"
    data = sheet.advice.data
    return page(
        sheet.title, clipped(sheet.headline, SENTENCE), in_words_of(data, _body(sheet)),
        style=f"{style()}{dumbbell.style()}{light}{PAPER}", footer=f"{_made(sheet)} {OFFLINE}", width=1000,
    )  # fmt: skip


def to_paper(sheet: Sheet) -> str:
    """The sheet for a page that shows something else on the screen: what is printed in its place.

    ``PAPER`` has to follow whatever the page says of its paper.
    """
    lead = unbroken(escape(clipped(sheet.headline, SENTENCE)))
    colours = f".ctv-paper {{ {variables(LIGHT)} }}"
    return (
        f'<style>{style()}{dumbbell.style()}{colours}</style><div class="ctv-paper"><main>'
        f'<h1>{escape(sheet.title)}</h1><p class="lead">{lead}</p>{in_words_of(sheet.advice.data, _body(sheet))}'
        f"<footer>Made with ctviz. {escape(_made(sheet))}</footer></main></div>"
    )


@cache
def style() -> str:
    """The style of the sheet, on the screen and on paper."""
    return (files(__package__) / "sheet.css").read_text(encoding="utf-8")


def _body(sheet: Sheet) -> str:
    models = "".join(_model(sheet, model) for model in sheet.advice.models)
    rules = "".join(
        f"<li>{escape(clipped(one, SENTENCE))}</li>" for one in rules_sentences(sheet.advice.rules, sheet.schema)
    )
    rule_set = escape(clipped(sheet.rule_set, SENTENCE // 2))
    link = f'<p>Link: <a href="{escape(sheet.link)}">{escape(sheet.link)}</a></p>' if sheet.link else ""
    return (
        f'<div class="ctv-sheet" style="--type:{type_size(sheet):g}"><div class="models">{models}</div>'
        f'<div class="ground"><section class="person"><h2>The person</h2>{_person(sheet.advice)}</section>'
        f'<section class="rules"><h2>The rules: {rule_set}</h2><ul>{rules}</ul></section></div>'
        f'<section class="small"><p>{escape(_asked(sheet))} {EFFORT}</p>'
        f"<p>{escape(_about(sheet))}</p>{link}<p><b>{ABOUT_A_MODEL}</b></p></section></div>"
    )


def _person(advice: Advice) -> str:
    rows = (
        f"<div><dt>{escape(clipped(k))}</dt><dd>{escape(clipped(text))}</dd></div>" for k, text in advice.texts.items()
    )
    return f"<dl>{''.join(rows)}</dl>"


def _model(sheet: Sheet, model: ModelAdvice) -> str:
    kind = "counterfactual" if model.counterfactual else "conventional"
    title = escape(words.title_among(model, sheet.advice.models))
    parts = [f"<h2>{title}</h2><p>{begun(words.verdict_words(model))}.</p>"]
    if model.outcome == "accepted":
        parts.append("<p>There is nothing to change.</p>")
    elif model.plans:
        at = min(sheet.plan, len(model.plans) - 1)
        parts += [_plan(sheet, model, at), _others(model, at)]
    else:
        parts.append(_without(model))
    return f'<section class="model {kind}">{"".join(parts)}</section>'


def _facts(sheet: Sheet, model: ModelAdvice, at: int) -> list[tuple[str, str]]:
    """What is said below the picture of a plan, each under a word."""
    plan, known = model.plans[at], sheet.cheaper.get(model.arm)
    proof = words.proof_sentence(plan, first=not at) or "Whether there is a cheaper plan is not proved."
    if known is not None and not at:
        proof = words.cheaper_sentence(plan, known, whole=True)
    said = [
        ("Leads to", words.then_sentence(plan)),
        ("Proof", f"{begun(model.unfit)} So nothing is proved of this model." if model.unfit else proof),
        ("A slip", words.slip_sentence(plan)),
        ("Likeness", words.nearness_sentence(plan)),
    ]
    return [(name, clipped(text, SENTENCE)) for name, text in said if text]


def _plan(sheet: Sheet, model: ModelAdvice, at: int) -> str:
    plan = model.plans[at]
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{unbroken(escape(text))}</dd></div>" for name, text in _facts(sheet, model, at)
    )
    asked = escape(clipped(words.plan_sentence(plan), SENTENCE))
    return f'<p class="do">{unbroken(asked)}</p>{dumbbell.chart(model, plan)}<dl>{facts}</dl>'


def _others(model: ModelAdvice, at: int) -> str:
    """The plans that are not drawn, a line each."""
    items = "".join(f"<li>{unbroken(escape(line))}</li>" for line in _other_lines(model, at))
    return f'<p class="or">Instead, one could also:</p><ul>{items}</ul>' if items else ""


def _other_lines(model: ModelAdvice, at: int) -> list[str]:
    others = [plan for i, plan in enumerate(model.plans) if i != at]
    asked = [
        clipped(begun(listed([words.change_words(change) for change in plan.changes])), SENTENCE // 2)
        for plan in others
    ]
    return [f"{line} (effort {number(plan.effort, 3)})" for line, plan in zip(asked, others, strict=True)]


def _without(model: ModelAdvice) -> str:
    """That there is no plan, and what a release of locks would give."""
    said = words.none_sentence(model.release) if model.outcome == "none" else words.unknown_sentence(model)
    unfit = f"{begun(model.unfit)} So nothing is proved of this model. " if model.unfit else ""
    plan = model.release.plan if model.release is not None else None
    drawn = dumbbell.chart(model, plan) if plan is not None else ""
    return f'<p class="do">{unbroken(escape(clipped(unfit + said, SENTENCE)))}</p>{drawn}'


# -- one sheet of paper -----------------------------------------------------------------------------------


def type_size(sheet: Sheet) -> float:
    """The type with which the sheet fits on one page, as a share of the usual one; ``SMALLEST`` where none does."""
    size, lines = 1.0, _lines(sheet)
    while size > SMALLEST and size * lines(WIDTH / size) > LINES:
        size = round(size - 0.02, 2)
    return size


def _lines(sheet: Sheet) -> Callable[[float], float]:
    """How many lines of the usual type the sheet takes, in two columns of a number of characters."""
    models = [_lines_of(sheet, model) for model in sheet.advice.models]
    person = [len(f"{name} {text}") for name, text in sheet.advice.texts.items()]
    rules = _sizes(rules_sentences(sheet.advice.rules, sheet.schema))
    small = _sizes([words.asked_sentence(sheet.advice) + EFFORT, _about(sheet), ABOUT_A_MODEL, sheet.link])
    head = _sizes([sheet.headline])

    def lines(width: float) -> float:
        each = [model(width) for model in models]
        rows = [max(each[i : i + 2]) for i in range(0, len(each), 2)]
        beside = max(_wrapped(person, width, 1.8) / 1.8 * 0.54, _wrapped(rules, width, 0.98))
        return 3 + _wrapped(head, 2 * width, 1.35) + sum(rows) + 2.5 + beside + _wrapped(small, 2 * width, 0.92) + 2.5

    return lines


def _lines_of(sheet: Sheet, model: ModelAdvice) -> Callable[[float], float]:
    """The same of one model, in one column."""
    plan = model.release.plan if model.release is not None else None
    if not model.plans:
        drawn, none = 0.0 if plan is None else _drawn(plan), _sizes([words.none_sentence(model.release)])
        return lambda width: 3 + drawn + _wrapped(none, width, 1.15)
    at = min(sheet.plan, len(model.plans) - 1)
    facts = _sizes(text for _, text in _facts(sheet, model, at))
    asked = _sizes([words.plan_sentence(model.plans[at])])
    others, drawn = _sizes(_other_lines(model, at)), _drawn(model.plans[at])

    def lines(width: float) -> float:
        said = 1.2 * _wrapped(facts, width, 1.12) + _wrapped(asked, width, 1.25)
        return 4 + said + drawn + _wrapped(others, width, 0.95) + bool(others)

    return lines


def _sizes(texts: Iterable[str]) -> list[int]:
    return [len(text) for text in texts]


def _wrapped(sizes: Sequence[int], width: float, size: float = 1.0) -> float:
    """Lines of texts of so many characters, in a type of a size."""
    return sum(size * math.ceil(size * characters / width) for characters in sizes)


def _drawn(plan: AdvisedPlan) -> float:
    """The lines of a picture."""
    return 1.6 + sum(3.4 if change.kind == "category" else 4.4 for change in plan.changes)


# -- what is said once ------------------------------------------------------------------------------------


def _asked(sheet: Sheet) -> str:
    """What a score is, from which on a person is accepted, and how long a proof was given."""
    asked = clipped(words.asked_sentence(sheet.advice), SENTENCE)
    limits = {model.limit for model in sheet.advice.models if model.limit}
    return f"{asked} Each proof was given up to {max(limits):g} s." if limits else asked


def _about(sheet: Sheet) -> str:
    """Which models these are, and on which data."""
    advice = sheet.advice
    arms = listed([f"“{model.arm}”" for model in sheet.advice.models])
    many = "s" if len(sheet.advice.models) > 1 else ""
    return f"Model{many} {arms} of run {advice.run}, after epoch {advice.epoch}. Data: {sheet.data}"


def _made(sheet: Sheet) -> str:
    return f"Version {sheet.version}, {sheet.date.day} {sheet.date:%B %Y}."
