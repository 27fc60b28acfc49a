"""A portion as a background job of a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ctviz.experiments.engines.portion import Portion, carry_out
from ctviz.experiments.store import open_store


def work_portion(portion_json: str, root: str, device: str, cancelled: Callable[[], bool]) -> None:
    """Train and evaluate a portion into the store at ``root``, as far as that is not there yet.

    Raises:
        CtvizError: what cannot be trained, evaluated or stored.
    """
    carry_out(Portion.from_json(portion_json), open_store(Path(root)), device, cancelled)
