"""The unit of work of an engine: a stack to be trained, and the protocol by which its models are evaluated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.evaluate import evaluate
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.reports import has_report
from ctviz.experiments.run import check_size, compute, load_run
from ctviz.experiments.store import Store


@dataclass(frozen=True)
class Task:
    """A stack, the protocol, and the reference of each arm."""

    experiment: Experiment
    protocol: Protocol
    references: tuple[tuple[str, str], ...] = ()
    """Pairs of an arm and its reference, in the order of the arms."""

    @cached_property
    def run(self) -> str:
        """Key of the run."""
        return self.experiment.key

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits; equal tasks have equal keys on every machine."""
        text = f"{self.run}:{self.protocol.key}:{json.dumps(sorted(self.references))}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The task as text, to be sent to another process or machine."""
        values = {
            "experiment": self.experiment.model_dump(mode="json"),
            "protocol": self.protocol.model_dump(mode="json"),
            "references": list(self.references),
        }
        return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Task:
        """Inverse of ``to_json``; raises ``ConfigError`` for any other text."""
        try:
            values: Any = json.loads(text)
            references = tuple((str(arm), str(other)) for arm, other in values["references"])
            parts = values["experiment"], values["protocol"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError("task", str(error), "a task as its to_json writes it") from None
        return cls(Experiment.from_mapping(parts[0]), Protocol.from_mapping(parts[1]), references)


def is_done(task: Task, store: Store) -> bool:
    """Whether the store holds the task's run and its report."""
    return store.status(task.run).state == "done" and is_evaluated(task, store)


def is_evaluated(task: Task, store: Store) -> bool:
    """Whether the store holds the report of the task's run."""
    return has_report(task.run, task.protocol, store)


def run_task(task: Task, store: Store, device: str, cancelled: Callable[[], bool]) -> None:
    """Train the stack, unless it is stored; then evaluate its models, unless the report is stored.

    Raises:
        CtvizError: the stack cannot be trained, evaluated or stored; finished parts stay in the store.
    """
    check_size(task.experiment)
    compute(task.experiment, store, device, cancelled)
    if cancelled() or is_evaluated(task, store):
        return
    references: Mapping[str, str] = dict(task.references)
    evaluate(load_run(task.run, store), task.protocol, references, store)
