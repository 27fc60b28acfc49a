"""The declaration of a sweep: axes of settings, seeds, and the protocol of its evaluation."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from ctviz.data.catalogue import AnyData
from ctviz.data.given import GivenSettings
from ctviz.errors import ConfigError
from ctviz.experiments.config import ALGORITHM_VERSION, Experiment
from ctviz.experiments.protocol import Protocol
from ctviz.models.model_settings import ModelSettings
from ctviz.settings import Document, Settings, key_values
from ctviz.training.arm import Arm
from ctviz.training.schedule import Schedule

Value = int | float | str | tuple[int | float | str, ...]
Sample = Literal["grid", "random", "sobol"]

MAX_CELLS = 10_000_000
"""Most cells of a sweep."""

_SECTIONS = ("data", "model", "training")
_NO_AXES = ("name", "seed", "ranges")


class SharedSettings(NamedTuple):
    """The settings that all models of a stack share, apart from the seed."""

    data: AnyData
    model: ModelSettings
    training: Schedule

    @classmethod
    def of(cls, experiment: Experiment) -> SharedSettings:
        """The shared settings of an experiment."""
        return cls(experiment.data, experiment.model, experiment.training)


@dataclass(frozen=True)
class Cell:
    """One combination of settings; ``values`` in the order of the axes."""

    index: int
    values: tuple[tuple[str, Value], ...]

    @property
    def words(self) -> str:
        """``lambda_div 0.1, tau 0.5``."""
        return ", ".join(f"{setting} {shown(value)}" for setting, value in self.values)


class Axis(Settings):
    """A setting that varies: over ``values``, or in a sample from ``low`` to ``high``.

    ``setting`` is a field of the arm (``lambda_div``, ``tau``, ``generator``) or a dotted setting of the experiment
    (``training.n_ce``, ``data.seed``, ``model.hidden``).
    """

    setting: str = Field(min_length=1, max_length=80)
    values: tuple[Value, ...] = Field((), max_length=10_000)
    low: float | None = None
    high: float | None = None
    scale: Literal["linear", "log"] = "linear"

    @field_validator("values", mode="before")
    @classmethod
    def _several(cls, values: Any) -> Any:
        return (values,) if isinstance(values, int | float | str) else values

    @model_validator(mode="after")
    def _values_or_range(self) -> Axis:
        if self.values:
            if self.low is not None or self.high is not None:
                raise ConfigError(self.setting, list(self.values), "either values or a range, not both")
            return self
        if self.low is None or self.high is None:
            raise ConfigError(self.setting, [], "one value or more, or a range from low to high")
        if not self.low < self.high:
            raise ConfigError(self.setting, [self.low, self.high], "a range whose high end lies above its low end")
        if self.scale == "log" and self.low <= 0:
            raise ConfigError(self.setting, self.low, "a low end above 0 on a log scale")
        return self

    @property
    def is_range(self) -> bool:
        return not self.values


class Sweep(Document):
    """Cells × seeds of one arm, each compared with a conventional model of the same seed.

    ``seeds`` is the number of training seeds, from that of ``base`` on. With ``sample`` "random" or "sobol", ``count``
    cells are drawn from the axes, which may then be ranges, by ``seed``. Without a ``protocol``, the usual one of the
    data.
    """

    called = "sweep"

    name: str = Field("", max_length=80)
    base: Experiment = Experiment()
    arm: str = "full"
    axes: tuple[Axis, ...] = Field(min_length=1, max_length=12)
    sample: Sample = "grid"
    count: int | None = Field(None, ge=1, le=MAX_CELLS, description="Cells to draw, unless it is a grid.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the draw of cells.")
    seeds: int = Field(1, ge=1, le=1000, description="Models of each cell.")
    protocol: Protocol = Protocol()

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ConfigError as error:
            if error.field == "axes":
                given = list(error.value) if isinstance(error.value, tuple) else error.value
                raise ConfigError("grid", given, "one setting to twelve, with values") from None
            field = re.sub(r"^axes\.\d+\.", "", error.field)
            raise ConfigError(field, error.value, error.allowed) from None

    @model_validator(mode="after")
    def _consistent(self) -> Sweep:
        if isinstance(self.base.data, GivenSettings):
            allowed = "data that worker processes can make or read; train each experiment with ctviz.run instead"
            raise ConfigError("data", "a data set of the caller's", allowed)
        names = [arm.name for arm in self.base.arms]
        if self.arm not in names:
            raise ConfigError("arm", self.arm, f"an arm of the experiment: {', '.join(names)}")
        if self.base.seed + self.seeds > 2**31:
            raise ConfigError("seeds", self.seeds, f"fewer, from the seed {self.base.seed} on")
        settings = [axis.setting for axis in self.axes]
        for axis in self.axes:
            self._check_setting(axis.setting)
            if settings.count(axis.setting) > 1:
                raise ConfigError("grid", axis.setting, "each setting once")
            if self.sample == "grid" and axis.is_range:
                raise ConfigError(
                    axis.setting, [axis.low, axis.high], "values; a range is for a random or Sobol sample"
                )
        if self.sample == "grid" and self.count is not None:
            raise ConfigError("count", self.count, "none for a grid; it is for a random or Sobol sample")
        if self.sample != "grid" and self.count is None:
            raise ConfigError("count", None, f"how many cells to draw for a {self.sample} sample")
        if self.sample == "sobol" and len(self.axes) == 1 and not self.axes[0].is_range:
            raise ConfigError("sample", self.sample, "grid, for a single axis of values")
        if self.size > MAX_CELLS:
            raise ConfigError("grid", f"{self.size:,} cells", f"at most {MAX_CELLS:,}")
        if "protocol" not in self.model_fields_set:
            object.__setattr__(self, "protocol", Protocol.usual(self.base.data))
            self.model_fields_set.add("protocol")
        # Gives 1 and 1.0 the same text, and an error for values that are not allowed.
        object.__setattr__(self, "axes", tuple(self._normal(axis) for axis in self.axes))
        return self

    def _check_setting(self, setting: str) -> None:
        if setting not in self.known():
            raise ConfigError("grid", setting, f"a setting out of {', '.join(self.known())}")

    def known(self) -> tuple[str, ...]:
        """The settings that an axis may name."""
        fields = [name for name in Arm.model_fields if name not in _NO_AXES]
        dotted = [f"{part}.{name}" for part in _SECTIONS for name in type(getattr(self.base, part)).model_fields]
        return (*fields, *dotted)

    def _normal(self, axis: Axis) -> Axis:
        if axis.is_range:
            if self._kind(axis.setting) is None:
                raise ConfigError(axis.setting, [axis.low, axis.high], "values, for it is no number")
            low, high = self.end(axis, 0), self.end(axis, -1)
            if low > high:  # type: ignore[operator]  # both are numbers
                raise ConfigError(axis.setting, [axis.low, axis.high], "a range with a whole number in it")
            for end in (low, high):
                self._value(axis, end)
            return axis
        values = tuple(dict.fromkeys(self._value(axis, value) for value in axis.values))
        return axis if values == axis.values and _types(values) == _types(axis.values) else _with(axis, values)

    def _value(self, axis: Axis, value: Any) -> Value:
        """A value as the experiment stores it."""
        section, dot, name = axis.setting.rpartition(".")
        try:
            if dot:
                return getattr(getattr(self.base.replace({axis.setting: value}), section), name)  # type: ignore[no-any-return]
            return getattr(Arm(**{**self._base_arm.model_dump(), name: value}), name)  # type: ignore[no-any-return]
        except ConfigError as error:
            if dot and error.field.rpartition(".")[2] != name and error.field != axis.setting:
                return value  # type: ignore[no-any-return]  # it may fit with what other axes change
            where = "" if axis.is_range else f" (first in cell {self._first(axis, value)})"
            raise ConfigError(axis.setting, value, f"{error.allowed}{where}") from None

    def _first(self, axis: Axis, value: Any) -> str:
        """The first cell of a grid that has ``value``, in words."""
        if self.sample != "grid":
            return f"with {axis.setting} {shown(value)}"
        position, index = axis.values.index(value), 0
        for other in self.axes:
            index = index * len(other.values) + (position if other is axis else 0)
        values = [(other.setting, value if other is axis else other.values[0]) for other in self.axes]
        return f"{index}: {Cell(index, tuple(values)).words}"

    @property
    def _base_arm(self) -> Arm:
        return next(arm for arm in self.base.arms if arm.name == self.arm)

    # -- cells --------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of cells (of a sample: at most)."""
        if self.sample == "grid":
            return math.prod(len(axis.values) for axis in self.axes)
        return self.count or 0

    @property
    def models(self) -> int:
        """Cells × seeds, without references."""
        return self.size * self.seeds

    @property
    def seed_values(self) -> tuple[int, ...]:
        """The training seeds."""
        return tuple(range(self.base.seed, self.base.seed + self.seeds))

    def cells(self) -> tuple[Cell, ...]:
        """All cells: of a grid with the first axis slowest; of a sample each combination once, as drawn."""
        return tuple(self.walk())

    def walk(self) -> Iterator[Cell]:
        """The cells one by one."""
        settings = [axis.setting for axis in self.axes]
        combinations: Iterator[tuple[Value, ...]]
        if self.sample == "grid":
            combinations = itertools.product(*(axis.values for axis in self.axes))
        else:
            combinations = iter(dict.fromkeys(self._drawn()))
        for index, values in enumerate(combinations):
            yield Cell(index, tuple(zip(settings, values, strict=True)))

    def _drawn(self) -> list[tuple[Value, ...]]:
        n, d = self.count or 0, len(self.axes)
        rng = np.random.default_rng(self.seed)
        unit: npt.NDArray[np.float64]
        if self.sample == "sobol":
            from scipy.stats import qmc  # imported late: it takes half a second, and few sweeps need it

            unit = qmc.Sobol(d, rng=rng).random_base2(max(0, math.ceil(math.log2(n))))[:n]
        else:
            unit = rng.random((n, d))
        columns = [self._column(axis, unit[:, i]) for i, axis in enumerate(self.axes)]
        return list(zip(*columns, strict=True))

    def _column(self, axis: Axis, unit: npt.NDArray[np.float64]) -> list[Value]:
        """Values of one axis for numbers from 0 to below 1."""
        if not axis.is_range:
            return [axis.values[int(u * len(axis.values))] for u in unit]
        low, high = axis.low or 0.0, axis.high or 0.0
        if self._kind(axis.setting) is int:
            low, high = math.ceil(low), math.floor(high) + 1  # every integer is equally likely
            drawn = (
                np.exp(np.log(low) + unit * np.log(high / low)) if axis.scale == "log" else low + unit * (high - low)
            )
            return [int(min(math.floor(u), high - 1)) for u in drawn]
        drawn = low * (high / low) ** unit if axis.scale == "log" else low + unit * (high - low)
        return [min(max(float(f"{u:.6g}"), low), high) for u in drawn]

    def end(self, axis: Axis, index: Literal[0, -1]) -> Value:
        """The first or the last value of an axis, or an end of its range."""
        if axis.values:
            return axis.values[index]
        number = (axis.low, axis.high)[index] or 0.0
        inside = math.floor if index else math.ceil
        return inside(number) if self._kind(axis.setting) is int else number

    def _kind(self, setting: str) -> type[int] | type[float] | None:
        """Whether a setting is a whole number, a number, or neither."""
        section, dot, name = setting.rpartition(".")
        fields = type(getattr(self.base, section)).model_fields if dot else Arm.model_fields
        annotation = fields[name].annotation
        if annotation in (int, int | None):
            return int
        return float if annotation in (float, float | None) else None

    # -- models of a cell ---------------------------------------------------------------------------

    def shared_settings(self, cell: Cell) -> SharedSettings:
        """Data, architecture and schedule of a cell; a ``ConfigError`` names the cell."""
        return self._shared_settings(cell, {name: value for name, value in cell.values if "." in name})

    def _shared_settings(self, cell: Cell, changes: Mapping[str, Value]) -> SharedSettings:
        try:
            changed = self.base.replace(changes) if changes else self.base
        except ConfigError as error:
            raise _in_cell(error, cell) from None
        return SharedSettings(changed.data, changed.model, changed.training)

    def arm_of(self, cell: Cell, seed: int) -> Arm:
        """The arm of a cell with a seed, under the sweep's arm name; a ``ConfigError`` names the cell."""
        changes = {name: value for name, value in cell.values if "." not in name}
        try:
            return Arm(**{**self._base_arm.model_dump(), **changes, "seed": seed})
        except ConfigError as error:
            raise _in_cell(error, cell) from None

    def experiment(self, cell: Cell, seed: int | None = None) -> Experiment:
        """The cell beside conventional training, as an experiment of two arms that records what the base records."""
        shared = self.shared_settings(cell)
        arm = self.arm_of(cell, self.base.seed if seed is None else seed)
        plain = conventional(arm)
        values = {**plain.model_dump(), "name": "vanilla", "seed": None}, {**arm.model_dump(), "seed": None}
        if arm.name == "vanilla":
            values[1]["name"] = "cell"
        try:
            return Experiment(
                **shared._asdict(),
                evaluation=self.base.evaluation,
                arms=tuple(Arm(**each) for each in values),
                seed=self.base.seed if seed is None else seed,
            )
        except ConfigError as error:
            raise _in_cell(error, cell) from None

    # -- identity and round trips -------------------------------------------------------------------

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits of all that affects the results: not the name, nor what ``base`` records."""
        base = json.loads(self.base.to_json())
        values = self.model_dump(mode="json", exclude={"name", "base", "protocol", "arm"})
        shared = {part: base[part] for part in (*_SECTIONS, "seed")}
        arm = {**key_values(self._base_arm), "name": ""}
        text = json.dumps([shared, arm, values, self.protocol.key], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{ALGORITHM_VERSION}:sweep:{text}".encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces."""
        values = self.model_dump(mode="json")
        return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def conventional(arm: Arm) -> Arm:
    """The conventional model that an arm is compared with: same seed and, for advice, same constraints."""
    names = ("name", "seed", "locked", "increase_only", "decrease_only", "ranges", "lock_when")
    kept = {name: getattr(arm, name) for name in names}
    if not any(kept[name] for name in names[2:-1]):
        del kept["lock_when"]
    off = {"lambda_div": 0.0, "lambda_adv": 0.0, "lambda_reg": 0.0}
    return Arm(**kept, **off)


def shown(value: Value) -> str:
    """A value as users write it: ``0.1``, ``eccco``, ``32-32``; ``none`` for an empty list."""
    if isinstance(value, tuple):
        return "-".join(str(part) for part in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_cell(error: ConfigError, cell: Cell) -> ConfigError:
    return ConfigError(error.field, error.value, f"{error.allowed} (in cell {cell.index}: {cell.words})")


def _types(values: tuple[Any, ...]) -> list[type]:
    return [type(value) for value in values]


def _with(axis: Axis, values: tuple[Value, ...]) -> Axis:
    return Axis(setting=axis.setting, values=values)
