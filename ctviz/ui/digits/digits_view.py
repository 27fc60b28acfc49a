"""What a person looks at on Digits, all of it in the link: the part of the story, the digit, how it is explained,
searched and attacked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from ctviz.errors import ConfigError
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.figures.digits.image_grid import STRENGTH
from ctviz.ui.digits.drawing import decode
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import BaseView, Changes, rounded, sentence
from ctviz.ui.kit.search import check_tau, search_of, valid_search

PartName = Literal["read", "digit", "classes", "counterfactuals", "fool"]

RANDOM, HARD, OWN, CLASS = "random", "hard", "own", "class"
_PICK = re.compile(rf"{RANDOM}|{HARD}|{OWN}|{CLASS}[0-9]")

GALLERY = 8
"""Digits to choose from at once."""

EPSILONS = tuple(round(0.01 * step, 2) for step in range(31))
"""How far each pixel may be moved by an attack, of a range from −1 to 1."""


class DigitsView(BaseView):
    """How Digits looks at a run.

    Attributes:
        pick: which digits are offered.
        at: which of them is looked at.
        draw: another number offers other random digits.
        drawing: the digit that somebody drew.
        explain: the class whose answer is explained; None for each model's own answer.
        attribution: settings of the attribution that differ from the usual ones.
        to: the digit that the one looked at is to become; None for the likeliest other one to the conventional model.
        search: settings of the search that differ from those that the run was measured with.
        strength: of the colours of an attribution, in per cent.
        tint: of the colours of a change, in per cent.
        frame: the step of the search, or the strength of the attack; None for the usual one.
    """

    part: PartName = "digit"
    pick: str = f"{CLASS}3"
    at: int = Field(0, ge=0, lt=GALLERY)
    draw: int = Field(0, ge=0, le=9999)
    drawing: str = ""
    explain: int | None = Field(None, ge=0, le=9)
    attribution: Changes = ()
    sign: Literal["signed", "strength"] = "signed"
    strength: int = Field(STRENGTH, ge=0, le=100)
    tint: int = Field(0, ge=0, le=100)
    frame: int | None = Field(None, ge=0, le=1000)
    to: int | None = Field(None, ge=0, le=9)
    search: Changes = ()
    attack: Literal["fgsm", "pgd"] = "fgsm"
    within: Literal[0, 1] = 1

    @field_validator("pick")
    @classmethod
    def _known(cls, pick: str) -> str:
        if not _PICK.fullmatch(pick):
            raise ConfigError("pick", pick, f"{RANDOM}, {HARD}, {OWN}, or {CLASS}0 to {CLASS}9")
        return pick

    @field_validator("drawing", mode="before")
    @classmethod
    def _readable(cls, drawing: Any) -> Any:
        if drawing:
            decode(drawing)
        return drawing

    @field_validator("attribution", mode="before")
    @classmethod
    def _attributes(cls, changes: Any) -> Any:
        return valid_attribution(changes)

    @field_validator("search", mode="before")
    @classmethod
    def _searches(cls, changes: Any) -> Any:
        return valid_search(changes)

    def elsewhere(self) -> DigitsView:
        """The same view of another run."""
        return self.model_copy(update={"epoch": None})

    @property
    def own_class(self) -> int | None:
        """The class whose digits were picked; None where they are of any class."""
        return int(self.pick.removeprefix(CLASS)) if self.pick.startswith(CLASS) else None


def attribution_of(view: DigitsView) -> AttributionSettings:
    """How answers are explained."""
    return AttributionSettings(**dict(view.attribution))


def valid_attribution(changes: Any) -> Changes:
    """Settings of an attribution in their order, rounded to what the link writes, without those that are usual.

    Raises:
        ConfigError: a value that a setting does not allow.
    """
    given = changes if isinstance(changes, Mapping) else dict(changes)
    usual, chosen = AttributionSettings(), AttributionSettings(**given)
    kept = {name: rounded(getattr(chosen, name)) for name in AttributionSettings.model_fields if name in given}
    AttributionSettings(**kept)
    return tuple((name, value) for name, value in kept.items() if value != getattr(usual, name))


def check(draft: Draft[DigitsView]) -> None:
    """Leaves out what the link asks for and this run cannot answer, and says so."""
    view, experiment = draft.view, draft.experiment
    steps = search_of(experiment, view.search).steps
    last = steps if view.part == "counterfactuals" else len(EPSILONS) - 1
    frame, problems = view.frame, []
    if frame is not None and frame > last:
        problems.append(sentence("frame", frame, f"0 to {last}"))
        frame = None
    search, refused = check_tau(view.search, experiment.data.classes)
    if problems or refused:
        draft.view = view.model_copy(update={"frame": frame, "search": search})
        draft.problems = (*draft.problems, *problems, *refused)
