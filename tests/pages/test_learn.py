"""The page Learn without a browser: guess, reveal, quiz, sheets, and what is said where a run is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ctviz.experiments.config import Experiment
from ctviz.paths import assets
from ctviz.ui.learn.steps import STEPS
from tests.pages.words import query_of, said

PAGE = "pages/learn.py"


@pytest.fixture
def shipped(world):
    """A world with the run of the first steps, as it ships."""
    for preset in ("figure1",):
        key = Experiment.preset(preset).key
        shutil.copytree(assets() / "presets" / key, Path(world.root, "runs", key))
    return world


def test_a_guess_is_asked_for_and_then_the_picture_tells(visit, shipped) -> None:
    at = visit(PAGE)
    words = said(at)
    assert STEPS[0].title in words and STEPS[0].guess.question in words
    assert "Refused." not in words
    at.button(key="learn-guess-1-0").click().run()
    assert "You said “granted”; it is “refused”." in said(at)
    assert query_of(at)["guesses"] == "1~a"
    at.button(key="learn-next").click().run()
    assert STEPS[1].title in said(at)
    assert query_of(at) == {"preset": "figure1", "step": "2", "guesses": "1~a"}
    at.button(key="learn-show").click().run()
    assert "After 50 short steps" in said(at) and "off" not in said(at).partition("After 50")[0].split("**")[-1]
    at.button(key="learn-again").click().run()
    assert query_of(at) == {"preset": "figure1", "step": "2", "guesses": "1~a"}, "the guess of another step is kept"


def test_a_link_in_the_middle_shows_the_guess_and_how_far_off_it_was(visit, shipped) -> None:
    at = visit(PAGE, step="4", guesses="4~5.1,-0.5")
    words = said(at)
    assert "Very near: your guess is 0.0" in words
    assert "The price:" in words
    assert query_of(at) == {"preset": "figure1", "step": "4", "guesses": "4~5.1,-0.5"}
    assert "Once trained to the end: from the nearest" not in words
    assert not at.error


def test_what_is_touched_on_a_step_is_in_its_link_and_gone_on_the_next(visit, shipped) -> None:
    touched = {"at": "7.8,-0.6", "epoch": "20", "layer": "probability"}
    at = visit(PAGE, step="4", guesses="4~-", **touched)
    words, query = said(at), query_of(at)
    assert {name: query[name] for name in touched} == touched
    assert "Once trained to the end: from the nearest real person with a yes it is" in words
    at.button(key="learn-next").click().run()
    assert query_of(at) == {"preset": "figure1", "step": "5", "guesses": "4~-"}
    at = visit(PAGE, step="1", guesses="1~-", at="3,-1")
    assert "Granted. Blue is where" in said(at), "somebody else has asked"


def test_the_quiz_answers_with_its_picture(visit, shipped) -> None:
    at = visit(PAGE, step="11", question="2")
    at.button(key="learn-answer-2-0").click().run()
    assert "You said “high”. **Look: “low”.**" in said(at)
    assert not any(button.key.startswith("learn-answer") for button in at.button), "answered once"
    assert query_of(at)["answers"] == "-a"
    at.button(key="learn-retake").click().run()
    assert "answers" not in query_of(at)


def test_steps_that_do_not_exist_and_runs_that_are_missing_are_said_in_words(visit) -> None:
    at = visit(PAGE, step="40", guesses="what")
    words = said(at)
    assert "step is '40'" in words and "guesses is 'what'" in words
    assert "The run of this step is not here" in words
    assert not at.error
    at.button(key="learn-notes").click().run()
    assert "10 steps in 14 minutes" in said(at)
    assert query_of(at)["view"] == "notes"


def test_the_handout_has_all_steps_with_their_pictures(visit, shipped) -> None:
    at = visit(PAGE, view="handout")
    words = said(at)
    assert all(step.title in words for step in STEPS)
    assert words.count("data:image/png") >= 6 and 'alt="Counterfactual training: the model' in words
    assert not at.error
