"""Among whom a person is picked, as a text that people read in the link: ``sex=female;age<=30``."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from ctviz.data.people import number_of, text_of
from ctviz.data.schema import Feature, Schema
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError, DataError
from ctviz.prose import listed

_PART = re.compile(r"([^=<>]+)(<=|>=|=)([^=<>]*)")
_SEPARATORS = re.compile(r"[%;=<>|\x00-\x1f]")

EXAMPLE = "sex=female;age<=30"


@dataclass(frozen=True)
class Condition:
    """What holds for one feature of those among whom a person is picked.

    Attributes:
        feature: its name.
        low, high: ends of a number, both included, in the unit that people read; infinite where there is none.
        levels: of a category, or ordered ones, those that are meant; empty for a number.
    """

    feature: str
    low: float = -math.inf
    high: float = math.inf
    levels: tuple[str, ...] = ()


def conditions_of(text: str, schema: Schema) -> tuple[Condition, ...]:
    """The conditions that a text names.

    Raises:
        ConfigError: it names a feature or a value that there is not, or is none.
    """
    found: dict[str, Condition] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        match = _PART.fullmatch(part)
        name = unquote(match[1].strip()) if match else part
        if match is None or name not in schema.names:
            raise ConfigError("who", part, f"conditions on {', '.join(schema.names)}, such as {EXAMPLE}")
        known = found.get(name, Condition(name))
        found[name] = _with(known, schema.features[schema.names.index(name)], match[2], match[3].strip())
    return tuple(found.values())


def _with(condition: Condition, feature: Feature, sign: str, said: str) -> Condition:
    """A condition and another part of it."""
    if feature.levels:
        levels = tuple(map(unquote, said.split("|")))
        if sign != "=" or not set(levels) <= set(feature.levels):
            raise ConfigError(f"who.{feature.name}", said, f"any of {', '.join(feature.levels)}, with = and |")
        return replace(condition, levels=tuple(level for level in feature.levels if level in levels))
    try:
        value = number_of(feature, said)
    except DataError:
        raise ConfigError(f"who.{feature.name}", said, "a number") from None
    low = value if sign in (">=", "=") else condition.low
    high = value if sign in ("<=", "=") else condition.high
    if low > high:
        raise ConfigError(f"who.{feature.name}", said, f"ends of which the lower is not above {high:g}")
    return replace(condition, low=low, high=high)


def text_of_conditions(conditions: Sequence[Condition]) -> str:
    """The text that ``conditions_of`` reads."""
    parts = []
    for one in conditions:
        name = escaped(one.feature)
        if one.levels:
            parts.append(f"{name}={'|'.join(map(escaped, one.levels))}")
        elif one.low == one.high:
            parts.append(f"{name}={one.low:.12g}")
        else:
            ends = ((">=", one.low), ("<=", one.high))
            parts += [f"{name}{sign}{end:.12g}" for sign, end in ends if math.isfinite(end)]
    return ";".join(parts)


def conditions_in_words(conditions: Sequence[Condition], schema: Schema) -> str:
    """``sex female and age at most 30 years``; empty where there are none."""
    return listed([_words(one, schema.features[schema.names.index(one.feature)]) for one in conditions])


def _words(condition: Condition, feature: Feature) -> str:
    low, high = condition.low, condition.high
    if condition.levels:
        return f"{feature.name} {listed(condition.levels, 'or')}"
    if math.isinf(low):
        return f"{feature.name} at most {text_of(feature, high)}"
    if math.isinf(high):
        return f"{feature.name} at least {text_of(feature, low)}"
    if low == high:
        return f"{feature.name} {text_of(feature, low)}"
    return f"{feature.name} from {text_of(feature, low, unit=False)} to {text_of(feature, high)}"


def matching(table: Table, conditions: Sequence[Condition]) -> npt.NDArray[np.int64]:
    """The rows of the test data for which all conditions hold, ascending."""
    X, schema = table.test[0].numpy(), table.schema
    holds = np.ones(len(X), dtype=bool)
    for one in conditions:
        at = schema.names.index(one.feature)
        feature, columns = schema.features[at], X[:, schema.spans[at]]
        if feature.kind == "category":
            wanted = [feature.levels.index(level) for level in one.levels]
            holds &= np.isin(columns.argmax(axis=1), wanted)
            continue
        display = feature.display
        shown = np.round(np.round(display.to_shown(columns[:, 0].astype(np.float64)) / display.step) * display.step, 9)
        if feature.levels:
            holds &= np.isin(shown, [feature.levels.index(level) for level in one.levels])
        else:
            holds &= (shown >= one.low - 1e-9) & (shown <= one.high + 1e-9)
    return np.flatnonzero(holds)


def escaped(name: str) -> str:
    """A name or a value in which what separates is written %XX."""
    return _SEPARATORS.sub(lambda found: f"%{ord(found[0]):02X}", name)
