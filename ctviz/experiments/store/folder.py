"""Reading a run folder, of a finished or a running run."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.experiments.store import codec
from ctviz.experiments.store.codec import Damaged, EntryFile
from ctviz.experiments.store.record import MAX_BYTES, RunRecord

if TYPE_CHECKING:
    from ctviz.data.tables.table import Table

RECORD = "run.json"
SCENE = "scene.safetensors"
SNAPSHOTS = "snapshots"
SEALED = "snapshots.safetensors"
USED = "used"
TABLE = "table.parquet"
"""The table of a run on data of the caller's, where it was kept."""

_SNAPSHOT = re.compile(r"(\d{5})\.safetensors")


class RunFolder:
    """A run on disk. Files may vanish at any time: ``FileNotFoundError``. Invalid content: ``Damaged``.

    Not shared between threads; a sealed file is opened once and kept, so a run that is evicted meanwhile
    can still be read to its end.
    """

    def __init__(self, path: Path, key: str, *, preset: bool = False) -> None:
        self.path = path
        self.key = key
        self.preset = preset
        self._sealed: EntryFile | None = None

    def signature(self) -> tuple[int, int, int]:
        """Changes whenever the record does."""
        found = (self.path / RECORD).stat()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def record(self) -> RunRecord:
        path = self.path / RECORD
        if path.stat().st_size > MAX_BYTES:
            raise Damaged(f"{RECORD} is too large")
        return RunRecord.from_bytes(path.read_bytes(), self.key)

    def check(self, record: RunRecord) -> None:
        """Check that the snapshots of a finished run are there and, if sealed, of the right size."""
        if record.state != "done":
            return
        if record.has_scene and not (self.path / SCENE).is_file():
            raise Damaged(f"{SCENE} is missing")
        if record.sealed_bytes:
            if (self.path / SEALED).stat().st_size != record.sealed_bytes:
                raise Damaged(f"{SEALED} does not have the size it should have")
        elif not set(record.epochs) <= set(self._appended()):
            raise Damaged("snapshots are missing")

    def epochs(self, record: RunRecord) -> list[int]:
        """Epochs of the snapshots that can be read, in order."""
        if record.state == "done":
            return list(record.epochs)
        try:
            appended = self._appended()
        except FileNotFoundError:
            # Sealed, but its writer ended before the record said so.
            return sorted(int(name) for name in self._open_sealed(record.experiment).metadata)
        if (self.path / SEALED).exists() and (now := self.record()).state == "done":
            return list(now.epochs)  # being sealed now: the appended snapshots may be partly removed
        return appended

    def has(self, record: RunRecord, epoch: int) -> bool:
        """Whether the snapshot of an epoch can be read; as ``epoch in epochs(record)``, mostly without a listing."""
        appended = record.state != "done" and self._snapshot_file(epoch).exists()
        return appended or epoch in self.epochs(record)

    def _snapshot_file(self, epoch: int) -> Path:
        return self.path / SNAPSHOTS / f"{codec.entry_name(epoch)}.safetensors"

    def _appended(self) -> list[int]:
        """Epochs of the snapshots that were appended, without gaps.

        A listing made while the writer appends may lack a snapshot and have a later one. All snapshots up to its newest
        were there before a second listing was begun, so the second one has them all.
        """
        newest = max(self._listed(), default=-1)
        return sorted(epoch for epoch in self._listed() if epoch <= newest)

    def _listed(self) -> list[int]:
        # Called often, so it only lists names.
        found = (_SNAPSHOT.fullmatch(name) for name in os.listdir(self.path / SNAPSHOTS))  # noqa: PTH208
        return [int(match[1]) for match in found if match]

    def updated(self, record: RunRecord) -> float:
        """Time at which the run last grew."""
        try:
            return max(record.updated, (self.path / SNAPSHOTS).stat().st_mtime)
        except FileNotFoundError:
            return record.updated

    def table(self) -> Table:
        """The table that was kept with the run; ``FileNotFoundError`` where none was."""
        from ctviz.data.tables.kept import MOST_BYTES, of_parquet  # imports torch, which the store does not need

        path = self.path / TABLE
        if path.stat().st_size > MOST_BYTES:
            raise Damaged(f"{TABLE} is too large")
        try:
            return of_parquet(path.read_bytes())
        except DataError as error:
            raise Damaged(str(error).rstrip(".")) from error

    def scene(self, experiment: Experiment) -> Scene:
        """The scene; ``FileNotFoundError`` until it is written."""
        file = EntryFile(self.path / SCENE, codec.max_bytes(experiment, 0))
        return codec.decode_scene(experiment, *file.entry(self.key, "scene"))

    def snapshot(self, experiment: Experiment, epoch: int) -> Snapshot:
        name = codec.entry_name(epoch)
        try:
            file = self._sealed or EntryFile(self._snapshot_file(epoch), codec.max_bytes(experiment, 1))
        except FileNotFoundError:
            file = self._open_sealed(experiment)
        if name not in file.metadata:
            raise Damaged(f"snapshot {epoch} is missing")
        return codec.decode_snapshot(experiment, epoch, *file.entry(self.key, name))

    def _open_sealed(self, experiment: Experiment) -> EntryFile:
        if self._sealed is None:
            most = codec.max_bytes(experiment, experiment.training.epochs + 1)
            self._sealed = EntryFile(self.path / SEALED, most)
        return self._sealed

    def last_used(self) -> float:
        """Time at which the run was last touched; 0 if unknown."""
        for name in (USED, RECORD):
            try:
                return (self.path / name).stat().st_mtime
            except FileNotFoundError:
                continue
        return 0.0
