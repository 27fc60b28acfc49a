"""What is read beside the screen: the presenter's notes with minutes, and the handout to print."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from ctviz.prose import number
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import link_to, page_title
from ctviz.ui.kit.pages import LEARN
from ctviz.ui.kit.service import Service
from ctviz.ui.learn.learn_view import LearnView
from ctviz.ui.learn.questions import QUESTIONS
from ctviz.ui.learn.stage import facts_now, run_of, still
from ctviz.ui.learn.steps import STEPS, ChoiceGuess, Step

QUIZ_MINUTES = 5.0


def _minutes(value: float) -> str:
    return number(value, trim=True)


def times() -> Iterator[tuple[int, Step, float]]:
    """Number and step, and after how many minutes it begins."""
    passed = 0.0
    for at, step in enumerate(STEPS, 1):
        yield at, step, passed
        passed += step.minutes


def notes(service: Service, draft: Draft[LearnView]) -> None:
    """For a second screen: each step with its minutes, what to say, what is asked and what will be seen."""
    whole = sum(step.minutes for step in STEPS)
    page_title(f"Notes: {len(STEPS)} steps in {_minutes(whole)} minutes, and a quiz of {_minutes(QUIZ_MINUTES)}")
    back(draft)
    for at, step, begins in times():
        with st.container(border=True, key=f"learn-note-{at}"):
            left, right = st.columns([0.2, 0.8])
            left.markdown(f"**{_minutes(begins)} – {_minutes(begins + step.minutes)} min**")
            with left:
                link_to(LEARN, "Project this step", {"step": f"{at}", "view": "project"}, ":material/cast:")
            with right:
                st.markdown(f"**{at}. {step.title}** {step.notes}")
                if step.guess is not None:
                    options = f" ({' / '.join(step.guess.options)})" if isinstance(step.guess, ChoiceGuess) else ""
                    st.caption(f"They guess: {step.guess.question}{options}")
                _shown(service, step)


def _shown(service: Service, step: Step) -> None:
    run_view = run_of(service, step.picture)
    if run_view is not None:
        facts = facts_now(run_view, step.picture)
        price = f" {step.price(facts)}" if step.price else ""
        st.caption(f"They see: {step.reveal(facts) + price}")


def handout(service: Service, draft: Draft[LearnView]) -> None:
    """All steps on paper, each with its sentence and its picture."""
    page_title("Counterfactual training in ten pictures")
    back(draft)
    for at, step, _ in times():
        with st.container(key=f"learn-sheet-{at}"):
            words, picture = st.columns([0.5, 0.5], gap="medium", vertical_alignment="center")
            run_view = run_of(service, step.picture)
            with words:
                st.markdown(f"**{at}. {step.title}**\n\n{step.words}")
                if run_view is not None:
                    facts = facts_now(run_view, step.picture)
                    st.markdown(step.reveal(facts))
                    if step.price:
                        st.markdown(step.price(facts))
            if run_view is not None:
                picture.html(still(run_view, step.picture))
    st.markdown("**To think about**\n\n" + "\n".join(f"{i}. {q.words}" for i, q in enumerate(QUESTIONS, 1)))


def back(draft: Draft[LearnView]) -> None:
    """To the step that was left; not printed."""
    with st.container(horizontal=True, key="learn-progress"):
        st.button(
            "Back to the steps", key="learn-page", icon=":material/arrow_back:",
            on_click=draft.look, kwargs={"view": "page"},
        )  # fmt: skip
        if draft.view.view == "handout":
            st.caption("To print it or save it as a PDF: the browser's Print.")
