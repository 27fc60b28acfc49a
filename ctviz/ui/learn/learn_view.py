"""Where somebody is on Learn, all of it in the link: the step, the guesses, the answers, and who was moved."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from ctviz.errors import ConfigError
from ctviz.ui.kit.link import BaseView, PlaneLayer, two_numbers
from ctviz.ui.learn.facts import Point
from ctviz.ui.learn.questions import QUESTIONS
from ctviz.ui.learn.steps import QUIZ, STEPS, ChoiceGuess, PlaceGuess

LETTERS = "abcd"
"""Answers as the link writes them; “-” stands for a question that has not been answered."""

_GUESS = re.compile(r"(\d{1,2})~(?:([a-d])|(-)|(-?[\d.e+-]{1,12}),(-?[\d.e+-]{1,12}))")
GUESSES = "guesses such as 2~5.1,0.4 (step 2, a place) and 3~b (step 3, the second answer), separated by ;"
ANSWERS = f"at most {len(QUESTIONS)} answers, each a letter of its question or -"

Guess = Point | int | None
"""A place, or the position of an answer; None where somebody would rather see than guess."""


class LearnView(BaseView):
    """``step`` counts from 1; the last one is the quiz, of which ``question`` is shown. ``at`` is the person that is
    searched from, where another one was chosen; ``layer`` what colours the plane of a picture that has the energy.
    ``view`` may also be the presenter's notes, or the handout."""

    view: Literal["page", "project", "notes", "handout"] = "page"  # type: ignore[assignment]
    step: int = Field(1, ge=1, le=QUIZ)
    at: Point | None = None
    layer: PlaneLayer = "energy"
    guesses: str = ""
    question: int = Field(1, ge=1, le=len(QUESTIONS))
    answers: str = ""

    @field_validator("at", mode="before")
    @classmethod
    def _two_numbers(cls, at: Any) -> Any:
        return two_numbers("at", at)

    @field_validator("guesses", mode="before")
    @classmethod
    def _of_their_steps(cls, guesses: Any) -> Any:
        try:
            return written(read_guesses(str(guesses)))
        except ValueError:  # of which ConfigError is one
            raise ConfigError("guesses", guesses, GUESSES) from None

    @field_validator("answers", mode="before")
    @classmethod
    def _of_their_questions(cls, answers: Any) -> Any:
        letters = str(answers)
        fits = len(letters) <= len(QUESTIONS) and all(
            letter == "-" or letter in LETTERS[: len(question.options)]
            for letter, question in zip(letters, QUESTIONS, strict=False)
        )
        if not fits:
            raise ConfigError("answers", answers, ANSWERS)
        return letters.rstrip("-")

    def at_first(self) -> dict[str, Any]:
        """The fields of a view whose picture nobody has touched yet: person, epoch and colour."""
        return {name: type(self).model_fields[name].default for name in ("at", "epoch", "layer")}

    @property
    def guess(self) -> Guess:
        """What was guessed at this step."""
        return read_guesses(self.guesses).get(self.step)

    @property
    def revealed(self) -> bool:
        """Whether there is nothing left to guess at this step."""
        return self.step in read_guesses(self.guesses) or STEPS[self.step - 1].guess is None

    def guessed(self, guess: Guess) -> str:
        """All guesses with that of this step."""
        return written({**read_guesses(self.guesses), self.step: guess})

    def forgotten(self) -> str:
        """All guesses without that of this step."""
        return written({step: guess for step, guess in read_guesses(self.guesses).items() if step != self.step})

    def answer(self, question: int) -> int | None:
        """The answer to a question, counted from 1; None while there is none."""
        letter = self.answers[question - 1 : question]
        return LETTERS.index(letter) if letter and letter != "-" else None

    def answered(self, question: int, answer: int | None) -> str:
        """All answers with this one; the first one stands, until it is taken back with None."""
        if answer is not None and self.answer(question) is not None:
            return self.answers
        letters = list(self.answers.ljust(len(QUESTIONS), "-"))
        letters[question - 1] = "-" if answer is None else LETTERS[answer]
        return "".join(letters).rstrip("-")


def read_guesses(text: str) -> dict[int, Guess]:
    """Step → guess.

    Raises:
        ValueError: a text that no view has written, or a guess that its step does not ask for.
    """
    found: dict[int, Guess] = {}
    for part in filter(None, text.split(";")):
        match = _GUESS.fullmatch(part)
        if not match or not 1 <= int(match[1]) <= len(STEPS):
            raise ValueError(part)
        asked = STEPS[int(match[1]) - 1].guess
        if asked is not None and match[3]:
            found[int(match[1])] = None
        elif isinstance(asked, ChoiceGuess) and match[2] and LETTERS.index(match[2]) < len(asked.options):
            found[int(match[1])] = LETTERS.index(match[2])
        elif isinstance(asked, PlaceGuess) and match[4]:
            x, y = two_numbers("guesses", f"{match[4]},{match[5]}") or (0.0, 0.0)
            found[int(match[1])] = (x, y)
        else:
            raise ValueError(part)
    return found


def written(guesses: dict[int, Guess]) -> str:
    """The text of guesses, in the order of their steps."""

    def of(guess: Guess) -> str:
        if guess is None:
            return "-"
        return LETTERS[guess] if isinstance(guess, int) else ",".join(f"{value:.4g}" for value in guess)

    return ";".join(f"{step}~{of(guess)}" for step, guess in sorted(guesses.items()))
