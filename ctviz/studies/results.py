"""The draws of a study: those that are stored or ship, and computing the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ctviz.errors import StoreError
from ctviz.experiments.engines.base import Engine, OnProgress, check_all_done, never_cancelled, no_progress
from ctviz.experiments.engines.cost import Estimate
from ctviz.experiments.store import Store, open_store
from ctviz.experiments.store.codec import Damaged
from ctviz.paths import assets, write_whole
from ctviz.short_repr import ShortRepr
from ctviz.studies.draw import COLUMNS, DRAWS, Draw
from ctviz.studies.registry import study_of
from ctviz.studies.steps import Step, Steps, carry_out
from ctviz.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

Source = Literal["here", "shipped"]


@dataclass(frozen=True, repr=False, eq=False)
class StudyResult(ShortRepr):
    """The measured part of a study.

    ``table`` is tidy: panel, variant, dose (NaN: none), seed, epoch, metric, value. Metrics are those of the study;
    ``trained_mature`` and ``all_skipped`` are the mean share of mature searches over the recorded epochs, and the
    batches that were skipped in them.
    """

    study: Study
    table: pd.DataFrame
    panel_draws: tuple[Draw, ...]
    sources: tuple[Source | None, ...]
    """Source of each draw: computed on this computer, shipped with ctviz, or None if missing."""

    @property
    def limit(self) -> Study:
        """Former name of ``study``."""
        return self.study

    @property
    def stands(self) -> tuple[Draw, ...]:
        """Former name of ``panel_draws``."""
        return self.panel_draws

    @property
    def done(self) -> int:
        """Number of draws that are there."""
        return sum(source is not None for source in self.sources)

    @property
    def complete(self) -> bool:
        return self.done == len(self.panel_draws)

    @property
    def draws(self) -> dict[str, int]:
        """Number of draws of each panel that are there."""
        found = {panel.name: set[int]() for panel in self.study.panels}
        lacking = {panel.name: set[int]() for panel in self.study.panels}
        for draw, source in zip(self.panel_draws, self.sources, strict=True):
            (lacking if source is None else found)[draw.panel.name].add(draw.seed)
        return {name: len(seeds - lacking[name]) for name, seeds in found.items()}


LimitResult = StudyResult
"""As the public API names it."""


# -- what ships ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _ShippedDraws:
    """Keys of the draws that ship with a study, and the table of all; ``rows`` are those of the draws that have been
    asked for. Both by the names of draws."""

    keys: dict[str, str]
    table: pd.DataFrame
    rows: dict[str, pd.DataFrame] = field(default_factory=dict)


@lru_cache(16)
def _shipped(folder: Path, name: str) -> _ShippedDraws | None:
    try:
        table = DRAWS.read_file(folder / f"{name}.parquet")
        keys = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["stands"]
    except (Damaged, OSError, ValueError, KeyError, TypeError):
        return None
    return _ShippedDraws(keys, table) if isinstance(keys, dict) else None


def shipped_folder() -> Path:
    """The folder of the results that ship with ctviz."""
    return assets() / "limits"


def shipped_draw(draw: Draw, name: str, folder: Path | None = None) -> pd.DataFrame | None:
    """The shipped rows of a draw; None if they were made with other settings or another algorithm.

    The table is kept for all who ask, so it is not to be changed.
    """
    found = _shipped(folder or shipped_folder(), name)
    if found is None or found.keys.get(draw.name) != draw.key:
        return None
    if draw.name not in found.rows:
        found.rows[draw.name] = draw.rows_of(found.table)
    return found.rows[draw.name]


def build_study(study: Study, folder: Path, **options: Any) -> list[Path]:
    """Measure a study, unless the store of this machine has it, and write the files that ship.

    Args:
        study: which.
        folder: to write to.
        options: of ``run_study``, such as its engine.
    """
    result = run_study(study, shipped=False, **options)
    facts = {"stands": {draw.name: draw.key for draw in result.panel_draws}, "experiments": study.settings}
    files = {
        folder / f"{study.name}.parquet": DRAWS.encode(result.table),
        folder / f"{study.name}.json": (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode(),
    }
    for path, content in files.items():
        write_whole(path, content)
    _shipped.cache_clear()
    return list(files)


# -- asking --------------------------------------------------------------------------------------------


def stored_study(
    name: str | Study, store: Store | None = None, seeds: int | None = None, *, shipped: bool = True
) -> StudyResult:
    """The measured part of a study, without computing anything: from this machine's store, else as shipped."""
    import pandas as pd

    study, store = study_of(name), store or open_store()
    drawn = study.all_draws(seeds)
    tables: list[pd.DataFrame] = []
    sources: list[Source | None] = []
    for draw in drawn:
        table = draw.stored(store)
        source: Source = "here"
        if table is None and shipped:
            table, source = shipped_draw(draw, study.name), "shipped"
        sources.append(source if table is not None else None)
        if table is not None:
            tables.append(table)
    whole = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    return StudyResult(study, whole, drawn, tuple(sources))


def run_study(
    name: str | Study,
    store: Store | None = None,
    progress: OnProgress | None = None,
    seeds: int | None = None,
    *,
    shipped: bool = True,
    engine: str | Engine = "local",
    workers: int | None = None,
    address: str | None = None,
    cancelled: Callable[[], bool] = never_cancelled,
) -> StudyResult:
    """Measure a study: draws that are neither in the store nor shipped are trained now and stored.

    Args:
        name: one of ``LIMITS``, or a study of one's own.
        store: where draws are read and kept; by default that of this machine (``CTVIZ_HOME``).
        progress: called with the draws that are done and their total; its exceptions end the work, and complete draws
            are kept.
        seeds: draws of each panel, at most as many as the panel allows; by default as many as ship.
        shipped: whether results that ship with ctviz are used.
        engine: "local", "ray", or anything with the ``run`` of an ``Engine``.
        workers: processes; by default one for each processor.
        address: of a Ray cluster.
        cancelled: called often; whether to stop. Finished draws are kept.

    Raises:
        ConfigError: no such study, or too many draws. StoreError: a draw cannot be computed or stored.
    """
    study, store = study_of(name), store or open_store()
    return carry_out(
        steps_of(study, store, seeds, shipped=shipped), store, engine, workers, address,
        progress=progress or no_progress, cancelled=cancelled,
    )  # fmt: skip


run_limit = run_study
"""As the public API names it."""


def steps_of(study: Study, store: Store, seeds: int | None = None, *, shipped: bool = True) -> Steps[StudyResult]:
    """The draws that are left, all at once."""
    missing = missing_draws(study, store, seeds, shipped=shipped)
    check_all_done((yield Step(missing, len(study.all_draws(seeds)))))
    return stored_study(study, store, seeds, shipped=shipped)


def estimate(
    studies: Sequence[Study], store: Store, workers: int = 1, seeds: int | None = None, *, shipped: bool = True
) -> Estimate:
    """What the draws take that are to be computed, of one study after the other."""
    seconds = 0.0
    for study in studies:
        missing = missing_draws(study, store, seeds, shipped=shipped)
        seconds += sum(draw.seconds for draw in missing) / max(1, min(workers, len(missing)))
    return Estimate(seconds=seconds)


def missing_draws(study: Study, store: Store, seeds: int | None = None, *, shipped: bool = True) -> tuple[Draw, ...]:
    """The draws that are to be computed."""
    found = stored_study(study, store, seeds, shipped=shipped)
    return tuple(draw for draw, source in zip(found.panel_draws, found.sources, strict=True) if source is None)


def agreement(here: StudyResult) -> float | None:
    """Largest deviation of results computed here from those that ship, relative to the larger of the two numbers.

    None where nothing was computed here or nothing ships.
    """
    worst: float | None = None
    for draw, source in zip(here.panel_draws, here.sources, strict=True):
        shipped = shipped_draw(draw, here.study.name) if source == "here" else None
        if shipped is None:
            continue
        own = draw.rows_of(here.table)
        keys = ["variant", "dose", "epoch", "metric"]
        both = own.merge(shipped, on=keys, suffixes=("", "_shipped"))
        if len(both) != len(own) or len(own) != len(shipped):
            raise StoreError(f"The shipped numbers of {here.study.name} are not those of these settings.")
        apart = (both["value"] - both["value_shipped"]).abs()
        size = both[["value", "value_shipped"]].abs().max(axis=1).clip(lower=1e-12)
        worst = max(worst or 0.0, float((apart / size).max()))
    return worst
