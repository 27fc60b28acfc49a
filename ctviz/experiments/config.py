"""An experiment: all settings that determine a run, frozen, validated, with a key."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator, model_validator

from ctviz.counterfactuals.search_settings import NO_PICTURES, SearchSettings, TrainingGeneratorName
from ctviz.data.catalogue import PLANES, AnyData, DataSettings, data_settings, kind_of
from ctviz.data.drawn import DrawnSettings
from ctviz.data.given import GIVEN, GivenSettings, given
from ctviz.data.image_sets import IMAGES, ImageSettings
from ctviz.data.kinds import kind_of_data
from ctviz.data.rules import Rules
from ctviz.data.schema import FeatureRef, resolve
from ctviz.data.tables.settings import TABLES, TableSettings
from ctviz.errors import ConfigError
from ctviz.experiments.presets import PRESETS, WITH_RULES, constraints_of, settings_on_table
from ctviz.models.model_settings import ModelSettings
from ctviz.models.sizes import NETWORK_HIDDEN, parameters
from ctviz.settings import Document, Settings, key_values
from ctviz.training.arm import Arm
from ctviz.training.schedule import Schedule

if TYPE_CHECKING:
    from ctviz.data.tables.table import Table

ALGORITHM_VERSION = 1
"""Part of every key; raised whenever the same experiment gives other results than before."""

MAX_BUFFER = 1 << 25
"""Most numbers in a replay buffer: 128 MiB for each model that has one."""


class Evaluation(SearchSettings):
    """What is measured and recorded after each epoch: the same search, on the same factuals, for every arm.

    τ and T are those of the paper's evaluation. η is that of its Figure 1: where a model is steep, steps of 0.25 as in
    training overshoot the data and end at the edge of the domain.
    """

    later = ("also",)

    generator: TrainingGeneratorName = "eccco"
    tau: float = Field(0.95, gt=0, lt=1)
    steps: int = Field(50, ge=1, le=1000)
    step_size: float = Field(0.1, gt=0, le=1000)
    every: int = Field(1, ge=1, le=10_000)
    also: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field((), max_length=100)
    factuals: int = Field(100, ge=1, le=10_000)
    attack: float = Field(0.1, ge=0, le=1000)
    field: int = Field(100, ge=0, le=400)
    paths: int = Field(40, ge=0, le=1000)


class Experiment(Document):
    """A data set, an architecture, a schedule, a seed and the arms that are trained together.

    ``data``: settings, or a ``Dataset`` of the caller's, whose digest becomes part of the key.
    """

    called = "experiment"

    data: AnyData = DataSettings()
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

    @model_validator(mode="before")
    @classmethod
    def _no_pictures_of_images(cls, values: Any) -> Any:
        """What does not lie in a plane records no fields and paths by default; asking for them is an error."""
        if not isinstance(values, dict):
            return values
        values, data, wanted = dict(values), _settings_of(values.get("data")), values.get("evaluation", {})
        name = data.get("name") if isinstance(data, Mapping) else getattr(data, "name", None)
        if data is not None:
            values["data"] = data
        apart = name in IMAGES or name in TABLES or (name == GIVEN and not _in_a_plane(data))
        if isinstance(wanted, Mapping) and apart:
            values["evaluation"] = {"field": 0, "paths": 0, **wanted}
        return values

    @field_validator("data", mode="before")
    @classmethod
    def _which_data(cls, values: Any) -> Any:
        """Choose the kind of data by its name, so that errors name the settings of that kind."""
        if isinstance(values, Mapping):
            return data_settings(values)
        if not isinstance(found := _settings_of(values), Settings):
            raise ConfigError("data", values, "a table of settings, or in Python a Dataset")
        return found

    @property
    def d(self) -> int:
        """Number of columns of the data; ``data.features`` are what constraints name."""
        return self.data.d

    @property
    def members(self) -> tuple[int, ...]:
        """How many models each arm is trained as: several for an ensemble, else one."""
        return tuple(arm.models for arm in self.arms)

    @property
    def models(self) -> int:
        """How many models the run trains."""
        return sum(self.members)

    @property
    def with_network(self) -> tuple[int, ...]:
        """Arms beside which a network is trained that answers with counterfactuals."""
        return tuple(i for i, arm in enumerate(self.arms) if arm.has_network)

    def rows_of(self, arms: Iterable[int]) -> list[int]:
        """Which of all models are those of some arms, by the arms' positions."""
        ends = list(accumulate(self.members))
        return [row for arm in arms for row in range(ends[arm] - self.members[arm], ends[arm])]

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
        if self.evaluation.polish == "on" and self.data.grid is not None:
            raise ConfigError("evaluation.polish", "on", NO_PICTURES)
        if self.training.batch > self.data.n_train:
            allowed = f"at most the {self.data.n_train} samples there are"
            raise ConfigError("training.batch", self.training.batch, allowed)
        self._check_architecture()
        for arm in self.arms:
            self._check_constraints(arm)
            self._check_buffer(arm)
        return self

    def _check_architecture(self) -> None:
        if self.model.channels and self.data.grid is None:
            allowed = "none for data that are no images"
            raise ConfigError("model.channels", list(self.model.channels), allowed)
        if self.model.channels:
            try:
                weights_per_model(self)
            except ConfigError as error:
                raise ConfigError("model.channels", list(self.model.channels), error.allowed) from None
        for name in ("field", "paths"):
            if getattr(self.evaluation, name) and not _in_a_plane(self.data):
                allowed = f"0 for data that have no plane to be drawn on, such as {kind_of_data(self.data).title}"
                raise ConfigError(f"evaluation.{name}", getattr(self.evaluation, name), allowed)

    def _check_buffer(self, arm: Arm) -> None:
        """A replay buffer holds the points of a batch and fits into memory; it may exceed the data."""
        most = max(MAX_BUFFER // self.d, self.training.batch)
        if "buffer" in arm.own_settings and not self.training.batch <= arm.buffer <= most:
            allowed = f"from {self.training.batch:,}, the points of a batch, to {most:,} points of {self.d:,} columns"
            raise ConfigError(f"arms.{arm.name}.buffer", arm.buffer, allowed)

    def _check_constraints(self, arm: Arm) -> None:
        positions: dict[int, str] = {}  # of features
        for field in ("locked", "increase_only", "decrease_only"):
            for ref in getattr(arm, field):
                for index in self._features(f"arms.{arm.name}.{field}", ref):
                    if positions.setdefault(index, field) != field:
                        raise ConfigError(f"arms.{arm.name}.{field}", ref, "one constraint for a feature")
        if sum(field == "locked" for field in positions.values()) == len(self.data.features):
            raise ConfigError(f"arms.{arm.name}.locked", list(arm.locked), "at least one feature left free")
        ranged: set[int] = set()
        for entry in arm.ranges:
            for index in self._features(f"arms.{arm.name}.ranges", entry[0]):
                if index in ranged:
                    raise ConfigError(f"arms.{arm.name}.ranges", entry, "one range for a feature")
                if positions.get(index) == "locked":
                    raise ConfigError(f"arms.{arm.name}.ranges", entry, "no range for a feature that is locked")
                ranged.add(index)

    def _features(self, field: str, ref: FeatureRef) -> tuple[int, ...]:
        """Positions of the features that a constraint names."""
        try:
            return resolve(ref, self.data.features, self.data.grid)
        except ConfigError as error:
            raise ConfigError(field, ref, error.allowed) from None

    # -- identity and round trips ---------------------------------------------------------------

    def to_json(self) -> str:
        """Canonical JSON of every setting (but see ``key_values``): sorted keys, no spaces."""
        return json.dumps(key_values(self), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @functools.cached_property
    def key(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the canonical JSON and the algorithm's version."""
        return hashlib.sha256(f"{ALGORITHM_VERSION}:{self.to_json()}".encode()).hexdigest()[:16]

    @functools.cached_property
    def origin(self) -> str:
        """Identifies the training: like ``key``, but without what affects only the view of the models (evaluation,
        names, constraints of advice)."""
        aside = {"name", "locked", "increase_only", "decrease_only", "ranges", "lock_when", "shield"}
        values = json.loads(self.to_json())
        del values["evaluation"]
        values["arms"] = [{k: v for k, v in arm.items() if k not in aside} for arm in values["arms"]]
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{ALGORITHM_VERSION}:{text}".encode()).hexdigest()[:16]

    # -- changing ---------------------------------------------------------------------------------

    def replace(self, changes: Mapping[str, Any]) -> Experiment:
        """A copy with dotted settings changed.

        ``{"training.epochs": 20, "seed": 3, "arms.full.tau": 0.9, "arms.*.epsilon": 0.2}``; an arm is named, ``*``
        means every arm. ``"arms": "vanilla,full,mine"`` chooses the arms by name: known names keep their settings, the
        paper's variants have theirs, others start as ``full``.
        """
        values = self.model_dump()
        if "arms" in changes:
            values["arms"] = self._choose_arms(changes["arms"])
        if (name := changes.get("data.name")) in (*PLANES, *IMAGES, *TABLES) and self._resets(name):
            values["data"] = data_settings({"name": name}).model_dump()  # other data, with other settings
            if (name in PLANES) != kind_of_data(self.data).drawn:
                usual = Evaluation()
                pictures = {"field": usual.field, "paths": usual.paths} if name in PLANES else {"field": 0, "paths": 0}
                values["evaluation"] |= pictures
        if "data.balance" in changes and values["data"]["name"] in TABLES:  # other rows, with other usual sizes
            kept = {name: values["data"][name] for name in ("name", "seed")}
            values["data"] = data_settings({**kept, "balance": changes["data.balance"]}).model_dump()
        for path, value in changes.items():
            if path == "arms":
                continue
            parts = path.split(".")
            for target in self._targets(values, parts, path, value):
                if parts[-1] not in target:
                    raise ConfigError(path, value, f"no such setting; known are {', '.join(target)}")
                target[parts[-1]] = value
        if isinstance(self.data, GivenSettings) and not any(path.startswith("data.") for path in changes):
            values["data"] = self.data  # the data set itself, which may have rules and a name of its own
        return Experiment(**values)

    def _resets(self, name: str) -> bool:
        """Whether settings of the data do not carry over to other ones: those of another kind, and sizes of a table."""
        return kind_of(name) is not type(self.data) or (name in TABLES and name != self.data.name)

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
        """The tables in which the last part of a dotted path is set."""
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
        return _preset(name)

    @classmethod
    def on_table(cls, table: Table) -> Experiment:
        """The presets' settings of tables on one of the caller's: conventional training, CT, and CT under its rules if
        these lock a feature or give it a direction."""
        n, rules = len(table.train[1]), table.rules
        sizes = {"training.batch": min(n, 1000 if n >= 10_000 else 100), "training.n_ce": min(n, 5000)}
        changes = settings_on_table(rules, **sizes)
        if not rules.named("locked", "up", "down"):
            changes = {path: value for path, value in changes.items() if WITH_RULES not in path}
            changes["arms"] = "vanilla,full"
        return cls(data=table).replace(changes)

    def under(self, rules: Rules, like: str) -> Experiment:
        """The training of one model under the locks and directions of rules, as the presets' arm ``full rules`` is.

        All else is that of the arm ``like``, on the same data, schedule and seed.

        Raises:
            ConfigError: no such arm; rules that lock every feature or name one that there is not.
        """
        found = next((arm for arm in self.arms if arm.name == like), None)
        if found is None:
            raise ConfigError("like", like, f"one of {', '.join(arm.name for arm in self.arms)}")
        arm = Arm(**{**found.model_dump(), "name": WITH_RULES, **constraints_of(rules)})
        values = {**self.model_dump(), "data": self.data, "arms": (arm,)}
        return Experiment(**values)

    def arm_under(self, rules: Rules, like: str) -> str | None:
        """The arm of this experiment that is trained as ``under`` says; None if there is none."""
        (wanted,) = (arm.model_dump() for arm in self.under(rules, like).arms)
        same = (arm.name for arm in self.arms if {**arm.model_dump(), "name": wanted["name"]} == wanted)
        return next(same, None)

    def to_query(self, preset: str | None = None) -> dict[str, str]:
        """The experiment as parameters of a link: a preset and what differs from it.

        Without a ``preset``, the one of its data that gives the shortest link.
        """
        return dict(_query(self, preset))

    def _to_query(self, preset: str | None) -> dict[str, str]:
        if preset is None:
            candidates = [name for name, changes in PRESETS.items() if changes["data.name"] == self.data.name]
            if not candidates:
                raise ConfigError(
                    "data.name", self.data.name, "data that a link can carry; those of a caller it cannot"
                )
            return min((self._to_query(name) for name in candidates), key=len)
        base = Experiment.preset(preset)
        if type(base.data) is not type(self.data):
            allowed = f"one on {_KINDS[type(self.data)]}"
            raise ConfigError("preset", preset, allowed)
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


_KINDS = {
    DataSettings: "data in a plane",
    DrawnSettings: "points of one's own",
    ImageSettings: "images",
    TableSettings: "a table",
    GivenSettings: "a caller's data",
}


def _in_a_plane(data: AnyData | Mapping[str, Any]) -> bool:
    """Whether data can be drawn; settings that are only being read say themselves whether they are."""
    if isinstance(data, Mapping):
        return True
    return kind_of_data(data).drawn


def _settings_of(data: Any) -> Any:
    """The settings that stand for a ``Dataset`` of the caller's; anything else as it is."""
    if data is None or isinstance(data, Mapping | Settings | str):
        return data
    from ctviz.data.dataset import Dataset  # imports torch, which settings alone do not need

    return given(data) if isinstance(data, Dataset) else data


def weights_per_model(experiment: Experiment) -> int:
    """Number of parameters of each model of an experiment."""
    return parameters(experiment.model, experiment.d, experiment.data.classes, experiment.data.grid)


def weights_of_networks(experiment: Experiment) -> int:
    """Number of parameters of all networks beside its models."""
    d, k = experiment.d, experiment.data.classes
    sizes = (d + 2 * k, *NETWORK_HIDDEN, d)
    return len(experiment.with_network) * sum((before + 1) * after for before, after in pairwise(sizes))


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


@functools.cache
def _preset(name: str) -> Experiment:
    """Frozen, and so one for all."""
    return Experiment().replace(PRESETS[name])


@functools.lru_cache(256)
def _query(experiment: Experiment, preset: str | None) -> tuple[tuple[str, str], ...]:
    """Kept: each rerun of a page writes its link, mostly of the same experiment as the one before."""
    return tuple(experiment._to_query(preset).items())


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
