"""The sweeps that ship with ctviz: their tables, and the runs behind them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ctviz.errors import ConfigError
from ctviz.experiments.engines.base import TaskResult, check_all_done
from ctviz.experiments.engines.task import Task
from ctviz.experiments.run import RUN_LIST
from ctviz.experiments.store import Store
from ctviz.experiments.store.files import remove
from ctviz.paths import write_whole
from ctviz.studies.sweeps.declaration import Axis, Sweep
from ctviz.studies.sweeps.paper_studies import study
from ctviz.studies.sweeps.sweep import sweep
from ctviz.studies.sweeps.tables import SHIPPED_TABLES, tables_of

SEEDS = 3

SHIPPED = {f"penalties-{data}": ("penalties", data) for data in ("moons", "circles")}
"""Name of the folder → study and preset."""


def shipped_sweep(name: str) -> Sweep:
    """A shipped sweep, by the name of its folder: a study with the weights that the paper chose.

    Raises:
        ConfigError: no shipped sweep has that name.
    """
    if name not in SHIPPED:
        raise ConfigError("sweep", name, f"one of {', '.join(SHIPPED)}")
    known = study(*SHIPPED[name], seeds=SEEDS)
    settled = next(arm for arm in known.base.arms if arm.name == known.arm)
    axes = (
        Axis(setting=axis.setting, values=tuple(sorted({*axis.values, getattr(settled, axis.setting)})))
        for axis in known.axes
    )
    return Sweep(**{**{field: getattr(known, field) for field in Sweep.model_fields}, "axes": tuple(axes)})


def _listed(folder: Path) -> set[str]:
    """Keys of the runs of a sweep as it was shipped before."""
    path = folder / RUN_LIST
    return set(path.read_text(encoding="utf-8").split()) if path.is_file() else set()


def build_shipped(names: Sequence[str], assets: Path, **options: Any) -> Iterator[Path]:
    """Compute shipped sweeps (without names, all), and write the files that ship to the folder ``assets``.

    ``sweeps/<name>`` gets the settings and the table, ``presets`` the runs, which keep the weights of the last epoch;
    ``options`` are those of ``sweep``, such as its engine.

    Raises:
        StoreError: a model could not be trained, or the disk cannot be written.
    """
    wanted = {name: shipped_sweep(name) for name in names or SHIPPED}
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch))
        for name, settings in wanted.items():
            outcomes: list[TaskResult[Task]] = []
            result = sweep(settings, store=store, on_result=outcomes.append, **options)
            check_all_done(outcomes)
            folder = assets / "sweeps" / name
            folder.mkdir(parents=True, exist_ok=True)
            (assets / "presets").mkdir(exist_ok=True)
            keys = [str(key) for key in dict.fromkeys(result.table["run"])]
            for key in _listed(folder) - set(keys):
                remove(assets / "presets" / key)
            for key in keys:
                yield store.export(key, assets / "presets")
            write_whole(folder / RUN_LIST, "".join(f"{key}\n" for key in keys).encode())
            write_whole(folder / "sweep.json", settings.to_json().encode() + b"\n")
            write_whole(folder / SHIPPED_TABLES[0], tables_of(settings).seal(settings.key, result.table))
            for former in SHIPPED_TABLES[1:]:
                remove(folder / former)
            yield folder
