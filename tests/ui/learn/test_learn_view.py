"""The link of Learn: it keeps step, guesses and answers, and says what it cannot read."""

from __future__ import annotations

import pytest

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.ui.kit import link
from ctviz.ui.kit.draft import Draft
from ctviz.ui.learn import quiz
from ctviz.ui.learn.learn_view import LearnView, read_guesses
from ctviz.ui.learn.steps import QUIZ, STEPS

FIGURE = Experiment.preset("figure1")


@pytest.mark.parametrize(
    "view",
    [
        LearnView(),
        LearnView(step=4, guesses="1~b;2~5.1,-0.4;4~-", at=(6.5, 0.25)),
        LearnView(step=QUIZ, question=8, answers="-a------".replace("------", "-b---a"), view="notes"),
        LearnView(view="handout"),
        LearnView(step=4, guesses="4~-", epoch=20, layer="probability"),
    ],
)
def test_a_link_that_is_written_is_read_as_it_was(view: LearnView) -> None:
    opened = link.read(link.write(FIGURE, view), LearnView, "figure1")
    assert opened.view == view
    assert opened.problems == ()
    assert link.write(opened.experiment, opened.view) == link.write(FIGURE, view)


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("step", "40", "less than or equal to 11"),
        ("step", "0", "greater than or equal to 1"),
        ("step", "four", "a number"),
        ("guesses", "2~b", "guesses such as"),
        ("guesses", "1~5,5", "guesses such as"),
        ("guesses", "2~nan,1", "guesses such as"),
        ("guesses", "2~1e99,1", "guesses such as"),
        ("guesses", "12~a", "guesses such as"),
        ("answers", "z", "at most 8 answers"),
        ("answers", "aaaaaaaaa", "at most 8 answers"),
        ("answers", "d", "at most 8 answers"),
        ("question", "9", "less than or equal to 8"),
        ("view", "upside", "project"),
        ("layer", "heat", "energy"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_kept(name: str, text: str, allowed: str) -> None:
    kept = {"step": "3"} if name != "step" else {"answers": "-a"}
    opened = link.read({name: text, **kept}, LearnView, "figure1")
    (problem,) = opened.problems
    assert name in problem and allowed in problem
    assert opened.view == LearnView(**({"step": 3} if name != "step" else {"answers": "-a"}))


def test_guesses_belong_to_their_steps() -> None:
    view = LearnView(step=2, guesses="3~c")
    assert view.guess is None and not view.revealed
    view = view.model_copy(update={"guesses": view.guessed((5.1234567, -1.0))})
    assert read_guesses(view.guesses) == {2: (5.123, -1.0), 3: 2}
    assert view.revealed and view.guess == (5.123, -1.0)
    view = view.model_copy(update={"guesses": view.forgotten()})
    assert not view.revealed and read_guesses(view.guesses) == {3: 2}
    shown = view.model_copy(update={"guesses": view.guessed(None)})
    assert shown.revealed and shown.guess is None
    assert LearnView(step=len(STEPS)).revealed, "nothing is asked there"


def test_a_question_answered_twice_keeps_its_first_answer_until_it_is_taken_back() -> None:
    view = LearnView(answers="-a")
    assert [view.answer(number) for number in (1, 2, 3)] == [None, 0, None]
    assert view.answered(2, 1) == "-a"
    assert view.answered(3, 2) == "-ac"
    assert view.answered(2, None) == ""


def test_a_second_answer_is_said_to_count_for_nothing(monkeypatch) -> None:
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(quiz.messages, "say", lambda kind, words: said.append((kind, words)))
    draft = Draft(FIGURE, LearnView(step=QUIZ))
    quiz.take(draft, 2, 1)
    quiz.take(draft, 2, 0)
    assert draft.view.answers == "-b"
    assert [kind for kind, _ in said] == ["refused"]


def test_too_many_steps_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="step is 99"):
        LearnView(step=99)
