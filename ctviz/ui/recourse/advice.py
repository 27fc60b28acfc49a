"""What the models ask of the person, a column for each: the large plan, what is proved of it, and the other plans."""

from __future__ import annotations

from html import escape
from itertools import zip_longest

import streamlit as st

from ctviz.catalogue import advice as words
from ctviz.catalogue.rows import in_words_of
from ctviz.data.tables.table import Table
from ctviz.experiments.advice import AdvisedPlan, AdvisedRelease, ModelAdvice
from ctviz.figures.recourse.dumbbell import chart, opened_table, style
from ctviz.figures.recourse.sheet import EFFORT
from ctviz.prose import begun, listed, number, unbroken
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft, run_again
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.service import session
from ctviz.ui.kit.theme import palette
from ctviz.ui.recourse import pins
from ctviz.ui.recourse.asked import SHOWN, Answer, exact_shown
from ctviz.ui.recourse.model_block import model_block
from ctviz.ui.recourse.proofs import proofs
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.rules_now import RulesNow, release
from ctviz.ui.recourse.train_rules import ModelWithRules, rules_column, rules_note

ORDER = {0: "First plan", 1: "Second", 2: "Third", 3: "Fourth", 4: "Fifth"}

POLL = 0.5
"""Seconds between two looks while a proof is under way."""


def show_advice(draft: Draft[RecourseView], found: Answer, now: RulesNow, with_rules: ModelWithRules) -> None:
    """A column for each model, and above them the choice of the plan that is large; ``with_rules``: the model that is
    trained with the rules, where it is wanted and not there yet."""
    models = found.advice.models
    st.html(f"<style>{style()}</style>")
    most = max(len(model.plans) for model in models)
    if most > 1:
        with st.container(key="recourse-plans"):
            plan = bind.to(
                "recourse-plans-shown",
                min(draft.view.plan, most - 1),
                lambda value: draft.look(plan=value),
                renewed=True,
            )
            bind.choice("Plan to look at", range(most), plan, kind="buttons", words=ORDER, hidden=True)
    context = found.asked.context
    waits = bool(draft.view.trained) and context.with_rules is None
    for column, model in zip_longest(st.columns(len(models) + waits, gap="medium"), models):
        with column, st.container(key=f"advice-{model.arm.replace(' ', '-') if model else 'ruled'}"):
            if model is None:
                rules_column(draft, with_rules, found.advice.data)
                continue
            _column(draft, found, model, now)
            if context.with_rules is not None and model.arm == context.models[-1]:
                note = in_words_of(found.advice.data, rules_note(context, with_rules))
                st.html(f'<div class="ctviz-plan ctviz-muted"><p>{escape(note)}</p></div>')
    told = EFFORT if most else ""
    said = in_words_of(found.advice.data, words.asked_sentence(found.advice))
    st.caption(literal(f"{said} {told}".strip()))


def large_changes(found: Answer, plan: int) -> tuple[str, ...]:
    """The features that the large plans change, each once."""
    large = [model.plans[min(plan, len(model.plans) - 1)] for model in found.advice.models if model.plans]
    return tuple(dict.fromkeys(change.feature for one in large for change in one.changes))


def changed_features(found: Answer) -> tuple[str, ...]:
    """The features that any plan that is shown changes, and those whose release would give one; each once."""
    names: dict[str, None] = {}
    for model in found.advice.models:
        names |= {change.feature: None for plan in model.plans for change in plan.changes}
        if model.release is not None:
            names |= dict.fromkeys(model.release.features)
    return tuple(names)


def _column(draft: Draft[RecourseView], found: Answer, model: ModelAdvice, now: RulesNow) -> None:
    st.html(_head(model, found.title(model)))
    if model.outcome == "accepted":
        st.html("<p>There is nothing to change.</p>")
        return
    if not model.plans:
        _without(draft, found, model, now)
        return
    at = min(draft.view.plan, len(model.plans) - 1)
    plan = model.plans[at]
    told = _notes(("then", words.then_sentence(plan)), _proof(found, model, at))
    more = _notes(("slip", words.slip_sentence(plan)), ("near", words.nearness_sentence(plan)))
    asked = _plan(plan, fewer=at < draft.view.plan, narrow=len(found.advice.models) > 2) + told
    drawn = chart(model, plan, palette()) + opened_table(plan) + more
    other = found.cheaper.get(model.arm)
    st.html(in_words_of(found.advice.data, asked if other is not None else asked + drawn))
    if other is not None:
        _offer_cheaper(found, model)
        st.html(in_words_of(found.advice.data, drawn))
    pins.keep_button(draft, found, model, plan, now)
    others = [(i, other) for i, other in enumerate(model.plans) if i != at]
    if others or model.complete:
        st.html(_others(others, model))


def _head(model: ModelAdvice, title: str) -> str:
    """Who advises, and how the model decides now: a bar with the score and what is needed."""
    score, needed = (min(max(100 * share, 0.0), 100.0) for share in (model.score, model.threshold))
    bar = (
        f'<div class="ctviz-score" aria-hidden="true"><i style="width:{score:.1f}%"></i>'
        f'<u style="left:{needed:.1f}%"></u></div>'
    )
    return model_block(title, model.counterfactual, f"{begun(words.verdict_words(model))}.", bar)


def _plan(plan: AdvisedPlan, fewer: bool = False, narrow: bool = False) -> str:
    """The plan that is large: each change a line; in a smaller type where columns are ``narrow``."""
    lines = "".join(f"<li>{unbroken(escape(begun(words.change_words(change))))}</li>" for change in plan.changes)
    first = "<p>This model has no further plan; its last one is shown.</p>" if fewer else ""
    kind = "ctviz-plan small" if narrow else "ctviz-plan"
    return f'<div class="{kind}">{first}<ul>{lines}</ul><p class="keep">Keep everything else.</p></div>'


def _notes(*notes: tuple[str, str]) -> str:
    """Sentences on the plan, each with the class that marks it; without those that are empty."""
    said = "".join(f'<p class="{kind}">{escape(note)}</p>' for kind, note in notes if note)
    return f'<div class="ctviz-plan">{said}</div>'


def _proof(found: Answer, model: ModelAdvice, at: int) -> tuple[str, str]:
    """How the proof of a plan is marked, and the sentence on it."""
    plan = model.plans[at]
    if plan.proof == "optimal":
        return "proved", words.proof_sentence(plan, first=not at)
    if not at and (other := found.cheaper.get(model.arm)) is not None:
        return "open", words.cheaper_sentence(plan, other)
    if model.arm in found.pending and plan.proof == "none asked":
        return "proving", words.PROVING
    if model.arm in found.failed:
        return "open", found.failed[model.arm]
    if model.unfit:
        return "open", f"{begun(model.unfit)} So nothing is proved of this model."
    if plan.proof == "none asked":  # the exact search went another way before it came to this one
        return "open", "Of this plan nothing is proved: the exact search found others before it."
    return "open", words.proof_sentence(plan, first=not at)


def _others(others: list[tuple[int, AdvisedPlan]], model: ModelAdvice) -> str:
    items = "".join(
        f'<li value="{i + 1}">{escape(begun(listed([words.change_words(c) for c in plan.changes])))}. '
        f"<small>Score {words.score_words(plan.score)}, effort {number(plan.effort, 3)}.</small></li>"
        for i, plan in others
    )
    end = "" if not model.complete else "<p>There is no further plan, and that is proved.</p>"
    head = "<h3>Other plans</h3>" if others else ""
    return f'<div class="ctviz-other-plans">{head}<ol>{items}</ol>{end}</div>'


# -- a cheaper plan, and none ----------------------------------------------------------------------------


def _offer_cheaper(found: Answer, model: ModelAdvice) -> None:
    def show() -> None:
        key = found.asked.shown_key
        st.session_state[SHOWN] = (key, exact_shown(key) | {model.arm})

    st.button("Show the cheaper plan", key=f"cheaper-{model.arm}", icon=":material/savings:", on_click=show)


def _without(draft: Draft[RecourseView], found: Answer, model: ModelAdvice, now: RulesNow) -> None:
    """That there is no plan; which locks stand in the way, and the button that releases them."""
    if model.outcome == "unknown":
        said = (
            words.PROVING_NONE
            if model.arm in found.pending
            else " ".join([found.failed.get(model.arm, ""), *words.model_sentences(model)]).strip()
        )
        st.html(f'<div class="ctviz-plan none"><p>{escape(said)}</p></div>')
        return
    st.html(f'<div class="ctviz-plan none"><p>{escape(words.released_sentence(model.release))}</p></div>')
    _release_button(draft, found.asked.context.adviser.table, model, model.release)
    if model.release is not None and model.release.plan is not None:
        plan = model.release.plan
        told = _notes(("then", words.then_sentence(plan)), ("near", words.nearness_sentence(plan)))
        shown = f"<h3>With that, the cheapest plan</h3>{_plan(plan)}{told}{chart(model, plan, palette())}"
        st.html(in_words_of(found.advice.data, shown))


def _release_button(draft: Draft[RecourseView], table: Table, model: ModelAdvice, freed: AdvisedRelease | None) -> None:
    if freed is None or not freed.features:
        return
    st.button(
        f"Release {listed(freed.features)}", key=f"release-{model.arm}", icon=":material/lock_open:",
        help="Lets it change in both directions; “Back to the set” undoes that.",
        on_click=release, args=(draft, table, freed.features),
    )  # fmt: skip


# -- while proofs are under way --------------------------------------------------------------------------


def proof_status(found: Answer) -> None:
    """How far the proofs are; runs the page again when one has ended."""
    tasks = found.asked.tasks(found.advice)
    open_ = [task for task in tasks if proofs().result(task.key) is None]
    if len(open_) != found.open:
        run_again()
    if not open_:
        return
    proofs().look(session())
    places = [place for task in open_ if (place := proofs().place(task.key)) is not None]
    if not places:  # what is shown is no longer what the session wants
        st.rerun()
    how = "begins when those before it have ended" if min(places) > 0 else "is under way"
    st.caption(f"The proof {how}. The plans stay as they are; what is proved of them follows.")
