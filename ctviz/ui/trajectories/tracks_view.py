"""What a person explores on Trajectories, all of it in the link: factuals, the class aimed at, the search."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.figures.advice import LOAN
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import LAYERS, BaseView, Changes, Layer, in_order, sentence, two_numbers
from ctviz.ui.kit.run_view import RunView
from ctviz.ui.kit.search import check_tau, search_of, valid_search
from ctviz.ui.kit.searches import CLASS, POINT, RANDOM, Question

FIRST = {"preset": "loans", "names": "figure", "pick": f"{CLASS}1", "target": "0", "selected": "97"}
"""What is shown who comes with no wish: the search that Home shows, in short steps, the others faint behind it."""

_PICK = re.compile(rf"{POINT}|{RANDOM}|{CLASS}(0|[1-9]\d{{0,2}})")

MOST_FACTUALS = 1000
"""Factuals that one picture can show; the picture is legible up to some hundreds."""


MOST_SOLVED = 10
"""Factuals that are searched at once where each takes a program of its own, some tenths of a second."""


class TracksView(BaseView):
    """How Trajectories looks at a run.

    ``step`` None is the end of the searches. ``target`` None lets the model's own prediction decide. ``search`` holds
    what differs from the search that the run was measured with. ``names`` are those of the data, or those that the
    paper's first figure lends them.
    """

    step: int | None = Field(None, ge=0, le=1000)
    pick: str = RANDOM
    at: tuple[float, float] | None = None
    count: int = Field(100, ge=1, le=MOST_FACTUALS)
    target: int | None = Field(None, ge=0, le=1000)
    selected: int | None = Field(None, ge=0, le=100_000)
    layers: tuple[Layer, ...] = LAYERS
    search: Changes = ()
    names: Literal["plain", "figure"] = "plain"

    @property
    def features(self) -> tuple[str, ...]:
        """Debt and age where they are asked for."""
        return LOAN if self.names == "figure" else FEATURE_NAMES

    @field_validator("pick")
    @classmethod
    def _known(cls, pick: str) -> str:
        if not _PICK.fullmatch(pick):
            raise ConfigError("pick", pick, f"{POINT}, {RANDOM}, or {CLASS} and a number, as in {CLASS}0")
        return pick

    @field_validator("at", mode="before")
    @classmethod
    def _two_numbers(cls, at: Any) -> Any:
        return two_numbers("at", at)

    @field_validator("layers", mode="before")
    @classmethod
    def _in_order(cls, layers: Any) -> Any:
        return in_order("layers", layers, LAYERS)

    @field_validator("search", mode="before")
    @classmethod
    def _valid_together(cls, search: Any) -> Any:
        return valid_search(search)

    def elsewhere(self) -> TracksView:
        """The same questions, asked of another run, as far as its plane and its classes (two at least) have them."""
        changes: dict[str, Any] = {"epoch": None, "step": None, "selected": None, "at": None, "names": "plain"}
        if self.pick == POINT or (self.own_class or 0) > 1:
            changes["pick"] = RANDOM
        if (self.target or 0) > 1:
            changes["target"] = None
        return self.model_copy(update=changes)

    @property
    def own_class(self) -> int | None:
        """The class whose samples were picked; None where they are of any class."""
        return int(self.pick.removeprefix(CLASS)) if self.pick.startswith(CLASS) else None


def settings_of(experiment: Experiment, view: TracksView) -> SearchSettings:
    """The search that is asked for."""
    return search_of(experiment, view.search)


def count_of(view: TracksView, settings: SearchSettings) -> int:
    """How many starting points are searched: few where each takes a program of its own."""
    if view.pick == POINT:
        return 1
    return min(view.count, MOST_SOLVED) if is_exact(settings) else view.count


def is_exact(settings: SearchSettings) -> bool:
    """Whether a search solves a program for each starting point."""
    return GENERATORS[settings.generator].kind == "exact"


def question(run_view: RunView, view: TracksView, *, live: bool) -> Question:
    """What a view asks of a run as far as it has got; one point is searched at all epochs of a run that is over, if
    that is quick."""
    settings = settings_of(run_view.experiment, view)
    one = view.pick == POINT
    throughout = one and not live and not is_exact(settings)
    epoch = run_view.last if throughout else run_view.at(view.epoch).epoch
    at, count = view.at if one else None, count_of(view, settings)
    return Question(run_view.attempt, epoch, throughout, view.pick, at, count, view.target, settings)


def check(draft: Draft[TracksView]) -> None:
    """Puts right what the link asks for and this run cannot answer, and says so."""
    view, experiment = draft.view, draft.experiment
    k, changes = experiment.data.classes, dict[str, Any]()
    search, said = check_tau(view.search, k)
    if said:
        changes["search"] = search
    if view.target is not None and view.target >= k:
        said.append(sentence("target", view.target, f"0 to {k - 1} for {k} classes"))
        changes["target"] = None
    if view.own_class is not None and view.own_class >= k:
        said.append(sentence("pick", view.pick, f"{POINT}, {RANDOM}, or {CLASS}0 to {CLASS}{k - 1}"))
        changes["pick"] = RANDOM
    if view.pick == POINT and view.at is None:
        if not any(problem.startswith("In the link, at is ") for problem in draft.problems):
            said.append(sentence("pick", view.pick, f"{POINT} only beside at, two numbers separated by a comma"))
        changes["pick"] = RANDOM
    if view.selected is not None and view.pick != POINT and view.selected >= view.count:
        said.append(sentence("selected", view.selected, f"0 to {view.count - 1} for {view.count} starting points"))
        changes["selected"] = None
    if changes:
        draft.view = view.model_copy(update=changes)
        draft.problems = (*draft.problems, *said)
