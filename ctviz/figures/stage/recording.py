"""Snapshots packed for the stage: what the canvas in the browser reads, byte by byte.

A *recording* is a run, or a stretch of it, as data. The same bytes travel to the Streamlit component and into
the standalone page, so there is one reader (``message.js``, ``runs.js``) and one writer (this module).

Wire format of a message
------------------------
::

    bytes 0–3    "CTV1"
    bytes 4–7    uint32, little endian: length h of the header
    next h       header, JSON in UTF-8
    rest         payload, deflated (zlib); empty if the header has no recording

The header is ``{"key", "total", "live", "more", "last", "initial", "palette", "recording", "energy"}``, and where
searches are shown also ``trace``, ``setup`` and ``models``, with the bytes of trace and models at the end of the
message: see ``trace.py`` and ``live_search.py``.
``recording`` is null or

==============  ==========================================================================================
``after``       epoch of the snapshot before this stretch, −1 if the stretch is the first
``epochs``      the epochs of this stretch, ascending
``metrics``     name → one list per epoch with one number (or null) per arm
``dims``        ``m`` arms, ``c`` planes of a field (1 for two classes, else k), ``g`` cells per side, ``b`` paths
``sections``    ``[name, type, length]`` of each array, in payload order; 16-bit ones first, so that all are aligned
``scene``       only in a first stretch: extent, classes, features, how people read their numbers (``display``, empty
                where they read them as they are), arms (name, title, role), see ``_scene``
==============  ==========================================================================================

Arrays of the payload, little endian, C order:

===============  ======  ==================================================================================
``points``       uint16  n 2 (first stretch), steps of 1/65535 of the extent, as all positions here
``factuals``     uint16  b 2 (first stretch)
``steps``        uint16  e m b: steps taken
``nascent``      uint16  e m b: index of the last point inside the ε-box
``paths``        uint16  ragged: for every e, m, b the ``steps + 1`` points of the path, 2 each
``labels``       uint8   n (first stretch)
``targets``      uint8   b (first stretch)
``starts``       uint8   b (first stretch): classes of the factuals
``mature``       uint8   e m b: 0 or 1
``fields``       uint8   e m c g g: 255 × probability, row 0 lowest x2; from the second epoch on stored as the
                         difference to the epoch before, modulo 256, which deflates to a fraction
===============  ======  ==================================================================================

``energy`` is null where the stage offers no energies, else ``{"usual", "stretch"}``: the class that is shown first, and
energies of one class or null. Only who has switched the layer on is sent any. A stretch of energies counts its epochs
for itself, since a whole run may be held when they are first asked for; its bytes (deflated, e m g g levels of uint8,
differences like ``fields``) follow the recording's.

=============  ============================================================================================
``class``      y⁺
``after``      as of a recording, and so ``epochs`` and ``dims`` (``m``, ``g``)
``limit``      level = 127.5 · (1 + asinh E / asinh limit): one scale for all runs, see ``experiments/energy.py``
``span``       lowest and highest energy that the colours must tell apart in these epochs; the page takes the
               widest of all stretches that it holds, for all epochs and panels alike
``real``       per epoch and arm, the mean energy at real samples of the class, or null
``ends``       the same at mature counterfactuals
``mature``     how many those are, of ``searches``
``bytes``      length of the deflated levels
=============  ============================================================================================
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ctviz.data.catalogue import FEATURE_NAMES, columns_of
from ctviz.data.display import DisplayScale
from ctviz.data.schema import FeatureRef
from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.experiments.snapshot import Scene, Snapshot
from ctviz.prose import number
from ctviz.training.arm import Arm

MAGIC = b"CTV1"

CAPTION_METRICS = ("validation_accuracy", "validity", "ip", "cost", "robust_accuracy")
"""The metrics that travel with a recording; the captions of the panels are made of them."""

Role = Literal["conventional", "counterfactual"]

HEADINGS: dict[Role, str] = {"conventional": "Conventional", "counterfactual": "Counterfactual training"}
"""How the arms of a role are headed."""


@dataclass(frozen=True)
class ArmLabel:
    """How a panel is headed: the arm's ``name`` in the experiment, a ``title`` in plain words, its ``role``."""

    name: str
    title: str
    role: Role


@dataclass(frozen=True)
class Recording:
    """A stretch of a run: ``meta`` fit for JSON and the deflated ``payload`` that its sections describe."""

    meta: dict[str, Any] = field(repr=False)
    payload: bytes = field(repr=False)

    @property
    def epochs(self) -> list[int]:
        """Epochs of this stretch, ascending."""
        return list(self.meta["epochs"])


def arm_labels(
    experiment: Experiment, features: Sequence[str] | None = None, scales: Sequence[DisplayScale] = ()
) -> tuple[ArmLabel, ...]:
    """One label per arm of an experiment, with its features called as in ``features``, by default as its data do, and
    their values read by ``scales``.

    An arm that learns from its samples alone is headed “Conventional”, others as their method; what it may not change
    comes after that. The name of the arm is added only where several arms would be headed alike.
    """
    roles: list[Role] = ["counterfactual" if a.trains_on_counterfactuals else "conventional" for a in experiment.arms]
    heads = [_heading(arm, role) for arm, role in zip(experiment.arms, roles, strict=True)]
    limits = [limits_of(arm, features or columns_of(experiment.data), scales) for arm in experiment.arms]
    headed = list(zip(heads, limits, strict=True))
    labels = []
    for arm, role, head, limit in zip(experiment.arms, roles, heads, limits, strict=True):
        title = head if headed.count((head, limit)) == 1 else f"{head}: {arm.name}"
        labels.append(ArmLabel(arm.name, f"{title}, {limit}" if limit else title, role))
    return tuple(labels)


def _heading(arm: Arm, role: Role) -> str:
    return arm.rival or HEADINGS[role]


def limits_of(arm: Arm, features: Sequence[str] = FEATURE_NAMES, scales: Sequence[DisplayScale] = ()) -> str:
    """What an arm's constraints forbid, and where if not everywhere, in a few words; empty if they forbid nothing.

    Without ``scales``, values are those of the columns.
    """

    def named(refs: Sequence[FeatureRef]) -> str:
        return " and ".join(_called(ref, features) for ref in refs)

    parts = [
        f"{named(refs)} {how}"
        for refs, how in ((arm.locked, "locked"), (arm.increase_only, "only up"), (arm.decrease_only, "only down"))
        if refs
    ]
    for ref, low, high in arm.ranges:
        scale = scales[FEATURE_NAMES.index(ref) if isinstance(ref, str) else ref] if scales else None
        parts.append(f"{named([ref])} {span_of(low, high, scale)}")
    if not parts or arm.lock_when == "never":
        return ""
    where = {"training": " in training only", "searching": " in advice only"}.get(arm.lock_when, "")
    bare = " (unprotected)" if arm.shield == "off" and arm.lock_when != "searching" else ""
    return f"{', '.join(parts)}{where}{bare}"


def _called(ref: FeatureRef, features: Sequence[str]) -> str:
    """A feature, or a part of an image, in words."""
    if isinstance(ref, int):
        return features[ref]
    if ref in FEATURE_NAMES:
        return features[FEATURE_NAMES.index(ref)]
    return "the painted pixels" if ref.startswith("mask ") else ref


def span_of(low: float | None, high: float | None, scale: DisplayScale | None = None) -> str:
    """A range in words: ``1.2 to 3``, ``at least $5,000``."""

    def said(end: float | None) -> str:
        return number(end, 3, trim=True) if end is None or scale is None or scale.plain else scale.text(end)

    if low is None or high is None:
        return f"at most {said(high)}" if high is not None else f"at least {said(low)}"
    return f"{said(low)} to {said(high)}"


def pack(scene: Scene, arms: Sequence[ArmLabel], snapshots: Sequence[Snapshot], after: int = -1) -> Recording:
    """Packs a stretch of a run.

    Args:
        scene: what the run is drawn on; packed along only where the stretch is the first.
        arms: one label per arm (m).
        snapshots: the stretch, ascending in epoch, at least one.
        after: epoch of the snapshot before the stretch; −1 if there is none.

    Raises:
        DataError: no snapshot, features other than two, arms that do not match, or a stretch in which only
            some snapshots have a field or paths.
    """
    _check(scene, arms, snapshots, after)
    arrays: dict[str, npt.NDArray[Any]] = {}
    if after < 0:
        arrays |= _scene_arrays(scene)
    m = len(arms)
    dims = {"m": m, "c": 0, "g": 0, "b": 0}
    if snapshots[0].paths is not None:
        dims["b"] = snapshots[0].paths.steps.shape[1]
        arrays |= _path_arrays(snapshots)
    if snapshots[0].field is not None:
        dims["c"], dims["g"] = snapshots[0].field.shape[1:3]
        arrays["fields"] = differences(np.stack([s.field for s in snapshots if s.field is not None]))
    ordered = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    meta: dict[str, Any] = {
        "after": after,
        "epochs": [s.epoch for s in snapshots],
        "metrics": {name: [_numbers(s.metrics, name, m) for s in snapshots] for name in CAPTION_METRICS},
        "dims": dims,
        "sections": [[name, array.dtype.name, array.size] for name, array in ordered],
    }
    if after < 0:
        meta["scene"] = _scene(scene, arms)
    # Level 6 halves the bytes of level 1 here for some 10 ms per 100 epochs more.
    return Recording(meta, zlib.compress(b"".join(array.tobytes() for _, array in ordered), 6))


def message(recording: Recording | None, /, *behind: bytes, **state: Any) -> bytes:
    """A whole message: ``state`` (the other fields of the header, see above), the recording, if there is one, and what
    lies ``behind`` it: the bytes of energies, trace and models that ``state`` describes, in this order."""
    header = {**state, "recording": recording.meta if recording else None}
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((MAGIC, struct.pack("<I", len(text)), text, recording.payload if recording else b"", *behind))


def unpack(raw: bytes) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Header and arrays of a message, flat and with ``fields`` restored: the inverse, for tests and notebooks.

    Energies are the array ``energies``, restored too.

    Raises:
        DataError: bytes that are not a message of this version.
    """
    if raw[:4] != MAGIC or len(raw) < 8:
        raise DataError("These bytes are no message of ctviz.")
    (length,) = struct.unpack("<I", raw[4:8])
    header: dict[str, Any] = json.loads(raw[8 : 8 + length])
    arrays: dict[str, npt.NDArray[Any]] = {}
    recording, energies = header["recording"], (header.get("energy") or {}).get("stretch")
    inflater = zlib.decompressobj()
    payload, at = inflater.decompress(raw[8 + length :]) if recording else b"", 0
    if energies:
        behind = inflater.unused_data if recording else raw[8 + length :]
        stored = np.frombuffer(zlib.decompress(behind[: energies["bytes"]]), np.uint8)
        arrays["energies"] = sums(stored.reshape(len(energies["epochs"]), -1)).ravel()
    if recording is None:
        return header, arrays
    for name, dtype, size in recording["sections"]:
        arrays[name] = np.frombuffer(payload, dtype, size, at)
        at += arrays[name].nbytes
    if "fields" in arrays:
        arrays["fields"] = sums(arrays["fields"].reshape(len(recording["epochs"]), -1)).ravel()
    return header, arrays


def _check(scene: Scene, arms: Sequence[ArmLabel], snapshots: Sequence[Snapshot], after: int) -> None:
    if not snapshots:
        raise DataError("A recording needs at least one snapshot.")
    if len(scene.features) != 2:
        raise DataError(f"The stage draws data of two features; this run has {len(scene.features)}.")
    epochs = [after, *(s.epoch for s in snapshots)]
    if any(a >= b for a, b in pairwise(epochs)):
        raise DataError(f"The epochs of a recording must ascend; got {epochs[1:]} after {after}.")
    for part in ("field", "paths"):
        present = {getattr(s, part) is not None for s in snapshots}
        if len(present) > 1:
            raise DataError(f"Only some snapshots of the recording have a {part}; either all or none must.")
    first = snapshots[0]
    stacked = first.field if first.field is not None else first.paths.mature if first.paths is not None else None
    if stacked is not None and len(stacked) != len(arms):
        raise DataError(f"{len(arms)} labels for the {len(stacked)} arms of the run.")


def _scene(scene: Scene, arms: Sequence[ArmLabel]) -> dict[str, Any]:
    return {
        "lower": [float(v) for v in scene.lower],
        "upper": [float(v) for v in scene.upper],
        "classes": list(scene.classes),
        "features": list(scene.features),
        "display": [
            _shown(scale, *ends) for scale, *ends in zip(scene.display, scene.lower, scene.upper, strict=False)
        ],
        "arms": [asdict(arm) for arm in arms],
    }


def _shown(scale: DisplayScale, low: float, high: float) -> dict[str, Any]:
    """How the browser writes the numbers of a feature, and what its axis says of its ends."""
    ends = f"{scale.text(low)} to {scale.text(high)}{f' {scale.unit}' if scale.unit else ''}"
    return {**scale.model_dump(include={"prefix", "offset", "scale", "step"}), "places": scale.places, "ends": ends}


def _scene_arrays(scene: Scene) -> dict[str, npt.NDArray[Any]]:
    return {
        "points": scene.quantise(scene.points),
        "factuals": scene.quantise(scene.factuals),
        "labels": scene.labels.astype(np.uint8),
        "targets": scene.targets.astype(np.uint8),
        "starts": scene.factual_labels.astype(np.uint8),
    }


def _path_arrays(snapshots: Sequence[Snapshot]) -> dict[str, npt.NDArray[Any]]:
    """Steps, nascent, mature (e m b) and the taken points of every path, one after the other."""
    paths = [s.paths for s in snapshots if s.paths is not None]
    ragged = []
    for path in paths:
        walked = np.arange(path.points.shape[2]) <= path.steps[..., None]  # m b t+1
        ragged.append(path.points[walked])  # sum(steps + 1), 2
    return {
        "steps": np.stack([p.steps for p in paths]).astype("<u2"),
        "nascent": np.stack([p.nascent for p in paths]).astype("<u2"),
        "paths": np.concatenate(ragged).astype("<u2"),
        "mature": np.stack([p.mature for p in paths]).astype(np.uint8),
    }


def differences(fields: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Each epoch's field minus the one before, modulo 256; the first as it is (e …)."""
    out = fields.copy()
    out[1:] -= fields[:-1]
    return out


def sums(stored: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The inverse of ``differences`` (e …)."""
    return np.cumsum(stored, axis=0, dtype=np.uint8)


def rounded(value: float) -> float | None:
    """A number as a caption shows it; null where it does not apply."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _numbers(metrics: Mapping[str, npt.NDArray[np.float64]], name: str, m: int) -> list[float | None]:
    """A metric of one epoch."""
    return [rounded(value) for value in metrics.get(name, np.full(m, np.nan))]
