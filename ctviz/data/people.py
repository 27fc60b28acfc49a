"""A person as people read them, in original units and categories, and as the columns that models and searches know."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ctviz.data.numerals import number_in
from ctviz.data.schema import Array, Feature, Schema
from ctviz.errors import DataError, shorten

Value = float | int | str
"""What people read of a feature: a number in its unit, or the name of a level."""

Person = Mapping[str, Value]
"""Name of a feature → its value."""


def to_person(schema: Schema, row: npt.ArrayLike) -> dict[str, Value]:
    """What people read of a row (d): numbers rounded as they are shown, levels by name.

    Of a relaxed category, whose columns lie between 0 and 1, the level with the largest.
    """
    x = np.asarray(row)
    return {f.name: _value(f, x[span]) for f, span in zip(schema.features, schema.spans, strict=True)}


def to_texts(schema: Schema, row: npt.ArrayLike) -> dict[str, str]:
    """The same as text, with units: ``{"age": "39 years", "capital gain": "$2,174", …}``."""
    person = to_person(schema, row)
    return {f.name: text_of(f, person[f.name]) for f in schema.features}


def to_row(schema: Schema, person: Person) -> Array:
    """The columns (d) of a person whose features are all given, as numbers or as texts that ``to_texts`` writes.

    Raises:
        DataError: a feature that is missing or unknown, or a value that it cannot have.
    """
    if unknown := [name for name in person if name not in schema.names]:
        raise DataError(f"There is no feature {shorten(unknown[0])}; known are {', '.join(schema.names)}.")
    parts = []
    for feature in schema.features:
        if feature.name not in person:
            raise DataError(f"The person lacks {feature.name}; every feature needs a value.")
        parts.append(_columns(feature, person[feature.name]))
    return np.concatenate(parts).astype(np.float32)


def text_of(feature: Feature, value: Value, unit: bool = True) -> str:
    """A value with its unit: ``39 years``, ``$2,174``, ``private company``; without ``unit``, ``39``."""
    if isinstance(value, str):
        return value
    return feature.display.amount(value) if unit else feature.display.written(value)


def number_of(feature: Feature, value: Value) -> float:
    """A value of a number as a number, of ordered levels as the rank.

    Raises:
        DataError: it is none.
    """
    if feature.kind == "ordered":
        return float(_level(feature, value))
    try:
        number = _parsed(feature, value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise DataError(f"{feature.name} is {shorten(value)}; expected a number.")
    return number


def _value(feature: Feature, columns: Array) -> Value:
    if feature.kind == "category":
        return feature.levels[int(np.argmax(columns))]
    shown = feature.display.rounded(float(columns[0]))
    if feature.kind == "ordered":
        return feature.text_of(shown)
    return int(shown) if feature.display.places == 0 else shown


def _columns(feature: Feature, value: Value) -> Array:
    if feature.kind == "category":
        return np.asarray(np.eye(feature.width)[_level(feature, value)], dtype=np.float32)
    number = number_of(feature, value)
    low, high = feature.shown_domain
    if not low <= number <= high:
        allowed = f"from {feature.text_of(low)} to {feature.text_of(high)}"
        said = feature.text_of(number) if abs(number) < 1e15 else f"{number:g}"
        raise DataError(f"{feature.name} is {said}; allowed: {allowed}, as in the data.")
    if feature.kind == "integer" and number != round(number):
        raise DataError(f"{feature.name} is {number:g}; expected a whole number.")
    return np.array([feature.display.of_shown(number)], dtype=np.float32)


def _level(feature: Feature, value: Value) -> int:
    if value not in feature.levels:
        raise DataError(f"{feature.name} is {shorten(value)}; expected one of {', '.join(feature.levels)}.")
    return feature.levels.index(str(value))


def _parsed(feature: Feature, text: str) -> float:
    """The number in a text, with or without prefix, unit and commas; not a number where there is none."""
    bare = text.strip().replace(feature.display.prefix, "", 1).removesuffix(feature.display.unit)
    return number_in(bare, "thousands")
