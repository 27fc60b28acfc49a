"""The unit of work of the comparison: a stack that is trained and measured by several protocols, and not kept."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.cost import evaluation_seconds, training_seconds
from ctviz.experiments.evaluate import report_of
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import Report
from ctviz.experiments.run import Run, Training
from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import Kind
from ctviz.studies.reproduce.pairs import costs_of_requests
from ctviz.studies.summary import Floats
from ctviz.studies.task import StudyTask

MEASURED_VERSION = 1
"""Part of every key; raised whenever the same stack is measured differently than before."""

REQUESTS = 250
"""Samples whose requests are met or not, where costs are compared."""

DIGITS = 6
"""Significant digits of what is kept."""


@dataclass(frozen=True)
class Measured:
    """What a stack is like: ``values`` are metric and search → arm → mean, NaN where there is none.

    ``costs`` are search → arm → the cost of each request, NaN where it is not met; ``seconds`` of the processor that
    training took.
    """

    values: Mapping[str, Mapping[str, float]]
    costs: Mapping[str, Mapping[str, Floats]]
    seconds: float

    def of(self, arm: str) -> dict[str, float]:
        """The values of one arm."""
        return {name: by_arm[arm] for name, by_arm in self.values.items()}

    def to_bytes(self) -> bytes:
        """As JSON, where what is NaN is null."""
        values = {name: {arm: _plain(value) for arm, value in each.items()} for name, each in self.values.items()}
        costs = {
            search: {arm: [_plain(value) for value in array.tolist()] for arm, array in each.items()}
            for search, each in self.costs.items()
        }
        text = json.dumps({"values": values, "costs": costs, "seconds": self.seconds}, allow_nan=False)
        return text.encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Measured:
        """Inverse of ``to_bytes``; raises any error for other bytes."""
        found = json.loads(content)
        values = {name: {arm: _number(v) for arm, v in each.items()} for name, each in found["values"].items()}
        costs = {
            search: {arm: np.array([_number(v) for v in array], dtype=np.float64) for arm, array in each.items()}
            for search, each in found["costs"].items()
        }
        return cls(values, costs, float(found["seconds"]))


def _plain(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


MEASURED = Kind(
    "model of the comparison",
    folder="rivals",
    encode=Measured.to_bytes,
    decode=Measured.from_bytes,
    old_name="{key}.json",
    max_bytes=1 << 24,
    max_files=20_000,
    room=lambda store: store.cap_bytes // 8,
)
"""What was measured, in a store, by the key of its task."""


@dataclass(frozen=True)
class RivalTask(StudyTask[Measured]):
    """A stack, and the protocols that measure it, by the search that they stand for; ``requests``: whether the cost of
    each request is kept too."""

    experiment: Experiment
    protocols: tuple[tuple[str, Protocol], ...]
    requests: bool = False

    called: ClassVar[str] = "rival"
    results: ClassVar[Kind[Measured]] = MEASURED

    @property
    def named(self) -> str:
        """The experiment, and how it is measured."""
        protocols = [(search, protocol.key) for search, protocol in self.protocols]
        return f"rival:{MEASURED_VERSION}:{self.experiment.key}:{protocols}:{REQUESTS if self.requests else 0}"

    @property
    def seconds(self) -> float:
        """About how long it takes with one thread."""
        measured = sum(evaluation_seconds(self.experiment, protocol) for _, protocol in self.protocols)
        return training_seconds(self.experiment) + measured

    @property
    def values(self) -> dict[str, Any]:
        protocols = [(search, protocol.model_dump(mode="json")) for search, protocol in self.protocols]
        experiment = self.experiment.model_dump(mode="json")
        return {"experiment": experiment, "protocols": protocols, "requests": self.requests}

    @classmethod
    def from_values(cls, values: Any) -> RivalTask:
        """Inverse of ``values``."""
        protocols = tuple((str(search), Protocol.from_mapping(one)) for search, one in values["protocols"])
        return cls(Experiment.from_mapping(values["experiment"]), protocols, bool(values["requests"]))

    def measured(self, store: Store, cancelled: Callable[[], bool]) -> Measured | None:
        return measure(self, store, cancelled)


def measure(task: RivalTask, store: Store, cancelled: Callable[[], bool] = lambda: False) -> Measured | None:
    """Train a stack and measure it; None if it was cancelled."""
    training, snapshots, began = Training(task.experiment, "cpu", store), [], time.process_time()
    for snapshot in training:
        if cancelled():
            return None
        snapshots.append(snapshot)
    seconds = time.process_time() - began
    run = Run(task.experiment, training.scene, tuple(snapshots), training.summary(), training.seconds)
    values: dict[str, dict[str, float]] = {}
    costs: dict[str, dict[str, Floats]] = {}
    for search, protocol in task.protocols:
        if cancelled():
            return None
        values |= means(report_of(run, protocol, store), search)
        if task.requests:
            # An answer that does not depend on λ_egy is the same for each.
            repeated = len(protocol.lambda_egy) // len(protocol.pulls)
            found = np.tile(costs_of_requests(run, protocol, run.arms, REQUESTS), (1, repeated))
            costs[search] = dict(zip(run.arms, found, strict=True))
    return Measured(values, costs, round(seconds, 3))


def means(report: Report, search: str) -> dict[str, dict[str, float]]:
    """Metric, with the search where it depends on one, → arm → mean.

    Of rounds, the mean over λ_egy and then over rounds; of samples, the mean over them, under the strongest attack.
    """
    found = {
        f"{name} {search}": dict(zip(report.arms, _of_rounds(values), strict=True))
        for name, values in zip(report.metrics, report.rounds, strict=True)
    }
    for name, sampled in report.samples.items():
        if name in ("accuracy", "fgsm", "pgd"):
            arms = [_mean(array[-1].astype(np.float64)) for array in sampled.array]
            found[name] = dict(zip(report.arms, arms, strict=True))
    return found


def _of_rounds(values: Floats) -> list[float]:  # m λ r
    return [_mean(np.array([_mean(one) for one in arm.T])) for arm in values]


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan
