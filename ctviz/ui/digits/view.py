"""What a person looks at on Digits, all of it in the link: the part of the story, the digit, how it is explained,
searched and attacked."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.image_sets import PIXEL_NAMES, PIXELS
from ctviz.data.schema import FeatureRef, resolve
from ctviz.errors import ConfigError
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.experiments.config import Experiment
from ctviz.figures.digits.wall import STRENGTH
from ctviz.settings import Settings
from ctviz.training.arm import Arm
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import BaseView, Changes, sentence

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

D = len(PIXEL_NAMES)

PartName = Literal["digit", "classes", "counterfactuals", "fool"]

RANDOM, HARD, OWN, CLASS = "random", "hard", "own", "class"
_PICK = re.compile(rf"{RANDOM}|{HARD}|{OWN}|{CLASS}[0-9]")

GALLERY = 8
"""Digits to choose from at once."""

EPSILONS = tuple(round(0.01 * step, 2) for step in range(31))
"""How far each pixel may be moved, of a range from −1 to 1."""


@dataclass(frozen=True)
class Part:
    """A part of the story: what it is called, and what it is about."""

    title: str
    lead: str


PARTS: dict[str, Part] = {
    "digit": Part(
        "One digit",
        "Where does a model look when it reads a digit? Colours show which pixels speak for its answer and which "
        "against it, by every model on one scale.",
    ),
    "classes": Part(
        "All classes",
        "What a model looks at in each class, on average over many digits, and how much of that falls on pixels that "
        "are locked.",
    ),
    "counterfactuals": Part(
        "Counterfactual digits",
        "What would have to change for a model to read another digit? A search changes pixels until the model does, "
        "step by step.",
    ),
    "fool": Part(
        "Fool it",
        "How little ink does it take to fool a model? Every pixel is moved by at most ε, in the direction that hurts "
        "this model most.",
    ),
}
"""The parts in the order of the story."""

PAPER_LOCK = ("rows 1-5", "rows 24-28")
"""What the paper locks: the top and the bottom five rows."""


class DigitsView(BaseView):
    """How Digits looks at a run.

    ``at`` is which of the digits that were picked, ``draw`` another choice of random ones, ``drawing`` the digit that
    somebody drew. ``explain`` None explains each model's own answer. ``attribution`` and ``search`` hold what
    differs from the usual. ``strength`` is that of the colours of an attribution, ``tint`` that of the colours of a
    change. ``frame`` is the step of the search or the strength of the attack, None for its end.
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
    def _explains(cls, changes: Any) -> Any:
        return _valid_together(changes, AttributionSettings)

    @field_validator("search", mode="before")
    @classmethod
    def _searches(cls, changes: Any) -> Any:
        return _valid_together(changes, SearchSettings)

    def elsewhere(self) -> DigitsView:
        """The same questions, asked of another run."""
        return self.model_copy(update={"epoch": None})

    @property
    def own_class(self) -> int | None:
        """The class whose digits were picked; None where they are of any class."""
        return int(self.pick.removeprefix(CLASS)) if self.pick.startswith(CLASS) else None


def _valid_together(changes: Any, kind: type[Settings]) -> Changes:
    """Changes of settings in their order, rounded to what the link writes, without those that change nothing."""
    given = changes if isinstance(changes, Mapping) else dict(changes)
    chosen, usual = kind(**given), kind()
    rounded = {name: _rounded(getattr(chosen, name)) for name in kind.model_fields if name in given}
    kind(**rounded)
    # A search starts from the run's own settings, so that it may have to say what is usual elsewhere.
    keep_all = kind is SearchSettings
    return tuple((name, value) for name, value in rounded.items() if keep_all or value != getattr(usual, name))


def _rounded(value: float | int | str) -> float | int | str:
    return float(f"{value:.5g}") if isinstance(value, float) else value


# -- settings of what is asked ----------------------------------------------------------------------


def attribution_of(view: DigitsView) -> AttributionSettings:
    """How answers are explained."""
    return AttributionSettings(**dict(view.attribution))


def change_attribution(view: DigitsView, changes: Mapping[str, Any]) -> DigitsView:
    """The view with answers explained otherwise.

    Raises:
        ConfigError: a value that the setting does not allow.
    """
    merged = {**dict(view.attribution), **changes}
    return view.model_copy(update={"attribution": DigitsView(attribution=merged).attribution})


def own_search(experiment: Experiment) -> SearchSettings:
    """The search that counterfactual digits start from: the one that the run was measured with after each epoch."""
    return SearchSettings(**{name: getattr(experiment.evaluation, name) for name in SearchSettings.model_fields})


def search_of(experiment: Experiment, view: DigitsView) -> SearchSettings:
    """The search that is asked for."""
    return SearchSettings(**{**own_search(experiment).model_dump(), **dict(view.search)})


def change_search(experiment: Experiment, view: DigitsView, changes: Mapping[str, Any]) -> DigitsView:
    """The view with another search; what equals the run's own is not held as a change.

    Raises:
        ConfigError: a value that the setting does not allow.
    """
    own = own_search(experiment).model_dump()
    kept = {name: value for name, value in {**dict(view.search), **changes}.items() if value != own.get(name)}
    return view.model_copy(update={"search": DigitsView(search=kept).search})


# -- locks ------------------------------------------------------------------------------------------


def lockable(experiment: Experiment) -> tuple[Arm, ...]:
    """The models that the locks on this page are for: those named as locked if there are any, else all."""
    named = tuple(arm for arm in experiment.arms if "lock" in arm.name)
    return named or experiment.arms


def locked_pixels(refs: tuple[FeatureRef, ...]) -> Bools:
    """Which pixels are locked, (d)."""
    mask = np.zeros(len(PIXEL_NAMES), dtype=bool)
    for ref in refs:
        mask[list(resolve(ref, PIXEL_NAMES, PIXELS))] = True
    return mask


# -- a drawing in the link ----------------------------------------------------------------------------


def encode(pixels: Floats) -> str:
    """A digit as text of at most 300 characters: 16 levels of grey, or 4 where that takes too much.

    Args:
        pixels: (d) in [−1, 1].
    """
    for levels in (16, 4):
        text = _packed(pixels, levels)
        if len(text) <= 300:
            break
    return text


def _packed(pixels: Floats, levels: int) -> str:
    grey = np.rint((np.clip(pixels, -1, 1) + 1) / 2 * (levels - 1)).astype(np.uint8)
    bits = {16: 4, 4: 2}[levels]
    shifts = np.arange(0, 8, bits, dtype=np.uint8)[::-1]
    raw = (grey.reshape(-1, 8 // bits) << shifts).sum(1).astype(np.uint8).tobytes()
    return base64.urlsafe_b64encode(zlib.compress(raw, 9)).rstrip(b"=").decode()


def decode(text: str) -> Floats:
    """The digit (d) of a text that ``encode`` wrote.

    Raises:
        ConfigError: any other text.
    """
    allowed = "a drawing as this page writes it"
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        unpack = zlib.decompressobj()
        raw = unpack.decompress(packed, D // 2 + 1)
    except (ValueError, TypeError, zlib.error):
        raise ConfigError("drawing", text, allowed) from None
    bits = {D // 2: 4, D // 4: 2}.get(len(raw))
    if bits is None or not unpack.eof:
        raise ConfigError("drawing", text, allowed)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)[::-1]
    grey = (np.frombuffer(raw, dtype=np.uint8)[:, None] >> shifts) & (2**bits - 1)
    pixels: Floats = grey.reshape(-1).astype(np.float32) / np.float32(2**bits - 1) * 2 - 1
    return pixels


# -- what a link asks for and this run cannot answer ----------------------------------------------------


def check(draft: Draft[DigitsView]) -> None:
    """Puts right what the link asks for and this run cannot answer, and says so."""
    view, experiment = draft.view, draft.experiment
    said, changes = list[str](), dict[str, Any]()
    most = frames_of(experiment, view) - 1
    if view.frame is not None and view.frame > most:
        said.append(sentence("frame", view.frame, f"0 to {most}"))
        changes["frame"] = None
    k = experiment.data.classes
    tau = dict(view.search).get("tau")
    if isinstance(tau, float) and tau < 1 / k:
        said.append(sentence("search.tau", tau, f"from 1/k = {1 / k:.3g} to below 1 for k = {k} classes"))
        changes["search"] = tuple((name, value) for name, value in view.search if name != "tau")
    if changes:
        draft.view = view.model_copy(update=changes)
        draft.problems = (*draft.problems, *said)


USUAL = EPSILONS.index(0.1)
"""The strength of the attack that is shown at first: the paper's, where models differ most."""


def frames_of(experiment: Experiment, view: DigitsView) -> int:
    """How many frames the picture of a part has at most."""
    if view.part == "counterfactuals":
        return search_of(experiment, view).steps + 1
    return len(EPSILONS)
