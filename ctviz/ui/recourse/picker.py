"""Another person for the page: at random among those whom both models refuse, by filter, by row, or typed in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from ctviz.catalogue.rows import in_words_of
from ctviz.data.people import Value
from ctviz.data.schema import Feature
from ctviz.errors import ConfigError, CtvizError
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.recourse.context import AdviceContext
from ctviz.ui.recourse.people import Condition, conditions_in_words, conditions_of, matching, text_of_conditions
from ctviz.ui.recourse.person import Picked, candidates, pick_next, pick_row, type_in
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.value_controls import value_controls

TYPING = "recourse-typing"
"""Where the session keeps whether somebody types a person in, and the values so far."""

ASKED = "recourse-filtered"
"""Where the session keeps by which features it wants to filter, beside those that the link names."""

USUAL = 3
"""Features by which people may be filtered at once: those that the law protects."""

REFUSED_READ = "The filter in the link cannot be read, so it is left out."


def filter_of(draft: Draft[RecourseView], context: AdviceContext) -> tuple[tuple[Condition, ...], str]:
    """The conditions of the link; none, and why, where they cannot be read."""
    try:
        return conditions_of(draft.view.who, context.adviser.table.schema), ""
    except ConfigError as error:
        return (), f"{REFUSED_READ} {error}"


def buttons(draft: Draft[RecourseView], context: AdviceContext, person: Picked, values: dict[str, Value]) -> None:
    """Beside the card: another person at random, and the choice of a certain one."""
    conditions, _ = filter_of(draft, context)
    rows = candidates(draft, context) if conditions or not draft.view.who else context.refused
    table = context.adviser.table
    st.button(
        in_words_of(table.name, "Another person"), key="recourse-next", icon=":material/casino:", disabled=not rows,
        help=in_words_of(table.name, "At random among the people of the test data whom both models refuse")
        + (f", with {conditions_in_words(conditions, table.schema)}." if conditions else "."),
        on_click=pick_next, args=(draft, rows),
    )  # fmt: skip
    box = st.popover(
        in_words_of(table.name, "Choose a person"),
        icon=":material/person_search:",
        key="recourse-choose",
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        _by_filter(draft, context, conditions, rows)
        _by_row(draft, context, person)
        label = in_words_of(table.name, "Type a person in")
        st.button(label, key="recourse-type", icon=":material/edit_note:", on_click=_begin, args=(values,))


def say_filter(draft: Draft[RecourseView], context: AdviceContext) -> None:
    """Where the filter leaves no one whom both models refuse, or cannot be read, a sentence."""
    conditions, problem = filter_of(draft, context)
    if problem:
        st.warning(literal(problem), icon=":material/filter_alt_off:")
        return
    if not conditions or candidates(draft, context):
        return
    table = context.adviser.table
    words, there = conditions_in_words(conditions, table.schema), len(matching(table, conditions))
    if there:
        fit = "person in the test data fits" if there == 1 else "people in the test data fit"
        said = f"Only {there:,} {fit} the filter ({words}), and both models refuse none of them."
    else:
        said = f"Nobody in the test data fits the filter: {words}."
    said = in_words_of(table.name, f"{said} The person below does not fit it either.")
    st.info(literal(said), icon=":material/filter_alt_off:")
    st.button("Remove the filter", key="recourse-no-filter", on_click=draft.look, kwargs={"who": ""})


# -- by filter -------------------------------------------------------------------------------------------


def _by_filter(
    draft: Draft[RecourseView], context: AdviceContext, conditions: tuple[Condition, ...], rows: tuple[int, ...]
) -> None:
    table = context.adviser.table
    known = {one.feature: one for one in conditions}
    name_of_table, extra = st.session_state.get(ASKED, ("", ()))
    if name_of_table != table.name:
        extra = () if known else table.protected[:USUAL]
    names = [name for name in table.schema.names if name in known or name in extra]

    def take(chosen: list[str]) -> None:
        st.session_state[ASKED] = (table.name, tuple(chosen))
        _put(draft, [one for one in conditions if one.feature in chosen])

    st.markdown(in_words_of(table.name, "**Among the refused, only people with**"))
    bind.several_of_many("Features", table.schema.names, bind.to("recourse-who", names, take, renewed=True))
    for name in names:
        feature = table.schema.features[table.schema.names.index(name)]
        _condition(draft, conditions, known.get(name, Condition(name)), feature)
    count = len(rows)
    whom = "person whom both models refuse fits" if count == 1 else "people whom both models refuse fit"
    st.caption(in_words_of(table.name, f"{count:,} {whom}."))
    st.button("Pick one of them", key="recourse-pick", disabled=not rows, on_click=pick_next, args=(draft, rows))


def _condition(draft: Draft[RecourseView], conditions: tuple[Condition, ...], one: Condition, feature: Feature) -> None:
    def put(**values: Any) -> None:
        changed = replace(one, **values)
        others = [other for other in conditions if other.feature != one.feature]
        empty = not changed.levels and changed == Condition(one.feature)
        _put(draft, others if empty else [*others, changed])

    key = f"who-{one.feature}"
    if feature.levels:
        binding = bind.to(key, list(one.levels), lambda chosen: put(levels=tuple(chosen)), renewed=True)
        bind.several_of_many(feature.name, feature.levels, binding, placeholder="any")
        return
    low, high = feature.shown_domain
    cast: Any = int if feature.display.places == 0 else float
    ends = cast(max(one.low, low)), cast(min(one.high, high))

    def take(pair: tuple[float, float]) -> None:
        put(low=pair[0] if pair[0] > low else Condition("").low, high=pair[1] if pair[1] < high else Condition("").high)

    binding = bind.to(key, ends, take, renewed=True)
    bind.slider(feature.display.titled(feature.name), cast(low), cast(high), binding, step=cast(feature.display.step))


def _put(draft: Draft[RecourseView], conditions: list[Condition]) -> None:
    draft.look(who=text_of_conditions(conditions))


# -- by row, and typed in --------------------------------------------------------------------------------


def _by_row(draft: Draft[RecourseView], context: AdviceContext, person: Picked) -> None:
    last = len(context.adviser.table.test[0]) - 1
    binding = bind.to("recourse-row", person.row, lambda row: pick_row(draft, row), renewed=True)
    bind.number(
        f"Or by number, 0 to {last:,}", binding, 0, last, whole=True, none=True, placeholder="a row of the test data"
    )


def _begin(values: dict[str, Value]) -> None:
    st.session_state[TYPING] = dict(values)


def is_typing() -> bool:
    """Whether somebody types a person in."""
    return st.session_state.get(TYPING) is not None


def form(draft: Draft[RecourseView], context: AdviceContext) -> None:
    """The form in which a person is typed in, in the place of the card."""
    table = context.adviser.table
    values: dict[str, Value] = st.session_state[TYPING]

    def take(name: str, value: Value) -> None:
        st.session_state[TYPING] = {**st.session_state[TYPING], name: value}

    with st.container(border=True, key="recourse-form"):
        st.html(in_words_of(table.name, "<h2>A person of your own</h2>"))
        value_controls(table.schema, values, "typed-value", take)
        share = st.toggle(
            in_words_of(table.name, "Put this person into the link"), key="recourse-share",
            help="Without it, a link that you pass on has nothing of it, nor has a reload.",
        )  # fmt: skip

        def done() -> None:
            try:
                type_in(draft, table, values, bool(share))
            except CtvizError as error:
                draft.refused["recourse-form"] = str(error)
                return
            draft.refused.pop("recourse-form", None)
            st.session_state.pop(TYPING, None)

        bind.say_why_not(draft, "recourse-form")
        with st.container(horizontal=True):
            st.button("Show the advice", key="recourse-typed-in", type="primary", on_click=done)
            st.button("Cancel", key="recourse-cancel", on_click=lambda: st.session_state.pop(TYPING, None))
