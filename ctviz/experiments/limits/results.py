"""Measuring the stands of a limit, keeping them, and putting together what is there by now."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ctviz.errors import StoreError
from ctviz.experiments.limits.catalogue import limit
from ctviz.experiments.limits.limit import Limit, Stand
from ctviz.experiments.limits.measures import MEASURES, Bench
from ctviz.experiments.run import Training
from ctviz.experiments.snapshot import METRICS, Snapshot
from ctviz.experiments.store import Store, open_store
from ctviz.experiments.store.files import explained, remove, trim
from ctviz.isolation import isolated
from ctviz.paths import assets, write_whole
from ctviz.short_repr import ShortRepr

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("panel", "variant", "dose", "seed", "epoch", "metric", "value")

Source = Literal["here", "shipped"]

MOST_FILES = 2000
"""Stands that a store keeps; the oldest go first."""

MOST_KEPT = 1 << 27
"""Bytes that they may take together."""

MOST_ROWS = 1 << 20
"""Rows of a file of results; one that claims more is not read."""

MOST_BYTES = 1 << 24
"""Size of a file of results; a larger one is not opened."""


@dataclass(frozen=True, repr=False, eq=False)
class LimitResult(ShortRepr):
    """What has been measured of a limit by now.

    ``table`` is tidy: panel, variant, dose (NaN: none), seed, epoch, metric, value. Metrics are those of the limit;
    ``trained_mature`` and ``all_skipped`` are the mean share of mature searches over the recorded epochs, and the
    batches left out in them.
    """

    limit: Limit
    table: pd.DataFrame
    stands: tuple[Stand, ...]
    sources: tuple[Source | None, ...]
    """Of each stand: computed on this computer, shipped with ctviz, or not there yet."""

    @property
    def done(self) -> int:
        """Stands that are there."""
        return sum(source is not None for source in self.sources)

    @property
    def complete(self) -> bool:
        return self.done == len(self.stands)

    @property
    def draws(self) -> dict[str, int]:
        """How many draws of each panel are there."""
        found = {panel.name: 0 for panel in self.limit.panels}
        for stand, source in zip(self.stands, self.sources, strict=True):
            found[stand.panel.name] += source is not None
        return found


# -- measuring -----------------------------------------------------------------------------------------


def measure_stand(stand: Stand, on_epoch: Callable[[int], None] = lambda done: None) -> pd.DataFrame:
    """Train one stand and measure it: one row for each variant, epoch and metric.

    Args:
        on_epoch: called with the epochs done; what it raises ends the work.
    """
    import pandas as pd

    training = Training(stand.experiment, "cpu")
    bench = Bench.of(stand.experiment, training.data, training.stack.flat)
    total = stand.experiment.training.epochs
    rows: list[tuple[str, float, int, str, float]] = []
    trained: list[Snapshot] = []
    for snapshot in training:
        on_epoch(snapshot.epoch)
        if snapshot.epoch > 0:
            trained.append(snapshot)
        if not stand.every_epoch and snapshot.epoch < total:
            continue
        values = {name: snapshot.metrics[name] for name in METRICS}
        with isolated():
            for name in stand.measures:
                values |= MEASURES[name](bench, training.stack)
        if snapshot.epoch == total:
            values |= _over_epochs(trained)
        rows += _rows(stand, snapshot.epoch, values)
    table = pd.DataFrame(rows, columns=["variant", "dose", "epoch", "metric", "value"])
    return table.assign(panel=stand.panel.name, seed=stand.seed)[list(COLUMNS)].astype({"value": np.float32})


def _over_epochs(trained: Sequence[Snapshot]) -> dict[str, Any]:
    """trained_mature and all_skipped, (m): a mean and a sum over the epochs that were recorded."""
    mature = np.stack([snapshot.metrics["mature"] for snapshot in trained])  # e m
    known = np.isfinite(mature)
    total = np.where(known, mature, 0).sum(axis=0)
    mean = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
    return {"trained_mature": mean, "all_skipped": sum(snapshot.metrics["skipped"] for snapshot in trained)}


def _rows(stand: Stand, epoch: int, values: dict[str, Any]) -> Iterator[tuple[str, float, int, str, float]]:
    places = {arm.name: i for i, arm in enumerate(stand.experiment.arms)}
    for variant in stand.panel.variants:
        for name in stand.metrics:
            if name in values and np.isfinite(value := float(values[name][places[variant.arm]])):
                yield variant.name, variant.dose, epoch, name, value


# -- keeping -------------------------------------------------------------------------------------------


def _path(store: Store, stand: Stand) -> Path:
    return store.root / "limits" / f"{stand.key}.parquet"


def stored_stand(stand: Stand, store: Store) -> pd.DataFrame | None:
    """The rows of a stand from the store; a damaged file is removed, to be computed again."""
    path = _path(store, stand)
    if not path.is_file():
        return None
    table = _read(path)
    if table is None:
        remove(path)
    return table


def _keep(stand: Stand, table: pd.DataFrame, store: Store) -> None:
    path = _path(store, stand)
    with explained(store.root):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, to_parquet(table))
        trim(path.parent, ".parquet", MOST_FILES, MOST_KEPT)


def to_parquet(table: pd.DataFrame) -> bytes:
    """A table as the bytes of a file, as small as it gets."""
    buffer = io.BytesIO()
    names = dict.fromkeys(("panel", "variant", "metric"), "category")
    table.astype(names).to_parquet(buffer, index=False, compression="zstd", compression_level=19)
    return buffer.getvalue()


def _read(path: Path) -> pd.DataFrame | None:
    """A table of results; None where the file does not hold one."""
    import pandas as pd
    from pyarrow import parquet

    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        content = path.read_bytes()
        if parquet.ParquetFile(io.BytesIO(content)).metadata.num_rows > MOST_ROWS:
            return None
        table = pd.read_parquet(io.BytesIO(content), columns=list(COLUMNS))
        names = dict.fromkeys(("panel", "variant", "metric"), str)
        return table.astype({**names, "dose": float, "value": float, "seed": int, "epoch": int})
    except (OSError, ValueError, KeyError, TypeError):  # pyarrow's own errors are ValueError and KeyError
        return None


# -- what ships ----------------------------------------------------------------------------------------


@lru_cache(16)
def _shipped(folder: Path, name: str) -> tuple[dict[str, str], pd.DataFrame] | None:
    """Keys of the stands that ship with a limit (by panel and seed), and their rows."""
    table = _read(folder / f"{name}.parquet")
    try:
        keys = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["stands"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (keys, table) if table is not None and isinstance(keys, dict) else None


def shipped_folder() -> Path:
    """Where the results that come with ctviz lie."""
    return assets() / "limits"


def shipped_stand(stand: Stand, name: str, folder: Path | None = None) -> pd.DataFrame | None:
    """The rows of a stand as they ship; None if they were made with other settings or another algorithm."""
    found = _shipped(folder or shipped_folder(), name)
    if found is None or found[0].get(f"{stand.panel.name} {stand.seed}") != stand.key:
        return None
    table = found[1]
    return table[(table["panel"] == stand.panel.name) & (table["seed"] == stand.seed)]


def build_limits(names: Sequence[str], folder: Path, on_limit: Callable[[str], None] = lambda name: None) -> list[Path]:
    """Measure limits anew where the store of this machine does not have them, and write them as they ship."""
    written = []
    for name in names:
        on_limit(name)
        result = run_limit(name, shipped=False)
        keys = {f"{stand.panel.name} {stand.seed}": stand.key for stand in result.stands}
        arms = {p.name: json.loads(p.experiment.to_json()) for p in result.limit.panels}
        facts = {"stands": keys, "experiments": arms}
        for path, data in (
            (folder / f"{name}.parquet", to_parquet(result.table)),
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
    """What is there of a limit, without computing anything: from this machine's store, else as it ships."""
    import pandas as pd

    study, store = limit(name), store or open_store()
    stands = study.stands(seeds)
    tables: list[pd.DataFrame] = []
    sources: list[Source | None] = []
    for stand in stands:
        table = stored_stand(stand, store)
        source: Source = "here"
        if table is None and shipped:
            table, source = shipped_stand(stand, study.name), "shipped"
        sources.append(source if table is not None else None)
        if table is not None:
            tables.append(table)
    whole = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))
    return LimitResult(study, whole, stands, tuple(sources))


def run_limit(
    name: str | Limit,
    store: Store | None = None,
    progress: Callable[[int, int], None] | None = None,
    seeds: int | None = None,
    *,
    shipped: bool = True,
) -> LimitResult:
    """A limit, measured: what is neither in the store nor shipped is trained now, draw by draw, and kept.

    Args:
        name: one of ``LIMITS``, or a limit of one's own.
        store: where to look and to keep; by default the one of this machine (``CTVIZ_HOME``).
        progress: called with the epochs done and in all; what it raises ends the work, and whole draws are kept.
        seeds: how many draws of each panel, at most as many as the panel allows; by default as many as ship.
        shipped: whether results that ship with ctviz count.

    Raises:
        ConfigError: no such limit, or not that many draws. StoreError: the store does not take the results.
    """
    study, store = limit(name), store or open_store()
    stands = study.stands(seeds)
    lengths = [stand.experiment.training.epochs for stand in stands]
    before = 0
    for stand, length in zip(stands, lengths, strict=True):
        there = stored_stand(stand, store) is not None or (shipped and shipped_stand(stand, study.name) is not None)
        if not there:

            def tell(done: int, before: int = before) -> None:
                if progress:
                    progress(before + done, sum(lengths))

            _keep(stand, measure_stand(stand, tell), store)
        before += length
        if progress:
            progress(before, sum(lengths))
    return stored_limit(study, store, seeds, shipped=shipped)


class _StoppedError(Exception):
    """Ends a stand whose job was cancelled."""


def work_limit(name: str, root: str, cancelled: Callable[[], bool]) -> None:
    """A background job: measure a limit on this computer, whatever ships; whole draws stay when it is cancelled."""

    def look(done: int, total: int) -> None:
        if cancelled() and done < total:
            raise _StoppedError

    try:
        run_limit(name, open_store(Path(root)), look, shipped=False)
    except _StoppedError:
        return


def agreement(here: LimitResult) -> float | None:
    """Largest deviation of what was computed here from what ships, relative to the larger of the two numbers.

    None where nothing was computed here or nothing ships.
    """
    worst: float | None = None
    for stand, source in zip(here.stands, here.sources, strict=True):
        shipped = shipped_stand(stand, here.limit.name) if source == "here" else None
        if shipped is None:
            continue
        own = here.table[(here.table["panel"] == stand.panel.name) & (here.table["seed"] == stand.seed)]
        keys = ["variant", "dose", "epoch", "metric"]
        both = own.merge(shipped, on=keys, suffixes=("", "_shipped"))
        if len(both) != len(own) or len(own) != len(shipped):
            raise StoreError(f"The shipped numbers of {here.limit.name} are not those of these settings.")
        apart = (both["value"] - both["value_shipped"]).abs()
        size = both[["value", "value_shipped"]].abs().max(axis=1).clip(lower=1e-12)
        worst = max(worst or 0.0, float((apart / size).max()))
    return worst
