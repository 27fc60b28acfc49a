"""What a person looks at on Trade-offs, all of it in the link: the part, the sweep, how it is drawn, the cell that is
picked, and the sweep they are about to run."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from ctviz.catalogue.settings import OFFERED
from ctviz.errors import ConfigError
from ctviz.experiments.config import parse_value
from ctviz.experiments.protocol import Protocol
from ctviz.figures.tradeoffs.cells import METRIC
from ctviz.ui.kit.link import Changes
from ctviz.ui.tradeoffs.runs.comparison_view import ComparisonView

PARTS = {"sweep": "What each weight buys", "compare": "Compare stored runs"}
"""The parts of the page."""

CHARTS = {"map": "Map", "lines": "Lines", "front": "Front"}
"""The ways to draw a sweep."""

_SETTING = re.compile(r"[a-z_]+(\.[a-z_]+)?")
_COLUMN = re.compile(r"[a-z_]*")
_RANGE = re.compile(r"(-?\d+(\.\d+)?(e-?\d+)?)?:(-?\d+(\.\d+)?(e-?\d+)?)?")

FIRST = ("lambda_div", "lambda_reg")
"""What a sweep varies at first."""

MOST_AXES = 5
"""Settings that one sweep may vary."""

CHARTED = ("chart", "metric", "against", "show", "x", "y", "by", "only")
"""Fields that a chart is drawn from."""

MOST_SEEDS = 10
MOST_ROUNDS = 200
MOST_EXACT = 200


class TradeoffsView(ComparisonView):
    """How Trade-offs looks at sweeps and at stored runs.

    ``sweep`` is the name or the key of a sweep, empty for the first that ships. ``x``, ``y`` and ``by`` are axes of the
    map, empty where the page chooses. ``only`` says which cells are looked at: of an axis its values, of a metric
    (``metric.ip``) a range ``low:high``. ``draw`` is the seed whose models are on the stage. ``grid`` holds the axes of
    the sweep that is to be run, each with its values as they were written, ``lock`` the feature that nobody can change
    in it. What the other part looks at is inherited.
    """

    part: Literal["sweep", "compare"] = "sweep"
    sweep: str = ""
    chart: Literal["map", "lines", "front"] = "map"
    metric: str = "ip"
    against: str = "cost"
    show: Literal["reduction", "value"] = "reduction"
    x: str = ""
    y: str = ""
    by: str = ""
    only: Changes = ()
    cell: int | None = Field(None, ge=0, le=1_000_000)
    draw: int | None = Field(None, ge=0, lt=2**31)
    grid: Changes = ()
    seeds: int = Field(3, ge=1, le=MOST_SEEDS)
    rounds: int = Field(20, ge=2, le=MOST_ROUNDS)
    exact: int = Field(0, ge=0, le=MOST_EXACT)
    lock: Literal["", "x1", "x2"] = ""

    @field_validator("sweep", mode="before")
    @classmethod
    def _a_name(cls, sweep: Any) -> Any:
        text = str(sweep) if isinstance(sweep, int) else sweep  # a key may be digits alone
        if not isinstance(text, str) or len(text) > 80:
            raise ConfigError("sweep", sweep, "the name or the key of a sweep")
        return text

    @field_validator("metric", "against")
    @classmethod
    def _a_column(cls, name: str) -> str:
        if not _COLUMN.fullmatch(name):
            raise ConfigError("metric", name, "the name of a metric, such as ip")
        return name

    @field_validator("x", "y", "by")
    @classmethod
    def _a_setting(cls, name: str) -> str:
        if name and not _SETTING.fullmatch(name):
            raise ConfigError("axis", name, "a setting that the sweep varies")
        return name

    @field_validator("grid", mode="before")
    @classmethod
    def _of_settings(cls, changes: Any) -> Any:
        found = tuple((_setting(name), _text(name, value)) for name, value in _pairs(changes))
        for name, text in found:
            if name not in OFFERED:
                raise ConfigError("grid", name, f"a setting out of {', '.join(OFFERED)}")
            values_in(name, text)
        if len(found) > MOST_AXES:
            raise ConfigError("grid", f"{len(found)} settings", f"at most {MOST_AXES} on this page")
        return found

    @field_validator("only", mode="before")
    @classmethod
    def _kept(cls, changes: Any) -> Any:
        found = [(_setting(name), _text(name, value)) for name, value in _pairs(changes)]
        for name, text in found:
            if name.startswith(METRIC) and not is_range(text):
                raise ConfigError(f"only.{name}", text, "two numbers with a colon between them, as in 10:40")
            if not is_range(text):
                values_in(name, text, "|")
        return tuple(found)

    def elsewhere(self) -> TradeoffsView:
        """The same way of looking, at another sweep: its axes and its cells are others."""
        return self.model_copy(
            update={"x": "", "y": "", "by": "", "only": (), "cell": None, "draw": None, "epoch": None}
        )

    def of_chart(self) -> TradeoffsView:
        """Only what a chart shows of it: a chart is the same whatever else is looked at."""
        return TradeoffsView(**{name: getattr(self, name) for name in CHARTED})

    def protocol(self) -> Protocol:
        """How the sweep that is to be run is evaluated."""
        return Protocol(rounds=self.rounds, exact=self.exact)


def linked(name: str) -> str:
    """The name or the key of a sweep as the view holds it: with a comma where a link would read it as a number."""
    return name if isinstance(parse_value(name), str) else f"{name},"


def _pairs(changes: Any) -> list[tuple[str, Any]]:
    return list(changes.items()) if isinstance(changes, Mapping) else list(changes)


def _text(name: Any, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ConfigError(str(name), value, "numbers or words, with commas between them")
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def values_in(name: str, text: str, between: str = ",") -> tuple[int | float | str, ...]:
    """The numbers and words of a text such as ``0.1, 1``.

    Raises:
        ConfigError: there is something else in it.
    """
    found = tuple(parse_value(part.strip()) for part in text.split(between) if part.strip())
    for value in found:
        usable = isinstance(value, int | float | str) and not isinstance(value, bool)
        if not usable or (isinstance(value, float) and not math.isfinite(value)):
            raise ConfigError(name, text, "numbers or words, with commas between them")
    return found


def _setting(name: Any) -> str:
    if not isinstance(name, str) or not _SETTING.fullmatch(name):
        raise ConfigError("axis", name, "a setting, such as lambda_div or training.n_ce")
    return name


def is_range(text: str) -> bool:
    """Whether a text is ``low:high``."""
    return _RANGE.fullmatch(text) is not None


def range_of(text: str) -> tuple[float, float]:
    """The two ends of ``low:high``; what is left out is without end."""
    low, _, high = text.partition(":")
    return float(low or "-inf"), float(high or "inf")


def range_text(low: float, high: float) -> str:
    """Inverse of ``range_of``, rounded to what a link writes."""
    return f"{low:.4g}:{high:.4g}"


def changed(changes: Changes, name: str, value: float | int | str | None) -> Changes:
    """Changes with one of them set, or taken out (None); in the order in which they came."""
    kept = {**dict(changes), **({} if value is None else {name: value})}
    if value is None:
        kept.pop(name, None)
    return tuple(kept.items())
