"""The task behind sweeps and Table 1: a stack to be trained, and the protocol by which its models are evaluated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.base import is_done as is_done
from ctviz.experiments.engines.cost import evaluation_seconds, training_seconds
from ctviz.experiments.evaluate import evaluate
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import REPORTS, Report, has_report, report_key
from ctviz.experiments.run import check_size, compute, load_run
from ctviz.experiments.store import Store
from ctviz.experiments.store.artifacts import Kind


@dataclass(frozen=True)
class Task:
    """A stack, the protocol, and the reference of each arm."""

    experiment: Experiment
    protocol: Protocol
    references: tuple[tuple[str, str], ...] = ()
    """Pairs of an arm and its reference, in the order of the arms."""

    results: ClassVar[Kind[Report]] = REPORTS

    @cached_property
    def run(self) -> str:
        """Key of the run."""
        return self.experiment.key

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits; equal tasks have equal keys on every machine."""
        text = f"{self.run}:{self.protocol.key}:{json.dumps(sorted(self.references))}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def result_key(self) -> str:
        """Key of the report."""
        return report_key(self.run, self.protocol)

    @property
    def seconds(self) -> float:
        """About how long it takes with one thread."""
        return training_seconds(self.experiment) + evaluation_seconds(self.experiment, self.protocol)

    def to_json(self) -> str:
        """The task as text, to be sent to another process or machine."""
        values = {
            "experiment": self.experiment.model_dump(mode="json"),
            "protocol": self.protocol.model_dump(mode="json"),
            "references": list(self.references),
        }
        return json.dumps({"stack": values}, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_values(cls, values: Any) -> Task:
        """Inverse of ``to_json``, from what stands under ``stack``."""
        references = tuple((str(arm), str(other)) for arm, other in values["references"])
        experiment = Experiment.from_mapping(values["experiment"])
        return cls(experiment, Protocol.from_mapping(values["protocol"]), references)

    def compute(self, store: Store, device: str, cancelled: Callable[[], bool]) -> None:
        """Train the stack, unless it is stored; then evaluate its models, unless the report is stored."""
        check_size(self.experiment)
        compute(self.experiment, store, device, cancelled)
        if not cancelled() and not is_evaluated(self, store):
            evaluate(load_run(self.run, store), self.protocol, dict(self.references), store)


def is_evaluated(task: Task, store: Store) -> bool:
    """Whether the store holds the report of the task's run."""
    return has_report(task.run, task.protocol, store)
