"""The quiz: eight questions, each answered by a picture."""

from __future__ import annotations

import streamlit as st

from ctviz.prose import inside
from ctviz.ui.kit import messages
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import page_title
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.service import Service
from ctviz.ui.learn.facts import Facts
from ctviz.ui.learn.learn_view import LearnView
from ctviz.ui.learn.questions import QUESTIONS, Question
from ctviz.ui.learn.stage import Showing, facts_now, run_of, show
from ctviz.ui.learn.story import SHARES, way_on


def quiz(service: Service, draft: Draft[LearnView]) -> None:
    """The question that is open, with its answers or its picture."""
    view = draft.view
    question, answer = QUESTIONS[view.question - 1], view.answer(view.question)
    with st.container(key="learn-step"):
        left, right = st.columns(SHARES, gap="medium")
    with right:
        run_view = run_of(service, question.picture)
        if run_view is not None:
            seen = answer is not None or question.open
            showing = Showing(
                f"quiz.{view.question}.{seen}.{answer is not None}",
                "",
                question.picture.at,
                searched=seen,
                near=answer is not None,
            )
            show(run_view, question.picture, showing, None)
    with left:
        page_title(f"Question {view.question} of {len(QUESTIONS)}")
        st.markdown(f"#### {question.words}")
        messages.show()
        if answer is None:
            _ask(draft, question)
        elif run_view is not None:
            _tell(run_view, draft, question, answer)
        _ways(service, draft)
        way_on(draft)


def _ask(draft: Draft[LearnView], question: Question) -> None:
    for position, option in enumerate(question.options):
        st.button(
            option, key=f"learn-answer-{draft.view.question}-{position}", width="stretch",
            on_click=take, args=(draft, draft.view.question, position),
        )  # fmt: skip


def take(draft: Draft[LearnView], question: int, answer: int) -> None:
    """Takes an answer; where there is one already, that one stands, and it is said."""
    if draft.view.answer(question) is not None:
        messages.say(
            "refused", f"Question {question} has been answered already, and the first answer counts. "
            "“Answer again” takes it back.",
        )  # fmt: skip
        return
    draft.look(answers=draft.view.answered(question, answer))


def _tell(run_view: RunView, draft: Draft[LearnView], question: Question, answer: int) -> None:
    facts = facts_now(run_view, question.picture)
    right = question.right(facts)
    chosen, shown = (f"“{inside(question.options[i])}”" for i in (answer, right))
    same = answer == right
    said = f"**You said {chosen}, and so does the picture.**" if same else f"You said {chosen}. **Look: {shown}.**"
    st.markdown(f"{said} {question.say(facts)}")
    number = draft.view.question
    st.button(
        "Answer again", key="learn-retake", type="tertiary", icon=":material/undo:",
        on_click=draft.look, kwargs={"answers": draft.view.answered(number, None)},
    )  # fmt: skip


def _ways(service: Service, draft: Draft[LearnView]) -> None:
    """The questions, which of them have been answered, and at the end how many as the pictures do."""
    view = draft.view
    given = [view.answer(number) for number in range(1, len(QUESTIONS) + 1)]
    with st.container(horizontal=True, key="learn-questions"):
        for number, answer in enumerate(given, 1):
            st.button(
                f"{number} ✓" if answer is not None else f"{number}", key=f"learn-question-{number}",
                type="primary" if number == view.question else "secondary",
                help=QUESTIONS[number - 1].words, on_click=draft.look, kwargs={"question": number},
            )  # fmt: skip
    if None not in given:
        st.markdown(f"**{score(service, given)}** Every picture stays open: come back to any question.")


def score(service: Service, given: list[int | None]) -> str:
    """How many answers agree with their pictures."""
    agree = 0
    for question, answer in zip(QUESTIONS, given, strict=True):
        run_view = service.run_view(question.picture.experiment.key)
        if run_view is not None:
            agree += answer == question.right(_facts(run_view, question))
    return f"You agree with {agree} of {len(QUESTIONS)} pictures."


def _facts(run_view: RunView, question: Question) -> Facts:
    return facts_now(run_view, question.picture)
