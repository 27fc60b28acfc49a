"""What pages know of runs: read from the store once, kept for all sessions, grown as snapshots arrive."""

from __future__ import annotations

import bisect
import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ctviz.cache import Cache
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import METRICS, Scene, Snapshot, evenly_spaced
from ctviz.experiments.store import Absent, Busy, Store

PAUSE = 0.15
"""Seconds between two looks at the store, however many sessions ask."""

MOST_BYTES = 160 * 2**20
"""Snapshots kept in memory, over all runs; those used least recently go first."""


MOST_POINTS = 400
"""Points of a curve: more than a chart of a few hundred pixels can show."""


@dataclass
class RunView:
    """One run as far as it has got: only ever appended to, so that readers need no lock."""

    experiment: Experiment
    scene: Scene
    started: float
    snapshots: list[Snapshot] = field(default_factory=list)
    looked: float = 0.0
    stored: int = -1  # the epoch of the newest snapshot that is known to be stored

    @property
    def key(self) -> str:
        return self.experiment.key

    @property
    def attempt(self) -> str:
        """Names this attempt at the run: what a browser holds of one that was stopped is not part of the next."""
        return f"{self.key}.{int(1000 * self.started):x}"

    @property
    def last(self) -> int:
        """Epoch of the newest snapshot; −1 before the first."""
        return self.snapshots[-1].epoch if self.snapshots else -1

    def complete(self, epochs: int) -> bool:
        """Whether the snapshot of epoch ``epochs`` has been read."""
        return self.last >= epochs

    def since(self, epoch: int) -> list[Snapshot]:
        """Snapshots from an epoch on."""
        return self.snapshots[bisect.bisect_left(self.snapshots, epoch, key=_epoch) :]

    def at(self, epoch: int | None) -> Snapshot:
        """The snapshot of an epoch: the nearest one before it, the newest for None."""
        if epoch is None:
            return self.snapshots[-1]
        return self.snapshots[max(bisect.bisect_right(self.snapshots, epoch, key=_epoch) - 1, 0)]

    def history(self, most: int = MOST_POINTS) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.float64]]]:
        """Epochs (e) and each metric (e m); of long runs those of evenly spread epochs, ``most`` at most."""
        snapshots = evenly_spaced(list(self.snapshots), most)
        missing = np.full(len(self.experiment.arms), np.nan)
        epochs = np.array([s.epoch for s in snapshots], dtype=np.int64)
        values = {name: np.stack([np.asarray(s.metrics.get(name, missing)) for s in snapshots]) for name in METRICS}
        return epochs, values

    @property
    def nbytes(self) -> int:
        """Bytes of the snapshots, by the first one."""
        if not self.snapshots:
            return 0
        first = self.snapshots[0]
        field_bytes = first.field.nbytes if first.field is not None else 0
        path_bytes = first.paths.points.nbytes if first.paths is not None else 0
        return len(self.snapshots) * (field_bytes + path_bytes)


def _is_recent(run_view: RunView | None) -> bool:
    if run_view is None or not run_view.complete(run_view.stored):
        return False
    return time.monotonic() - run_view.looked < PAUSE


def _epoch(snapshot: Snapshot) -> int:
    return snapshot.epoch


class RunViews:
    """The runs that pages look at, by key."""

    def __init__(self, store: Store) -> None:
        self._store, self._run_views = store, Cache(MOST_BYTES, size=lambda run_view: run_view.nbytes, grows=True)

    def get(self, key: str) -> RunView | None:
        """The run of a key with all that is stored of it by now; None while there is nothing to show.

        Raises ``StoreError`` if the store cannot be read.
        """
        return self._run_views.get(
            key,
            lambda: self._refresh(key, self._run_views.peek(key)),
            valid=_is_recent,
        )

    def expect(self, key: str, epoch: int) -> None:
        """Notes that the snapshot of an epoch is stored: a run that was read before it is read again, however recently
        that was. Whoever is told that a run is done looks only once more."""
        run_view: RunView | None = self._run_views.peek(key)
        if run_view is not None:
            run_view.stored = max(run_view.stored, epoch)

    def _refresh(self, key: str, run_view: RunView | None) -> RunView | None:
        status = self._store.status(key)
        if status.state == "absent":
            return None
        try:
            if run_view is None or run_view.started != status.started:
                run_view = self._begin(key, status.started)
            # A run that is complete here cannot have grown.
            if run_view is not None and not (status.state == "done" and run_view.complete(status.epochs_done)):
                run_view.snapshots.extend(self._store.snapshots(key, start=run_view.last + 1))
        except (Absent, Busy):
            # The run is changing at this very moment: the next look will see what became of it.
            pass
        if run_view is None or not run_view.snapshots:
            return None
        run_view.looked = time.monotonic()
        return run_view

    def _begin(self, key: str, started: float) -> RunView | None:
        scene = self._store.scene(key)
        if scene is None:
            return None
        self._store.touch(key)
        return RunView(self._store.experiment(key), scene, started)
