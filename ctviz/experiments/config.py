"""An experiment: everything that determines a run, frozen, validated, with a key of its own."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w
from pydantic import Field, model_validator

from ctviz.counterfactuals.settings import SearchSettings
from ctviz.data.catalogue import FEATURE_NAMES, DataSettings
from ctviz.errors import ConfigError
from ctviz.models.settings import ModelSettings
from ctviz.settings import Settings
from ctviz.training.arm import Arm
from ctviz.training.schedule import Schedule

ALGORITHM_VERSION = 1
"""Part of every key; raised when the same experiment would give other results than before."""

D = len(FEATURE_NAMES)
"""Columns of every synthetic data set."""


class Evaluation(SearchSettings):
    """What is measured and recorded after each epoch: the same search, on the same factuals, for every arm.

    τ and T are those of the paper's evaluation. η is that of its Figure 1: where a model is steep, a step of the
    0.25 used in training leaps across the data and ends at the edge of the domain.
    """

    tau: float = Field(0.95, gt=0, lt=1)
    steps: int = Field(50, ge=1, le=1000)
    step_size: float = Field(0.1, gt=0, le=1000)
    every: int = Field(1, ge=1, le=10_000, description="Epochs between two snapshots.")
    factuals: int = Field(100, ge=1, le=10_000, description="Validation samples that are explained.")
    attack: float = Field(0.1, ge=0, le=1000, description="ε of the FGSM attack behind the robust accuracy.")
    field: int = Field(100, ge=0, le=400, description="Cells per side of the recorded probability field.")
    paths: int = Field(40, ge=0, le=1000, description="Counterfactual paths recorded per arm.")


class Experiment(Settings):
    """A data set, an architecture, a schedule, a seed and the arms that are trained together."""

    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    training: Schedule = Schedule()
    evaluation: Evaluation = Evaluation()
    arms: tuple[Arm, ...] = Field((Arm.variant("vanilla"), Arm.variant("full")), min_length=1, max_length=256)
    seed: int = Field(0, ge=0, lt=2**31)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ConfigError as error:
            raise ConfigError(_with_arm_name(error.field, values.get("arms")), error.value, error.allowed) from None

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        names = [arm.name for arm in self.arms]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError("arms", name, "each name once")
        k = self.data.classes
        thresholds = [(f"arms.{arm.name}.tau", arm.tau) for arm in self.arms]
        for where, tau in [*thresholds, ("evaluation.tau", self.evaluation.tau)]:
            if tau < 1 / k:
                raise ConfigError(where, tau, f"from 1/k = {1 / k:.3g} to below 1 for k = {k} classes")
        if self.training.batch > self.data.n_train:
            allowed = f"at most the {self.data.n_train} samples there are"
            raise ConfigError("training.batch", self.training.batch, allowed)
        for arm in self.arms:
            self._check_constraints(arm)
        return self

    @staticmethod
    def _check_constraints(arm: Arm) -> None:
        positions: dict[int, str] = {}
        for field in ("locked", "increase_only", "decrease_only"):
            for ref in getattr(arm, field):
                index = FEATURE_NAMES.index(ref) if ref in FEATURE_NAMES else ref
                if not isinstance(index, int) or not 0 <= index < D:
                    allowed = f"0 to {D - 1} or one of {', '.join(FEATURE_NAMES)}"
                    raise ConfigError(f"arms.{arm.name}.{field}", ref, allowed)
                if positions.setdefault(index, field) != field:
                    raise ConfigError(f"arms.{arm.name}.{field}", ref, "one constraint for a feature")
        if sum(field == "locked" for field in positions.values()) == D:
            raise ConfigError(f"arms.{arm.name}.locked", list(arm.locked), "at least one feature left free")

    # -- identity and round trips ---------------------------------------------------------------

    def to_json(self) -> str:
        """Canonical JSON: every setting, sorted keys, no spaces; equal experiments give equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Experiment:
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError("experiment", str(error), "a JSON object") from None
        return cls.from_mapping(values)

    @property
    def key(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the canonical JSON and the algorithm's version."""
        return hashlib.sha256(f"{ALGORITHM_VERSION}:{self.to_json()}".encode()).hexdigest()[:16]

    @classmethod
    def from_mapping(cls, values: Any) -> Experiment:
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
            raise ConfigError("experiment", values, "a table of settings")
        return cls(**values)

    def to_toml(self) -> str:
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> Experiment:
        try:
            values = tomllib.loads(text.removeprefix("\ufeff"))  # some editors write a byte order mark
        except (ValueError, RecursionError) as error:  # also of a number with thousands of digits
            raise ConfigError("TOML", str(error), "valid TOML") from None
        return cls.from_mapping(values)

    # -- changing ---------------------------------------------------------------------------------

    def replace(self, changes: Mapping[str, Any]) -> Experiment:
        """A copy with dotted settings changed.

        ``{"training.epochs": 20, "seed": 3, "arms.full.tau": 0.9, "arms.*.epsilon": 0.2}``; an arm is
        named, ``*`` means every arm. ``"arms": "vanilla,full,mine"`` chooses the arms by name: known names
        keep their settings, the paper's variants bring theirs, others start as ``full``.
        """
        values = self.model_dump()
        if "arms" in changes:
            values["arms"] = self._choose_arms(changes["arms"])
        for path, value in changes.items():
            if path == "arms":
                continue
            parts = path.split(".")
            for target in self._targets(values, parts, path, value):
                if parts[-1] not in target:
                    raise ConfigError(path, value, f"no such setting; known are {', '.join(target)}")
                target[parts[-1]] = value
        return Experiment(**values)

    def _choose_arms(self, names: Any) -> list[dict[str, Any]]:
        if isinstance(names, str):
            names = [name.strip() for name in names.split(",")]
        if not isinstance(names, list | tuple) or not all(isinstance(name, str | Arm) for name in names):
            raise ConfigError("arms", names, "names, separated by commas")
        known = {arm.name: arm for arm in self.arms}
        try:
            chosen = [n if isinstance(n, Arm) else known.get(n) or Arm.variant(n) for n in names]
        except ConfigError as error:
            raise ConfigError("arms", error.value, error.allowed) from None
        return [arm.model_dump() for arm in chosen]

    @staticmethod
    def _targets(values: dict[str, Any], parts: list[str], path: str, value: Any) -> list[dict[str, Any]]:
        """The tables in which a dotted path's last part is to be set."""
        if parts[0] == "arms" and len(parts) == 3:
            found = [arm for arm in values["arms"] if parts[1] in ("*", arm["name"])]
            if not found:
                names = ", ".join(arm["name"] for arm in values["arms"])
                raise ConfigError(path, value, f"an arm out of {names} (or *)")
            return found
        if len(parts) == 1 and parts[0] in ("seed",):
            return [values]
        if len(parts) == 2 and isinstance(values.get(parts[0]), dict):
            return [values[parts[0]]]
        known = [f"{name}.…" for name, part in values.items() if isinstance(part, dict)]
        raise ConfigError(path, value, f"no such setting; known are {', '.join([*known, 'arms.NAME.…', 'seed'])}")

    # -- presets and links --------------------------------------------------------------------------

    @classmethod
    def preset(cls, name: str) -> Experiment:
        """A preset by name. Those of the data sets (``moons``, ``ls``, …) have two arms, vanilla and full."""
        if name not in PRESETS:
            raise ConfigError("preset", name, f"one of {', '.join(PRESETS)}")
        return cls().replace(PRESETS[name])

    def to_query(self, preset: str | None = None) -> dict[str, str]:
        """The experiment as parameters of a link: a preset and what differs from it.

        Without a ``preset``, the one of its data that leaves the least to say.
        """
        if preset is None:
            candidates = [name for name, changes in PRESETS.items() if changes["data.name"] == self.data.name]
            return min((self.to_query(name) for name in candidates), key=len)
        base = Experiment.preset(preset)
        query = {"preset": preset}
        names = [arm.name for arm in self.arms]
        if names != [arm.name for arm in base.arms]:
            query["arms"] = ",".join(names)
            base = base._with_arm_names(names)
        mine, theirs = _flatten(self), _flatten(base)
        query.update({path: value for path, value in mine.items() if theirs[path] != value})
        return query

    def _with_arm_names(self, names: list[str]) -> Experiment:
        values = self.model_dump()
        values["arms"] = self._choose_arms(names)
        return Experiment(**values)

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Experiment:
        """Inverse of ``to_query``; unknown or malformed parameters raise a ``ConfigError`` that names them."""
        changes = {
            path: text if path == "arms" else parse_value(text) for path, text in query.items() if path != "preset"
        }
        return cls.preset(query.get("preset", "moons")).replace(changes)


# Clusters that lie ten units apart: with shorter steps, T of them would not reach.
_FAR = {"arms.*.tau": 0.5, "evaluation.step_size": 0.25}

PRESETS: dict[str, dict[str, Any]] = {
    "moons": {"data.name": "moons"},
    "circles": {"data.name": "circles", "arms.*.tau": 0.5},
    "ls": {"data.name": "ls", **_FAR, "arms.full.lambda_reg": 0.01},
    "ol": {"data.name": "ol", **_FAR},
    "blobs": {"data.name": "blobs", "data.classes": 4, **_FAR},
    "lock": {"data.name": "moons", "arms.*.locked": (0,), "evaluation.every": 2, "evaluation.step_size": 0.05},
    "objectives": {"data.name": "moons", "arms": "vanilla,adversarial,energy,full", "evaluation.every": 2},
}
"""What each preset changes of the defaults.

The data sets under their own names, trained as in the paper: its defaults, with the τ that it found best for most
data, and λ_reg where it is known (LS).
Then two comparisons on the moons: the first feature locked, and the paper's four objectives.
"""


def _with_arm_name(field: str, arms: Any) -> str:
    """``arms.full.tau`` for ``arms.1.tau``, where the second arm given is called full."""
    found = re.match(r"arms\.(\d+)\.", field)
    if not found or not isinstance(arms, list | tuple) or int(found[1]) >= len(arms):
        return field
    arm = arms[int(found[1])]
    name = arm.get("name") if isinstance(arm, Mapping) else None
    return f"arms.{name}.{field[found.end() :]}" if isinstance(name, str) else field


def parse_value(text: str) -> Any:
    """A setting's value written as text: JSON where it parses (numbers, lists, null), else the text itself."""
    if not re.match(r'^[\s\[{"\d+\-.tfn]', text):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _flatten(experiment: Experiment) -> dict[str, str]:
    """Dotted path → value as JSON text (strings bare), for every setting."""
    flat: dict[str, str] = {}
    for section, value in experiment.model_dump(mode="json").items():
        if section == "arms":
            tables = [(f"arms.{arm['name']}", arm) for arm in value]
        elif isinstance(value, dict):
            tables = [(section, value)]
        else:
            flat[section] = json.dumps(value)
            continue
        for prefix, table in tables:
            for name, entry in table.items():
                flat[f"{prefix}.{name}"] = entry if isinstance(entry, str) else json.dumps(entry)
    return flat
