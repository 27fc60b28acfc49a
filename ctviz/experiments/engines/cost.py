"""Estimates of a task's time and of its size in the store."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ctviz.experiments.config import Experiment, weights_per_model
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store
from ctviz.progress import duration
from ctviz.training.arm import Arm
from ctviz.training.methods import TRAINING_METHODS

if TYPE_CHECKING:
    from ctviz.experiments.engines.task import Task

BATCH_SECONDS = 40e-6
"""Overhead of a batch, whatever the number of models: one thread of a processor of 2020."""

STEP_SECONDS = 60e-6
"""Overhead of a search step."""

POINT_SECONDS, COLUMN_SECONDS = 6e-8, 1.1e-8
"""What a search step takes for a point, and for each of its columns besides, without the model's own operations."""

LEARNED_SECONDS = 9e-9
"""What a sample takes in a batch for each of its columns, without the model's own operations."""

RATE = 1.6e10
"""Operations per second on small layers; large layers run up to ``LARGE_LAYER_SPEEDUP`` times as fast."""

LARGE_LAYER_SPEEDUP = 8
_SMALL = 162  # parameters of the model for which RATE was measured

GENERATOR_FACTORS = {"face": 3.0, "nearest": 0.5, "revise": 2.0, "dice": 2.0}
"""Factors by which searches of these generators take longer than plain descent."""

DISTANCE_SECONDS, KERNEL_SECONDS, KERNEL_COLUMN_SECONDS = 5e-10, 8e-9, 1e-10
"""What a distance between two points takes for each column, and a value of a kernel as such and for each column."""

PGD_STEPS = 40
"""Gradients of the longer attack."""

COMPARED = 1000
"""Most real samples that a counterfactual is compared with (``evaluation.plausibility``)."""

EXACT_SECONDS, EXACT_TABLE_SECONDS = 0.05, 0.3
"""Typical seconds of an exact search in the plane, and on a table."""

SNAPSHOT_SECONDS, FIELD_SECONDS = 15e-3, 1.5e-7
"""What measures and pictures of an epoch take, whatever they are of; and a cell of a model's field."""

STEPS_TAKEN = 0.5
"""Typical share of T after which all searches have ended."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a study is expected to take: seconds with so many workers, for what is not stored yet."""

    seconds: float

    @property
    def words(self) -> str:
        """``About 4 min for what is not stored yet``."""
        return f"About {duration(self.seconds)} for what is not stored yet"


@dataclass(frozen=True)
class TaskCost:
    """Seconds of one thread, and bytes."""

    seconds: float = 0.0
    bytes: int = 0

    @classmethod
    def total(cls, prices: Iterable[TaskCost]) -> TaskCost:
        known = list(prices)
        return cls(sum(each.seconds for each in known), sum(each.bytes for each in known))


def task_cost(task: Task, scale: float = 1.0, trained: bool = False) -> TaskCost:
    """The cost of a task on a machine ``scale`` times as slow as the one that was measured."""
    experiment = task.experiment
    seconds = evaluation_seconds(experiment, task.protocol)
    size = report_bytes(experiment, task.protocol)
    if not trained:
        seconds += training_seconds(experiment)
        size += 8 * experiment.models * (weights_per_model(experiment) + 400) + 4000
    return TaskCost(scale * seconds, size)


def evaluation_estimate(task: Task, store: Store) -> Estimate:
    """What the evaluation of a trained run takes; nothing if it is stored."""
    stored = task.results.has(store, task.result_key)
    return Estimate(seconds=0.0 if stored else task_cost(task, slowdown(store), trained=True).seconds)


def training_seconds(experiment: Experiment) -> float:
    """Overhead of each batch and search step, and for all arms the samples that they learn and search."""
    schedule = experiment.training
    batches = -(-experiment.data.n_train // schedule.batch)
    pupils = [arm for arm in experiment.arms if arm.searches_in_training]
    taught = schedule.epochs * (1 - schedule.burnin)
    n_ce = min(schedule.n_ce, experiment.data.n_train)
    steps = STEPS_TAKEN * max((arm.steps for arm in pupils), default=0)
    learned = schedule.epochs * experiment.data.n_train * experiment.models + taught * 3 * n_ce * len(pupils)
    searched = taught * n_ce * sum(STEPS_TAKEN * arm.steps * _factor(arm.generator) for arm in pupils)
    inner = [gradients_before_a_step(arm) for arm in experiment.arms]
    moved = taught * experiment.data.n_train * sum(inner)
    overhead = schedule.epochs * batches * BATCH_SECONDS + taught * (steps + batches * max(inner)) * STEP_SECONDS
    return overhead + learned * _learned_seconds(experiment) + (searched + moved) * _step_seconds(experiment)


def gradients_before_a_step(arm: Arm) -> int:
    """How many gradients the arm's method takes of each sample of a batch before the models learn from it."""
    method = TRAINING_METHODS[arm.method]
    return int(getattr(arm, method.inner)) if method.inner and arm.learns_from_examples else 0


def _factor(generator: str) -> float:
    return GENERATOR_FACTORS.get(generator, 1.0)


def _step_seconds(experiment: Experiment) -> float:
    """A search step of one point: its columns are moved, and the model's gradient there is taken."""
    work = operations(experiment)
    return POINT_SECONDS + COLUMN_SECONDS * experiment.d + 4 * work / _rate(work)


def _learned_seconds(experiment: Experiment) -> float:
    """A sample in a batch."""
    work = operations(experiment)
    return LEARNED_SECONDS * experiment.d + 6 * work / _rate(work)


def _rate(work: int) -> float:
    return RATE * min(max(work / _SMALL, 1), LARGE_LAYER_SPEEDUP)


def operations(experiment: Experiment) -> int:
    """How many products one model forms of a sample: in its convolutions, each halved afterwards, and its layers."""
    grid = experiment.data.grid
    if grid is None or not experiment.model.channels:
        return weights_per_model(experiment)
    (rows, columns), total, planes = grid, 0, 1
    for channels in experiment.model.channels:
        rows, columns = rows - 4, columns - 4
        total += 25 * planes * channels * rows * columns
        rows, columns, planes = rows // 2, columns // 2, channels
    widths = (rows * columns * planes, *experiment.model.hidden, experiment.data.classes)
    return total + sum(before * after for before, after in pairwise(widths))


def evaluation_seconds(experiment: Experiment, protocol: Protocol) -> float:
    """The searches of each distinct factual, the comparison of their ends with real samples, the rounds, and what is
    solved exactly."""
    work = operations(experiment)
    samples = experiment.data.n_test if protocol.split == "test" else experiment.data.n_validation
    distinct = min(samples * (experiment.data.classes - 1), protocol.rounds * protocol.factuals)
    each = distinct * len(protocol.pulls)
    taken = STEPS_TAKEN * protocol.steps * _factor(protocol.generator)
    searched = each * taken * _step_seconds(experiment)
    kernels = distinct / experiment.data.classes * _kernels(experiment, protocol)
    compared = min(samples, COMPARED) * DISTANCE_SECONDS * (experiment.d + 2)
    compared += kernels * (KERNEL_SECONDS + KERNEL_COLUMN_SECONDS * experiment.d)
    attacked = samples * _attacks(protocol) * 6 * work / _rate(work)
    solving = solving_seconds(experiment, protocol)
    return 0.1 + experiment.models * (searched + attacked) + len(experiment.arms) * each * compared + solving


def solving_seconds(experiment: Experiment, protocol: Protocol) -> float:
    """What is solved exactly, for all arms."""
    samples = experiment.data.n_test if protocol.split == "test" else experiment.data.n_validation
    return len(experiment.arms) * min(samples, protocol.exact) * exact_seconds(experiment)


def _kernels(experiment: Experiment, protocol: Protocol) -> int:
    """How many IP* are taken: of images, none with the paper's length scale unless they are asked for."""
    usual = experiment.data.grid is None or "kernels" in protocol.also
    return usual + ("median" in protocol.also)


def _attacks(protocol: Protocol) -> int:
    """Gradients that attacks take of each sample."""
    return len(protocol.attacks) + PGD_STEPS if protocol.attacks and "robustness" in protocol.also else 0


def exact_seconds(experiment: Experiment) -> float:
    """Typical seconds of an exact search; some take a hundred times as long."""
    return EXACT_SECONDS if experiment.d <= 2 else EXACT_TABLE_SECONDS


def report_bytes(experiment: Experiment, protocol: Protocol) -> int:
    """Size of a report: the numbers of each round and λ_egy and of each sample, compressed."""
    samples = experiment.data.n_test if protocol.split == "test" else experiment.data.n_validation
    return 20_000 + len(experiment.arms) * (protocol.rounds * len(protocol.pulls) * 7 * 8 + 4 * samples + 2000)


def slowdown(store: Store) -> float:
    """How much slower this machine trained the stacks in its store than estimated.

    The median over stored stacks; 1 without any.
    """
    ratios = []
    for info in store.list():
        recorded = info.experiment.evaluation
        if info.state != "done" or info.preset or recorded.field or recorded.paths or not info.summary:
            continue
        if recorded.every >= info.epochs:
            ratios.append(float(info.summary["seconds"]) / training_seconds(info.experiment))
    return min(max(statistics.median(ratios), 0.2), 20.0) if ratios else 1.0


# -- runs that are followed ---------------------------------------------------------------------------


def about_seconds(experiment: Experiment) -> float:
    """A guess of how long a run takes on one core: its training, and what is measured and drawn on the way."""
    measured, epochs = experiment.evaluation, experiment.training.epochs
    search = measured.factuals * STEPS_TAKEN * measured.steps * _factor(measured.generator) * _step_seconds(experiment)
    each = search + FIELD_SECONDS * measured.field**2
    snapshot = SNAPSHOT_SECONDS + STEP_SECONDS * measured.steps + each * experiment.models
    return training_seconds(experiment) + snapshot * epochs / measured.every
