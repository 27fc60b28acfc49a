"""The models of a sweep, named by their settings: equal models have equal names in every sweep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.settings import key_values
from ctviz.studies.sweeps.declaration import Cell, SharedSettings, Sweep, Value, conventional
from ctviz.training.arm import Arm, TrainingSearch
from ctviz.training.methods import TRAINING_METHODS


@dataclass(frozen=True)
class SweepModel:
    """A cell with a seed: the arm to be trained and its conventional reference, with their seeds and names."""

    cell: Cell
    seed: int
    shared: SharedSettings
    arm: Arm
    reference: Arm


def canonical(arm: Arm) -> Arm:
    """The arm with all settings without effect at their defaults, so that equal models compare equal.

    A model that learns from its samples alone is the same whatever its searches would have been; and a generator
    or a method uses only some settings. The settings of an arm's search affect training only.
    """
    if arm.conventional and arm.lambda_class == 1.0:
        return conventional(arm)
    used = ("generator", *arm.used) if TRAINING_METHODS[arm.method].searches else ()
    ignored = {*TrainingSearch.model_fields, *arm.ignored}.difference(used)
    return Arm(**{**arm.model_dump(), **{name: Arm.model_fields[name].default for name in ignored}})


def identity(arm: Arm) -> str:
    """Twelve hexadecimal digits of all that affects an arm with a seed of its own; its name does not."""
    return _identity(canonical(arm))


def _identity(arm: Arm) -> str:
    values = key_values(arm, exclude={"name"})
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def named(arm: Arm) -> Arm:
    """The canonical arm, named by its identity."""
    own = canonical(arm)
    return own.model_copy(update={"name": _identity(own)})


def with_seed(arm: Arm, seed: int) -> Arm:
    """The arm with a seed of its own."""
    return Arm(**{**arm.model_dump(), "seed": seed})


def models_of(sweep: Sweep) -> Iterator[SweepModel]:
    """All models of a sweep, seed by seed and, for each seed, cell by cell.

    Raises:
        ConfigError: a combination that cannot be trained, with its cell.
    """
    groups: dict[tuple[tuple[str, Value], ...], SharedSettings] = {}
    references: dict[str, Arm] = {}
    cells = sweep.cells()
    for seed in sweep.seed_values:
        for cell in cells:
            changes = tuple(entry for entry in cell.values if "." in entry[0])
            if changes not in groups:
                groups[changes] = sweep.shared_settings(cell)
            shared, arm = groups[changes], named(sweep.arm_of(cell, seed))
            reference = named(conventional(arm))
            model = SweepModel(cell, seed, shared, arm, references.setdefault(reference.name, reference))
            if seed == sweep.base.seed:  # one seed is enough: the seed does not affect what is allowed
                _check(model)
            yield model


def _check(model: SweepModel) -> None:
    try:
        Experiment(**model.shared._asdict(), arms=(model.arm,))
    except ConfigError as error:
        field = error.field.removeprefix(f"arms.{model.arm.name}.")
        where = f"in cell {model.cell.index}: {model.cell.words}"
        raise ConfigError(field, error.value, f"{error.allowed} ({where})") from None
