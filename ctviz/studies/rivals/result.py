"""The comparison as a record: every draw of every method, its settings, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import field_validator, model_validator

from ctviz.studies.result_record import ResultDocument, ResultRecord, read_result, result_kind, shipped_result
from ctviz.studies.rivals.methods import CONVENTIONAL
from ctviz.studies.rivals.settings import SEARCHES
from ctviz.studies.summary import Mean, mean

Unit = Literal["%", "points", "times"]


@dataclass(frozen=True)
class Measure:
    """A column of the comparison.

    Attributes:
        name: of the metric (``catalogue``).
        unit: how two models are compared: by their distance in % of the conventional model's value, in points of a
            share, or by how many times as much one is.
        less: whether less is better.
        by_search: whether it depends on the search.
        locked: whether it is of the models under the lock.
    """

    name: str
    unit: Unit
    less: bool = True
    by_search: bool = True
    locked: bool = False

    def key(self, search: str) -> str:
        """Its name among the values of a draw."""
        return f"{self.name} {search}" if self.by_search else self.name


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("ip", "%"),
        Measure("ip_star", "%"),
        Measure("ip_star_median", "%"),
        Measure("nearest", "%"),
        Measure("read_as", "points", less=False),
        Measure("validity", "points", less=False),
        Measure("cost", "%", locked=True),
        Measure("locked_validity", "points", less=False, locked=True),
        Measure("accuracy", "points", less=False, by_search=False),
        Measure("pgd", "points", less=False, by_search=False),
        Measure("seconds", "times", by_search=False),
    )
}
"""In the order in which they are shown; what no draw has is left out."""


SEARCHED = "tau", "step_size", "steps"
"""What an extent says of its careful search."""


class TriedSettings(ResultRecord):
    """A try of a method: what it changes, and its score on validation data (``TryScore``)."""

    later = ("validity",)

    changes: dict[str, Any]
    score: float | None
    accuracy: float | None
    qualifies: bool
    validity: float | None = None


class ChosenSettings(ResultRecord):
    """The settings of a method on a data set, and all that were tried; none of a method with a single try."""

    changes: dict[str, Any]
    chosen_by: Literal["score", "fallback", "only"]
    draws: tuple[int, ...] = ()
    tries: tuple[TriedSettings, ...] = ()


class MethodResult(ResultRecord):
    """A method on a data set: its settings, and metric → value of each draw, by its seed.

    ``locked`` are those of the models trained and explained under the lock.
    """

    name: str
    settings: ChosenSettings
    draws: dict[int, dict[str, float | None]]
    locked: dict[int, dict[str, float | None]]


class PairedCost(ResultRecord):
    """The costs under the lock of two methods with one search, over the requests that both and conventional training
    meet: by the seed of the draw, how much cheaper the first is, in % of the conventional cost."""

    search: str
    first: str
    second: str
    draws: dict[int, float | None]


class VerdictRow(ResultRecord):
    """A data set; ``extent`` says how much of it was computed where that is less than of others (``Extent``)."""

    later = ("extent",)

    data: str
    title: str
    locked: tuple[int | str, ...]
    passed_over: tuple[int, ...]
    methods: tuple[MethodResult, ...]
    costs: tuple[PairedCost, ...]
    extent: dict[str, Any] | None = None

    @field_validator("extent", mode="after")
    @classmethod
    def _told(cls, extent: dict[str, Any] | None) -> dict[str, Any] | None:
        """What words tell of it is there."""
        try:
            told = [] if extent is None else [extent[name] for name in ("selecting", "epochs", "rounds", "locked")]
            if extent is not None:
                told += [extent["changes"]["data.n_train"], *(extent["careful"][name] for name in SEARCHED)]
        except (KeyError, TypeError):
            told = [None]
        if not all(isinstance(one, int | float) for one in told):
            raise ValueError("it does not say how much was computed")
        return extent

    def of(self, method: str) -> MethodResult | None:
        return next((one for one in self.methods if one.name == method), None)

    def values(self, method: str, measure: Measure, search: str) -> dict[int, float]:
        """The finite values of a method, by draw."""
        found = self.of(method)
        if found is None:
            return {}
        draws, key = found.locked if measure.locked else found.draws, measure.key(search)
        known = {seed: one.get(key) for seed, one in draws.items()}
        return {seed: value for seed, value in known.items() if value is not None and math.isfinite(value)}

    def edges(self, first: str, second: str, measure: Measure, search: str) -> list[float]:
        """How much better the first is than the second, draw by draw, on the draws that both have; positive is better.

        In % 100 · (second − first) / conventional, in points 100 · (first − second), in times log2(second / first).
        """
        if measure.name == "cost":
            return self._cheaper(first, second, search)
        one, other = (self.values(method, measure, search) for method in (first, second))
        base = self.values(CONVENTIONAL, measure, search)
        sign = 1 if measure.less else -1
        found = []
        for seed in sorted({*one} & {*other}):
            if measure.unit == "times":
                found.append(math.log2(other[seed] / one[seed]) if one[seed] > 0 < other[seed] else math.nan)
            elif measure.unit == "points":
                found.append(sign * 100 * (other[seed] - one[seed]))
            elif base.get(seed, 0.0) > 0:
                found.append(sign * 100 * (other[seed] - one[seed]) / base[seed])
        return found

    def _cheaper(self, first: str, second: str, search: str) -> list[float]:
        for pair in self.costs:
            if pair.search == search and {pair.first, pair.second} == {first, second} and first != second:
                sign = 1 if pair.first == first else -1
                return [sign * edge for edge in pair.draws.values() if edge is not None]
        return []


class MethodWords(ResultRecord):
    """A method in words, and how many of its settings are tried."""

    name: str
    title: str
    short: str
    words: str
    tries: int
    ours: bool


class VerdictResult(ResultDocument):
    """Everything that ``ctviz reproduce rivals`` computes."""

    command = "rivals"

    methods: tuple[MethodWords, ...]
    rows: tuple[VerdictRow, ...]
    rule: str
    searches: dict[str, dict[str, float]]
    verdict: dict[str, Any]
    version: str
    algorithm: int
    seconds: float

    @model_validator(mode="after")
    def _whole(self) -> VerdictResult:
        """What words and pictures rest on: both searches, a level, rows of known methods, each data set once."""
        names, level = {method.name for method in self.methods}, self.verdict.get("level", 0.99)
        if set(self.searches) != set(SEARCHES):
            raise ValueError(f"its searches are not {' and '.join(SEARCHES)}")
        if not all({"step_size", "steps"} <= set(one) for one in self.searches.values()):
            raise ValueError("a search has no steps")
        if not isinstance(level, int | float) or not 0 < level < 1:
            raise ValueError("its level is no number between 0 and 1")
        if not all(one.name in names for row in self.rows for one in row.methods):
            raise ValueError("a method of a row is not among its methods")
        if len({row.data for row in self.rows}) < len(self.rows):
            raise ValueError("a data set is in it twice")
        return self

    def row(self, data: str) -> VerdictRow | None:
        return next((row for row in self.rows if row.data == data), None)

    @cached_property
    def titles(self) -> Mapping[str, str]:
        return {method.name: method.title for method in self.methods}

    @property
    def level(self) -> float:
        return float(self.verdict.get("level", 0.99))

    def compared(self, row: VerdictRow, first: str, second: str, measure: Measure, search: str) -> Mean:
        """How much better the first is than the second on a data set (``VerdictRow.edges``): the mean over draws with
        Student's interval; without draws NaN."""
        return mean(row.edges(first, second, measure, search), self.level)

    def average(self, row: VerdictRow, method: str, measure: Measure, search: str) -> Mean:
        """The mean of a metric over draws, in its own unit."""
        return mean(row.values(method, measure, search).values(), self.level)

    def measures(self, rows: Sequence[VerdictRow] = ()) -> list[Measure]:
        """The columns of which there is any number, in the given rows or in all."""
        searches = tuple(self.searches)
        return [
            measure
            for measure in MEASURES.values()
            if any(
                row.values(one.name, measure, search)
                for row in rows or self.rows
                for one in row.methods
                for search in searches
            )
        ]

    def draws(self) -> tuple[int, int]:
        """Least and greatest number of draws of a method on a data set."""
        counts = [len(one.draws) for row in self.rows for one in row.methods]
        return min(counts, default=0), max(counts, default=0)

    def table(self) -> Iterator[dict[str, Any]]:
        """A tidy table: a row for each data set, method, measure, search and draw."""
        for row in self.rows:
            for one in row.methods:
                for locked, draws in ((False, one.draws), (True, one.locked)):
                    for seed, values in draws.items():
                        for key, value in values.items():
                            name, _, search = key.partition(" ")
                            yield {
                                "data": row.data, "method": one.name, "locked": locked, "metric": name,
                                "search": search, "seed": seed, "value": value,
                            }  # fmt: skip


RESULTS = result_kind("comparison with rivals", VerdictResult)
"""How the file is read; results ship, and are not kept in a store."""


def shipped() -> Path:
    """The file of the result that ships with ctviz."""
    return shipped_result(VerdictResult)


def read(path: Path) -> VerdictResult:
    """A result from its file; errors as ``read_result``."""
    return read_result(path, VerdictResult, RESULTS)
