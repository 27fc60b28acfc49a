"""What is known of each feature before any model: its unit, its domain and which way it may move."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

from ctviz.errors import ConfigError, DataError

Array = npt.NDArray[np.float32]
FeatureRef = int | str
"""A feature named by its position in the schema or by its name."""


class Mutability(StrEnum):
    """Which way a feature may move on the way from a factual to its counterfactual."""

    BOTH = "both"
    INCREASE = "increase"
    DECREASE = "decrease"
    FIXED = "fixed"


class Feature(BaseModel):
    """One feature: a number (one column) or a category (one column per level, one-hot)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    unit: str = ""
    kind: Literal["number", "category"] = "number"
    levels: tuple[str, ...] = ()
    domain: tuple[float, float] = (-math.inf, math.inf)
    mutability: Mutability = Mutability.BOTH

    @model_validator(mode="after")
    def _consistent(self) -> Feature:
        low, high = self.domain
        if not low <= high:
            raise ConfigError(f"domain of {self.name}", self.domain, "a lower bound that is not above the upper one")
        if (self.kind == "category") != bool(self.levels):
            raise ConfigError(f"levels of {self.name}", self.levels, "names for a category, none for a number")
        if self.kind == "category" and self.mutability not in (Mutability.BOTH, Mutability.FIXED):
            raise ConfigError(f"mutability of {self.name}", self.mutability.value, "both or fixed, for a category")
        return self

    @property
    def width(self) -> int:
        """Number of columns the feature takes."""
        return len(self.levels) or 1


class Schema(BaseModel):
    """The features of a data set, in column order; what every constrained search reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[Feature, ...]

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

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.features)

    @classmethod
    def infer(cls, X: npt.ArrayLike, names: Iterable[str] | None = None) -> Schema:
        """Numbers with domain ``[min(μ−3σ, min), max(μ+3σ, max)]`` per column of ``X`` (n d)."""
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or len(X) == 0 or not np.isfinite(X).all():
            raise DataError(f"A schema is inferred from finite data of shape (n d); got shape {X.shape}.")
        mean, std = X.mean(0), X.std(0)
        low = np.minimum(mean - 3 * std, X.min(0)).astype(np.float32)
        high = np.maximum(mean + 3 * std, X.max(0)).astype(np.float32)
        labels = list(names) if names is not None else [f"x{i + 1}" for i in range(X.shape[1])]
        if len(labels) != X.shape[1]:
            raise DataError(f"{len(labels)} names for {X.shape[1]} columns.")
        features = zip(labels, low, high, strict=True)
        return cls(features=tuple(Feature(name=n, domain=(float(a), float(b))) for n, a, b in features))

    def position(self, feature: FeatureRef) -> int:
        """Index of a feature given by position or name."""
        n = len(self.features)
        if isinstance(feature, str):
            if feature in self.names:
                return self.names.index(feature)
        elif isinstance(feature, int | np.integer) and not isinstance(feature, bool) and 0 <= feature < n:
            return int(feature)
        raise ConfigError("feature", feature, f"0 to {n - 1} or one of {', '.join(self.names)}")

    def constrain(
        self,
        locked: Iterable[FeatureRef] = (),
        increase_only: Iterable[FeatureRef] = (),
        decrease_only: Iterable[FeatureRef] = (),
    ) -> Schema:
        """A copy in which the named features may not move, only increase, or only decrease."""
        wanted: dict[int, Mutability] = {}
        for refs, mutability in (
            (locked, Mutability.FIXED),
            (increase_only, Mutability.INCREASE),
            (decrease_only, Mutability.DECREASE),
        ):
            for ref in refs:
                position = self.position(ref)
                if wanted.setdefault(position, mutability) is not mutability:
                    raise ConfigError(f"mutability of {self.names[position]}", ref, "one constraint for a feature")
        features = tuple(
            Feature(**{**f.model_dump(), "mutability": wanted[i]}) if i in wanted else f
            for i, f in enumerate(self.features)
        )
        return Schema(features=features)

    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bound of each column, (d) and (d); a category's columns lie in [0, 1]."""
        domains = [f.domain if f.kind == "number" else (0.0, 1.0) for f in self.features for _ in range(f.width)]
        low, high = np.array(domains, dtype=np.float32).reshape(-1, 2).T
        return low.copy(), high.copy()

    def directions(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Whether each column may go up and whether it may go down, (d) and (d)."""
        columns = [f.mutability for f in self.features for _ in range(f.width)]
        up = np.array([m in (Mutability.BOTH, Mutability.INCREASE) for m in columns], dtype=bool)
        down = np.array([m in (Mutability.BOTH, Mutability.DECREASE) for m in columns], dtype=bool)
        return up, down
