"""What a person explores on Trajectories, all of it in the link: factuals, the class aimed at, the search."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.errors import ConfigError
from ctviz.experiments.config import Evaluation, Experiment
from ctviz.figures.advice import LOAN
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.link import LAYERS, BaseView, Changes, Layer, in_order, sentence, two_numbers

FIRST = {"preset": "ls", "search.step_size": "0.1"}
"""What is shown who comes with no wish: searches whose way can be seen. On moons they arrive in one step."""

POINT, RANDOM, CLASS = "point", "random", "class"
_PICK = re.compile(rf"{POINT}|{RANDOM}|{CLASS}(0|[1-9]\d{{0,2}})")

MOST_FACTUALS = 1000
"""Factuals that one picture can show; the picture is legible up to some hundreds."""


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
        changes = search if isinstance(search, Mapping) else dict(search)
        chosen = SearchSettings(**changes)
        # In the order of the settings, and rounded to what the link writes, so that equal searches are equal.
        rounded = {name: _rounded(getattr(chosen, name)) for name in SearchSettings.model_fields if name in changes}
        try:
            SearchSettings(**rounded)
        except ConfigError as error:  # 0.999999 is below 1 until it is rounded
            raise ConfigError(error.field, changes[error.field], f"{error.allowed}, in five digits") from None
        return tuple(rounded.items())

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


def _rounded(value: float | int | str) -> float | int | str:
    return float(f"{value:.5g}") if isinstance(value, float) else value


def measured_with(evaluation: Evaluation) -> SearchSettings:
    """The search that a run was measured with after each epoch."""
    return SearchSettings(**{name: getattr(evaluation, name) for name in SearchSettings.model_fields})


def settings_of(experiment: Experiment, view: TracksView) -> SearchSettings:
    """The search that is asked for: the run's own, changed as the person wishes."""
    own = measured_with(experiment.evaluation).model_dump()
    chosen = SearchSettings(**{**own, **dict(view.search)})
    return SearchSettings(**{**chosen.model_dump(), "tau": max(chosen.tau, 1 / experiment.data.classes)})


def change_search(experiment: Experiment, view: TracksView, changes: Mapping[str, Any]) -> TracksView:
    """The view with other settings of the search; what equals the run's own is not held as a change.

    Raises:
        ConfigError: a value that the setting does not allow.
    """
    own = measured_with(experiment.evaluation).model_dump()
    merged = {**dict(view.search), **changes}
    kept = {name: value for name, value in merged.items() if value != own.get(name)}
    return view.model_copy(update={"search": TracksView(search=kept).search})


def used(settings: SearchSettings) -> tuple[str, ...]:
    """The settings that the chosen generator listens to, in the order to show them."""
    return GENERATORS[settings.generator].settings


def check(draft: Draft[TracksView]) -> None:
    """Puts right what the link asks for and this run cannot answer, and says so."""
    view, experiment = draft.view, draft.experiment
    k, said = experiment.data.classes, list[str]()
    changes: dict[str, Any] = {}
    tau = dict(view.search).get("tau")
    if isinstance(tau, float) and tau < 1 / k:
        said.append(sentence("search.tau", tau, f"from 1/k = {1 / k:.3g} to below 1 for k = {k} classes"))
        changes["search"] = tuple((name, value) for name, value in view.search if name != "tau")
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
