"""The store: runs by key, written by one process, followed by any number."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ctviz.data.given import GivenSettings, given
from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.experiments.store.bin import Bin
from ctviz.experiments.store.codec import Damaged
from ctviz.experiments.store.files import (
    STALE,
    Busy,
    FileLock,
    files_in,
    is_locked,
    remove,
    size_of,
    store_errors,
    write_whole,
)
from ctviz.experiments.store.folder import RECORD, SEALED, SNAPSHOTS, RunFolder
from ctviz.experiments.store.labels import RunLabel, RunLabels
from ctviz.experiments.store.notices import Notices
from ctviz.experiments.store.record import RunRecord
from ctviz.experiments.store.writer import RunWriter, touch
from ctviz.paths import home

if TYPE_CHECKING:
    from ctviz.data.tables.table import Table

T = TypeVar("T")
_Texts = list[str]
_Infos = list["RunInfo"]
State = Literal["absent", "running", "done", "failed", "cancelled", "interrupted"]

RESULT_FOLDERS = ("reports", "limits")
"""Folders of results; every file in them can be computed again."""

OTHER_FOLDERS = ("sweeps", "paper", "vaes", "aside")
"""Folders that count toward the size of a store and that ``evict`` leaves alone."""

_KEY = re.compile(r"[0-9a-f]{16}")
_BROKEN = (Damaged, FileNotFoundError, NotADirectoryError)
_MAX_ASIDE = 10


class Finished(StoreError):  # noqa: N818 (says what it means)
    """A run that is already there; it is read, not computed again."""


class Absent(StoreError):  # noqa: N818 (says what it means)
    """A run that is not, or no longer, in the store."""


@dataclass(frozen=True)
class RunStatus:
    """Status of a run. ``interrupted``: its writer died. Times in seconds since 1970.

    ``message``: why it was not finished, if known.
    """

    state: State
    epochs_done: int = 0
    epochs: int = 0
    message: str = ""
    started: float = 0.0
    updated: float = 0.0
    preset: bool = False


@dataclass(frozen=True)
class RunInfo:
    """An entry of the list of runs. Times in seconds since 1970; ``last_used`` is 0 for a preset.

    ``name``, ``pinned`` and ``overtaken`` are its label; ``deleted`` is the time at which it was put into the bin, 0 if
    it was not.
    ``summary`` holds the results of a finished run, ``message`` why one was not finished.
    """

    key: str
    state: State
    data: str
    arms: tuple[str, ...]
    epochs: int
    bytes: int
    last_used: float
    preset: bool
    experiment: Experiment = field(repr=False)
    summary: dict[str, Any] | None = field(repr=False, compare=False)
    started: float
    name: str = ""
    pinned: bool = False
    overtaken: bool = False
    deleted: float = 0.0
    message: str = ""


class Store:
    """Runs in ``root/runs/<key>``, besides the read-only ``presets/<key>``; safe for threads and processes.

    ``labels`` holds the names and pins of runs.

    Every method that takes a key raises ``ConfigError`` unless it is 16 hexadecimal digits, before it touches the disk,
    and ``StoreError`` if the disk fails. A damaged run is set aside, with a notice, and is absent from then on.
    """

    def __init__(self, root: Path, presets: Path | None = None, cap_bytes: int = 2 * 2**30) -> None:
        self.root = Path(root)
        self.presets = presets
        self.cap_bytes = cap_bytes
        self._notices = Notices(self.root / "notices.json", self.root / "locks" / "notices.lock")
        self.labels = RunLabels(self.root, self._notices)
        self._bin = Bin(self.root)
        self._bad_presets: set[str] = set()
        self._records: dict[Path, tuple[tuple[int, int, int], RunRecord]] = {}
        self._guard = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied and pickled as its arguments: all stores of one folder are equivalent."""
        return type(self), (self.root, self.presets, self.cap_bytes)

    # -- writing ----------------------------------------------------------------------------------

    def writer(self, experiment: Experiment, device: str) -> RunWriter:
        """The only writer of this run, for a new attempt; remains of an unfinished one are removed.

        Raises ``Busy`` if the run is being written, ``Finished`` if it is done.
        """
        key = experiment.key
        with store_errors(self.root):
            for name in ("runs", "locks", "tmp"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            lock = self._lock(key)
            lock.acquire()
            try:
                self._refuse_finished(key)
                lock.sign(f"{os.getpid()} on {platform.node()}")
                now = time.time()
                record = RunRecord(experiment, device, _version(), "running", started=now, updated=now)
                path = self._start(record)
            except BaseException:
                lock.release()
                raise
        return RunWriter(path, self.root, record, lock, finished=self._evict_quietly)

    def _refuse_finished(self, key: str) -> None:
        """``Finished`` if the run is done; a damaged one is set aside. The lock is held."""
        if self._preset(key) is not None and self.status(key).state == "done":
            raise Finished(f"Run {key} ships with ctviz; it need not be computed.")
        folder = self._local(key)
        try:
            record = folder.record()
            folder.check(record)
        except _BROKEN as error:
            if os.path.lexists(folder.path):
                self._move_aside(folder, error)
            return
        if record.state == "done":
            raise Finished(f"Run {key} is already done; delete it to compute it again.")

    def _start(self, record: RunRecord) -> Path:
        """Replace the run folder by a new one, so that no reader sees a mix of two attempts."""
        path = self._local(record.experiment.key).path
        staged = self._temporary(record.experiment.key)
        try:
            (staged / SNAPSHOTS).mkdir(parents=True)
            write_whole(staged / RECORD, record.to_bytes())
            touch(staged)
            self._discard(path)
            staged.rename(path)
        except BaseException:
            remove(staged)
            raise
        return path

    # -- reading ------------------------------------------------------------------------------------

    def status(self, key: str) -> RunStatus:
        """Status of the run; never raises for a run that is missing or damaged."""
        try:
            return self._read(key, self._status_of)
        except Busy:
            return RunStatus("running")
        except Absent:
            return RunStatus("absent")

    def follow(self, key: str) -> list[int]:
        """Epochs of the available snapshots, in order; cheap enough to be called often."""
        try:
            return self._read(key, lambda folder: folder.epochs(self._record(folder)))
        except (Busy, Absent):
            return []

    def experiment(self, key: str) -> Experiment:
        return self._read(key, self._record).experiment

    def summary(self, key: str) -> dict[str, Any] | None:
        """Results of a finished run, as given to ``finish``; None before."""
        return self._read(key, self._record).summary

    def scene(self, key: str) -> Scene | None:
        """The scene of the snapshots; None until it is written."""

        def read(folder: RunFolder) -> Scene | None:
            try:
                return folder.scene(self._record(folder).experiment)
            except FileNotFoundError:
                self._record(folder)  # raises if there should be one
                return None

        return self._read(key, read)

    def table(self, key: str) -> Table | None:
        """The table that was kept with a run on data of the caller's; None where none was.

        A run whose table is damaged, or that of another run, is set aside.
        """

        def read(folder: RunFolder) -> Table | None:
            data = self._record(folder).experiment.data
            if not isinstance(data, GivenSettings):
                return None
            try:
                found = folder.table()
            except FileNotFoundError:
                return None
            if given(found).digest != data.digest:
                raise Damaged("its table is that of another run")
            return found

        return self._read(key, read)

    def snapshot(self, key: str, epoch: int) -> Snapshot:
        found = next(self._snapshots(key, [epoch]), None)
        if found is None:
            raise StoreError(f"Run {key} has no snapshot of epoch {epoch}.")
        return found

    def snapshots(self, key: str, start: int = 0) -> Iterator[Snapshot]:
        """The available snapshots from epoch ``start`` on, in order."""
        return self._snapshots(key, [epoch for epoch in self.follow(key) if epoch >= start])

    def _snapshots(self, key: str, wanted: list[int]) -> Iterator[Snapshot]:
        kept: list[RunFolder] = []  # keeps its open file, as long as it is sound

        def read(epoch: int, folder: RunFolder) -> Snapshot | None:
            folder = kept[0] if kept else folder
            try:
                record = self._record(folder)
                found = folder.snapshot(record.experiment, epoch) if folder.has(record, epoch) else None
            except _BROKEN:
                kept.clear()
                raise
            kept[:] = [folder]
            return found

        for epoch in wanted:
            found = self._read(key, partial(read, epoch))
            if found is not None:
                yield found

    def list(self) -> list[RunInfo]:
        """Every run: the pinned ones first, then the last used, presets at the end."""
        labels = self.labels.all()
        keys = dict.fromkeys([*self._keys(self.presets), *self._keys(self._runs)])
        found = [self._info(key, labels.get(key, RunLabel())) for key in keys]
        known = [info for info in found if info is not None]
        return sorted(known, key=lambda info: (not info.pinned, info.preset, -info.last_used, info.data, info.key))

    def binned(self) -> _Infos:
        """The runs in the bin, the last deleted first."""
        labels = self.labels.all()
        found = []
        for key in self._keys(self._bin.path):
            with contextlib.suppress(*_BROKEN):  # restored meanwhile, or damaged before it was deleted
                folder = self._bin.folder(key)
                written = self._record(folder).state
                state: State = "interrupted" if written == "running" else written
                found.append(self._info_of(folder, state, labels.get(key, RunLabel()), self._bin.deleted(key)))
        return sorted(found, key=lambda info: (-info.deleted, info.key))

    def notices(self) -> _Texts:
        """Notices for users, mostly about damaged runs."""
        return self._notices.all()

    def clear_notices(self) -> None:
        self._notices.clear()

    # -- housekeeping -------------------------------------------------------------------------------

    def touch(self, key: str) -> None:
        """Mark the run as used now. Only a hint for ``evict``, so a disk that fails is no error."""
        _check_key(key)
        if self._preset(key) is None:
            with contextlib.suppress(OSError):
                touch(self._local(key).path)

    def delete(self, key: str) -> None:
        """Remove a run for good; nothing happens if it is absent. ``Busy`` while it is being written."""
        self._delete(key, self._remove)

    def bin(self, key: str) -> None:
        """Put a run into the bin, from where ``restore`` brings it back; nothing happens if it is absent.

        ``Busy`` while it is being written. Runs in the bin are removed after some days, or for space.
        """
        self._delete(key, self._put_into_bin)

    def restore(self, key: str) -> None:
        """Restore a run from the bin; a run that has been finished again meanwhile is left as it is."""
        _check_key(key)
        with store_errors(self.root), self._held(key):
            if not self._bin.deleted(key):
                raise StoreError(f"Run {key} is not in the bin; it may have been removed for lack of space.")
            path, gone = self._local(key).path, self._temporary(key)
            try:
                whole = RunFolder(path, key).record().state == "done"
            except _BROKEN:
                whole = False
            if whole:
                self._bin.take(key, gone)
            else:
                gone = self._discard(path)
                self._runs.mkdir(parents=True, exist_ok=True)
                self._bin.take(key, path)
                with contextlib.suppress(OSError):
                    touch(path)  # so that it is not the next to be removed
        remove(gone)

    def empty_bin(self) -> None:
        """Remove all runs in the bin for good."""
        with store_errors(self.root):
            for key in self._keys(self._bin.path):
                with contextlib.suppress(Busy):
                    self._remove_from_bin(key)

    def _delete(self, key: str, away: Callable[[str], None]) -> None:
        _check_key(key)
        with store_errors(self.root):
            if os.path.lexists(self._local(key).path):
                away(key)
            elif self._preset(key) is not None:
                raise StoreError(f"Run {key} ships with ctviz and cannot be deleted.")

    def evict(self) -> None:
        """Remove runs in the bin, then the least recently used files, until the store fits ``cap_bytes``.

        These are runs, those that were overtaken first, and results of evaluations and limits, which can be computed
        again; tables, sweeps and autoencoders count but stay. Never removed are presets, runs that are pinned or being
        written, and the one used last.
        """
        with store_errors(self.root):
            self._tidy()
            labels = self.labels.all()
            runs = sorted((self._local(key).last_used(), key) for key in self._keys(self._runs))
            binned = sorted(self._keys(self._bin.path), key=self._bin.deleted)
            steps: list[tuple[int, Callable[[], None]]] = []
            steps += [(self._bin.size(key), partial(self._remove_from_bin, key)) for key in binned]
            total, by_use = sum(size for size, _ in steps), []
            for place, (used, key) in enumerate(runs):
                size = size_of(self._local(key).path)
                total += size
                label = labels.get(key, RunLabel())
                if place < len(runs) - 1 and not label.pinned:
                    by_use.append((0.0 if label.overtaken else used, key, size, partial(self._remove, key)))
            for name in RESULT_FOLDERS:
                for file in files_in(self.root / name):
                    total += file.bytes
                    by_use.append((file.used, file.path.name, file.bytes, partial(remove, file.path)))
            total += sum(size_of(self.root / name) for name in OTHER_FOLDERS)
            steps += [(size, away) for _, _, size, away in sorted(by_use, key=lambda entry: entry[:2])]
            for size, away in steps:
                if total <= self.cap_bytes:
                    break
                with contextlib.suppress(Busy):
                    away()
                    total -= size

    def export(self, key: str, folder: Path) -> Path:
        """Copy a finished run to ``folder/<key>``, in the format of presets, replacing what was there."""
        if self.status(key).state != "done":
            raise StoreError(f"Run {key} is not done; only finished runs can be exported.")
        target, staged = Path(folder) / key, Path(folder) / f".{key}-{uuid.uuid4().hex[:8]}"
        with store_errors(Path(folder)):
            try:
                source = self._find(key).path
                shutil.copytree(source, staged, ignore=shutil.ignore_patterns(SNAPSHOTS, "used", ".*"))
                if not (staged / SEALED).is_file():
                    raise StoreError(f"Run {key} was not sealed for lack of space; compute it again to export it.")
                remove(target)
                staged.rename(target)
            finally:
                remove(staged)
        return target

    def _tidy(self) -> None:
        """Remove remains of crashes, and all but the newest folders that were set aside."""
        for path in _children(self.root / "tmp"):
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > STALE:
                    remove(path)
        aside = sorted(_children(self.root / "aside"), key=lambda path: path.name.rpartition("-")[2])
        for path in aside[:-_MAX_ASIDE]:
            remove(path)
        for key in self._keys(self._bin.path):
            if self._bin.expired(key):
                with contextlib.suppress(Busy):
                    self._remove_from_bin(key)
        for key in self._keys(self._runs):
            folder = self._local(key)
            with contextlib.suppress(*_BROKEN):
                if (folder.path / SNAPSHOTS).is_dir() and self._record(folder).sealed_bytes:
                    # Its writer died after writing the record; sealed runs have no other writer.
                    remove(folder.path / SNAPSHOTS)

    def _evict_quietly(self) -> None:
        # The run itself is stored; a failed eviction of others is not an error of its writer.
        with contextlib.suppress(StoreError):
            self.evict()

    def _remove(self, key: str) -> None:
        with self._held(key):
            gone = self._discard(self._local(key).path)
            forgotten = self._is_gone(key)
        if forgotten:
            self.labels.forget([key])
        remove(gone)

    def _put_into_bin(self, key: str) -> None:
        out = self._temporary(key)
        with self._held(key), contextlib.suppress(FileNotFoundError):
            self._bin.put(self._local(key).path, out)
        remove(out)

    def _remove_from_bin(self, key: str) -> None:
        out = self._temporary(key)
        with self._held(key):
            self._bin.take(key, out)
            forgotten = self._is_gone(key)
        if forgotten:
            self.labels.forget([key])
        remove(out)

    def _is_gone(self, key: str) -> bool:
        """Whether nothing of a run is left, neither in the bin nor among the presets, so that its label is removed."""
        left = os.path.lexists(self._local(key).path) or self._bin.deleted(key) > 0
        return not left and self._preset(key) is None

    @contextlib.contextmanager
    def _held(self, key: str) -> Iterator[None]:
        """Hold the lock of a run that is not being written."""
        self._lock_path(key).parent.mkdir(parents=True, exist_ok=True)
        lock = self._lock(key)
        lock.acquire(patience=0.1)
        try:
            yield
        finally:
            lock.release(forget=True)

    def _discard(self, path: Path) -> Path:
        """Move a run out of sight at once; the lock is held. Returns the folder to be removed."""
        gone = self._temporary(path.name)
        gone.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.rename(gone)
        return gone

    # -- reading safely -----------------------------------------------------------------------------

    @property
    def _runs(self) -> Path:
        return self.root / "runs"

    def _lock(self, key: str) -> FileLock:
        return FileLock(self._lock_path(key))

    def _lock_path(self, key: str) -> Path:
        return self.root / "locks" / f"{key}.lock"

    def _temporary(self, key: str) -> Path:
        return self.root / "tmp" / f"{key}-{uuid.uuid4().hex[:8]}"

    def _local(self, key: str) -> RunFolder:
        return RunFolder(self._runs / key, key)

    def _preset(self, key: str) -> RunFolder | None:
        if self.presets is None or key in self._bad_presets or not (self.presets / key).is_dir():
            return None
        return RunFolder(self.presets / key, key, preset=True)

    def _find(self, key: str) -> RunFolder:
        _check_key(key)
        return self._preset(key) or self._local(key)

    def _keys(self, folder: Path | None) -> _Texts:
        if folder is None:
            return []
        with store_errors(folder):
            return sorted(path.name for path in _children(folder) if _KEY.fullmatch(path.name))

    def _record(self, folder: RunFolder) -> RunRecord:
        """The record, parsed again only if it has changed, and checked against the files beside it."""
        signature = folder.signature()
        with self._guard:
            kept = self._records.get(folder.path)
        if kept is not None and kept[0] == signature:
            record = kept[1]
        else:
            record = folder.record()
            with self._guard:
                if len(self._records) > 1000:
                    self._records.clear()
                self._records[folder.path] = signature, record
        folder.check(record)
        if folder.preset and record.state != "done":
            raise Damaged(f"its state is {record.state}")
        return record

    def _status_of(self, folder: RunFolder) -> RunStatus:
        record = self._record(folder)
        state: State = record.state
        message = ""
        if record.state == "running" and not is_locked(self._lock_path(folder.key)):
            # Its writer may have finished between the two checks.
            again = folder.record()
            state = "interrupted" if again.attempt == record.attempt and again.state == "running" else again.state
            record = again
            message = self._end_message(folder.key) if state == "interrupted" else ""
        epochs = folder.epochs(record)
        return RunStatus(
            state=state,
            epochs_done=epochs[-1] if epochs else 0,
            epochs=record.experiment.training.epochs,
            message=message or record.message,
            started=record.started,
            updated=folder.updated(record),
            preset=folder.preset,
        )

    def _end_message(self, key: str) -> str:
        """How the writer of a run ended, in words; empty if it did not sign its lock."""
        try:
            writer = self._lock_path(key).read_text(encoding="utf-8", errors="replace")
        except OSError:
            writer = ""
        return writer and f"Process {writer} ended unexpectedly: killed, perhaps for lack of memory, or crashed."

    def _info(self, key: str, label: RunLabel) -> RunInfo | None:
        def read(folder: RunFolder) -> RunInfo:
            status = self._status_of(folder)
            return replace(self._info_of(folder, status.state, label), message=status.message)

        try:
            return self._read(key, read)
        except (Busy, Absent):
            return None
        except StoreError as error:  # an unreadable run must not hide the others
            self._notices.add(f"Run {key} cannot be read: {error}")
            return None

    def _info_of(self, folder: RunFolder, state: State, label: RunLabel, deleted: float = 0.0) -> RunInfo:
        record = self._record(folder)
        experiment = record.experiment
        return RunInfo(
            key=folder.key,
            state=state,
            data=experiment.data.name,
            arms=tuple(arm.name for arm in experiment.arms),
            epochs=experiment.training.epochs,
            bytes=size_of(folder.path),
            last_used=0.0 if folder.preset else folder.last_used(),
            preset=folder.preset,
            experiment=experiment,
            summary=record.summary,
            started=record.started,
            name=label.name,
            pinned=label.pinned,
            overtaken=label.overtaken,
            deleted=deleted,
            message=record.message,
        )

    def _read(self, key: str, read: Callable[[RunFolder], T]) -> T:
        """``read`` a run; a damaged run is set aside and raises ``Absent``, as does a missing one.

        While a writer works, a reader may see neither the state before nor the one after, so a run counts as damaged
        only if it is so under the lock; ``Busy`` if a writer holds it.
        """
        with store_errors(self.root):
            for _ in range(3):
                folder = self._find(key)
                try:
                    return read(folder)
                except _BROKEN as error:
                    if folder.preset:
                        self._give_up_preset(folder, error)
                        continue
                self._settle(folder, read)
        raise Busy(f"Run {key} is changing at this moment; try again.")

    def _settle(self, folder: RunFolder, read: Callable[[RunFolder], T]) -> None:
        """Return if a run that looked broken is intact after all; else raise ``Busy`` or ``Absent``."""
        key = folder.key
        if not os.path.lexists(folder.path):
            if is_locked(self._lock_path(key)):
                raise Busy(f"Run {key} is being written at this moment; try again.")
            if not os.path.lexists(folder.path):
                raise Absent(f"Run {key} is not in the store; train it first.")
            return
        self._lock_path(key).parent.mkdir(parents=True, exist_ok=True)
        lock = self._lock(key)
        lock.acquire(patience=0.1)
        try:
            read(self._local(key))
        except _BROKEN as error:
            if os.path.lexists(folder.path):
                self._move_aside(folder, error)
            raise Absent(f"Run {key} was damaged and has been set aside; train it again.") from error
        finally:
            lock.release(forget=True)

    def _move_aside(self, folder: RunFolder, error: Exception) -> None:
        """Move a damaged run out of the way; the lock is held."""
        aside = self.root / "aside"
        aside.mkdir(exist_ok=True)
        folder.path.rename(aside / f"{folder.key}-{time.time_ns()}")
        reason = str(error) if isinstance(error, Damaged) else "files are missing"
        self._notices.add(f"Run {folder.key} was damaged ({reason}); it has been set aside in {aside}.")

    def _give_up_preset(self, folder: RunFolder, error: Exception) -> None:
        reason = str(error) if isinstance(error, Damaged) else "files are missing"
        self._bad_presets.add(folder.key)
        self._notices.add(f"The run {folder.key} that ships with ctviz is damaged ({reason}); install ctviz again.")


def default_root() -> Path:
    """``$CTVIZ_HOME``, else the platform's cache folder."""
    return home()


def _check_key(key: str) -> None:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ConfigError("run", key, "a key of 16 hexadecimal digits")


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _version() -> str:
    try:
        return version("ctviz")
    except PackageNotFoundError:
        return "unknown"
