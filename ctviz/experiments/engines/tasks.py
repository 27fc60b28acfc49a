"""The kinds of tasks by name, and tasks as jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.engines.base import AnyTask, attempt
from ctviz.experiments.store import Store

TASKS = {
    "stack": ("ctviz.experiments.engines.task", "Task"),
    "draw": ("ctviz.studies.draw", "Draw"),
    "lock": ("ctviz.studies.lock_draws", "LockTask"),
    "rival": ("ctviz.studies.rivals.task", "RivalTask"),
    "everyone": ("ctviz.studies.population", "PopulationTask"),
}
"""Name of a kind → the module and class that read it."""


def read_task(text: str | bytes) -> AnyTask:
    """A task from the text that its ``to_json`` writes; raises ``ConfigError`` for any other text."""
    try:
        ((kind, values),) = json.loads(text).items()
        module, name = TASKS[kind]
        read: Callable[[Any], AnyTask] = getattr(import_module(module), name).from_values
        return read(values)
    except CtvizError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError("task", str(error), "a task as its to_json writes it") from None


def task_job(text: str, store: Store, device: str, cancelled: Callable[[], bool]) -> None:
    """A job: compute a task, skipping the parts that are in the store.

    Raises:
        CtvizError: why it is not in the store.
    """
    if message := attempt(read_task(text), store, device, cancelled):
        raise CtvizError(message)
