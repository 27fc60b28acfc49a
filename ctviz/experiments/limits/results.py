"""Measuring the draws of a limit, storing them, and collecting what has been measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ctviz.errors import StoreError
from ctviz.experiments.limits.catalogue import limit
from ctviz.experiments.limits.limit import Limit, PanelDraw
from ctviz.experiments.limits.measures import MEASURES, MeasureContext
from ctviz.experiments.run import Training
from ctviz.experiments.snapshot import METRICS, Snapshot
from ctviz.experiments.store import Store, open_store
from ctviz.experiments.store.artifacts import Kind
from ctviz.experiments.store.codec import Damaged
from ctviz.experiments.store.frames import from_parquet, to_parquet
from ctviz.isolation import isolated
from ctviz.paths import assets, write_whole
from ctviz.short_repr import ShortRepr

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("panel", "variant", "dose", "seed", "epoch", "metric", "value")

Source = Literal["here", "shipped"]

MAX_ROWS = 1 << 20
"""Most rows in a file of results; a larger one is not read."""


@dataclass(frozen=True, repr=False, eq=False)
class LimitResult(ShortRepr):
    """The measured part of a limit.

    ``table`` is tidy: panel, variant, dose (NaN: none), seed, epoch, metric, value. Metrics are those of the limit;
    ``trained_mature`` and ``all_skipped`` are the mean share of mature searches over the recorded epochs, and the
    batches that were skipped in them.
    """

    limit: Limit
    table: pd.DataFrame
    panel_draws: tuple[PanelDraw, ...]
    sources: tuple[Source | None, ...]
    """Source of each draw: computed on this computer, shipped with ctviz, or None if missing."""

    @property
    def stands(self) -> tuple[PanelDraw, ...]:
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
        found = {panel.name: 0 for panel in self.limit.panels}
        for draw, source in zip(self.panel_draws, self.sources, strict=True):
            found[draw.panel.name] += source is not None
        return found


# -- measuring -----------------------------------------------------------------------------------------


def measure_draw(draw: PanelDraw, on_epoch: Callable[[int], None] = lambda done: None) -> pd.DataFrame:
    """Train and measure one draw: one row for each variant, epoch and metric.

    Args:
        on_epoch: called with the epochs that are done; its exceptions end the work.
    """
    import pandas as pd

    training = Training(draw.experiment, "cpu")
    context = MeasureContext.of(draw.experiment, training.data, training.stack.flat)
    total = draw.experiment.training.epochs
    rows: list[tuple[str, float, int, str, float]] = []
    trained: list[Snapshot] = []
    for snapshot in training:
        on_epoch(snapshot.epoch)
        if snapshot.epoch > 0:
            trained.append(snapshot)
        if not draw.every_epoch and snapshot.epoch < total:
            continue
        values = {name: snapshot.metrics[name] for name in METRICS}
        with isolated():
            for name in draw.measures:
                values |= MEASURES[name](context, training.stack)
        if snapshot.epoch == total:
            values |= _over_epochs(trained)
        rows += _rows(draw, snapshot.epoch, values)
    table = pd.DataFrame(rows, columns=["variant", "dose", "epoch", "metric", "value"])
    return table.assign(panel=draw.panel.name, seed=draw.seed)[list(COLUMNS)].astype({"value": np.float32})


def _over_epochs(trained: Sequence[Snapshot]) -> dict[str, Any]:
    """trained_mature and all_skipped, (m): a mean and a sum over the epochs that were recorded."""
    mature = np.stack([snapshot.metrics["mature"] for snapshot in trained])  # e m
    known = np.isfinite(mature)
    total = np.where(known, mature, 0).sum(axis=0)
    mean = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
    return {"trained_mature": mean, "all_skipped": sum(snapshot.metrics["skipped"] for snapshot in trained)}


def _rows(draw: PanelDraw, epoch: int, values: dict[str, Any]) -> Iterator[tuple[str, float, int, str, float]]:
    places = {arm.name: i for i, arm in enumerate(draw.experiment.arms)}
    for variant in draw.panel.variants:
        for name in draw.metrics:
            if name in values and np.isfinite(value := float(values[name][places[variant.arm]])):
                yield variant.name, variant.dose, epoch, name, value


# -- keeping -------------------------------------------------------------------------------------------


def _to_bytes(table: pd.DataFrame) -> bytes:
    """As small as it gets."""
    return to_parquet(table, ("panel", "variant", "metric"), compression_level=19)


def _from_bytes(content: bytes) -> pd.DataFrame:
    names = dict.fromkeys(("panel", "variant", "metric"), str)
    numbers = {"dose": float, "value": float, "seed": int, "epoch": int}
    return from_parquet(content, COLUMNS, MAX_ROWS).astype({**names, **numbers})


DRAWS = Kind(
    "draw of a limit",
    folder="limits",
    encode=_to_bytes,
    decode=_from_bytes,
    old_name="{key}.parquet",
    max_bytes=1 << 24,
    max_files=2000,
    room=lambda store: 1 << 27,
)
"""Rows of the measured draws in a store, by the key of the draw."""


def stored_draw(draw: PanelDraw, store: Store) -> pd.DataFrame | None:
    """The rows of a draw from the store; a damaged file is removed, to be computed again."""
    return DRAWS.read(store, draw.key)


# -- what ships ----------------------------------------------------------------------------------------


@lru_cache(16)
def _shipped(folder: Path, name: str) -> tuple[dict[str, str], pd.DataFrame] | None:
    """Keys of the draws that ship with a limit (by panel and seed), and their rows."""
    try:
        table = DRAWS.read_file(folder / f"{name}.parquet")
        keys = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["stands"]
    except (Damaged, OSError, ValueError, KeyError, TypeError):
        return None
    return (keys, table) if isinstance(keys, dict) else None


def shipped_folder() -> Path:
    """The folder of the results that ship with ctviz."""
    return assets() / "limits"


def shipped_draw(draw: PanelDraw, name: str, folder: Path | None = None) -> pd.DataFrame | None:
    """The shipped rows of a draw; None if they were made with other settings or another algorithm."""
    found = _shipped(folder or shipped_folder(), name)
    if found is None or found[0].get(f"{draw.panel.name} {draw.seed}") != draw.key:
        return None
    table = found[1]
    return table[(table["panel"] == draw.panel.name) & (table["seed"] == draw.seed)]


def build_limits(names: Sequence[str], folder: Path, on_limit: Callable[[str], None] = lambda name: None) -> list[Path]:
    """Measure limits, unless the store of this machine has them, and write the files that ship."""
    written = []
    for name in names:
        on_limit(name)
        result = run_limit(name, shipped=False)
        keys = {f"{draw.panel.name} {draw.seed}": draw.key for draw in result.panel_draws}
        arms = {p.name: json.loads(p.experiment.to_json()) for p in result.limit.panels}
        facts = {"stands": keys, "experiments": arms}
        for path, data in (
            (folder / f"{name}.parquet", _to_bytes(result.table)),
            (folder / f"{name}.json", (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode()),
        ):
            write_whole(path, data)
            written.append(path)
    _shipped.cache_clear()
    return written


# -- asking --------------------------------------------------------------------------------------------


def stored_limit(
    name: str | Limit, store: Store | None = None, seeds: int | None = None, *, shipped: bool = True
) -> LimitResult:
    """The measured part of a limit, without computing anything: from this machine's store, else as shipped."""
    import pandas as pd

    study, store = limit(name), store or open_store()
    drawn = study.all_draws(seeds)
    tables: list[pd.DataFrame] = []
    sources: list[Source | None] = []
    for draw in drawn:
        table = stored_draw(draw, store)
        source: Source = "here"
        if table is None and shipped:
            table, source = shipped_draw(draw, study.name), "shipped"
        sources.append(source if table is not None else None)
        if table is not None:
            tables.append(table)
    whole = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    return LimitResult(study, whole, drawn, tuple(sources))


def run_limit(
    name: str | Limit,
    store: Store | None = None,
    progress: Callable[[int, int], None] | None = None,
    seeds: int | None = None,
    *,
    shipped: bool = True,
) -> LimitResult:
    """Measure a limit: draws that are neither in the store nor shipped are trained now, one by one, and stored.

    Args:
        name: one of ``LIMITS``, or a limit of one's own.
        store: where draws are read and kept; by default that of this machine (``CTVIZ_HOME``).
        progress: called with the epochs that are done and their total; its exceptions end the work, and complete draws
            are kept.
        seeds: draws of each panel, at most as many as the panel allows; by default as many as ship.
        shipped: whether results that ship with ctviz are used.

    Raises:
        ConfigError: no such limit, or too many draws. StoreError: the results cannot be stored.
    """
    study, store = limit(name), store or open_store()
    drawn = study.all_draws(seeds)
    lengths = [draw.experiment.training.epochs for draw in drawn]
    before = 0
    for draw, length in zip(drawn, lengths, strict=True):
        there = stored_draw(draw, store) is not None or (shipped and shipped_draw(draw, study.name) is not None)
        if not there:

            def tell(done: int, before: int = before) -> None:
                if progress:
                    progress(before + done, sum(lengths))

            DRAWS.keep(store, draw.key, measure_draw(draw, tell))
        before += length
        if progress:
            progress(before, sum(lengths))
    return stored_limit(study, store, seeds, shipped=shipped)


class _StoppedError(Exception):
    """Ends a draw whose job was cancelled."""


def limit_job(name: str, root: str, cancelled: Callable[[], bool]) -> None:
    """A background job: measure a limit on this computer, whatever ships; complete draws are kept when it is
    cancelled."""

    def look(done: int, total: int) -> None:
        if cancelled() and done < total:
            raise _StoppedError

    try:
        run_limit(name, open_store(Path(root)), look, shipped=False)
    except _StoppedError:
        return


def agreement(here: LimitResult) -> float | None:
    """Largest deviation of results computed here from those that ship, relative to the larger of the two numbers.

    None where nothing was computed here or nothing ships.
    """
    worst: float | None = None
    for draw, source in zip(here.panel_draws, here.sources, strict=True):
        shipped = shipped_draw(draw, here.limit.name) if source == "here" else None
        if shipped is None:
            continue
        own = here.table[(here.table["panel"] == draw.panel.name) & (here.table["seed"] == draw.seed)]
        keys = ["variant", "dose", "epoch", "metric"]
        both = own.merge(shipped, on=keys, suffixes=("", "_shipped"))
        if len(both) != len(own) or len(own) != len(shipped):
            raise StoreError(f"The shipped numbers of {here.limit.name} are not those of these settings.")
        apart = (both["value"] - both["value_shipped"]).abs()
        size = both[["value", "value_shipped"]].abs().max(axis=1).clip(lower=1e-12)
        worst = max(worst or 0.0, float((apart / size).max()))
    return worst
