"""What all sessions share: the store, the jobs, the runs that have been read; and what may be asked of them."""

from __future__ import annotations

import functools
import gc
from dataclasses import dataclass
from typing import Literal, get_args

import streamlit as st
import torch

from ctviz.data.catalogue import DataSettings, load
from ctviz.data.schema import Schema
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import check_size, picture_bytes, work
from ctviz.experiments.store import Store, open_store
from ctviz.jobs import JobManager
from ctviz.training.arm import Purpose
from ctviz.ui.feed import Feed, Feeds

State = Literal["absent", "queued", "running", "done", "failed", "cancelled", "interrupted"]

MOST_PICTURES = 192 * 2**20
"""Bytes of fields and paths that a browser is asked to hold of one run."""


@dataclass(frozen=True)
class RunState:
    """Where a run is, whoever computes it; ``position`` in the queue, ``ours`` if this server can cancel it."""

    state: State
    epochs_done: int = 0
    epochs: int = 0
    seconds: float = 0.0
    position: int = 0
    message: str = ""
    ours: bool = False
    preset: bool = False

    @property
    def live(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(frozen=True)
class Service:
    """The one store and the one pool of workers of a server."""

    store: Store
    jobs: JobManager
    feeds: Feeds

    def state(self, key: str) -> RunState:
        """Where a run is: what the store says, and what the queue of this server adds to it."""
        run, job = self.store.status(key), self.jobs.status(key)
        state: State = run.state
        message, position = run.message, 0
        if run.state != "done" and job is not None:
            if job.state in ("queued", "running"):
                state, position = job.state, job.position
            elif job.state in ("failed", "cancelled") and run.state != "running":
                state, message = job.state, job.message or message
        ours = job is not None and job.state in ("queued", "running")
        seconds = max(run.updated - run.started, 0.0)
        return RunState(state, run.epochs_done, run.epochs, seconds, position, message, ours, run.preset)

    def feed(self, key: str) -> Feed | None:
        return self.feeds.get(key)

    def train(self, experiment: Experiment) -> None:
        """Asks for a run; asked for twice, it is computed once."""
        self.jobs.submit(experiment.key, work, experiment.to_json(), str(self.store.root), "auto")

    def cancel(self, key: str) -> None:
        self.jobs.cancel(key)


@st.cache_resource(show_spinner=False)
def service() -> Service:
    """The server's one service, made when the first page asks for it."""
    return make()


def make() -> Service:
    """Opens the store and starts the workers, so that the first press on Train does not wait for them."""
    store = open_store()
    # One thread for each worker: there are as many workers as processors.
    one_thread = functools.partial(torch.set_num_threads, 1)
    jobs = JobManager(initializer=one_thread, modules=(work.__module__,), log=store.root / "logs" / "jobs.log")
    jobs.warm()
    # What is loaded by now stays: without it in the collector's way, a rerun costs half.
    gc.collect()
    gc.freeze()
    return Service(store, jobs, Feeds(store))


def reason_not_to_train(experiment: Experiment) -> str | None:
    """Why this page cannot show a run of an experiment, in a sentence; None if it can."""
    wanted = picture_bytes(experiment)
    if wanted > MOST_PICTURES:
        return (
            f"The pictures of this run would take {wanted / 2**20:,.0f} MB; allowed: at most {MOST_PICTURES >> 20} MB. "
            "Raise “Epochs between pictures” or lower “Resolution of the picture” under Measuring."
        )
    if experiment.evaluation.field == 0:
        return (
            "Without a probability field there is nothing to show; raise “Resolution of the picture” under Measuring."
        )
    try:
        check_size(experiment)
        for arm in experiment.arms:
            for purpose in get_args(Purpose):
                arm.constraints_for(_schema(experiment.data), purpose)
    except ConfigError as error:
        return str(error)
    return None


@functools.lru_cache(32)
def _schema(data: DataSettings) -> Schema:
    """The features of a data set with their domains: what ranges have to leave something of."""
    return load(data).schema


def about_seconds(experiment: Experiment) -> float:
    """A rough guess of how long a run takes on one core, from what the parts of an epoch took on one machine."""
    m, training, measured = len(experiment.arms), experiment.training, experiment.evaluation
    width = sum(experiment.model.hidden) / 32 if experiment.model.hidden else 0.5
    searching = [arm.steps for arm in experiment.arms if arm.trains_on_counterfactuals]
    n_ce = min(training.n_ce, experiment.data.n_train)
    step = 6e-5 * (1 + 0.04 * m * width) * (1 + training.batch / 1500)
    search = (6e-3 + 3e-6 * n_ce * len(searching) * width) * (max(searching) / 30) ** 0.5 if searching and n_ce else 0
    picture = 4e-3 + (6e-8 * measured.field**2 + 4e-8 * measured.factuals * measured.steps) * m * width
    return training.epochs * (experiment.data.n_train / training.batch * step + search + picture / measured.every)
