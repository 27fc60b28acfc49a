"""The whole state of a page as the parameters of a link, and back, however malformed the link.

A parameter is a dotted setting of the experiment (``training.epochs=20``, ``arms.full.tau=0.9``) or one of the
view's, whose names each page declares in a class of its own: ``epoch``, ``play``, ``layers`` … A field of a view that
holds changes of other settings is written with a dot too (``search.tau=0.9``). What is at its default is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Self, overload

from pydantic import Field, field_validator
from typing_extensions import TypeVar

from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.data.drawn import MOST_TEXT
from ctviz.errors import ConfigError, shorten
from ctviz.experiments.config import Experiment, parse_value
from ctviz.experiments.presets import PRESETS
from ctviz.experiments.snapshot import Scene
from ctviz.settings import Settings

MAX_PARAMETERS = 250
MAX_LENGTH = 400
"""Characters of one value; a whole link stays far below what browsers and servers accept."""

LONGER = {"data.points": MOST_TEXT, "rules": 3000, "typed": 1500, "kept": 3000}
"""Parameters that may be longer: points of one's own; rules for many features, a person with many, and kept plans."""

MAX_PROBLEMS = 5
"""Sentences shown; a link with more than this wrong is not helped by more of them."""

MAX_ARMS = 8
"""Panels that one page can show legibly."""

QUOTES = "'\""

Layer = Literal["points", "paths", "contours"]
LAYERS: tuple[Layer, ...] = ("points", "paths", "contours")
PlaneLayer = Literal["probability", "energy"]
"""What may colour the plane."""

SPEEDS = (0.5, 1.0, 2.0, 4.0)

FARTHEST = 1e6
"""Of a point from the origin, along each axis: far outside of any data, and near enough to be computed with."""

Changes = tuple[tuple[str, float | int | str], ...]
"""Settings by name, each with the value it is changed to."""


class BaseView(Settings):
    """How a run is looked at, on any page; none of it changes a result."""

    epoch: int | None = Field(None, ge=0, le=10_000)
    play: Literal[0, 1] = 0
    speed: float = 1.0
    loop: Literal[0, 1] = 0
    view: Literal["page", "project"] = "page"

    @field_validator("speed")
    @classmethod
    def _offered(cls, speed: float) -> float:
        if speed not in SPEEDS:
            raise ConfigError("speed", speed, f"one of {', '.join(f'{offered:g}' for offered in SPEEDS)}")
        return speed

    @property
    def features(self) -> tuple[str, ...]:
        """What the page calls the two features of a plane."""
        return FEATURE_NAMES

    def elsewhere(self) -> Self:
        """The same way of looking, at another run: without what points at something in this one."""
        return self.model_copy(update=dict.fromkeys({"epoch", "probe", "energy_class"} & set(type(self).model_fields)))


W = TypeVar("W", bound=BaseView)
V = TypeVar("V", bound=BaseView, default="View", covariant=True)


class View(BaseView):
    """How Boundaries looks at a run."""

    layers: tuple[Layer, ...] = LAYERS
    probe: tuple[float, float] | None = None
    layer: PlaneLayer = "probability"
    energy_class: int | None = Field(None, ge=0, le=99)  # whose energy that is; None for the usual class
    paint: Literal["train", "wait"] = "train"  # whether points train as they are painted, or when Train is pressed

    def usual_class(self, scene: Scene) -> int:
        """The class whose energy is shown where none is chosen."""
        return scene.usual_target

    @field_validator("layers", mode="before")
    @classmethod
    def _in_order(cls, layers: Any) -> Any:
        return in_order("layers", layers, LAYERS)

    @field_validator("probe", mode="before")
    @classmethod
    def _two_numbers(cls, probe: Any) -> Any:
        return two_numbers("probe", probe)


def in_order(name: str, given: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names out of ``known``, in its order, from a list or a text with commas."""
    if isinstance(given, str):
        given = [part for part in given.split(",") if part]
    if isinstance(given, list | tuple) and all(part in known for part in given):
        return tuple(part for part in known if part in given)
    raise ConfigError(name, given, f"any of {', '.join(known)}, separated by commas")


def two_numbers(name: str, point: Any) -> tuple[float, ...] | None:
    """A point of the plane from a list or a text with a comma, rounded to what the link writes, so that a link read
    and written again stays the same."""
    if point is None:
        return None
    try:
        parts = point.split(",") if isinstance(point, str) else point
        numbers = tuple(float(f"{float(part):.5g}") for part in parts)
    except (TypeError, ValueError):
        raise ConfigError(name, point, "two numbers, separated by a comma") from None
    if any(abs(number) > FARTHEST for number in numbers):
        raise ConfigError(name, point, f"two numbers from −{FARTHEST:,.0f} to {FARTHEST:,.0f}")
    return numbers


def rounded(value: float | int | str) -> float | int | str:
    """A value as the link writes it, so that a link read and written again stays the same."""
    return float(f"{value:.5g}") if isinstance(value, float) else value


@dataclass(frozen=True)
class Opened(Generic[V]):
    """What a link says: as much of it as is valid, and a sentence for each thing that is not."""

    experiment: Experiment
    view: V
    problems: tuple[str, ...]


def write(experiment: Experiment, view: BaseView) -> dict[str, str]:
    """The parameters of the link to an experiment as it is looked at."""
    query = experiment.to_query()
    for name, declared in type(view).model_fields.items():
        value = getattr(view, name)
        if _holds_changes(type(view), name):
            query.update({f"{name}.{setting}": _text(changed) for setting, changed in value})
        elif value != declared.default:
            query[name] = _text(value)
    return query


def _holds_changes(view: type[BaseView], name: str) -> bool:
    return name in view.model_fields and view.model_fields[name].annotation == Changes


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_text(part) for part in value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)


@overload
def read(query: Mapping[str, str]) -> Opened: ...
@overload
def read(query: Mapping[str, str], view: type[W], preset: str = ...) -> Opened[W]: ...
def read(query: Mapping[str, str], view: type[BaseView] = View, preset: str = "moons") -> Opened[Any]:
    """The experiment and the view of a link; what is unknown or malformed is left out and named.

    Args:
        view: the class of the page's view.
        preset: what a link that names none starts from.
    """
    query, problems = _bounded(query)
    mine = {name for name in query if name in view.model_fields or _holds_changes(view, name.partition(".")[0])}
    looked, view_problems = _read_view({name: query[name] for name in query if name in mine}, view)
    experiment, experiment_problems = _read_experiment({n: query[n] for n in query if n not in mine}, preset)
    found = [*problems, *view_problems, *experiment_problems]
    if len(found) > MAX_PROBLEMS:
        found = [*found[:MAX_PROBLEMS], f"{len(found) - MAX_PROBLEMS} more parameters of the link were left out."]
    return Opened(experiment, looked, tuple(found))


def _bounded(query: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    kept: dict[str, str] = {}
    problems = []
    for name, text in query.items():
        if len(kept) == MAX_PARAMETERS:
            problems.append(f"The link has {len(query)} parameters; allowed: at most {MAX_PARAMETERS}.")
            break
        most = LONGER.get(name, MAX_LENGTH)
        if len(text) > most or len(name) > MAX_LENGTH:
            problems.append(sentence(name, text, f"at most {most:,} characters"))
            continue
        kept[name] = text
    return kept, problems


def sentence(name: str, value: Any, allowed: str) -> str:
    """One sentence about a parameter that is not allowed."""
    allowed = allowed.partition(", unable to parse")[0]
    return f"In the link, {shorten(name, 60).strip(QUOTES)} is {shorten(value, 60)}; allowed: {allowed}."


def _read_view(query: Mapping[str, str], view: type[W]) -> tuple[W, list[str]]:
    values: dict[str, Any] = {}
    problems = []
    for name, text in query.items():
        field, _, setting = name.partition(".")
        value = parse_value(text)
        if _holds_changes(view, field):
            value = {**values.get(field, {}), setting: value}
        try:
            view(**{field: value})
            values[field] = value
        except ConfigError as error:
            problems.append(sentence(name, text, error.allowed))
    return _together(view, values), problems


def _together(view: type[W], values: dict[str, Any]) -> W:
    """A view of values that are valid one by one; without those that do not go together."""
    while True:
        try:
            return view(**values)
        except ConfigError as error:
            values.pop(error.field if error.field in values else next(reversed(values)))


def _read_experiment(query: dict[str, str], preset: str) -> tuple[Experiment, list[str]]:
    problems = []
    named = query.pop("preset", preset)
    if named not in PRESETS:
        problems.append(sentence("preset", named, f"one of {', '.join(PRESETS)}"))
        named = preset
    experiment = Experiment.preset(named)
    arms = query.pop("arms", None)
    if arms is not None:
        try:
            experiment = _with_arms(experiment, arms)
        except ConfigError as error:
            problems.append(sentence("arms", arms, error.allowed))
    changes = {name: parse_value(text) for name, text in query.items()}
    experiment, refused = apply(experiment, changes)
    problems += [sentence(name, query[name], error.allowed) for name, error in refused.items()]
    return experiment, problems


def _with_arms(experiment: Experiment, arms: str) -> Experiment:
    if len(arms.split(",")) > MAX_ARMS:
        raise ConfigError("arms", arms, f"at most {MAX_ARMS} names")
    return experiment.replace({"arms": arms})


def apply(experiment: Experiment, changes: Mapping[str, Any]) -> tuple[Experiment, dict[str, ConfigError]]:
    """As many of the changes as are valid together, and why each of the others is not.

    Changes may depend on each other (a batch of 500 needs at least as many samples), so those refused are tried
    again after the others.
    """
    try:
        return experiment.replace(changes), {}
    except ConfigError:
        pass
    refused: dict[str, ConfigError] = {}
    waiting = dict(changes)
    while waiting:
        refused = {}
        for name, value in waiting.items():
            try:
                experiment = experiment.replace({name: value})
            except ConfigError as error:
                refused[name] = error
        if len(refused) == len(waiting):
            break
        waiting = {name: waiting[name] for name in refused}
    return experiment, refused
