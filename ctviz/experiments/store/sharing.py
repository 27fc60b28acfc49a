"""A store shared by several processes, which compute every run once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.config import Experiment
from ctviz.experiments.store.files import Busy
from ctviz.experiments.store.store import Finished, RunStatus, Store, default_root
from ctviz.experiments.store.writer import RunWriter
from ctviz.paths import assets


def open_store(root: Path | None = None) -> Store:
    """The store in ``root`` (by default ``default_root()``), with the runs that ship with ctviz."""
    try:
        presets: Path | None = assets() / "presets"
    except CtvizError:  # ctviz is installed without the app
        presets = None
    return Store(root or default_root(), presets)


def wait_for_other_writer(store: Store, key: str, cancelled: Callable[[], bool], pause: float = 0.1) -> RunStatus:
    """Status of a run once it is no longer being written, or when ``cancelled()``."""
    while True:
        status = store.status(key)
        if status.state != "running" or cancelled():
            return status
        time.sleep(pause)


def claim(store: Store, experiment: Experiment, device: str, cancelled: Callable[[], bool]) -> RunWriter | None:
    """The writer of a run, once it is this process's turn; None if the run is done or ``cancelled()``.

    While another process writes the run, waits for it; takes over if that one ends without finishing.
    """
    while not cancelled():
        try:
            return store.writer(experiment, device)
        except Finished:
            return None
        except Busy:
            wait_for_other_writer(store, experiment.key, cancelled)
        except StoreError:
            if store.status(experiment.key).state != "done":
                raise
            return None  # a full disk may still hold the run
    return None
