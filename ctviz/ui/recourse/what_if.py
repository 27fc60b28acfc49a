"""What if: any value of the person is changed, and the models answer at once."""

from __future__ import annotations

from html import escape

import numpy as np
import streamlit as st

from ctviz.catalogue import advice as words
from ctviz.catalogue.rows import in_words_of
from ctviz.data.people import Value, text_of
from ctviz.errors import DataError
from ctviz.experiments.advice import ModelAdvice
from ctviz.prose import begun, inside, listed
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.settings import group
from ctviz.ui.recourse.asked import Answer
from ctviz.ui.recourse.model_block import model_block
from ctviz.ui.recourse.person import type_in
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.value_controls import value_controls

EDITED = "recourse-edited"
"""Where the session keeps whom it edits, and the values that it has changed."""


HELP = "The values above take the place of the person; the link does not hold them."


def what_if(draft: Draft[RecourseView], found: Answer) -> None:
    """The disclosure; its controls are drawn once it is open."""
    group("What if … any value were another one?", "recourse-what-if", lambda: _open(draft, found))


def _open(draft: Draft[RecourseView], found: Answer) -> None:
    table = found.asked.context.adviser.table
    edited = _edited(found)
    values = {**found.advice.person, **edited}

    def take(name: str, value: Value) -> None:
        changed = {**_edited(found), name: value}
        _note(found, {n: v for n, v in changed.items() if v != found.advice.person[n]})

    with st.container(horizontal=True, key="recourse-what-if-starts"):
        if edited:
            st.button(
                in_words_of(table.name, "As the person is"),
                key="what-if-back",
                icon=":material/undo:",
                on_click=_note,
                args=(found, {}),
            )
        for model in found.advice.models:
            if model.plans:
                plan = model.plans[min(draft.view.plan, len(model.plans) - 1)]
                changes = {change.feature: change.after for change in plan.changes}
                st.button(
                    f"As {inside(found.title(model))} asks", key=f"what-if-{model.arm}",
                    on_click=_note, args=(found, changes),
                )  # fmt: skip
    st.html(_scores(found, values, edited))
    value_controls(table.schema, values, "what-if-value", take)
    if edited:
        st.button(
            in_words_of(table.name, "Ask for advice to this person"), key="what-if-advise",
            icon=":material/person_edit:", help=in_words_of(table.name, HELP),
            on_click=type_in, args=(draft, table, values, False),
        )  # fmt: skip


def _scores(found: Answer, values: dict[str, Value], edited: dict[str, Value]) -> str:
    """What the models say of the values, beside what they said of the person."""
    context = found.asked.context
    try:
        scores = context.adviser.scores(context.adviser.table.row(values)[None])[:, 0]
    except DataError as error:
        return f'<p class="ctviz-trouble">{escape(str(error))}</p>'
    position = [model.arm for model in context.adviser.models]
    cells = "".join(
        _score(model, float(scores[position.index(model.arm)]), found.title(model)) for model in found.advice.models
    )
    features = {feature.name: feature for feature in context.adviser.table.schema.features}
    said = listed([f"{name} {text_of(features[name], value)}" for name, value in edited.items()])
    lead = f"With {said}:" if edited else "Nothing is changed yet:"
    return f'<p class="ctviz-if">{escape(lead)}</p><div class="ctviz-ifs" role="status">{cells}</div>'


def _score(model: ModelAdvice, score: float, title: str) -> str:
    before, needed = words.score_words(model.score), words.score_words(model.threshold)
    moved = "" if np.isclose(score, model.score) else f" (before: {before})"
    verb = "accepted" if score >= model.threshold else "refused"
    said = f"{begun(verb)} with a score of {words.score_words(score)}{moved}; {needed} is needed."
    return model_block(title, model.counterfactual, said, level=3)


def _edited(found: Answer) -> dict[str, Value]:
    key, values = st.session_state.get(EDITED, (None, {}))
    return dict(values) if key == _who(found) else {}


def _note(found: Answer, values: dict[str, Value]) -> None:
    st.session_state[EDITED] = (_who(found), dict(values))


def _who(found: Answer) -> object:
    return found.asked.context.experiment.data.name, found.asked.person.key
