"""What one person may change, as a lattice: the values of each feature, their effort, and rules between them.

A *point* of the lattice is one number for each feature, in the units that people read: a number's own value, or the
position of a category's level. ``encode`` makes of it the columns that a model sees. Everything here is plain numbers,
so that rules hold exactly and whoever searches (``polish.py``, ``exact``) needs to know nothing of where they come
from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ctviz.data.schema import Mutability, Schema
from ctviz.errors import ConfigError, DataError

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Number:
    """A number: its column is (value − centre)/spread.

    Allowed are the values from ``low`` to ``high`` that are ``origin + step·n`` for a whole n, and the person's own
    one; with ``step`` 0 all from ``low`` to ``high``. Directions, ranges and locks are what narrows these bounds: a
    locked number has ``low == high == own``. Where ``own`` lies outside of them, it has to change.
    """

    name: str
    column: int
    own: float
    low: float
    high: float
    step: float = 0.0
    origin: float = 0.0
    per_unit: float = 1.0  # effort of a change by 1
    per_change: float = 0.0  # effort of any change
    centre: float = 0.0
    spread: float = 1.0

    @property
    def columns(self) -> tuple[int, ...]:
        """Its one column."""
        return (self.column,)

    @property
    def is_column(self) -> bool:
        """Whether its values are those of the column itself, in any of them."""
        return not self.step and self.centre == 0 and self.spread == 1

    def beyond(self, sign: int) -> tuple[float, float] | None:
        """The allowed values nearest to and farthest from the own one that lie above it (``sign`` 1) or below (−1)."""
        end = self.high if sign > 0 else self.low
        start = max(self.own, self.low) if sign > 0 else min(self.own, self.high)
        if not self.step:
            return (start, end) if sign * (end - self.own) > 0 and sign * (end - start) >= 0 else None
        n = round((start - self.origin) / self.step) - 2 * sign
        while sign * (self._at(n) - self.own) <= 0 or sign * (self._at(n) - start) < 0:
            n += sign
        first = last = self._at(n)
        if math.isfinite(end):
            n = round((end - self.origin) / self.step) + 2 * sign
            while sign * (self._at(n) - end) > 0:
                n -= sign
            last = self._at(n)
        else:
            last = end
        return (first, last) if sign * (last - first) >= 0 else None

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest allowed value; ∞ and −∞ where there is none."""
        values = [self.own] if self.low <= self.own <= self.high else []
        for sign in (-1, 1):
            values += self.beyond(sign) or ()
        return min(values, default=math.inf), max(values, default=-math.inf)

    @property
    def possible(self) -> bool:
        """Whether any value is allowed."""
        least, most = self.ends
        return least <= most

    @property
    def fixed(self) -> bool:
        """Whether the person's own value is the only one."""
        return self.ends == (self.own, self.own)

    def _at(self, n: int) -> float:
        """The value of step ``n``, by the formula of all of them."""
        return self.origin + self.step * float(n)

    def effort(self, values: npt.ArrayLike) -> Floats:
        """What it takes to change to each of ``values`` (…), (…)."""
        change = np.abs(np.asarray(values, dtype=np.float64) - self.own)
        return self.per_unit * change + self.per_change * (change > 0)

    def allowed(self, values: npt.ArrayLike) -> Mask:
        """Which of ``values`` (…) it may take, (…)."""
        at = np.asarray(values, dtype=np.float64)
        inside = (at >= self.low) & (at <= self.high)
        if not self.step:
            return np.asarray(inside)
        return np.asarray(inside & ((at == self.own) | (at == self._snapped(at))))

    def nearest(self, values: npt.ArrayLike) -> Floats:
        """The allowed value nearest to each of ``values`` (…), (…); the lower one of two."""
        least, most = self.ends
        at = _clipped(np.asarray(values, dtype=np.float64), least, most)
        if not self.step:
            return at
        snapped = _clipped(self._snapped(at), least, most)
        if not self.low <= self.own <= self.high:
            return snapped
        return np.where(np.abs(self.own - at) <= np.abs(snapped - at), self.own, snapped)

    def _snapped(self, values: Floats) -> Floats:
        return np.asarray(self.origin + self.step * np.ceil((values - self.origin) / self.step - 0.5))

    def options(self, most: int) -> Floats:
        """Its allowed values in increasing order if these are at most ``most``, (n); else some of them: the own one,
        both ends, those one, two, four … steps away from the own one, and others at equal distances.

        Raises:
            ConfigError: a number without steps or with an open end, of which ``most`` is to be a whole list.
        """
        least, largest = self.ends
        inside = [self.own] if self.low <= self.own <= self.high else []
        if self.step and (largest - least) / self.step < most - 1:
            first, last = (round((end - self.origin) / self.step) for end in (least, largest))
            grid = self.origin + self.step * np.arange(first - 1, last + 2, dtype=np.float64)
            return distinct(np.concatenate([grid[(grid >= self.low) & (grid <= self.high)], inside]))
        if not (math.isfinite(least) and math.isfinite(largest)):
            raise ConfigError(f"range of {self.name}", (self.low, self.high), "two finite ends")
        unit = self.step or (largest - least) / 2**16
        near = unit * 2.0 ** np.arange(max(1, most // 4))
        spread = np.linspace(least, largest, max(2, most - 2 * len(near)))
        wanted = np.concatenate([[least, largest], inside, self.own + near, self.own - near, spread])
        return distinct(self.nearest(wanted))


@dataclass(frozen=True)
class Category:
    """A category: one column for each level, 1 at the person's, 0 at the others; ``allowed`` holds where it may go."""

    name: str
    columns: tuple[int, ...]
    own: int
    allowed_levels: tuple[int, ...]
    efforts: tuple[float, ...]  # of being at each level; 0 at the own one

    @property
    def possible(self) -> bool:
        """Whether any level is allowed."""
        return bool(self.allowed_levels) and set(self.allowed_levels) <= set(range(len(self.columns)))

    @property
    def fixed(self) -> bool:
        """Whether the person's own level is the only one."""
        return self.allowed_levels == (self.own,)

    def effort(self, values: npt.ArrayLike) -> Floats:
        """What it takes to change to each of levels ``values`` (…), (…)."""
        return np.asarray(self.efforts, dtype=np.float64)[np.asarray(values).astype(np.int64)]

    def allowed(self, values: npt.ArrayLike) -> Mask:
        """Which of levels ``values`` (…) it may take, (…)."""
        at = np.asarray(values, dtype=np.float64)
        return np.asarray((at[..., None] == np.asarray(self.allowed_levels)).any(axis=-1))

    def options(self, most: int) -> Floats:
        """Its allowed levels in increasing order, however many, (n)."""
        return np.array(sorted(self.allowed_levels), dtype=np.float64)


Feature = Number | Category


def _clipped(values: Floats, low: float, high: float) -> Floats:
    """As numpy's own, at a third of the time where there are few values."""
    return np.asarray(np.minimum(np.maximum(values, low), high))


def distinct(values: Floats) -> Floats:
    """Some values (n) in increasing order, each once; as ``numpy.unique``, at a third of the time."""
    ordered = np.sort(values)
    return np.asarray(ordered[np.concatenate([ordered[:1] == ordered[:1], ordered[1:] != ordered[:-1]])])


def bounded(feature: Feature, here: float, far: float) -> Feature:
    """A feature with finite ends: of an open one, ``far`` times its size beyond its own value and ``here``."""
    if isinstance(feature, Category) or np.isfinite(feature.ends).all():
        return feature
    away = far * max(1.0, abs(feature.own), abs(here), abs(feature.spread), feature.step)
    least, most = min(feature.own, here) - away, max(feature.own, here) + away
    return replace(feature, low=max(feature.low, least), high=min(feature.high, most))


def directed(own: float, low: float, high: float, mutability: Mutability) -> tuple[float, float]:
    """The part of a range that a number may reach from its own value in its direction; locked, that value alone."""
    if mutability is Mutability.FIXED:
        return own, own
    if mutability is Mutability.INCREASE:
        return max(low, own), high
    return low, min(high, own) if mutability is Mutability.DECREASE else high


@dataclass(frozen=True)
class Link:
    """A rule between features that must hold: Σ wᵢ(valueᵢ) ≥ ``least``.

    ``terms`` are pairs of a feature's position and its weights: one factor for a number, one summand per level for a
    category. So "age rises with years of education" is ((age, (1,)), (education, (−8, −10, …))), least = age − years.
    """

    terms: tuple[tuple[int, tuple[float, ...]], ...]
    least: float


Forbidden = tuple[int, int, int, int]
"""Two levels that nobody may have at once: feature, level, other feature, its level. A person who has such a pair
keeps the right to it only where the caller leaves the pair out."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """All that one person may become.

    Raises:
        DataError: columns that do not belong to exactly one feature; an own level that does not exist; a feature
            without any allowed value.
    """

    features: tuple[Feature, ...]
    factual: Columns  # d: the person's columns, which what does not change keeps bit for bit
    links: tuple[Link, ...] = ()
    forbidden: tuple[Forbidden, ...] = ()

    def __post_init__(self) -> None:
        columns = sorted(column for feature in self.features for column in feature.columns)
        if columns != list(range(len(self.factual))):
            raise DataError(f"The features have columns {columns[:10]}; the factual has {len(self.factual)} columns.")
        for feature in self.features:
            if isinstance(feature, Category) and not len(feature.efforts) == len(feature.columns) > feature.own >= 0:
                raise DataError(f"{feature.name} has {len(feature.columns)} levels; its own one is {feature.own}.")
            if not feature.possible:
                raise DataError(f"The rules leave no value for {feature.name}.")

    @property
    def d(self) -> int:
        """Number of columns."""
        return len(self.factual)

    @cached_property
    def own(self) -> Floats:
        """The person as a point, (f)."""
        return np.array([feature.own for feature in self.features], dtype=np.float64)

    def encode(self, points: npt.ArrayLike) -> Columns:
        """The columns of points (… f) as a model sees them, (… d), in the factual's floating-point type; what is the
        person's own is so bit for bit."""
        values = np.asarray(points, dtype=np.float64)
        columns = np.zeros((*values.shape[:-1], self.d), dtype=self.factual.dtype)
        for i, feature in enumerate(self.features):
            columns[..., list(feature.columns)] = self.columns_of(i, values[..., i])
        return columns

    def columns_of(self, i: int, values: Floats) -> Columns:
        """The columns of feature ``i`` alone at ``values`` (…), (… w)."""
        feature = self.features[i]
        if isinstance(feature, Number):
            column = ((values - feature.centre) / feature.spread).astype(self.factual.dtype)
            return np.where(values == feature.own, self.factual[feature.column], column)[..., None]
        columns = (values[..., None] == np.arange(len(feature.columns))).astype(self.factual.dtype)
        return np.where((values == feature.own)[..., None], self.factual[list(feature.columns)], columns)

    def beside(self, i: int) -> float:
        """By how much the formula of a number's columns is above the person's column at the person's own value: what
        people read may be rounded. 0 where only floating-point rounding is between them, and for a category."""
        feature = self.features[i]
        if isinstance(feature, Category):
            return 0.0
        column = (feature.own - feature.centre) / feature.spread
        apart = column - float(self.factual[feature.column])
        size = max(abs(column), abs(feature.centre / feature.spread))
        return apart if abs(apart) > size * np.finfo(self.factual.dtype).eps else 0.0

    def project(self, columns: npt.ArrayLike) -> Floats:
        """The point for each of some columns (… d), which no lattice need hold, (… f): the nearest allowed value of
        each number, and of each category the allowed level with the largest column. Links and forbidden pairs may not
        hold there."""
        X = np.asarray(columns, dtype=np.float64)
        points = np.empty((*X.shape[:-1], len(self.features)))
        for i, feature in enumerate(self.features):
            if isinstance(feature, Number):
                same = X[..., feature.column] == self.factual[feature.column]
                value = np.where(same, feature.own, feature.centre + feature.spread * X[..., feature.column])
                points[..., i] = feature.nearest(value)
            else:
                levels = np.array(sorted(feature.allowed_levels))
                own = X[..., np.array(feature.columns)[levels]]
                points[..., i] = levels[own.argmax(axis=-1)]
        return points

    def cost(self, points: npt.ArrayLike) -> Floats:
        """The effort of points (… f): Σ of that of each feature, (…)."""
        values = np.asarray(points, dtype=np.float64)
        total = np.zeros(values.shape[:-1])
        for i, feature in enumerate(self.features):
            total = total + feature.effort(values[..., i])
        return total

    def changed(self, points: npt.ArrayLike) -> Mask:
        """Which features are not as the person's, (… f)."""
        return np.asarray(np.asarray(points, dtype=np.float64) != self.own)

    def differs(self, points: npt.ArrayLike, sets: Iterable[Iterable[int]]) -> Mask:
        """Whether points (… f) leave something of each of these sets of features as the person's, (…)."""
        changed = self.changed(points)
        fine = np.ones(changed.shape[:-1], dtype=bool)
        for features in sets:
            fine &= ~changed[..., sorted(features)].all(axis=-1)
        return fine

    def holds(self, points: npt.ArrayLike) -> Mask:
        """Whether points (… f) obey every rule, exactly, (…)."""
        values = np.asarray(points, dtype=np.float64)
        fine = np.ones(values.shape[:-1], dtype=bool)
        for i, feature in enumerate(self.features):
            fine &= feature.allowed(values[..., i])
        fine[fine] = self.consistent(values[fine])
        return fine

    def consistent(self, points: npt.ArrayLike) -> Mask:
        """Whether points (… f) of allowed values obey links and forbidden pairs, (…)."""
        values = np.asarray(points, dtype=np.float64)
        fine = np.ones(values.shape[:-1], dtype=bool)
        for link in self.links:
            fine &= self.link_sum(link, values) >= link.least
        for (a, b), together in self._together.items():
            fine &= together[values[..., a].astype(np.int64), values[..., b].astype(np.int64)]
        return fine

    @cached_property
    def _together(self) -> dict[tuple[int, int], Mask]:
        """Of each two categories with forbidden pairs, which levels may go together."""
        found: dict[tuple[int, int], Mask] = {}
        for a, level, b, other in self.forbidden:
            sizes = [len(self.features[i].columns) for i in (a, b)]
            found.setdefault((a, b), np.ones(sizes, dtype=bool))[level, other] = False
        return found

    def link_sum(self, link: Link, values: Floats) -> Floats:
        """The left side of a link at points (… f), (…)."""
        total = np.zeros(values.shape[:-1])
        for i, weights in link.terms:
            if isinstance(self.features[i], Number):
                total = total + weights[0] * values[..., i]
            else:
                total = total + np.asarray(weights)[values[..., i].astype(np.int64)]
        return total

    def broken(self, point: npt.ArrayLike) -> str | None:
        """A sentence on the first rule that a point (f) breaks; None if it breaks none."""
        values = np.asarray(point, dtype=np.float64)
        for i, feature in enumerate(self.features):
            if not feature.allowed(values[i]):
                return f"{feature.name} may not be {values[i]:.6g}."
        for link in self.links:
            if not self.link_sum(link, values) >= link.least:
                names = " and ".join(self.features[i].name for i, _ in link.terms)
                return f"The link between {names} does not hold."
        for a, level, b, other in self.forbidden:
            if values[a] == level and values[b] == other:
                return f"{self.features[a].name} and {self.features[b].name} never have these levels together."
        return None

    def enumerate(self, most: int = 1 << 20, nodes: int = 9) -> Floats:
        """Every point that obeys all rules, (n f), for comparisons on small lattices.

        A number without steps has ``nodes`` values at equal distances, and its own one.

        Raises:
            ConfigError: more than ``most`` combinations.
        """
        options = []
        for feature in self.features:
            if isinstance(feature, Number) and not feature.step:
                own = [feature.own] if feature.allowed(feature.own) else []
                options.append(np.unique([*np.linspace(feature.low, feature.high, nodes), *own]))
            else:
                options.append(feature.options(most))
        count = math.prod(map(len, options))
        if count > most:
            raise ConfigError("points", count, f"at most {most:,}")
        points = np.stack(np.meshgrid(*options, indexing="ij"), axis=-1).reshape(-1, len(options))
        return np.asarray(points[self.consistent(points)])


def schema_lattice(schema: Schema, factual: npt.ArrayLike) -> Lattice:
    """What a schema allows a factual (d): its domains and mutability, narrowed to the factual; effort as cost is
    measured, |x' − x| of a number and 1 of another level.

    A number outside its domain may enter it unless its direction forbids that; then it may not change.

    Raises:
        DataError: a factual of other columns than the schema's.
    """
    x = np.asarray(factual)
    x = x if x.dtype == np.float64 else x.astype(np.float32)
    if x.shape != (schema.d,):
        raise DataError(f"The factual has shape {x.shape}; the schema has {schema.d} columns.")
    lows, highs = schema.bounds()
    features: list[Feature] = []
    for feature, span in zip(schema.features, schema.spans, strict=True):
        columns = tuple(range(*span.indices(schema.d)))
        if feature.kind == "category":
            own = int(x[list(columns)].argmax())
            levels = (own,) if feature.mutability is Mutability.FIXED else tuple(range(feature.width))
            efforts = tuple(float(level != own) for level in range(feature.width))
            features.append(Category(feature.name, columns, own, levels, efforts))
        else:
            (column,) = columns
            value, ends = float(x[column]), (float(lows[column]), float(highs[column]))
            features.append(Number(feature.name, column, value, *_narrowed(value, ends, feature.mutability)))
    return Lattice(tuple(features), x)


def _narrowed(own: float, domain: tuple[float, float], mutability: Mutability) -> tuple[float, float]:
    """The part of a domain that a number may reach from its own value; that alone where it cannot enter the domain."""
    low, high = directed(own, *domain, mutability)
    return (low, high) if low <= high else (own, own)
