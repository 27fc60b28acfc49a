"""What one person may become under rules in people's terms, as the lattice that plans are searched on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ctviz.counterfactuals import lattice
from ctviz.counterfactuals.lattice import Category, Forbidden, Lattice, Number
from ctviz.data.rules import Rules
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.errors import DataError

_FLOAT32 = 2.0**-22
"""Relative error of the ends of a domain, which are kept in float32."""


class PersonLattices:
    """The lattices of people under the same rules, in the units that people read (of ordered levels: their ranks).

    A number may take the multiples of its step within its domain, range and direction, and the person's own value; a
    category the levels that are allowed, and the person's own. A change by ``Feature.deviation``, and another level,
    cost what the feature's difficulty says (``EFFORTS``).

    Args:
        unseen_pairs: pairs of columns whose levels never occur together (``Table.unseen_pairs``), (p 2). They are
            excluded if the rules say so, but for those that the person has.

    Raises:
        ConfigError: a rule that the schema does not allow.
    """

    def __init__(self, schema: Schema, rules: Rules, unseen_pairs: Iterable[Iterable[int]] = ()) -> None:
        allowed, self._d = rules.on(schema), schema.d
        self._features = tuple(zip(allowed.features, allowed.spans, strict=True))
        self._domains = [(0.0, 0.0) if f.kind == "category" else _shown(f) for f in allowed.features]
        self._links = [(schema.position(one.feature), schema.position(one.follows), one.least) for one in rules.links]
        levels = {
            span.start + level: (i, level) for i, (f, span) in enumerate(self._features) for level in range(f.width)
        }
        excluded = unseen_pairs if rules.unseen_pairs == "excluded" else ()
        self._pairs: list[Forbidden] = [(*levels[int(a)], *levels[int(b)]) for a, b in excluded]

    def of(self, row: npt.ArrayLike) -> Lattice:
        """The lattice of the person with these columns (d).

        Raises:
            DataError: a row of other columns, or that is not finite; rules that leave a feature no value.
        """
        x = np.asarray(row, dtype=np.float32)
        if x.shape != (self._d,):
            raise DataError(f"The person has shape {x.shape}; the schema has {self._d} columns.")
        if not np.isfinite(x).all():
            raise DataError("The person has values that are not finite.")
        features = self.features(x)
        links = tuple(_link(first, second, least, features) for first, second, least in self._links)
        reachable = [set(f.allowed_levels) if isinstance(f, Category) else set() for f in features]
        forbidden = tuple(
            (i, one, j, other)
            for i, one, j, other in self._pairs
            if one in reachable[i] and other in reachable[j] and (one, other) != (features[i].own, features[j].own)
        )
        return Lattice(features, x, links, forbidden)

    def features(self, x: npt.NDArray[np.float32]) -> tuple[Number | Category, ...]:
        """What the person with columns ``x`` (d) may make of each feature, whatever the links and pairs."""
        return tuple(
            _category(feature, span, x) if feature.kind == "category" else _number(feature, ends, span.start, x)
            for (feature, span), ends in zip(self._features, self._domains, strict=True)
        )


def person_lattice(
    schema: Schema, rules: Rules, row: npt.ArrayLike, unseen_pairs: Iterable[Iterable[int]] = ()
) -> Lattice:
    """``PersonLattices`` for one person."""
    return PersonLattices(schema, rules, unseen_pairs).of(row)


def _number(feature: Feature, ends: tuple[float, float], column: int, x: npt.NDArray[np.float32]) -> Number:
    display, own = feature.display, feature.display.rounded(float(x[column]))
    low, high = ends
    if feature.domain[0] <= x[column] <= feature.domain[1]:  # what people read may be rounded out of it
        low, high = min(low, own), max(high, own)
    low, high = lattice.directed(own, low, high, feature.mutability)
    return Number(
        name=feature.name,
        column=column,
        own=own,
        low=low,
        high=high,
        step=feature.spacing or 0.0,
        per_unit=feature.weight / (feature.deviation * display.scale),
        centre=display.offset,
        spread=display.scale,
    )


def _shown(feature: Feature) -> tuple[float, float]:
    """The domain in the unit that people read, its ends rounded inward to what is shown; one that is so already, but
    for float32, stays."""
    unit, ends = feature.display.step, []
    for end, inward in zip(feature.domain, (math.ceil, math.floor), strict=True):
        steps = feature.display.to_shown(end) / unit
        if math.isfinite(steps):
            error = _FLOAT32 * (abs(end) + abs(feature.display.offset / feature.display.scale)) * feature.display.scale
            near = abs(steps - round(steps)) <= error / unit
            steps = round(steps) if near else inward(steps)
        ends.append(round(steps * unit, feature.display.places) if math.isfinite(steps) else steps)
    return ends[0], ends[1]


def _category(feature: Feature, span: slice, x: npt.NDArray[np.float32]) -> Category:
    own = int(x[span].argmax())
    levels = feature.levels if feature.allowed is None else feature.allowed
    reachable = () if feature.mutability is Mutability.FIXED else (feature.levels.index(level) for level in levels)
    return Category(
        name=feature.name,
        columns=tuple(range(span.start, span.stop)),
        own=own,
        allowed_levels=tuple(sorted({own, *reachable})),
        efforts=tuple(feature.weight * (level != own) for level in range(feature.width)),
    )


def _link(first: int, second: int, least: float, features: tuple[Number | Category, ...]) -> lattice.Link:
    """feature − least · follows ≥ its value at the person, but for rounding."""
    start = float(features[first].own - least * features[second].own)
    return lattice.Link(((first, (1.0,)), (second, (-least,))), start - 1e-9 * max(1.0, abs(start)))


def measured_lattices(schema: Schema, rows: npt.ArrayLike) -> list[Lattice]:
    """What a schema allows the people with these columns (n d), steps and allowed levels included, with effort as the
    cost of counterfactuals is measured: |x' − x| of a number's column, 1 for another level.

    A number outside its domain may enter it unless its direction forbids that; then it may not change.
    """
    X = np.asarray(rows)
    if all(feature.spacing is None and feature.allowed is None for feature in schema.features):
        return [lattice.schema_lattice(schema, x) for x in X]
    people, single = PersonLattices(schema, Rules()), X.astype(np.float32)
    kept = X if X.dtype == np.float64 else single
    return [Lattice(tuple(map(_measured, people.features(s))), x) for s, x in zip(single, kept, strict=True)]


def _measured(feature: Number | Category) -> Number | Category:
    if isinstance(feature, Category):
        return replace(feature, efforts=tuple(float(level != feature.own) for level in range(len(feature.columns))))
    low, high = (feature.low, feature.high) if feature.possible else (feature.own, feature.own)
    return replace(feature, low=low, high=high, per_unit=1 / feature.spread, per_change=0.0)
