"""The properties of each feature: its domain, the directions in which it may change, how people read its numbers."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ctviz.data.display import DisplayScale
from ctviz.data.frames import default_names, labels_of, numbers_of
from ctviz.errors import ConfigError, DataError

Array = npt.NDArray[np.float32]
FeatureRef = int | str
"""A feature named by its position in the schema or by its name; pixels of an image also by "rows 1-5", "columns 28" or
"mask …" (``mask_ref``)."""

Grid = tuple[int, int]
"""Rows and columns of an image, whose pixels are the features, row by row."""

Range = tuple[FeatureRef, float | None, float | None]
"""A feature with its lowest and its highest allowed value; None leaves that end to the domain."""


class Mutability(StrEnum):
    """How a feature may change between a factual and its counterfactual."""

    BOTH = "both"
    INCREASE = "increase"
    DECREASE = "decrease"
    FIXED = "fixed"


FeatureKind = Literal["number", "integer", "category", "ordered"]

EFFORTS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""What the five levels of difficulty, 1 (easy) to 5 (hard), multiply the effort of a change by."""


class Feature(BaseModel):
    """One feature: one column, or of a category one column per level, one-hot.

    Attributes:
        kind: a number; an integer; a category; or levels that have an order, whose column holds their ranks, 0 for the
            first, on the scale of ``display``.
        levels: of a category or of ordered levels; else empty.
        domain: least and greatest value of a number's column.
        display: from the column to what people read, the *shown* numbers.
        step: shown numbers that a plan may choose are multiples of it; None: every number (integers and ranks: 1).
        allowed: the levels of a category to which a plan may change; None: all.
        effort: its difficulty, 1 to 5, which multiplies the effort of its changes by ``EFFORTS``.
        deviation: the change of the column that costs 1 at the middle difficulty: the median absolute deviation of the
            training samples. Another level of a category costs 1.
    """

    later: ClassVar[tuple[str, ...]] = ("step", "allowed", "effort", "deviation")
    """Fields that were added after keys of data sets had been made: see ``Schema.identity``."""

    # JSON has no infinity: as the text "Infinity", an open domain comes back as it was.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    name: str
    kind: FeatureKind = "number"
    levels: tuple[str, ...] = ()
    domain: tuple[float, float] = (-math.inf, math.inf)
    mutability: Mutability = Mutability.BOTH
    display: DisplayScale = DisplayScale()
    step: float | None = Field(None, gt=0, allow_inf_nan=False)
    allowed: tuple[str, ...] | None = None
    effort: int = Field(3, ge=1, le=len(EFFORTS), title="difficulty")
    deviation: float = Field(1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _consistent(self) -> Feature:
        low, high = self.domain
        if not low <= high:
            raise ConfigError(f"domain of {self.name}", self.domain, "a lower bound that is not above the upper one")
        if (self.kind in ("category", "ordered")) != bool(self.levels):
            raise ConfigError(f"levels of {self.name}", self.levels, "names for a category, none for a number")
        if self.kind == "category" and self.mutability not in (Mutability.BOTH, Mutability.FIXED):
            raise ConfigError(f"mutability of {self.name}", self.mutability.value, "both or fixed, for a category")
        if self.step is not None and self.levels:
            raise ConfigError(f"step of {self.name}", self.step, "none for levels; only numbers have one")
        if self.kind == "integer" and self.step is not None and self.step != round(self.step):
            raise ConfigError(f"step of {self.name}", self.step, "a whole number, for integers")
        if self.allowed is not None:
            if self.kind != "category":
                raise ConfigError(f"allowed of {self.name}", self.allowed, "none, for what is no category")
            if not self.allowed or not set(self.allowed) <= set(self.levels):
                raise ConfigError(f"allowed of {self.name}", self.allowed, f"some of {', '.join(self.levels)}")
        return self

    @property
    def width(self) -> int:
        """Number of columns the feature takes."""
        return len(self.levels) if self.kind == "category" else 1

    @property
    def spacing(self) -> float | None:
        """The step of shown numbers in a plan; None where every number is one, and for a category."""
        if self.kind in ("integer", "ordered"):
            return self.step or 1.0
        return self.step

    @property
    def shown_domain(self) -> tuple[float, float]:
        """The domain as people read it; ordered levels by their ranks."""
        low, high = (self.display.rounded(end) if math.isfinite(end) else end for end in self.domain)
        return low, high

    def text_of(self, shown: float) -> str:
        """What people read of a shown number: ``46``, ``$17,500``, the name of a level."""
        if self.kind == "ordered":
            return self.levels[min(max(round(shown), 0), len(self.levels) - 1)]
        return self.display.written(shown) if math.isfinite(shown) else "any"

    @property
    def weight(self) -> float:
        """Cost of another level of a category; of a number, that of a change by ``deviation``."""
        return EFFORTS[self.effort - 1]


class Schema(BaseModel):
    """The features of a data set, in column order, and the constraints of every search."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    features: tuple[Feature, ...]
    grid: Grid | None = None

    @model_validator(mode="after")
    def _one_for_each_pixel(self) -> Schema:
        if self.grid is not None and math.prod(self.grid) != self.d:
            raise ConfigError("grid", self.grid, f"rows and columns of {self.d} pixels")
        return self

    @model_validator(mode="after")
    def _named_once(self) -> Schema:
        names = [f.name for f in self.features]
        if len(set(names)) != len(names):
            raise ConfigError("features", names, "each name once")
        return self

    @property
    def d(self) -> int:
        """Number of columns."""
        return sum(f.width for f in self.features)

    def __repr__(self) -> str:
        """The repr of any pydantic model, except that of many features only the first is shown."""
        if len(self.features) <= 10:
            return super().__repr__()
        return f"Schema({len(self.features)} features, the first {self.features[0]!r}; grid={self.grid})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns: of a number its own, of a category ``kind_a``, ``kind_b``, … for each level."""
        return tuple(name for f in self.features for name in _columns_of(f))

    @classmethod
    def infer(cls, X: npt.ArrayLike, names: Iterable[str] | None = None) -> Schema:
        """Numbers with domain ``[min(μ−3σ, min), max(μ+3σ, max)]`` per column of ``X`` (n d).

        Without ``names``, features are called as the columns of a frame, or x1, x2, …
        """
        own = labels_of(X, "data").names
        X = numbers_of(X, "data")
        if X.dtype.kind not in "biuf":
            raise DataError("data hold something that is not a number.")
        X = X.astype(np.float64)
        if X.ndim != 2 or len(X) == 0 or not np.isfinite(X).all():
            raise DataError(f"A schema is inferred from finite data of shape (n d); got shape {X.shape}.")
        mean, std = X.mean(0), X.std(0)
        low = np.minimum(mean - 3 * std, X.min(0)).astype(np.float32)
        high = np.maximum(mean + 3 * std, X.max(0)).astype(np.float32)
        labels = list(names) if names is not None else list(own or default_names(X.shape[1]))
        if len(labels) != X.shape[1]:
            raise DataError(f"{len(labels)} names for {X.shape[1]} columns.")
        features = zip(labels, low, high, strict=True)
        return cls(features=tuple(Feature(name=n, domain=(float(a), float(b))) for n, a, b in features))

    def position(self, feature: FeatureRef) -> int:
        """Index of a feature given by position or name."""
        found = resolve(feature, self.names, None)
        return found[0]

    def positions(self, ref: FeatureRef) -> tuple[int, ...]:
        """Indices of the features that a reference stands for: one, or of an image rows, columns or a mask."""
        return resolve(ref, self.names, self.grid)

    def columns_of(self, ref: FeatureRef) -> tuple[int, ...]:
        """Indices of the columns of those features."""
        spans, columns = self.spans, range(self.d)
        return tuple(column for position in self.positions(ref) for column in columns[spans[position]])

    @property
    def spans(self) -> tuple[slice, ...]:
        """The columns of each feature."""
        ends = [0, *accumulate(f.width for f in self.features)]
        return tuple(slice(first, last) for first, last in pairwise(ends))

    def identity(self) -> str:
        """The schema as JSON, without fields of ``Feature.later`` that are at their defaults: so data sets whose keys
        are older than a field keep them."""
        fields = Feature.model_fields
        left_out = {
            i: {name for name in Feature.later if getattr(feature, name) == fields[name].default}
            for i, feature in enumerate(self.features)
        }
        return self.model_dump_json(exclude={"features": left_out})

    @property
    def plane(self) -> bool:
        """Whether the data are points in a plane, which can be drawn: two features of one column each."""
        return len(self.features) == self.d == 2

    def constrain(
        self,
        locked: Iterable[FeatureRef] = (),
        increase_only: Iterable[FeatureRef] = (),
        decrease_only: Iterable[FeatureRef] = (),
        ranges: Iterable[Range] = (),
    ) -> Schema:
        """A copy in which the named features may not move, only increase, only decrease, or only take some values.

        A range (feature, low, high) narrows the feature's domain to their intersection; its ends are rounded to
        float32, the type of data and searches, so that a point on an end is inside. One end may be None or infinite,
        which keeps that of the domain. A feature may have both a direction and a range, but not a lock and a range.

        Raises:
            ConfigError: an unknown feature, two constraints that exclude each other, or a range that is empty, without
                ends, of a category, or outside the domain.
        """
        wanted: dict[int, Mutability] = {}
        names = self.names
        for refs, mutability in (
            (locked, Mutability.FIXED),
            (increase_only, Mutability.INCREASE),
            (decrease_only, Mutability.DECREASE),
        ):
            for ref in refs:
                for position in resolve(ref, names, self.grid):
                    if wanted.setdefault(position, mutability) is not mutability:
                        raise ConfigError(f"mutability of {names[position]}", ref, "one constraint for a feature")
        changes: dict[int, dict[str, object]] = {i: {"mutability": m} for i, m in wanted.items()}
        for entry in ranges:
            try:
                ref, low, high = entry
                low, high = ends_of(low, high)
            except (TypeError, ValueError, OverflowError):
                raise ConfigError("ranges", entry, "a feature, its lowest value and its highest one") from None
            for position in resolve(ref, names, self.grid):
                if "domain" in changes.get(position, {}):
                    raise ConfigError(f"ranges of {names[position]}", ref, "one range for a feature")
                if wanted.get(position, self.features[position].mutability) is Mutability.FIXED:
                    raise ConfigError(f"ranges of {names[position]}", ref, "no range for a feature that is locked")
                changes.setdefault(position, {})["domain"] = _narrowed(self.features[position], low, high)
        features = tuple(
            Feature(**{**f.model_dump(), **changes[i]}) if i in changes else f for i, f in enumerate(self.features)
        )
        return Schema(features=features, grid=self.grid)

    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bound of each column, (d) and (d); a category's columns lie in [0, 1]."""
        domains = [(0.0, 1.0) if f.kind == "category" else f.domain for f in self.features for _ in range(f.width)]
        low, high = np.array(domains, dtype=np.float32).reshape(-1, 2).T
        return low.copy(), high.copy()

    def directions(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Whether each column may go up and whether it may go down, (d) and (d); that of a level that is not allowed
        may not go up."""
        columns = [f.mutability for f in self.features for _ in range(f.width)]
        up = np.array([m in (Mutability.BOTH, Mutability.INCREASE) for m in columns], dtype=bool)
        up &= [f.allowed is None or f.levels[i] in f.allowed for f in self.features for i in range(f.width)]
        down = np.array([m in (Mutability.BOTH, Mutability.DECREASE) for m in columns], dtype=bool)
        return up, down


def _columns_of(feature: Feature) -> tuple[str, ...]:
    """Names of a feature's columns."""
    if feature.kind != "category":
        return (feature.name,)
    return tuple(f"{feature.name}_{level}" for level in feature.levels)


_PART = re.compile(r"(rows?|columns?) ([0-9]{1,4})(?:-([0-9]{1,4}))?")
_MASK = re.compile(r"mask ([A-Za-z0-9_-]*)")


def resolve(ref: FeatureRef, names: Sequence[str], grid: Grid | None) -> tuple[int, ...]:
    """Indices that a reference stands for among features of these names, or among the pixels of an image.

    Raises:
        ConfigError: no feature has that reference.
    """
    n = len(names)
    if isinstance(ref, str):
        if ref in names:
            return (names.index(ref),)
        if grid is not None:
            return _pixels(ref, grid)
    elif isinstance(ref, int | np.integer) and not isinstance(ref, bool) and 0 <= ref < n:
        return (int(ref),)
    known = f"one of {', '.join(names)}" if n <= 50 else f"a name such as {names[0]}"
    parts = "" if grid is None else ", or parts such as rows 1-5, columns 28 or mask …"
    raise ConfigError("feature", ref, f"0 to {n - 1} or {known}{parts}")


def _pixels(ref: str, grid: Grid) -> tuple[int, ...]:
    index = np.arange(math.prod(grid)).reshape(grid)
    if found := _PART.fullmatch(ref):
        axis = 0 if found[1].startswith("row") else 1
        first, last = int(found[2]), int(found[3] or found[2])
        if 1 <= first <= last <= grid[axis]:
            return tuple(index.take(range(first - 1, last), axis).ravel().tolist())
    elif found := _MASK.fullmatch(ref):
        with_padding = found[1] + "=" * (-len(found[1]) % 4)
        try:
            raw = np.frombuffer(base64.urlsafe_b64decode(with_padding), np.uint8)
        except binascii.Error:
            raw = np.zeros(0, np.uint8)
        if len(raw) == -(-index.size // 8):
            return tuple(np.flatnonzero(np.unpackbits(raw)[: index.size]).tolist())
    allowed = f"rows 1-{grid[0]}, columns 1-{grid[1]}, a pixel such as r1c1, or a mask of {grid[0]} × {grid[1]} pixels"
    raise ConfigError("feature", ref, allowed)


def mask_ref(mask: npt.ArrayLike) -> str:
    """A reference to the pixels at which ``mask``, of any shape, is true; read row by row."""
    bits = np.packbits(np.asarray(mask, dtype=bool).ravel())
    return "mask " + base64.urlsafe_b64encode(bits.tobytes()).decode().rstrip("=")


def ends_of(low: float | None, high: float | None) -> tuple[float, float]:
    """The ends of a range as numbers; a missing end is infinite."""
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)


def _narrowed(feature: Feature, low: float, high: float) -> tuple[float, float]:
    """The part of a feature's domain from ``low`` to ``high``, ends in float32."""
    name = f"ranges of {feature.name}"
    if feature.kind == "category":
        raise ConfigError(name, (low, high), "ranges for numbers; a category has none")
    with np.errstate(over="ignore"):
        least, most = float(np.float32(low)), float(np.float32(high))
    finite = [end for end, given in ((least, low), (most, high)) if given not in (-math.inf, math.inf)]
    if not finite or not all(map(math.isfinite, finite)) or not low < high:
        raise ConfigError(
            name, (low, high), "a lowest value and a highest one above it, finite in float32, or one of them"
        )
    below, above = feature.domain
    if low > above or high < below:
        raise ConfigError(name, (low, high), f"some values of the domain of {feature.name}, {below:.4g} to {above:.4g}")
    return max(least, below), min(most, above)
