"""A step as it is told: words, guess, picture; then what the picture shows, and the way on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from ctviz.figures.stage.trace import Mark
from ctviz.prose import inside
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import link_to, page_title
from ctviz.ui.kit.pages import ACTIONABILITY, BOUNDARIES, DIGITS, LIMITS, Page
from ctviz.ui.kit.player import PathsState
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.service import Service
from ctviz.ui.learn.facts import Facts, Picture, Point, Search
from ctviz.ui.learn.learn_view import LearnView
from ctviz.ui.learn.questions import QUESTIONS
from ctviz.ui.learn.stage import Showing, facts_now, run_of, searches_from, show
from ctviz.ui.learn.steps import QUIZ, STEPS, ChoiceGuess, PlaceGuess, Step, n

SHARES = (0.33, 0.67)
"""Of the width: the words, the picture."""

NEAR, FAIR = 0.15, 0.4
"""A guess is near, or fair, up to this share of the way that it was about."""

MORE: dict[int, tuple[Page, str, dict[str, str]]] = {
    5: (DIGITS, "See it on Digits", {}),
    7: (ACTIONABILITY, "All of it on Actionability", {"preset": "where-short", "part": "where"}),
    8: (ACTIONABILITY, "All of it on Actionability", {"preset": "proxies-linked", "part": "proxies"}),
    9: (LIMITS, "See Limits", {}),
}
"""Step → where there is more of it."""


def tell(service: Service, draft: Draft[LearnView]) -> None:
    """One step: its picture first, since people wait for it."""
    view, step = draft.view, STEPS[draft.view.step - 1]
    with st.container(key="learn-step"):
        left, right = st.columns(SHARES, gap="medium")
    with right:
        run_view = run_of(service, step.picture)
        if run_view is not None:
            _follow(draft, step, _picture(run_view, draft, step))
    with left:
        page_title(f"{view.step}. {step.title}")
        st.markdown(step.words)
        if run_view is not None:
            _guess_or_reveal(run_view, draft, step)
        if view.step == len(STEPS):
            your_turn()
        way_on(draft)


def _showing(run_view: RunView, draft: Draft[LearnView], step: Step) -> tuple[Picture, Showing]:
    """What is shown of a step at this moment: before the guess, or after it."""
    view = draft.view
    if view.revealed:
        at = view.at or step.picture.at
        hint = "Drag the start: the search follows. Or click anywhere." if step.picture.searched else "Click anywhere."
        marks = _guess_marks(run_view, view, step)
        return step.picture, Showing(f"{view.step}", hint, at, marks=marks, epoch=view.epoch, layer=view.layer)
    place = isinstance(step.guess, PlaceGuess)
    hint = "Click where you think it ends; or move a cursor with the arrow keys, and press enter." if place else ""
    picture = step.asking or step.picture
    return picture, Showing(
        f"{view.step}.asking", hint, picture.at, asking=place, searched=step.asking is not None, hidden=step.hidden,
        plays=False,
    )  # fmt: skip


def _picture(run_view: RunView, draft: Draft[LearnView], step: Step) -> PathsState:
    view = draft.view

    def guess(at: Point) -> None:
        draft.look(guesses=view.guessed(at))

    def move(at: Point) -> None:
        draft.look(at=at)

    picture, showing = _showing(run_view, draft, step)
    return show(run_view, picture, showing, move if view.revealed else guess if showing.asking else None)


def _follow(draft: Draft[LearnView], step: Step, resting: PathsState) -> None:
    """Takes what the person has come to rest on into the view, as far as the picture offers it."""
    if draft.view.revealed:
        epoch = resting.epoch if step.picture.throughout else None
        layer = resting.layer if step.picture.energy else "energy"
        draft.view = LearnView(**{**draft.view.model_dump(), "epoch": epoch, "layer": layer})


def _guess_marks(run_view: RunView, view: LearnView, step: Step) -> tuple[Mark, ...]:
    """The guess and the line from it to the truth; not any more once the person has been moved."""
    guess, asked = view.guess, step.guess
    if not isinstance(asked, PlaceGuess) or not isinstance(guess, tuple) or view.at is not None:
        return ()
    end = facts_now(run_view, step.picture).searches[asked.arm].end
    arm = step.picture.arms.index(asked.arm)
    said = f"your guess, {n(_apart(guess, end))} off"
    return (Mark(arm, "guess", guess, text=said), Mark(arm, "guess", guess, end, last=True))


def _apart(a: Point, b: Point) -> float:
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


# -- guess and reveal -------------------------------------------------------------------------------------


def _guess_or_reveal(run_view: RunView, draft: Draft[LearnView], step: Step) -> None:
    if draft.view.revealed:
        _reveal(run_view, draft, step)
    elif step.guess is not None:
        ask(draft, step.guess)


def ask(draft: Draft[LearnView], guess: PlaceGuess | ChoiceGuess) -> None:
    """The question, its answers, and a way past it."""
    view = draft.view
    st.html(f'<p class="ctviz-invite">{guess.question}</p>')
    if isinstance(guess, ChoiceGuess):
        for position, option in enumerate(guess.options):
            st.button(
                option, key=f"learn-guess-{view.step}-{position}", width="stretch",
                on_click=draft.look, kwargs={"guesses": view.guessed(position)},
            )  # fmt: skip
    st.button(
        "Show me without guessing", key="learn-show", type="tertiary",
        on_click=draft.look, kwargs={"guesses": view.guessed(None)},
    )  # fmt: skip


def _reveal(run_view: RunView, draft: Draft[LearnView], step: Step) -> None:
    view, facts = draft.view, facts_now(run_view, step.picture)
    said = verdict(step, view, facts)
    if view.at is not None:
        facts = replace(facts, searches=searches_from(run_view, step.picture, view.at))
    parts = [f"**{said}**"] if said else []
    told = _there_already(facts, step.picture) or step.reveal(facts)
    whole = view.epoch in (None, run_view.last)
    parts.append(told if whole else f"Once trained to the end: {inside(told)}")
    st.markdown(" ".join(parts))
    if step.price is not None:
        st.markdown(f":material/balance: {step.price(facts)}")
    if view.step in MORE:
        link_to(*MORE[view.step])
    if step.term:
        st.caption(step.term)
    _again(draft, step)


def _there_already(facts: Facts, picture: Picture) -> str:
    """Said of a person who was moved to where the answer is a yes already."""
    ones: list[Search] = list(facts.searches.values())
    if not picture.searched or not ones or any(one.predicted != picture.target for one in ones):
        return ""
    return "From here the answer is the wished one already: there is nothing to change. Click among the squares."


def verdict(step: Step, view: LearnView, facts: Facts) -> str:
    """How far off the guess was, kindly; nothing where there was none."""
    guess, asked = view.guess, step.guess
    if guess is None or asked is None:
        return ""
    if isinstance(asked, ChoiceGuess) and isinstance(guess, int):
        right = asked.right(facts)
        if guess == right:
            return f"{asked.question} You saw it coming: “{inside(asked.options[right])}”."
        return f"{asked.question} You said “{inside(asked.options[guess])}”; it is “{inside(asked.options[right])}”."
    if isinstance(asked, PlaceGuess) and isinstance(guess, tuple):
        one = facts.searches[asked.arm]
        off, way = _apart(guess, one.end), max(_apart(one.start, one.end), 1e-9)
        kind = "Very near" if off <= NEAR * way else "Not far" if off <= FAIR * way else "Quite some way"
        return f"{kind}: your guess is {n(off)} off."
    return ""


def _again(draft: Draft[LearnView], step: Step) -> None:
    with st.container(horizontal=True):
        if step.guess is not None:
            st.button(
                "Guess again", key="learn-again", type="tertiary", icon=":material/undo:",
                on_click=draft.look, kwargs={"guesses": draft.view.forgotten(), **draft.view.at_first()},
            )  # fmt: skip
        if draft.view.at is not None:
            st.button(
                "Back to the first start", key="learn-back-person", type="tertiary", icon=":material/person:",
                on_click=draft.look, kwargs={"at": None},
            )  # fmt: skip


# -- ways on ----------------------------------------------------------------------------------------------


def your_turn() -> None:
    """Where to go from here."""
    link_to(BOUNDARIES, "Train models of your own", {"preset": BOUNDARIES.preset})
    link_to(BOUNDARIES, "Draw data of your own", {"preset": "drawn"}, ":material/draw:")


def go(draft: Draft[LearnView], by: int) -> None:
    """To the step before or after, or the question; its picture is as nobody has touched it."""
    view = draft.view
    if view.step == QUIZ and 1 <= view.question + by <= len(QUESTIONS):
        draft.look(question=view.question + by)
    else:
        draft.look(step=min(max(view.step + by, 1), QUIZ), **view.at_first())


def way_on(draft: Draft[LearnView]) -> None:
    """Back and next, also by the arrow keys; in the quiz from question to question."""
    view = draft.view
    with st.container(horizontal=True, key="learn-way"):
        st.button(
            "Back", key="learn-back", icon=":material/arrow_back:", disabled=view.step == 1, shortcut="Left",
            on_click=go, args=(draft, -1),
        )  # fmt: skip
        label = "To the quiz" if view.step == len(STEPS) else "Next question" if view.step == QUIZ else "Next"
        if view.step < QUIZ or view.question < len(QUESTIONS):
            st.button(label, key="learn-next", type="primary", shortcut="Right", on_click=go, args=(draft, 1))
        else:
            your_turn()


def progress(draft: Draft[LearnView]) -> None:
    """All steps, and which of them is shown."""
    with st.container(horizontal=True, vertical_alignment="center", key="learn-progress"):
        bind.choice(
            "Step", range(1, QUIZ + 1), bind.to_view(draft, "step", key="learn-steps", **draft.view.at_first()),
            kind="buttons", hidden=True, words=lambda step: "Quiz" if step == QUIZ else f"{step}",
        )  # fmt: skip
        if draft.view.view == "page":
            for label, view, icon in (
                ("Project", "project", "cast"), ("Notes", "notes", "speaker_notes"), ("Handout", "handout", "print"),
            ):  # fmt: skip
                st.button(
                    label, key=f"learn-{view}", type="tertiary", icon=f":material/{icon}:",
                    on_click=draft.look, kwargs={"view": view},
                )  # fmt: skip
