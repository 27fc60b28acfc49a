"""A task as a background job of a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ctviz.experiments.engines.task import Task, carry_out
from ctviz.experiments.store import open_store


def work_task(task_json: str, root: str, device: str, cancelled: Callable[[], bool]) -> None:
    """Train and evaluate a task into the store at ``root``, as far as that is not there yet.

    Raises:
        CtvizError: what cannot be trained, evaluated or stored.
    """
    carry_out(Task.from_json(task_json), open_store(Path(root)), device, cancelled)
