"""A task as a background job of a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ctviz.experiments.engines.task import Task, run_task
from ctviz.experiments.store import open_store


def task_job(task_json: str, root: str, device: str, cancelled: Callable[[], bool]) -> None:
    """Train and evaluate a task into the store at ``root``, skipping the parts that are there.

    Raises:
        CtvizError: the task cannot be trained, evaluated or stored.
    """
    run_task(Task.from_json(task_json), open_store(Path(root)), device, cancelled)
