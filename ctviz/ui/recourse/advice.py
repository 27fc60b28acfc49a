"""What both models ask of the person, side by side."""

from __future__ import annotations

from html import escape

import streamlit as st

from ctviz.catalogue import advice as words
from ctviz.experiments.advice import Advice, ModelAdvice
from ctviz.ui.kit.draft import Draft
from ctviz.ui.recourse.ground import Ground
from ctviz.ui.recourse.recourse_view import RecourseView


def advice_of(draft: Draft[RecourseView], ground: Ground) -> Advice:
    """The polished plans of the models for the person of the page."""
    person = draft.view.person if draft.view.person is not None else ground.refused[0]
    return ground.adviser.advise(person, plans=draft.view.plans, exact=False)


def show_advice(ground: Ground, advice: Advice) -> None:
    """A column for each of the two models."""
    for column, arm in zip(st.columns(2, gap="medium"), ground.arms, strict=True):
        with column:
            _one(advice.model(arm))


def _one(model: ModelAdvice) -> None:
    lines = "".join(f"<p>{escape(line)}</p>" for line in words.model_sentences(model))
    st.html(f"<h2>{escape(words.model_title(model))}</h2>{lines}")
