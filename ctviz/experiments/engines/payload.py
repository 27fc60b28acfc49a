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

from ctviz.errors import CtvizError, StoreError
from ctviz.experiments.config import ALGORITHM_VERSION
from ctviz.experiments.engines.base import AnyTask, attempt
from ctviz.experiments.engines.tasks import read_task
from ctviz.experiments.protocol import PROTOCOL_VERSION
from ctviz.experiments.run import MAX_BYTES
from ctviz.experiments.store import Store, claim
from ctviz.experiments.store.codec import Damaged
from ctviz.experiments.store.files import FileLock, is_locked, remove, store_errors
from ctviz.experiments.store.folder import RECORD, SCENE, SEALED

Files = dict[str, bytes]
"""Contents by name. Names are fixed, so that received names never become part of a path."""

RESULT = "result.ctviz"
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


def pack(task: AnyTask, store: Store) -> Files:
    """The task's run and result, if the store has them.

    Raises:
        StoreError: the run cannot be read.
    """
    files = {}
    if task.run is not None:
        if store.status(task.run).state != "done":
            return {}
        with _scratch() as folder, store_errors(folder):
            exported = store.export(task.run, folder)
            files = {name: (exported / name).read_bytes() for name in RUN_FILES if (exported / name).is_file()}
    result = task.results.read(store, task.result_key)
    if result is not None:
        files[RESULT] = task.results.seal(task.result_key, result)
    return files


def unpack(task: AnyTask, files: Mapping[str, bytes], store: Store, cancelled: Callable[[], bool]) -> None:
    """Check that ``files`` are the task's run and result, and write them as if they had been computed here.

    Every array of a run is read, compared with its checksum and with the shape that the experiment implies, and written
    by the store's own writer: received files are never moved into the store. Existing files stay.

    Raises:
        StoreError: they are not a payload of this task, or the disk cannot be written.
    """
    allowed = (RESULT, *(RUN_FILES if task.run is not None else ()))
    if set(files) - set(allowed):
        raise StoreError(f"What was sent of task {task.key} holds files that do not belong to it.")
    if any(len(content) > MAX_BYTES for content in files.values()):
        raise StoreError(f"What was sent of task {task.key} is larger than a run may be.")
    if RECORD in files:
        with _scratch() as folder:
            _store_run(task, files, Store(folder), store, cancelled)
    if RESULT in files and not cancelled() and not task.results.has(store, task.result_key):
        try:
            result = task.results.unseal(files[RESULT], task.result_key)
        except Damaged as error:
            raise StoreError(f"The result that was sent of task {task.key} was damaged on its way.") from error
        task.results.keep(store, task.result_key, result)


def _store_run(
    task: AnyTask, files: Mapping[str, bytes], arrived: Store, store: Store, cancelled: Callable[[], bool]
) -> None:
    key = task.run or ""
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
    writer = claim(store, arrived.experiment(key), "cpu", cancelled)
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
        task = read_task(task_json)
        with _scratch() as folder:
            store = Store(folder / "store")
            unpack(task, files, store, cancelled)
            message = attempt(task, store, "cpu", cancelled)
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
