"""Writing a run, from the first snapshot to the sealed file."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.experiments.store import codec
from ctviz.experiments.store.codec import Damaged, EntryFile
from ctviz.experiments.store.files import FileLock, remove, store_errors, write_whole
from ctviz.experiments.store.folder import RECORD, SCENE, SEALED, SNAPSHOTS, TABLE, USED
from ctviz.experiments.store.record import RunRecord

logger = logging.getLogger("ctviz.store")


class RunWriter:
    """A new attempt to compute a run; made by ``Store.writer``, which has taken the lock of the run for it.

    A context manager. Left by an exception the run is marked failed, with the message of a ``CtvizError`` as it
    is; left by ``GeneratorExit`` or ``KeyboardInterrupt``, or without ``finish``, it is marked cancelled. Every
    method raises a ``StoreError`` if the disk cannot be written; no partial file is left.
    """

    def __init__(self, path: Path, root: Path, record: RunRecord, lock: FileLock, finished: Callable[[], None]) -> None:
        self._path = path
        self._root = root
        self._record = record
        self._lock = lock
        self._finished = finished
        self._epochs: list[int] = []

    @property
    def key(self) -> str:
        return self._record.experiment.key

    def scene(self, scene: Scene) -> None:
        """Write the scene of the snapshots."""
        with self._writing():
            entry = codec.encode_scene(self._record.experiment, scene)
            write_whole(self._path / SCENE, codec.to_bytes(*entry))

    def table(self, content: bytes) -> None:
        """Write the table of a run on data of the caller's, as ``data.tables.kept`` has it."""
        with self._writing():
            write_whole(self._path / TABLE, content)

    def append(self, snapshot: Snapshot) -> None:
        """Write the next snapshot, which readers see at once."""
        if self._epochs and snapshot.epoch <= self._epochs[-1]:
            raise StoreError(f"Snapshot {snapshot.epoch} cannot follow snapshot {self._epochs[-1]} of the same run.")
        with self._writing():
            entry = codec.encode_snapshot(self._record.experiment, snapshot)
            write_whole(self._snapshot_path(snapshot.epoch), codec.to_bytes(*entry))
        self._epochs.append(snapshot.epoch)

    def finish(self, summary: dict[str, Any]) -> None:
        """Mark the run done, with its results per arm, and merge its snapshots into one file."""
        sealed = 0
        try:
            with self._writing():
                sealed = self._seal()
        except StoreError as error:
            # A run that cannot be sealed for lack of space is complete nevertheless.
            logger.warning("run %s was not sealed: %s", self.key, error)
        done = replace(self._record, state="done", summary=summary, epochs=tuple(self._epochs), sealed_bytes=sealed)
        self._write_record(replace(done, has_scene=(self._path / SCENE).is_file()))
        if sealed:
            remove(self._path / SNAPSHOTS)
        self._release()
        self._finished()

    def fail(self, message: str) -> None:
        """Mark the run failed; its appended snapshots stay readable."""
        self._end("failed", message)

    def cancel(self, message: str = "") -> None:
        """Mark the run cancelled; its appended snapshots stay readable."""
        self._end("cancelled", message)

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None or isinstance(error, GeneratorExit | KeyboardInterrupt):
            self.cancel(str(error or ""))
        elif isinstance(error, CtvizError):
            self.fail(str(error))
        else:
            self.fail(f"Unexpected error: {type(error).__name__}: {error}")

    def _end(self, state: Any, message: str) -> None:
        if self._record.state != "running":
            return
        try:
            self._write_record(replace(self._record, state=state, message=message))
        except StoreError as error:
            # The lock is released, so readers see an interrupted run; the first error is the one to report.
            logger.warning("run %s could not be marked %s: %s", self.key, state, error)
        self._release()

    def _write_record(self, record: RunRecord) -> None:
        record = replace(record, updated=time.time())
        with self._writing():
            write_whole(self._path / RECORD, record.to_bytes(), sync=True)
        self._record = record

    def _release(self) -> None:
        with contextlib.suppress(OSError):
            touch(self._path)
        self._lock.release(forget=True)

    def _seal(self) -> int:
        tensors: codec.Arrays = {}
        metadata: dict[str, str] = {}
        for epoch in self._epochs:
            file = EntryFile(self._snapshot_path(epoch), codec.max_bytes(self._record.experiment, 1))
            name = codec.entry_name(epoch)
            _, arrays = file.entry(self.key, name)
            tensors |= {f"{name}/{array}": values for array, values in arrays.items()}
            metadata[name] = file.metadata[name]
        data = codec.to_bytes(tensors, metadata)
        write_whole(self._path / SEALED, data, sync=True)
        return len(data)

    def _snapshot_path(self, epoch: int) -> Path:
        return self._path / SNAPSHOTS / f"{codec.entry_name(epoch)}.safetensors"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        if self._record.state != "running":
            raise StoreError(f"Run {self.key} is {self._record.state}; nothing more can be written to it.")
        try:
            with store_errors(self._root):
                yield
        except Damaged as error:
            raise StoreError(f"Run {self.key} cannot be written: {error}.") from error


def touch(path: Path) -> None:
    """Mark a run as used now."""
    used = path / USED
    try:
        os.utime(used)
    except FileNotFoundError:
        used.touch()
