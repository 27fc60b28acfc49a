"""The results that Paper can show: the shipped one and those of this computer, each read once."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ctviz.cache import Cache
from ctviz.errors import CtvizError, DataError
from ctviz.experiments.store import Store
from ctviz.figures.checked import Drawings
from ctviz.paths import assets
from ctviz.studies.reproduce.result import RESULTS, Table1, read, shipped
from ctviz.studies.rivals import result as rivals
from ctviz.studies.rivals.methods import COUNTERFACTUAL
from ctviz.studies.rivals.result import Measure, VerdictResult
from ctviz.ui.kit.unique_names import apart
from ctviz.ui.paper.paper_view import SHIPPED


@dataclass(frozen=True)
class PaperFinding:
    """Something that was found beyond the paper, in plain words."""

    title: str
    words: str


def choices(store: Store) -> dict[str, Path]:
    """Name of a result → its file: the shipped one first, then the newest of this computer."""
    return {SHIPPED: shipped(), **RESULTS.files(store)}


@dataclass(frozen=True, eq=False)
class Loaded:
    """A result, and the figures that have been drawn of it, for all sessions."""

    result: Table1
    drawings: Drawings = field(default_factory=Drawings)


@dataclass(frozen=True)
class ShownResult:
    """What the page shows: the files that there are, the result if there is one, else why there is none."""

    known: dict[str, Path]
    loaded: Loaded | None
    problem: str = ""

    @property
    def result(self) -> Table1 | None:
        return None if self.loaded is None else self.loaded.result


def choose(name: str, store: Store) -> ShownResult:
    """The result of a name, or the shipped one where there is none of that name."""
    known = choices(store)
    problem = "" if name in known else f"No result {name} is stored on this computer; this is the one that ships."
    try:
        found = load(known.get(name, known[SHIPPED]))
        return ShownResult(known, found if found.result.rows else None, problem)
    except CtvizError as error:
        return ShownResult(known, None, str(error))


def load(path: Path) -> Loaded:
    """A result; read again where the file has changed.

    Raises:
        CtvizError: there is none, or it is damaged.
    """
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        stamp = 0
    return _load(path, stamp)


@functools.lru_cache(8)
def _load(path: Path, stamp: int) -> Loaded:
    return Loaded(read(path))


@dataclass(frozen=True, eq=False)
class Comparison:
    """The comparison with rivals, its measures, and what has been told and drawn of it, for all sessions."""

    result: VerdictResult
    measures: tuple[Measure, ...]
    told: Cache = field(default_factory=lambda: Cache(256))
    drawings: Drawings = field(default_factory=Drawings)


def comparison() -> Comparison | None:
    """The comparison with rivals that ships; None where there is none that can be read, or an empty one."""
    path = rivals.shipped()
    try:
        found = _comparison(path, path.stat().st_mtime_ns)
    except (CtvizError, OSError):
        return None
    ours = any(method.name == COUNTERFACTUAL for method in found.result.methods)
    return found if ours and found.result.rows and found.measures else None


@functools.lru_cache(2)
def _comparison(path: Path, stamp: int) -> Comparison:
    result = rivals.read(path)
    return Comparison(result, tuple(result.measures()))


@functools.cache
def findings() -> tuple[PaperFinding, ...]:
    """What ships of them; none where the file is missing or says nothing."""
    try:
        known = json.loads((assets() / "paper" / "findings.json").read_text(encoding="utf-8"))
        return tuple(PaperFinding(str(one["title"]), str(one["words"])) for one in known["findings"])
    except (CtvizError, OSError, ValueError, KeyError, TypeError):
        return ()


def called(known: Mapping[str, Path]) -> dict[str, str]:
    """What each result is called in a list, no two alike."""
    return apart({name: _titles(name, path) for name, path in known.items()})


def _titles(name: str, path: Path) -> tuple[str, ...]:
    if name == SHIPPED:
        return ("The one that comes with ctviz",)
    try:
        found = load(path).result
    except DataError:
        return (f"{name} (damaged)",)
    except CtvizError:
        return (name,)
    of, data = found.reproduction, ", ".join(row.title for row in found.rows)
    short = f"{data}, {of.get('seeds')} draws, {of.get('epochs')} epochs"
    return short, f"{short}, {of.get('rounds')} rounds"
