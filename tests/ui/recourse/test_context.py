"""What Recourse advises with is kept for all sessions, and no more of it than its bound allows."""

from __future__ import annotations

import gc
import weakref

import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.ui.kit.draft import Draft
from ctviz.ui.recourse import context
from ctviz.ui.recourse.recourse_view import RecourseView


def test_what_is_dropped_is_held_by_nothing_else(monkeypatch) -> None:
    monkeypatch.setattr(context, "MOST_CONTEXTS", 1)
    st.cache_resource.clear()
    experiment = Experiment.preset("german")

    def advising(score: float, arm: str = "") -> context.AdviceContext:
        found = context.context_of(Draft(experiment, RecourseView(score=score, arm=arm)))
        assert found is not None
        return found

    first = advising(0.5)
    other = advising(0.5, arm=next(arm.name for arm in experiment.arms if arm.name not in first.arms))
    assert first is advising(0.5) and other.adviser is first.adviser and other.arms != first.arms
    gone = weakref.ref(first.adviser)
    del first, other
    advising(0.6)
    gc.collect()
    assert gone() is None
    st.cache_resource.clear()
