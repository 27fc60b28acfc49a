"""A task's results as bytes: packed by the machine that computed them, checked and stored by the driver."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ctviz.errors import CtvizError, DataError, StoreError
from ctviz.experiments.config import ALGORITHM_VERSION
from ctviz.experiments.engines.task import Task, run_task
from ctviz.experiments.protocol import PROTOCOL_VERSION
from ctviz.experiments.reports import Report, keep_report, stored_report
from ctviz.experiments.run import MAX_BYTES
from ctviz.experiments.store import Store, claim
from ctviz.experiments.store.files import FileLock, is_locked, remove, store_errors
from ctviz.experiments.store.folder import RECORD, SCENE, SEALED

Files = dict[str, bytes]
"""Contents by name. Names are fixed, so that received names never become part of a path."""

REPORT = "report.parquet"
RUN_FILES = (RECORD, SCENE, SEALED)

_SCRATCH = "ctviz-task-"
_LOCK = "in-use"
_MIN_AGE = 60.0
"""Age in seconds below which a scratch folder without a lock is left alone: it may just be being created."""


@dataclass(frozen=True)
class Payload:
    """The result of a task on a worker: ``files`` of the finished parts, ``message`` if some are missing."""

    message: str
    files: Files
    seconds: float


# -- both ends ----------------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    """The versions that must be equal on both machines, so that equal tasks give equal results."""
    return {
        "ctviz": importlib.metadata.version("ctviz"),
        "its algorithm": str(ALGORITHM_VERSION),
        "its protocol": str(PROTOCOL_VERSION),
    }


def pack(task: Task, store: Store) -> Files:
    """The task's run and report, if the store has them.

    Raises:
        StoreError: the run cannot be read.
    """
    key = task.experiment.key
    if store.status(key).state != "done":
        return {}
    with _scratch() as folder, store_errors(folder):
        exported = store.export(key, folder)
        files = {name: (exported / name).read_bytes() for name in RUN_FILES if (exported / name).is_file()}
    report = stored_report(key, task.protocol, store)
    if report is not None:
        files[REPORT] = report.to_bytes()
    return files


def unpack(task: Task, files: Mapping[str, bytes], store: Store, cancelled: Callable[[], bool]) -> None:
    """Check that ``files`` are the task's run and report, and write them as if they had been computed here.

    Every array is read, compared with its checksum and with the shape that the experiment implies, and written by the
    store's own writer: received files are never moved into the store. Existing files stay.

    Raises:
        StoreError: they are not a payload of this task, or the disk cannot be written.
    """
    unknown = sorted(set(files) - {*RUN_FILES, REPORT})
    if unknown:
        raise StoreError(f"What was sent of run {task.experiment.key} holds files that do not belong to a run.")
    if any(len(content) > MAX_BYTES for content in files.values()):
        raise StoreError(f"What was sent of run {task.experiment.key} is larger than a run may be.")
    with _scratch() as folder:
        if RECORD in files:
            _store_run(task, files, Store(folder), store, cancelled)
        if REPORT in files and not cancelled():
            _store_report(task, files[REPORT], folder, store)


def _store_run(
    task: Task, files: Mapping[str, bytes], arrived: Store, store: Store, cancelled: Callable[[], bool]
) -> None:
    key = task.experiment.key
    path = arrived.root / "runs" / key
    with store_errors(arrived.root):
        (arrived.root / "locks").mkdir(parents=True)
        path.mkdir(parents=True)
        for name in RUN_FILES:
            if name in files:
                (path / name).write_bytes(files[name])
    scene, summary = (arrived.scene(key), arrived.summary(key)) if arrived.status(key).state == "done" else (None, None)
    if scene is None or summary is None:
        raise StoreError(f"What was sent of run {key} was damaged on its way.")
    writer = claim(store, task.experiment, "cpu", cancelled)
    if writer is None:
        return  # another process finished it meanwhile
    with writer:
        writer.scene(scene)
        epochs = arrived.follow(key)
        for snapshot in arrived.snapshots(key):
            writer.append(snapshot)
            epochs.remove(snapshot.epoch)
        if epochs:
            raise StoreError(f"What was sent of run {key} was damaged on its way.")
        writer.finish(summary)


def _store_report(task: Task, content: bytes, folder: Path, store: Store) -> None:
    key = task.experiment.key
    if stored_report(key, task.protocol, store) is not None:
        return
    with store_errors(folder):
        (folder / REPORT).write_bytes(content)
        try:
            report = Report.read(folder / REPORT)
        except DataError as error:
            raise StoreError(f"The report that was sent of run {key} was damaged on its way.") from error
    arms = tuple(arm.name for arm in task.experiment.arms)
    if (report.run, report.protocol, tuple(report.arms)) != (key, task.protocol, arms):
        raise StoreError(f"The report that was sent of run {key} is that of another evaluation.")
    keep_report(report, store)


# -- on the worker ----------------------------------------------------------------------------------------


def compute_payload(
    task_json: str, files: Mapping[str, bytes], wanted: Mapping[str, str], cancelled: Callable[[], bool]
) -> Payload:
    """Run a task in a store of its own and return its payload; errors are returned as sentences.

    ``files``: parts of the task that were finished before. ``wanted``: the ``versions`` of the driver.
    """
    import torch

    began = time.perf_counter()
    found = versions()
    for name, version in wanted.items():
        if found.get(name) != version:
            said = (
                f"The worker on {socket.gethostname()} has version {found.get(name, 'none')} of {name}, this machine "
            )
            return Payload(f"{said}{version}; install the same version of ctviz on both.", {}, 0.0)
    torch.set_num_threads(1)
    message, done = "", Files()
    try:
        task = Task.from_json(task_json)
        with _scratch() as folder:
            store = Store(folder / "store")
            unpack(task, files, store, cancelled)
            try:
                run_task(task, store, "cpu", cancelled)
            except CtvizError as error:
                message = str(error)
            done = pack(task, store)
    except CtvizError as error:
        message = str(error)
    except Exception as error:
        message = f"Unexpected error: {type(error).__name__}: {error}"
    return Payload(message, {name: done[name] for name in done if name not in files}, time.perf_counter() - began)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that exists for the block; folders of killed processes are removed by the next one."""
    parent = Path(tempfile.gettempdir())
    prefix = f"{_SCRATCH}{os.getuid()}-"
    for left in parent.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _MIN_AGE and not is_locked(left / _LOCK):
                remove(left)
    with store_errors(parent):
        folder = Path(tempfile.mkdtemp(prefix=prefix))
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire()
        yield folder
    finally:
        lock.release()
        remove(folder)
