"""Estimates of a task's time and of its size in the store."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ctviz.experiments.config import Experiment, weights_per_model
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store
from ctviz.progress import duration

if TYPE_CHECKING:
    from ctviz.experiments.engines.task import Task

BATCH_SECONDS = 40e-6
"""Overhead of a batch, whatever the number of models: one thread of a processor of 2020."""

STEP_SECONDS = 60e-6
"""Overhead of a search step."""

RATE = 1.6e10
"""Operations per second on small layers; large layers run up to ``LARGE_LAYER_SPEEDUP`` times as fast."""

LARGE_LAYER_SPEEDUP = 8
_SMALL = 162  # parameters of the model for which RATE was measured

GENERATOR_FACTORS = {"face": 3.0, "nearest": 0.5, "revise": 2.0, "dice": 2.0}
"""Factors by which searches of these generators take longer than plain descent."""

EXACT_SECONDS = 0.07
"""Typical seconds of an exact search; some take a hundred times as long."""

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
        size += 8 * len(experiment.arms) * (weights_per_model(experiment) + 400) + 4000
    return TaskCost(scale * seconds, size)


def evaluation_estimate(task: Task, store: Store) -> Estimate:
    """What the evaluation of a trained run takes; nothing if it is stored."""
    stored = task.results.has(store, task.result_key)
    return Estimate(seconds=0.0 if stored else task_cost(task, slowdown(store), trained=True).seconds)


def training_seconds(experiment: Experiment) -> float:
    """Overhead of each batch and search step, and the arithmetic of all arms."""
    schedule, weights = experiment.training, weights_per_model(experiment)
    rate = RATE * min(max(weights / _SMALL, 1), LARGE_LAYER_SPEEDUP)
    batches = -(-experiment.data.n_train // schedule.batch)
    pupils = [arm for arm in experiment.arms if arm.trains_on_counterfactuals]
    taught = schedule.epochs * (1 - schedule.burnin)
    n_ce = min(schedule.n_ce, experiment.data.n_train)
    steps = STEPS_TAKEN * max((arm.steps for arm in pupils), default=0)
    columns = schedule.epochs * experiment.data.n_train + taught * 3 * n_ce
    arithmetic = 6 * weights * columns * len(experiment.arms)
    for arm in pupils:
        arithmetic += taught * n_ce * STEPS_TAKEN * arm.steps * 4 * weights * GENERATOR_FACTORS.get(arm.generator, 1.0)
    return schedule.epochs * batches * BATCH_SECONDS + taught * steps * STEP_SECONDS + arithmetic / rate


def evaluation_seconds(experiment: Experiment, protocol: Protocol) -> float:
    """The searches of each distinct factual, and the rounds."""
    weights = weights_per_model(experiment)
    rate = RATE * min(max(weights / _SMALL, 1), LARGE_LAYER_SPEEDUP)
    samples = experiment.data.n_test if protocol.split == "test" else experiment.data.n_validation
    distinct = min(samples * (experiment.data.classes - 1), protocol.rounds * protocol.factuals)
    searched = distinct * len(protocol.pulls) * protocol.steps * 4 * weights
    compared = distinct * len(protocol.pulls) * (min(samples, 1000) + distinct) * (experiment.d + 20)
    rounds = protocol.rounds * len(protocol.pulls) * protocol.factuals * 60
    solved = EXACT_SECONDS * min(samples, protocol.exact)
    return 0.1 + len(experiment.arms) * ((searched + compared + rounds) / rate + solved)


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
    """A rough guess of how long a run takes on one core, from what the parts of an epoch took on one machine."""
    if experiment.data.grid is not None:
        return _about_images(experiment, *experiment.data.grid)
    m, training, measured = len(experiment.arms), experiment.training, experiment.evaluation
    width = sum(experiment.model.hidden) / 32 if experiment.model.hidden else 0.5
    searching = [arm.steps for arm in experiment.arms if arm.trains_on_counterfactuals]
    n_ce = min(training.n_ce, experiment.data.n_train)
    step = 6e-5 * (1 + 0.04 * m * width) * (1 + training.batch / 1500)
    search = (6e-3 + 3e-6 * n_ce * len(searching) * width) * (max(searching) / 30) ** 0.5 if searching and n_ce else 0
    picture = 4e-3 + (6e-8 * measured.field**2 + 4e-8 * measured.factuals * measured.steps) * m * width
    epoch = experiment.data.n_train / training.batch * step + search + picture / measured.every
    if experiment.d == 2:
        return training.epochs * epoch
    widths = (experiment.d, *experiment.model.hidden, experiment.data.classes)
    return training.epochs * epoch + _moving(experiment, experiment.d, sum(map(operator.mul, widths, widths[1:])))


def _about_images(experiment: Experiment, rows: int, columns: int) -> float:
    """The same of images."""
    return _moving(experiment, rows * columns, _products(experiment, rows, columns))


def _moving(experiment: Experiment, pixels: int, products: int) -> float:
    """Seconds where time goes by the pixels, or other columns, that are moved and the products that a model forms of
    them."""
    training = experiment.training
    steps = sum(arm.steps for arm in experiment.arms if arm.trains_on_counterfactuals)
    searched = 1.5e-9 * pixels + 8e-11 * products  # seconds for a step of one sample
    learned = 2e-9 * pixels + 2e-10 * products
    epoch = min(training.n_ce, experiment.data.n_train) * steps * searched
    return training.epochs * (epoch + experiment.data.n_train * len(experiment.arms) * learned)


def _products(experiment: Experiment, rows: int, columns: int) -> int:
    """How many products one model forms of an image: in its convolutions, each halved afterwards, and its layers."""
    total, planes = 0, 1
    for channels in experiment.model.channels:
        rows, columns = rows - 4, columns - 4
        total += 25 * planes * channels * rows * columns
        rows, columns, planes = rows // 2, columns // 2, channels
    widths = (rows * columns * planes, *experiment.model.hidden, experiment.data.classes)
    return total + sum(before * after for before, after in pairwise(widths))
