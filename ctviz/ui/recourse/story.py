"""The story of Recourse: a person, the rules, what the models ask, and what is proved of it."""

from __future__ import annotations

from html import escape

import streamlit as st

from ctviz.catalogue.recourse import headline, rules_model_sentence
from ctviz.catalogue.rows import in_words_of
from ctviz.errors import CtvizError
from ctviz.prose import unbroken
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import columns, details, literal, live, page_title, project_button
from ctviz.ui.kit.service import Service, session
from ctviz.ui.recourse import picker
from ctviz.ui.recourse.advice import POLL, changed_features, large_changes, proof_status, show_advice
from ctviz.ui.recourse.asked import Answer, Asked, answer, exact_shown
from ctviz.ui.recourse.context import AdviceContext
from ctviz.ui.recourse.data_choice import choose_data, sentence
from ctviz.ui.recourse.everyone import everyone
from ctviz.ui.recourse.person import Picked, picked
from ctviz.ui.recourse.person_card import card
from ctviz.ui.recourse.pins import restore, show_kept
from ctviz.ui.recourse.proofs import proofs
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.rules_now import RulesNow, choose_set, rules_now
from ctviz.ui.recourse.rules_panel import rules_panel
from ctviz.ui.recourse.take_home import printed_sheet, take_home
from ctviz.ui.recourse.train_rules import ModelWithRules, model_with_rules
from ctviz.ui.recourse.what_if import what_if


def story(service: Service, draft: Draft[RecourseView], context: AdviceContext, projecting: bool = False) -> None:
    """The page: person and advice, the rules beside them, and below what goes into detail; projected, the first two."""
    table = context.adviser.table
    person, now = picked(draft, context), rules_now(draft.view, table)
    with_rules = model_with_rules(draft, context, now.rules)
    if draft.view.trained and with_rules.context is not None:
        context = with_rules.context
    if projecting:
        with st.container(key="projected"):
            _main(service, draft, context, person, now, with_rules)
            st.caption(literal(f"Rules: {now.words(table)}."))
        return
    main, controls = columns(0.27)
    with main:
        found = _main(service, draft, context, person, now, with_rules)
    with controls:
        choose_data(draft)
        changed = changed_features(found) if found else ()
        rules_panel(draft, context, now, with_rules, table.texts(person.columns), changed)
        project_button(draft)
        if found is not None:
            take_home(draft, found, now)
    if found is not None:
        printed_sheet(draft, found, now)
        with details():
            show_kept(draft, table, now.rules)
            what_if(draft, found)
    everyone(draft, context, now.rules)


def _main(
    service: Service,
    draft: Draft[RecourseView],
    context: AdviceContext,
    person: Picked,
    now: RulesNow,
    with_rules: ModelWithRules,
) -> Answer | None:
    title = st.empty()
    if lost := restore(draft):
        st.warning(literal(lost), icon=":material/bookmark_remove:")
    if person.problem:
        st.warning(literal(person.problem), icon=":material/person_off:")
    picker.say_filter(draft, context)
    asked = Asked(context, person, now.rules, draft.view.plans, _arms(draft, context))
    try:
        found = answer(asked, proofs(), session(), exact_shown(asked.shown_key))
    except CtvizError as error:
        with title:
            page_title("These rules leave no room for a plan.")
        _person(draft, context, person, None)
        said = in_words_of(context.adviser.table.name, "Change the rules so that they leave this person a value.")
        st.error(literal(f"{error} {said}"), icon=":material/rule:")
        st.button(
            f"Back to “{now.base.title}”", key="recourse-rules-back", icon=":material/undo:",
            on_click=choose_set, args=(draft, now.base.name),
        )  # fmt: skip
        return None
    with title:
        told, name = (found.advice, context.models, draft.view.plan, found.cheaper), context.adviser.table.name
        with st.container(gap="xsmall", key="recourse-headline"):
            page_title(in_words_of(name, headline(*told)))
            if said_of_rules := rules_model_sentence(*told):
                st.html(f"<p class='ctviz-with-rules'>{unbroken(escape(in_words_of(name, said_of_rules)))}</p>")
    _person(draft, context, person, found)
    _whole_table(draft, context, found)
    show_advice(draft, found, now, with_rules)
    live(
        lambda: proof_status(found),
        lambda: POLL if found.open else None,
        service.watch(context.key) if found.open else 1,
    )
    return found


def _arms(draft: Draft[RecourseView], context: AdviceContext) -> tuple[str, ...]:
    every = draft.view.third and not draft.view.trained
    return tuple(model.arm for model in context.adviser.models) if every else context.models


def _person(draft: Draft[RecourseView], context: AdviceContext, person: Picked, found: Answer | None) -> None:
    if picker.is_typing():
        picker.form(draft, context)
        return
    table = context.adviser.table
    asked = large_changes(found, draft.view.plan) if found else ()
    with st.container(border=True, key="recourse-person"):
        with st.container(horizontal=True, vertical_alignment="center", key="recourse-person-head"):
            title = in_words_of(table.name, person.title)
            st.html(f"<h2>{title}</h2><p>{escape(sentence(draft))}</p>", width="stretch")
            picker.buttons(draft, context, person, table.person(person.columns))
        st.html(card(table.texts(person.columns), table.schema, asked))


def _whole_table(draft: Draft[RecourseView], context: AdviceContext, found: Answer) -> None:
    """Where both models accept the person: that, and another one."""
    if any(model.outcome != "accepted" for model in found.advice.models):
        return
    name = context.adviser.table.name
    if not context.refused:
        said = (
            "Both models accept everybody in the test data, so nobody needs advice. Type a person in, or ask for a "
            "higher score under “Score, plans and models”."
        )
        st.info(in_words_of(name, said), icon=":material/check_circle:")
        return
    said = "There is nothing to change for this person. Look at somebody who is refused."
    st.info(in_words_of(name, said), icon=":material/check_circle:")
    first = context.refused[0]
    st.button(
        in_words_of(name, "Show a person who is refused"),
        key="recourse-refused",
        on_click=draft.look,
        kwargs={"person": first, "typed": ""},
    )
