"""Training on data in memory by a worker: the same run as here, nothing on the disk, and whatever ends it early."""

from __future__ import annotations

import gc
import os
import signal
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ctviz import Experiment
from ctviz.errors import CtvizError, DataError, JobError
from ctviz.experiments import in_memory
from ctviz.experiments.in_memory import InMemory, InMemoryTraining
from ctviz.experiments.run import run
from ctviz.experiments.store import codec
from ctviz.jobs import STOPPED, JobManager
from tests.experiments.given_people import PEOPLE, experiment
from tests.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def jobs() -> Iterator[JobManager]:
    with JobManager(1) as manager:
        manager.warm(1, None)
        yield manager


def endless() -> Experiment:
    return experiment().replace({"training.epochs": 10_000, "evaluation.every": 5})


def grows(training: InMemoryTraining) -> None:
    until(lambda: training.status.epochs_done > 0)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_it_is_the_run_that_is_trained_here(jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path))
    training = InMemory(jobs).train(experiment(), "cpu")
    status = training.wait(PATIENCE)
    assert (status.state, status.epochs_done, status.epochs, status.live) == ("done", 8, 8, False)
    found, here = training.run, run(experiment(), "cpu")
    assert found.key == here.key and found.summary == here.summary and found.data is PEOPLE
    for mine, other in zip(found.snapshots, here.snapshots, strict=True):
        assert all(np.array_equal(mine.weights[name], other.weights[name]) for name in other.weights)
        assert all(np.array_equal(mine.metrics[n], other.metrics[n], equal_nan=True) for n in other.metrics)
    assert not files(tmp_path) and not files(jobs.folder)


def test_it_is_cancelled_while_it_trains_and_one_that_waits_is_too(jobs):
    first, second = (InMemory(jobs).train(endless(), "cpu") for _ in range(2))
    grows(first)
    assert first.status.seconds > 0 and first.run is None
    assert second.status.state == "queued" and second.status.position == 1
    second.cancel()
    assert second.wait(PATIENCE).state == "cancelled"
    assert first.status.state == "running"
    first.cancel()
    assert first.wait(PATIENCE).state == "cancelled" and first.run is None
    first.cancel()
    assert first.status.state == "cancelled"
    assert not list(jobs.folder.glob("*.socket"))


def test_no_more_than_so_many_at_once_and_a_worker_that_is_killed(jobs):
    memory = InMemory(jobs, most=1)
    training = memory.train(endless(), "cpu")
    with pytest.raises(JobError, match="as many as are allowed at once"):
        memory.train(experiment(), "cpu")
    grows(training)
    (worker,) = jobs._started[0]._executor._processes
    os.kill(worker, signal.SIGKILL)
    status = training.wait(PATIENCE)
    assert (status.state, status.message) == ("failed", STOPPED) and training.run is None
    assert memory.train(experiment(), "cpu").wait(PATIENCE).state == "done"


def test_it_ends_when_nobody_holds_it(jobs):
    training = InMemory(jobs).train(endless(), "cpu")
    grows(training)
    key, gone = training._job.key, weakref.ref(training)
    del training
    gc.collect()
    assert gone() is None
    until(lambda: jobs.status(key).state == "cancelled")


def test_data_that_are_not_here(jobs):
    gone = Experiment.from_json(experiment().to_json().replace(experiment().data.digest, "0" * 32))
    for data, said in ((Experiment.preset("moons"), "read by workers themselves"), (gone, "are not here")):
        with pytest.raises(DataError, match=said):
            InMemory(jobs).train(data)


def test_what_is_sent_is_what_arrives():
    content = in_memory._request(experiment(), PEOPLE)
    found, data = in_memory._asked(content)
    assert found.key == experiment().key and data.schema == PEOPLE.schema and data.classes == PEOPLE.classes
    with pytest.raises(codec.Damaged):
        in_memory._asked(content[:-1] + bytes([content[-1] ^ 1]))


def test_an_error_of_the_training_is_told(jobs, monkeypatch):
    training = InMemory(jobs).train(experiment(), "tpu")
    status = training.wait(PATIENCE)
    assert status.state == "failed" and "allowed: auto, cpu or cuda" in status.message
    monkeypatch.setattr(in_memory, "_listener", lambda path: (_ for _ in ()).throw(JobError("No line.")))
    with pytest.raises(CtvizError, match="No line"):
        InMemory(jobs).train(experiment())
