"""Plans that are kept: each as it was, with the person and the rules it was made for, whatever changes afterwards."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from urllib.parse import quote, unquote

import streamlit as st

from ctviz.catalogue import advice as words
from ctviz.counterfactuals.person_lattice import PersonLattices
from ctviz.data.people import Person
from ctviz.data.rules import Rules
from ctviz.data.schema import Array
from ctviz.data.tables.table import Table
from ctviz.errors import CtvizError, DataError
from ctviz.experiments.advice import AdvisedPlan, ModelAdvice
from ctviz.experiments.config import parse_value
from ctviz.experiments.run import ARM_WITH_RULES
from ctviz.prose import begun
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import LONGER
from ctviz.ui.recourse.asked import Answer, Asked, exact_shown
from ctviz.ui.recourse.context import context_of
from ctviz.ui.recourse.model_block import model_block
from ctviz.ui.recourse.person import TYPED, Picked
from ctviz.ui.recourse.proofs import proofs, with_proof
from ctviz.ui.recourse.recourse_view import UNSENT, RecourseView
from ctviz.ui.recourse.rules_now import RulesNow, rules_now
from ctviz.ui.recourse.train_rules import model_with_rules

ENTRY = ("person", "set", "score", "plans", "arm", "plan", "rules")
"""What the link holds of a kept plan, in this order."""

READABLE = " :;,=|>"
"""What is written as it is; what separates is not among it."""

KEPT_PLANS = "recourse-kept"
"""Where the session keeps them."""

MOST = 6
"""Plans that are kept at once; the next takes the place of the oldest."""


@dataclass(frozen=True, eq=False)
class KeptPlan:
    """A plan as it was when it was kept.

    Attributes:
        key: the same for the same plan of the same model, person and rules.
        table: the name of the data.
        who, model, rules: the person, the model and the rules in words.
        values: of the person, where they were typed in; else None.
        view: the fields of the view that lead back to it.
        linked: as the link holds it; empty for a person who is typed in, and for a plan of the exact search.
    """

    key: Hashable
    table: str
    who: str
    model: str
    counterfactual: bool
    rules: str
    plan: AdvisedPlan
    columns: Array
    values: Person | None
    view: dict[str, Any]
    linked: str


def kept_plans() -> list[KeptPlan]:
    """Those of the session, the oldest first."""
    found: list[KeptPlan] = st.session_state.setdefault(KEPT_PLANS, [])
    return found


def keep_button(
    draft: Draft[RecourseView], found: Answer, model: ModelAdvice, plan: AdvisedPlan, now: RulesNow
) -> None:
    """Keeps a plan, or lets go of it."""
    one = _of(draft, found, model, plan, now)
    kept = any(other.key == one.key for other in kept_plans())
    st.button(
        "Stop keeping it" if kept else "Keep this plan", key=f"keep-{model.arm}",
        icon=":material/bookmark_remove:" if kept else ":material/bookmark_add:", type="tertiary",
        help="A plan that is kept stays below as it is, whatever you change.",
        on_click=_let_go if kept else _keep, args=(draft, one),
    )  # fmt: skip


def _of(draft: Draft[RecourseView], found: Answer, model: ModelAdvice, plan: AdvisedPlan, now: RulesNow) -> KeptPlan:
    table, person, view = found.asked.context.adviser.table, found.asked.person, draft.view
    fields = ("person", "typed", "set", "rules", "score", "plans", "plan", "arm", "third", "trained")
    values: dict[str, Any] = {**{name: getattr(view, name) for name in fields}, "person": person.row}
    exact = model.arm in exact_shown(found.asked.shown_key)
    return KeptPlan(
        key=(found.asked.key(model.arm), plan.columns.tobytes()),
        table=table.name,
        who=person.title,
        model=found.title(model),
        counterfactual=model.counterfactual,
        rules=now.words(table),
        plan=plan,
        columns=person.columns,
        values=None if person.row is not None else found.advice.person,
        view=values,
        linked="" if person.row is None or exact else _linked(values, model, plan),
    )


def _keep(draft: Draft[RecourseView], one: KeptPlan) -> None:
    _put(draft, [*kept_plans(), one][-MOST:])


def _let_go(draft: Draft[RecourseView], one: KeptPlan) -> None:
    _put(draft, [other for other in kept_plans() if other.key != one.key])


def _put(draft: Draft[RecourseView], kept: list[KeptPlan]) -> None:
    st.session_state[KEPT_PLANS] = kept
    draft.look(kept=_text(kept, draft.experiment.data.name))


# -- in the link -----------------------------------------------------------------------------------------


def _linked(values: Mapping[str, Any], model: ModelAdvice, plan: AdvisedPlan) -> str:
    """``147!realistic!rate!3!full!0!age:locked``: the person, the rules, the score, the count of plans, and which."""
    at = next(i for i, other in enumerate(model.plans) if other is plan)
    parts = values["person"], values["set"], values["score"], values["plans"], model.arm, at, values["rules"]
    return "!".join(quote(f"{part:.5g}" if isinstance(part, float) else str(part), safe=READABLE) for part in parts)


def _text(kept: Sequence[KeptPlan], table: str) -> str:
    text = "*".join(one.linked for one in kept if one.linked and one.table == table)
    return text if len(text) <= LONGER["kept"] else ""


def restore(draft: Draft[RecourseView]) -> str:
    """Finds the plans again that the link says were kept, where the session does not have them; a sentence if it cannot
    read all of them."""
    name, kept = draft.experiment.data.name, kept_plans()
    if draft.view.kept == _text(kept, name):
        return ""
    known = {one.linked: one for one in kept if one.linked and one.table == name}
    found = [one for one in kept if not one.linked or one.table != name]
    entries = list(dict.fromkeys(filter(None, draft.view.kept.split("*"))))
    lost = 0
    for entry in entries[-MOST:]:
        one = known.get(entry) or _again(draft, entry)
        lost += one is None
        found += [one] if one is not None else []
    _put(draft, found)
    some = "One kept plan" if lost == 1 else f"{lost} kept plans"
    return f"{some} of the link cannot be read, and {'is' if lost == 1 else 'are'} left out." if lost else ""


def _again(draft: Draft[RecourseView], entry: str) -> KeptPlan | None:
    """The plan of an entry, searched again: the same question has the same answer."""
    parts = [unquote(part) for part in entry.split("!")]
    if len(parts) != len(ENTRY):
        return None
    person, chosen, score, plans, arm, at, rules = parts
    try:
        fields = {
            "person": int(person),
            "set": chosen,
            "score": parse_value(score),
            "plans": int(plans),
            "plan": int(at),
        }
        others = {name: getattr(draft.view, name) for name in ("epoch", "arm", "third", "trained")}
        view = RecourseView(**fields, rules=rules, **others)
        then = Draft(draft.experiment, view)
        context = context_of(then)
        if context is None:
            return None
        now, columns = rules_now(view, context.adviser.table), context.adviser.row(int(person))[0]
        if arm == ARM_WITH_RULES and (with_rules := model_with_rules(then, context, now.rules).context) is not None:
            context = with_rules
        asked = Asked(context, Picked(columns, int(person)), now.rules, int(plans), (arm,))
        advice = asked.polished()
        proof = asked.proved(arm, proofs())
        model = with_proof(advice.models[0], proof if isinstance(proof, ModelAdvice) else None)
        found = Answer(asked, replace(advice, models=(model,)), {}, (), {}, 0)
        return None if now.problem else _of(then, found, model, model.plans[int(at)], now)
    except (CtvizError, ValueError, IndexError):
        return None


# -- side by side ----------------------------------------------------------------------------------------


def show_kept(draft: Draft[RecourseView], table: Table, rules: Rules) -> None:
    """The plans that are kept, side by side, each with whether the rules of now allow it."""
    kept = [one for one in kept_plans() if one.table == table.name]
    if not kept:
        return
    with st.container(key="recourse-kept-plans"):
        st.subheader("Kept plans", anchor=False)
        for start in range(0, len(kept), 3):
            for column, (at, one) in zip(st.columns(3), enumerate(kept[start : start + 3], start), strict=False):
                with column, st.container(border=True, key=f"kept-{at}"):
                    st.html(_card(one, allows(table, rules, one)))
                    with st.container(horizontal=True):
                        st.button(
                            "Look at it", key=f"kept-open-{at}", type="tertiary", on_click=_open, args=(draft, one)
                        )
                        st.button(
                            "Let it go", key=f"kept-off-{at}", type="tertiary", on_click=_let_go, args=(draft, one)
                        )


def allows(table: Table, rules: Rules, one: KeptPlan) -> bool:
    """Whether a plan obeys these rules."""
    try:
        lattice = PersonLattices(table.schema, rules, table.unseen_pairs).of(one.columns)
    except DataError:  # these rules leave that person no value
        return False
    point = lattice.project(one.plan.columns)
    return bool(lattice.holds(point) and (lattice.encode(point) == one.plan.columns).all())


def _card(one: KeptPlan, allowed: bool) -> str:
    lines = "".join(f"<li>{escape(begun(words.change_words(change)))}</li>" for change in one.plan.changes)
    now = "The rules of now allow it." if allowed else "The rules of now do not allow it."
    made = f"Made under the rules: {one.rules}. {now}"
    said = [words.then_sentence(one.plan), words.proof_sentence(one.plan)]
    notes = "".join(f"<p>{escape(note)}</p>" for note in said if note)
    return (
        model_block(one.model, one.counterfactual, one.who, level=3)
        + f'<div class="ctviz-plan small"><ul>{lines}</ul>{notes}<p><small>{escape(made)}</small></p></div>'
    )


def _open(draft: Draft[RecourseView], one: KeptPlan) -> None:
    if one.values is not None:
        st.session_state[TYPED] = (one.table, dict(one.values))
    typed = one.view["typed"] or (UNSENT if one.values is not None else "")
    draft.look(**{**one.view, "typed": typed})
