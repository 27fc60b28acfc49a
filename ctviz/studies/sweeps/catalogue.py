"""Sweeps by key and name: those in this machine's store, and those that ship with ctviz."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.presets import PRESETS
from ctviz.experiments.store import Store
from ctviz.experiments.store.files import store_errors
from ctviz.paths import write_whole
from ctviz.studies.sweeps.declaration import Sweep
from ctviz.studies.sweeps.paper_studies import STUDIES, study
from ctviz.studies.sweeps.tables import folder, shipped, tables_of

MAX_BYTES = 4 << 20
"""Largest size of a sweep's settings; a larger file is not read."""


@dataclass(frozen=True)
class SweepInfo:
    """An entry of the list of sweeps; ``begun`` in seconds since 1970, 0 for one that ships with ctviz."""

    key: str
    name: str
    sweep: Sweep
    complete: bool
    """Whether its table is complete."""
    shipped: bool
    begun: float


def list_sweeps(store: Store) -> list[SweepInfo]:
    """All stored sweeps, the last begun first; those that ship come at the end."""
    found = []
    ships = shipped(store)
    with store_errors(store.root):
        for path in sorted(folder(store).glob("*.json")):
            with contextlib.suppress(OSError, CtvizError):  # damaged, or gone
                sweep = _read(path)
                if sweep.key not in ships:
                    table = tables_of(sweep).has(store, sweep.key)
                    found.append(SweepInfo(sweep.key, sweep.name, sweep, table, False, path.stat().st_mtime))
    found.sort(key=lambda info: (-info.begun, info.key))
    ship = [SweepInfo(key, path.name, sweep, True, True, 0.0) for key, (path, sweep) in ships.items()]
    return found + sorted(ship, key=lambda info: list(PRESETS).index(info.sweep.base.data.name))


def load_sweep(what: str, store: Store) -> Sweep:
    """A sweep by its key; by its name, shipped or given by a user; or a study on a data set.

    ``"penalties moons"`` is the study of that name on the moons.

    Raises:
        ConfigError: there is no such sweep.
    """
    known = list_sweeps(store)
    for info in known:
        if info.key == what:
            return info.sweep
    for info in sorted(known, key=lambda info: not info.shipped):  # shipped sweeps first, then the last begun
        if info.name and info.name == what:
            return info.sweep
    name, _, data = what.partition(" ")
    if name in STUDIES and data in PRESETS:
        return study(name, data)
    names = ", ".join(info.name or info.key for info in known) or "none yet"
    raise ConfigError("sweep", what, f"the key or the name of a stored sweep: {names}")


def keep_sweep(sweep: Sweep, store: Store) -> None:
    """Store a sweep, so that it is listed; raises ``StoreError`` if the disk cannot be written."""
    if sweep.key in shipped(store):
        return
    with store_errors(store.root):
        folder(store).mkdir(parents=True, exist_ok=True)
        path = folder(store) / f"{sweep.key}.json"
        if not path.is_file() or sweep.name:
            write_whole(path, sweep.to_json().encode())


def delete_sweep(what: str, store: Store) -> str:
    """Delete a sweep and its table, and return its key; its runs stay, since other sweeps may share them.

    Raises:
        ConfigError: there is no such sweep. StoreError: it ships with ctviz, or the disk cannot be written.
    """
    sweep = load_sweep(what, store)
    key = sweep.key
    path = folder(store) / f"{key}.json"
    if not path.is_file():
        raise ConfigError("sweep", what, "a stored sweep that does not ship with ctviz")
    with store_errors(store.root):
        tables_of(sweep).delete(store, key)
        path.unlink(missing_ok=True)
    return key


def _read(path: Path) -> Sweep:
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError("sweep", path.name, "a file of at most 4 MB")
    sweep = Sweep.from_json(path.read_bytes())
    if sweep.key != path.stem:
        raise ConfigError("sweep", path.name, "a file under the key of its sweep")
    return sweep
