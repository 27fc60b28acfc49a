"""Traces packed for the stage: the searches of all arms, byte by byte, as ``paths.js`` reads them.

A trace travels behind a recording in one message (see ``recording.py``). The header's ``trace`` is null, or the
``key`` alone where the browser holds the trace already, or

==============  ==========================================================================================
``key``         names what was searched; a trace of another key takes the place of this one
``bytes``       length of the deflated arrays, which are the last bytes of the message
``epochs``      the epochs that were searched, ascending: many factuals at one, or one factual at all of them
``dims``        ``m`` arms, ``b`` searches (columns) in each
``groups``      how many factuals: columns of one group share theirs (several counterfactuals of one factual)
``outcomes``    the words that ``outcome`` points at
``sections``    ``[name, type, length]`` of each array, in order; wide ones first, so that all are aligned
==============  ==========================================================================================

Arrays, little endian, C order, e epochs; *ragged*: for every e, m, b the ``steps + 1`` entries of its path:

===============  =======  =================================================================================
``energy``       float32  ragged: E(x', y⁺)
``distance``     float32  ragged: ‖x' − x‖₁
``divergence``   float32  e m b: E(x⁺) − E(x'), x⁺ shielded
``reachable``    float32  e m b: the highest probability of the target that the constraints allow; NaN if mature
``factuals``     uint16   b 2, steps of 1/65535 of the extent, as all positions here
``points``       uint16   ragged, 2 each
``neighbours``   uint16   e m b 2: x⁺ as drawn
``shielded``     uint16   e m b 2: x⁺ after the shield
``nearest``      uint16   e m b 2: the real sample of the target class that lies nearest to the end
``steps``        uint16   e m b: moves taken
``nascent``      uint16   e m b: index of the last point inside the ε-box
``probability``  uint16   ragged, in steps of 1/65535
``group``        uint16   b: the factual that a column belongs to, counted from 0
``targets``      uint8    b
``mature``       uint8    e m b: 0 or 1
``outcome``      uint8    e m b
``predicted``    uint8    e m b: the class that the arm gives the factual
===============  =======  =================================================================================
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ctviz.errors import DataError
from ctviz.experiments.outcome import OUTCOMES
from ctviz.experiments.snapshot import Scene
from ctviz.experiments.trace import Trace
from ctviz.figures.stage.recording import ArmLabel, Role
from ctviz.figures.theme import DASHES, short_title
from ctviz.training.arm import Arm


@dataclass(frozen=True)
class PackedTrace:
    """Traces of one key: ``meta`` fit for JSON and the deflated ``payload`` that its sections describe."""

    meta: dict[str, Any] = field(repr=False)
    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class Lock:
    """What holds for a feature (0 or 1) while advice is searched; ``low`` and ``high`` bound a range."""

    feature: int
    kind: Literal["locked", "up", "down", "range"]
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Mark:
    """Something that is pointed out in the panel of an arm: where a search may start, a guess, or a point of a path.

    ``to`` is the end of a line from a guess to the truth; ``last`` says that it is shown only where the search has
    ended, at the last epoch. All places are in data units.
    """

    arm: int
    kind: Literal["start", "guess", "point"]
    at: tuple[float, float]
    to: tuple[float, float] | None = None
    text: str = ""
    last: bool = False


@dataclass(frozen=True)
class Plain:
    """A picture of searches without its instruments (charts, layers), where somebody is led through it.

    Attributes:
        hint: below the picture.
        asking: whether a click is a guess; then the arrow keys move the cursor.
        columns: most panels side by side; 0: as many as there is room for.
        near: whether a line leads from the end of a search to the nearest real sample.
        named: whether the stations of a search are named on its path: start, nascent, mature.
        box: whether the ε-box is drawn; ``neighbour``: whether the real sample that the divergence compares with is.
        hidden: whether the models are hidden, so that only the data are seen.
        marks: what is pointed out.
    """

    hint: str = ""
    asking: bool = False
    columns: int = 0
    near: bool = False
    named: bool = False
    box: bool = False
    neighbour: bool = False
    hidden: bool = False
    marks: tuple[Mark, ...] = ()


def locks_of(arm: Arm, features: Sequence[str]) -> tuple[Lock, ...]:
    """The locks to draw in an arm's panel: those that hold for the advice that its panel shows."""
    if not arm.holds("advice"):
        return ()
    where = {ref: i for i, name in enumerate(features) for ref in (i, name, f"x{i + 1}")}
    return (
        *(Lock(where[ref], "locked") for ref in arm.locked),
        *(Lock(where[ref], "up") for ref in arm.increase_only),
        *(Lock(where[ref], "down") for ref in arm.decrease_only),
        *(Lock(where[ref], "range", low, high) for ref, low, high in arm.ranges),
    )


def pack_trace(key: str, traces: Sequence[Trace], scene: Scene) -> PackedTrace | None:
    """Packs what was searched: one trace, or those of one set of factuals at several epochs.

    Args:
        key: names what was searched.
        traces: ascending in epoch; the same factuals, targets and arms in all of them.
        scene: on whose extent positions are quantised.

    Returns:
        None where there is nothing: no trace, or no factual.

    Raises:
        DataError: epochs that do not ascend, or traces that do not fit together.
    """
    if not traces or not len(traces[0].factuals):
        return None
    _check(traces)
    first = traces[0]
    m, b = first.steps.shape
    group = np.asarray(first.group)
    arrays = _searches(traces, scene) | {
        "factuals": scene.quantise(first.factuals),
        "group": group.astype("<u2"),
        "targets": first.targets.astype(np.uint8),
    }
    ordered = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    # Floats hardly deflate, and a click waits for this: the fastest level.
    payload = zlib.compress(b"".join(array.tobytes() for _, array in ordered), 1)
    meta = {
        "key": key,
        "bytes": len(payload),
        "epochs": [int(trace.epoch) for trace in traces],
        "dims": {"m": m, "b": b},
        "groups": int(group.max()) + 1,
        "outcomes": list(OUTCOMES),
        "sections": [[name, array.dtype.name, array.size] for name, array in ordered],
    }
    return PackedTrace(meta, payload)


def locks_meta(locks: Sequence[Sequence[Lock]], arms: Sequence[ArmLabel]) -> list[list[dict[str, Any]]]:
    """The locks of each arm for the header; none where there are none.

    Raises:
        DataError: locks for some of the arms only.
    """
    if locks and len(locks) != len(arms):
        raise DataError(f"Locks for {len(locks)} of the {len(arms)} arms.")
    return [[asdict(lock) for lock in own] for own in locks] or [[] for _ in arms]


def lines_meta(arms: Sequence[ArmLabel]) -> list[dict[str, str]]:
    """What the line of each arm is called in a chart, and its dash: the same as in every other chart of the app."""
    following: dict[Role, int] = {"conventional": 1, "counterfactual": 0}
    roles = [arm.role for arm in arms]
    lines = []
    for arm in arms:
        short = short_title(arm, alone=roles.count(arm.role) == 1)
        lines.append({"short": short, "dash": DASHES[following[arm.role] % len(DASHES)]})
        following[arm.role] += 2
    return lines


def _check(traces: Sequence[Trace]) -> None:
    epochs = [trace.epoch for trace in traces]
    if any(a >= b for a, b in pairwise(epochs)):
        raise DataError(f"The epochs of traces must ascend; got {epochs}.")
    first = traces[0]
    for trace in traces:
        same = trace.steps.shape == first.steps.shape and np.array_equal(trace.factuals, first.factuals)
        if not same or not np.array_equal(trace.targets, first.targets):
            raise DataError(f"The traces of epochs {first.epoch} and {trace.epoch} are not of the same searches.")


def _searches(traces: Sequence[Trace], scene: Scene) -> dict[str, npt.NDArray[Any]]:
    """What there is for every epoch, arm and column."""
    walked = [np.arange(t.points.shape[2]) <= t.steps[..., None] for t in traces]  # e × (m b t+1)

    def ragged(name: str) -> npt.NDArray[np.float64]:
        taken = [getattr(t, name)[mask] for t, mask in zip(traces, walked, strict=True)]
        return np.nan_to_num(np.concatenate(taken).astype(np.float64), nan=0.0, posinf=3e38, neginf=-3e38)

    def each(name: str, dtype: str) -> npt.NDArray[Any]:
        return np.stack([getattr(t, name) for t in traces]).astype(dtype)

    def places(name: str) -> npt.NDArray[np.uint16]:
        return scene.quantise(np.stack([getattr(t, name) for t in traces])).astype("<u2")

    return {
        "energy": ragged("energy").astype("<f4"),
        "distance": ragged("distance").astype("<f4"),
        "divergence": each("divergence", "<f4"),
        "reachable": each("reachable", "<f4"),
        "points": scene.quantise(ragged("points").astype(np.float32)).astype("<u2"),
        "neighbours": places("neighbours"),
        "shielded": places("shielded"),
        "nearest": places("nearest"),
        "steps": each("steps", "<u2"),
        "nascent": each("nascent", "<u2"),
        "probability": np.rint(65535 * np.clip(ragged("probability"), 0, 1)).astype("<u2"),
        "mature": each("mature", "u1"),
        "outcome": each("outcome", "u1"),
        "predicted": each("predicted", "u1"),
    }
