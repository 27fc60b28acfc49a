"""Training on a caller's data in a worker process, with nothing on the disk.

The data go to a worker of the job queue, and the snapshots come back, through a socket that only this user may open.
What is sent are bytes: names, JSON, and arrays as safetensors with a digest, as the store writes them; nothing is
unpickled. The run is held by who asked for it: when that is dropped, its training ends.

A process and not a thread: a training in a thread of the server takes the interpreter from the pages a thousand times
a second, and ends them with it where it runs out of memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from ctviz.data.dataset import Dataset
from ctviz.data.given import GivenSettings, given
from ctviz.data.schema import Schema
from ctviz.errors import DataError, JobError
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.cost import about_seconds
from ctviz.experiments.run import Run, Summary, Training, check_size
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.experiments.store import codec
from ctviz.experiments.store.codec import Damaged
from ctviz.jobs import Job, JobManager

MOST_AT_ONCE = 4
"""Trainings on data in memory that one server has under way; the data of each are in it twice."""

LOOK = 0.25
"""Seconds between two looks whether a training that has not begun is still wanted."""

_DATA, _SCENE, _SUMMARY = "data", "scene", "summary"
_PARTS = ("train", "validation", "test")
_MOST_TEXT = 1 << 24


TrainingState = Literal["absent", "queued", "running", "done", "failed", "cancelled", "interrupted"]
"""“absent”: never begun; “interrupted”: its process has ended before it."""


@dataclass(frozen=True)
class TrainingStatus:
    """Where a training is; ``position`` in the queue counts from 1, ``seconds`` since it was begun."""

    state: TrainingState
    epochs_done: int = 0
    epochs: int = 0
    seconds: float = 0.0
    position: int = 0
    message: str = ""

    @property
    def live(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(eq=False)
class _Results:
    """What has come back so far; the thread that listens holds this and not the training, so that it may be dropped."""

    experiment: Experiment
    scene: Scene | None = None
    snapshots: list[Snapshot] = field(default_factory=list)
    summary: Summary | None = None
    seconds: float = 0.0
    begun: float = 0.0
    why_not: str = ""


class InMemory:
    """Trains on data that are in this process; safe to call from any thread.

    Args:
        jobs: whose workers train; small trainings go first there.
        most: trainings that are under way at the same time.
    """

    def __init__(self, jobs: JobManager, most: int = MOST_AT_ONCE) -> None:
        self._jobs, self._most, self._guard = jobs, most, threading.Lock()
        self._trainings: weakref.WeakSet[InMemoryTraining] = weakref.WeakSet()

    def train(self, experiment: Experiment, device: str = "auto") -> InMemoryTraining:
        """Begins a training; it ends when what is returned is dropped.

        Raises:
            DataError: an experiment whose data are not in this process. JobError: too many are under way.
            ConfigError: a run that is too large.
        """
        if not isinstance(experiment.data, GivenSettings):
            raise DataError(f"{experiment.data.name} is read by workers themselves; train it into the store.")
        data = experiment.data.dataset
        check_size(experiment)
        with self._guard:
            if sum(one.status.live for one in self._trainings) >= self._most:
                raise JobError(
                    f"{self._most} tables are being learned from at this moment, as many as are allowed at once; try "
                    "again when one is done."
                )
            training = InMemoryTraining(self._jobs, experiment, data, device)
            self._trainings.add(training)
        return training


class InMemoryTraining:
    """One training: its status, how to stop it, and in the end its run."""

    def __init__(self, jobs: JobManager, experiment: Experiment, data: Dataset, device: str) -> None:
        self.experiment = experiment
        self._results = _Results(experiment)
        name = f"memory-{uuid.uuid4().hex[:12]}"
        listener = _listener(jobs.folder / f"{name}.socket")
        seconds = about_seconds(experiment)
        self._job = jobs.submit(name, _train, str(listener.getsockname()), device, seconds=seconds)
        self._listens = threading.Thread(
            target=_listen, args=(listener, self._job, self._results, data), name="ctviz-memory", daemon=True
        )
        self._listens.start()
        weakref.finalize(self, self._job.cancel).atexit = False  # the jobs end with the process

    @property
    def status(self) -> TrainingStatus:
        """Where it is; "done" once its run is there."""
        job, results = self._job.status, self._results
        state: TrainingState = job.state
        message = job.message
        if state == "done" and self._listens.is_alive():
            state = "running"  # the last of it is on its way
        elif state == "done" and results.summary is None:
            state, message = "failed", results.why_not or "The worker ended without a result."
        elif state == "failed":
            message = results.why_not or message
        done = results.snapshots[-1].epoch if results.snapshots else 0
        passed = time.monotonic() - results.begun if results.begun else 0.0
        return TrainingStatus(state, done, self.experiment.training.epochs, passed, job.position, message)

    @property
    def run(self) -> Run | None:
        """The run; None until it is finished."""
        results = self._results
        if self._listens.is_alive() or results.summary is None or results.scene is None:
            return None
        return Run(self.experiment, results.scene, tuple(results.snapshots), results.summary, results.seconds)

    def cancel(self) -> None:
        """Stops it; nothing happens if it has ended."""
        self._job.cancel()

    def wait(self, timeout: float | None = None) -> TrainingStatus:
        """The status once it has ended and all of it is here, or after ``timeout`` seconds."""
        self._job.wait(timeout)
        self._listens.join(timeout)
        return self.status


# -- in the server ---------------------------------------------------------------------------------------


def _listener(path: Path) -> socket.socket:
    """A socket that only this user may open, in a folder of which the same holds."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.bind(str(path))
        path.chmod(0o600)
        found.listen(1)
        found.settimeout(LOOK)
    except OSError as error:
        found.close()
        raise JobError(f"No line to a worker could be opened in {path.parent} ({error.strerror or error}).") from None
    return found


def _listen(listener: socket.socket, job: Job, results: _Results, data: Dataset) -> None:
    """Hands the data to the worker and takes what it sends, to its end."""
    try:
        line = _accepted(listener, job)
        if line is None:
            return
        results.begun = time.monotonic()
        with line, contextlib.suppress(EOFError, OSError):  # the worker has ended, as its job tells
            line.send_bytes(_request(results.experiment, data))
            while True:
                _take(results, line)
    except Damaged as error:
        results.why_not = f"The worker sent what cannot be read: {error}."
        job.cancel()
    finally:
        job.wait()


def _accepted(listener: socket.socket, job: Job) -> Connection | None:
    """The line to the worker; None where the job ends before it asks for one."""
    path = Path(listener.getsockname())
    try:
        while job.status.state in ("queued", "running"):
            with contextlib.suppress(TimeoutError):
                found, _ = listener.accept()
                found.setblocking(True)
                return Connection(found.detach())
        return None
    finally:
        listener.close()
        path.unlink(missing_ok=True)


def _request(experiment: Experiment, data: Dataset) -> bytes:
    facts = {
        "experiment": experiment.to_json(),
        "schema": data.schema.model_dump_json(),
        "classes": list(data.classes),
        "name": data.name,
    }
    arrays = {f"{part}.{one}": t.numpy() for part in _PARTS for one, t in zip("Xy", getattr(data, part), strict=True)}
    return codec.to_bytes(*codec.pack(experiment.key, _DATA, facts, arrays))


def _take(results: _Results, line: Connection) -> None:
    """Takes the next thing that the worker sends: what it is called, and its content."""
    experiment = results.experiment
    name = line.recv_bytes(_MOST_TEXT).decode()
    content = line.recv_bytes(codec.max_bytes(experiment, 1))
    if name == _SUMMARY:
        found = json.loads(content)
        results.seconds, results.summary = float(found["seconds"]), found["arms"]
        return
    entry = codec.entry_of(content, experiment.key, name)
    if name == _SCENE:
        results.scene = codec.decode_scene(experiment, *entry)
    else:
        results.snapshots.append(codec.decode_snapshot(experiment, int(name), *entry))


# -- in the worker ---------------------------------------------------------------------------------------


def _train(path: str, device: str, cancelled: Callable[[], bool]) -> None:
    """The job: takes the data from the socket at ``path``, trains, and sends what comes of it."""
    with _line(path) as line:
        experiment, _kept = _asked(line.recv_bytes())
        training = Training(experiment, device)
        _send(line, _SCENE, codec.to_bytes(*codec.encode_scene(experiment, training.scene)))
        for snapshot in training:
            name = codec.entry_name(snapshot.epoch)
            _send(line, name, codec.to_bytes(*codec.encode_snapshot(experiment, snapshot)))
            if cancelled() and snapshot.epoch < experiment.training.epochs:
                return
        summary = {"arms": training.summary(), "seconds": training.seconds}
        _send(line, _SUMMARY, json.dumps(summary, allow_nan=False).encode())


@contextlib.contextmanager
def _line(path: str) -> Iterator[Connection]:
    try:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.connect(path)
    except OSError as error:
        raise JobError(
            f"The data could not be handed over ({error.strerror or os.strerror(error.errno or 0)})."
        ) from None
    with Connection(found.detach()) as line:
        yield line


def _asked(content: bytes) -> tuple[Experiment, Dataset]:
    """The experiment and its data, which must be kept as long as it is trained."""
    import torch

    facts, arrays = codec.entry_of(content, None, _DATA)
    parts: dict[str, Any] = {
        part: (torch.from_numpy(arrays[f"{part}.X"]), torch.from_numpy(arrays[f"{part}.y"])) for part in _PARTS
    }
    schema = Schema.model_validate_json(facts["schema"])
    data = Dataset(name=facts["name"], schema=schema, classes=tuple(facts["classes"]), **parts)
    values = json.loads(facts["experiment"])
    if given(data).digest != values["data"]["digest"]:
        raise DataError("The data did not arrive as they were sent.")
    experiment = Experiment(**values)  # its data are those that were handed over just now
    return experiment, data


def _send(line: Connection, name: str, content: bytes) -> None:
    line.send_bytes(name.encode())
    line.send_bytes(content)
