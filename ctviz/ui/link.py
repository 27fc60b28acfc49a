"""The whole state of a page as the parameters of a link, and back, however malformed the link.

A parameter is a dotted setting of the experiment (``training.epochs=20``, ``arms.full.tau=0.9``) or one of the
view's: ``epoch``, ``play``, ``speed``, ``loop``, ``view``, ``layers``, ``probe``. What is at its default is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator

from ctviz.errors import ConfigError, shorten
from ctviz.experiments.config import PRESETS, Experiment, parse_value
from ctviz.settings import Settings

MAX_PARAMETERS = 250
MAX_LENGTH = 400
"""Characters of one value; a whole link stays far below what browsers and servers accept."""

MAX_PROBLEMS = 5
"""Sentences shown; a link with more than this wrong is not helped by more of them."""

MAX_ARMS = 8
"""Panels that one page can show legibly."""

QUOTES = "'\""

Layer = Literal["points", "paths", "contours"]
LAYERS: tuple[Layer, ...] = ("points", "paths", "contours")

SPEEDS = (0.5, 1.0, 2.0, 4.0)


class View(Settings):
    """How a run is looked at; none of it changes a result."""

    epoch: int | None = Field(None, ge=0, le=10_000)
    play: Literal[0, 1] = 0
    speed: float = 1.0
    loop: Literal[0, 1] = 0
    view: Literal["page", "project"] = "page"
    layers: tuple[Layer, ...] = LAYERS
    probe: tuple[float, float] | None = None

    @field_validator("speed")
    @classmethod
    def _offered(cls, speed: float) -> float:
        if speed not in SPEEDS:
            raise ConfigError("speed", speed, f"one of {', '.join(f'{offered:g}' for offered in SPEEDS)}")
        return speed

    @field_validator("layers", mode="before")
    @classmethod
    def _in_order(cls, layers: Any) -> Any:
        if isinstance(layers, str):
            layers = [name for name in layers.split(",") if name]
        if isinstance(layers, list | tuple) and set(layers) <= set(LAYERS):
            return tuple(name for name in LAYERS if name in layers)
        raise ConfigError("layers", layers, f"any of {', '.join(LAYERS)}, separated by commas")

    @field_validator("probe", mode="before")
    @classmethod
    def _two_numbers(cls, probe: Any) -> Any:
        try:
            parts = probe.split(",") if isinstance(probe, str) else probe
            # Rounded to what the link writes, so that a link read and written again stays the same.
            return None if probe is None else tuple(float(f"{float(part):.5g}") for part in parts)
        except (TypeError, ValueError):
            raise ConfigError("probe", probe, "two numbers, separated by a comma") from None


@dataclass(frozen=True)
class Opened:
    """What a link says: as much of it as is valid, and a sentence for each thing that is not."""

    experiment: Experiment
    view: View
    problems: tuple[str, ...]


def write(experiment: Experiment, view: View) -> dict[str, str]:
    """The parameters of the link to an experiment as it is looked at."""
    query = experiment.to_query()
    for name in View.model_fields:
        value = getattr(view, name)
        if value != View.model_fields[name].default:
            query[name] = _text(value)
    return query


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_text(part) for part in value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def read(query: Mapping[str, str]) -> Opened:
    """The experiment and the view of a link; what is unknown or malformed is left out and named."""
    query, problems = _bounded(query)
    view, view_problems = _read_view({name: text for name, text in query.items() if name in View.model_fields})
    rest = {name: text for name, text in query.items() if name not in View.model_fields}
    experiment, experiment_problems = _read_experiment(rest)
    found = [*problems, *view_problems, *experiment_problems]
    if len(found) > MAX_PROBLEMS:
        found = [*found[:MAX_PROBLEMS], f"{len(found) - MAX_PROBLEMS} more parameters of the link were left out."]
    return Opened(experiment, view, tuple(found))


def _bounded(query: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    kept: dict[str, str] = {}
    problems = []
    for name, text in query.items():
        if len(kept) == MAX_PARAMETERS:
            problems.append(f"The link has {len(query)} parameters; allowed: at most {MAX_PARAMETERS}.")
            break
        if len(text) > MAX_LENGTH or len(name) > MAX_LENGTH:
            problems.append(sentence(name, text, f"at most {MAX_LENGTH} characters"))
            continue
        kept[name] = text
    return kept, problems


def sentence(name: str, value: Any, allowed: str) -> str:
    """One sentence about a parameter that is not allowed."""
    allowed = allowed.partition(", unable to parse")[0]
    return f"In the link, {shorten(name, 60).strip(QUOTES)} is {shorten(value, 60)}; allowed: {allowed}."


def _read_view(query: Mapping[str, str]) -> tuple[View, list[str]]:
    values: dict[str, Any] = {}
    problems = []
    for name, text in query.items():
        value = text if name in ("layers", "probe", "view") else parse_value(text)
        try:
            View(**{name: value})
            values[name] = value
        except ConfigError as error:
            problems.append(sentence(name, text, error.allowed))
    return View(**values), problems


def _read_experiment(query: dict[str, str]) -> tuple[Experiment, list[str]]:
    problems = []
    preset = query.pop("preset", "moons")
    if preset not in PRESETS:
        problems.append(sentence("preset", preset, f"one of {', '.join(PRESETS)}"))
        preset = "moons"
    experiment = Experiment.preset(preset)
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
