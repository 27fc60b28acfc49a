"""Plans that are kept: each as it was, with the person and the rules it was made for, whatever changes afterwards."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from html import escape

import streamlit as st

from ctviz.catalogue import advice as words
from ctviz.counterfactuals.person_lattice import PersonLattices
from ctviz.data.people import Person
from ctviz.data.rules import Rules
from ctviz.data.schema import Array
from ctviz.data.tables.table import Table
from ctviz.experiments.advice import AdvisedPlan, ModelAdvice
from ctviz.prose import begun
from ctviz.ui.kit.draft import Draft
from ctviz.ui.recourse.asked import Answer
from ctviz.ui.recourse.model_block import model_block
from ctviz.ui.recourse.person import TYPED
from ctviz.ui.recourse.recourse_view import UNSENT, RecourseView
from ctviz.ui.recourse.rules_now import RulesNow

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
    view: dict[str, object]


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
        "Kept: let it go" if kept else "Keep this plan", key=f"keep-{model.arm}",
        icon=":material/bookmark_remove:" if kept else ":material/bookmark_add:", type="tertiary",
        help="A plan that is kept stays below as it is, whatever you change.",
        on_click=_let_go if kept else _keep, args=(one,),
    )  # fmt: skip


def _of(draft: Draft[RecourseView], found: Answer, model: ModelAdvice, plan: AdvisedPlan, now: RulesNow) -> KeptPlan:
    table, person, view = found.asked.ground.adviser.table, found.asked.person, draft.view
    fields = ("person", "typed", "set", "rules", "score", "plans", "plan", "arm", "third")
    return KeptPlan(
        key=(found.asked.key(model.arm), plan.columns.tobytes()),
        table=table.name,
        who=person.title,
        model=words.title_among(model, found.advice.models),
        counterfactual=model.counterfactual,
        rules=now.words(table),
        plan=plan,
        columns=person.columns,
        values=None if person.row is not None else found.advice.person,
        view={**{name: getattr(view, name) for name in fields}, "person": person.row},
    )


def _keep(one: KeptPlan) -> None:
    st.session_state[KEPT_PLANS] = [*kept_plans(), one][-MOST:]


def _let_go(one: KeptPlan) -> None:
    st.session_state[KEPT_PLANS] = [other for other in kept_plans() if other.key != one.key]


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
                        st.button("Let it go", key=f"kept-off-{at}", type="tertiary", on_click=_let_go, args=(one,))


def allows(table: Table, rules: Rules, one: KeptPlan) -> bool:
    """Whether a plan obeys these rules."""
    lattice = PersonLattices(table.schema, rules, table.unseen_pairs).of(one.columns)
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
