"""``run.json``, the record of a run folder."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from ctviz.errors import CtvizError, StoreError, shorten
from ctviz.experiments.config import ALGORITHM_VERSION, Experiment
from ctviz.experiments.store.codec import Damaged

FORMAT = 1
"""Format of run folders; a folder of another format is set aside."""

MAX_BYTES = 16 << 20
"""Largest ``run.json``; a larger one is not read."""

Written = Literal["running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class RunRecord:
    """State of an attempt to compute a run, as its writer last wrote it."""

    experiment: Experiment
    device: str
    version: str
    """Version of ctviz."""
    state: Written
    started: float
    """Seconds since 1970, as are all times."""
    updated: float
    message: str = ""
    epochs: tuple[int, ...] = ()
    """Epochs of the snapshots, once the run is done."""
    has_scene: bool = False
    """Whether there is a scene, once the run is done."""
    sealed_bytes: int = 0
    """Size of the sealed file; 0 while there is none."""
    summary: dict[str, Any] | None = None
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex)

    def to_bytes(self) -> bytes:
        """JSON with a SHA-256 over the rest of it."""
        changing = {"experiment": self.experiment.model_dump(mode="json"), "summary": finite(self.summary)}
        body = {**asdict(replace(self, summary=None)), **changing, "epochs": list(self.epochs)}
        body |= {"format": FORMAT, "algorithm": ALGORITHM_VERSION, "key": self.experiment.key}
        try:
            return json.dumps({**body, "sha256": _digest(body)}, indent=1, allow_nan=False).encode()
        except TypeError as error:
            raise StoreError(f"The summary of a run cannot be written as JSON: {error}.") from None

    @classmethod
    def from_bytes(cls, data: bytes, key: str) -> RunRecord:
        """Inverse of ``to_bytes``; ``Damaged`` unless it is the intact record of the run ``key``."""
        try:
            body = json.loads(data)
            digest = body.pop("sha256")
            if digest != _digest(body):
                raise Damaged("run.json was changed after it was written")
            if (body.pop("format"), body.pop("algorithm")) != (FORMAT, ALGORITHM_VERSION):
                raise Damaged("it was written by another version of ctviz")
            named = body.pop("key")
            experiment = Experiment.from_mapping(body.pop("experiment"))
            record = cls(experiment=experiment, epochs=tuple(int(e) for e in body.pop("epochs")), **body)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, CtvizError) as error:
            raise Damaged(f"run.json cannot be read ({error})") from error
        if named != key or experiment.key != key:
            raise Damaged("its key is not that of its experiment")
        for name, kind in _TYPES.items():
            if not isinstance(getattr(record, name), kind):
                raise Damaged(f"its {name} is {shorten(getattr(record, name))}")
        if record.state not in get_args(Written):
            raise Damaged(f"its state is {shorten(record.state)}")
        return record


_TYPES: dict[str, Any] = {
    "device": str,
    "version": str,
    "state": str,
    "started": float,
    "updated": float,
    "message": str,
    "has_scene": bool,
    "sealed_bytes": int,
    "summary": dict | None,
    "attempt": str,
}


def _digest(body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def finite(value: Any) -> Any:
    """``value`` for JSON: numbers of numpy become Python's, what is not finite becomes None."""
    if isinstance(value, dict):
        return {str(name): finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    if not isinstance(value, str | int | float | None) and callable(getattr(value, "item", None)):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
