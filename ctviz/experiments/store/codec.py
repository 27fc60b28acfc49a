"""Snapshots and scenes as checked, compressed entries of safetensors files.

A file holds entries. An entry has a name (``"00012"`` for the snapshot after epoch 12, ``"scene"``), arrays stored as
``"<name>/<array>"``, and in the file's metadata a JSON text that carries its scalars, the key of its run and a
SHA-256 over everything. Data are checked against the experiment before memory is allocated for them.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import load, save

from ctviz.experiments.config import Experiment, weights_of_networks, weights_per_model
from ctviz.experiments.snapshot import METRICS, Paths, Scene, Snapshot

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

LEVEL = 6
"""Level of zlib: a seventh smaller than level 1, for half a millisecond more per snapshot; 9 is slow and gains 2 %."""

_MAX_ARRAYS = 64
_SHARED = 1 << 20
_SCENE = {
    "lower": np.float32, "upper": np.float32, "points": np.float32, "labels": np.uint8,
    "factuals": np.float32, "factual_labels": np.uint8, "targets": np.uint8,
}  # fmt: skip


class Damaged(Exception):  # noqa: N818 (a state)
    """The data read are not those that were written; the store turns this into a notice and never raises it."""


# -- entries and files ----------------------------------------------------------------------------


def entry_name(epoch: int) -> str:
    """Name of the entry that holds the snapshot after ``epoch`` epochs."""
    return f"{epoch:05d}"


def pack(key: str, name: str, facts: Mapping[str, Any], arrays: Arrays) -> tuple[Arrays, dict[str, str]]:
    """Tensors and metadata of one entry."""
    body = {"key": key, "name": name, "facts": facts, "arrays": sorted(arrays)}
    metadata = json.dumps({**body, "sha256": _digest(body, arrays)}, **_CANONICAL)
    return {f"{name}/{array}": np.ascontiguousarray(values) for array, values in arrays.items()}, {name: metadata}


_CANONICAL: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "allow_nan": False}


def _digest(body: Mapping[str, Any], arrays: Arrays) -> str:
    digest = hashlib.sha256(json.dumps(body, **_CANONICAL).encode())
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape};".encode())
        digest.update(values.data)
    return digest.hexdigest()


def to_bytes(tensors: Arrays, metadata: dict[str, str]) -> bytes:
    """Content of a file with these entries."""
    return bytes(save(tensors, metadata=metadata))


class EntryFile:
    """An open safetensors file; its arrays are read one by one."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        if path.stat().st_size > max_bytes:
            raise Damaged(f"{path.name} is larger than its experiment allows")
        try:
            self._file: Any = _open_untyped(str(path), framework="numpy")
            self.metadata: dict[str, str] = dict(self._file.metadata() or {})
        except OSError:
            raise
        except Exception as error:  # a parser of foreign bytes may raise anything
            raise Damaged(f"{path.name} cannot be read ({error})") from error

    def entry(self, key: str, name: str) -> tuple[dict[str, Any], Arrays]:
        """Facts and arrays of an entry, checked against its digest and the key of the run."""
        return _entry(self.metadata, self._file.get_tensor, key, name)


def entry_of(content: bytes, key: str | None, name: str) -> tuple[dict[str, Any], Arrays]:
    """Facts and arrays of an entry in the content of a small file, checked likewise; None is any key."""
    arrays: Arrays = load(content)
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    return _entry(metadata, arrays.__getitem__, key, name)


def _entry(
    metadata: Mapping[str, str], array_of: Callable[[str], Array], key: str | None, name: str
) -> tuple[dict[str, Any], Arrays]:
    try:
        body = json.loads(metadata[name])
        digest = body.pop("sha256")
        facts, listed = body["facts"], body["arrays"]
        if key not in (None, body["key"]) or body["name"] != name or len(listed) > _MAX_ARRAYS:
            raise Damaged(f"entry {name} belongs to another run")
        arrays = {array: np.asarray(array_of(f"{name}/{array}")) for array in listed}
        intact = digest == _digest(body, arrays)
    except OSError:
        raise
    except Exception as error:
        raise Damaged(f"entry {name} cannot be read ({error})") from error
    if not intact or not isinstance(facts, dict):
        raise Damaged(f"entry {name} was changed after it was written")
    return facts, arrays


_open_untyped: Any = safe_open  # its methods have no types


# -- bulk arrays -----------------------------------------------------------------------------------


def squeeze(values: Array, axes: tuple[int, ...]) -> Array:
    """Compress unsigned integers with zlib: differences along ``axes`` (modulo), one plane per byte."""
    for axis in axes:
        values = np.diff(values, axis=axis, prepend=np.zeros_like(values.take([0], axis=axis)))
    planes = np.ascontiguousarray(values)[..., None].view(np.uint8)
    return np.frombuffer(zlib.compress(np.moveaxis(planes, -1, 0).tobytes(), LEVEL), np.uint8)


def expand(
    squeezed: Array, dtype: type[np.unsignedinteger[Any]], shape: tuple[int, ...], axes: tuple[int, ...]
) -> Array:
    """Inverse of ``squeeze``; never decompresses more than ``shape`` needs."""
    width = np.dtype(dtype).itemsize
    size = math.prod(shape) * width
    if squeezed.dtype != np.uint8 or squeezed.ndim != 1:
        raise Damaged("a compressed array is not bytes")
    machine = zlib.decompressobj()
    try:
        raw = machine.decompress(squeezed.tobytes(), size or 1)
    except zlib.error as error:
        raise Damaged(f"a compressed array cannot be expanded ({error})") from error
    if len(raw) != size or machine.decompress(machine.unconsumed_tail, 1) or not machine.eof or machine.unused_data:
        raise Damaged("a compressed array does not have the size it should have")
    planes = np.frombuffer(raw, np.uint8).reshape(width, *shape)
    values = np.ascontiguousarray(np.moveaxis(planes, 0, -1)).view(dtype)[..., 0]
    for axis in reversed(axes):
        values = np.cumsum(values, axis=axis, dtype=dtype)
    return values


_FIELD_AXES = (3, 2)  # m c g g: neighbours to the left, then below
_POINT_AXES = {1: (3,), 2: (3, 3)}  # d m b t+1: along the path, steps or changes of steps


# -- snapshots --------------------------------------------------------------------------------------


def encode_snapshot(experiment: Experiment, snapshot: Snapshot) -> tuple[Arrays, dict[str, str]]:
    """Tensors and metadata of a snapshot; ``Damaged`` if it is not one of this experiment."""
    check_snapshot(experiment, snapshot)
    metrics = {name: [_number_out(v) for v in values.tolist()] for name, values in snapshot.metrics.items()}
    facts: dict[str, Any] = {"epoch": snapshot.epoch, "seconds": snapshot.seconds, "metrics": metrics, "shapes": {}}
    arrays: Arrays = {f"weights.{name}": values for name, values in snapshot.weights.items()}
    arrays |= {f"networks.{name}": values for name, values in snapshot.networks.items()}
    if snapshot.field is not None:
        facts["shapes"]["field"] = list(snapshot.field.shape)
        arrays["field"] = squeeze(snapshot.field, _FIELD_AXES)
    if snapshot.paths is not None:
        facts["shapes"]["paths"] = list(snapshot.paths.points.shape)
        facts["order"], arrays["paths.points"] = _squeeze_points(snapshot.paths.points)
        arrays |= {f"paths.{part}": getattr(snapshot.paths, part) for part in ("steps", "nascent", "mature")}
    return pack(experiment.key, entry_name(snapshot.epoch), facts, arrays)


def decode_snapshot(experiment: Experiment, epoch: int, facts: dict[str, Any], arrays: Arrays) -> Snapshot:
    """Inverse of ``encode_snapshot``."""
    try:
        shapes = {name: tuple(int(n) for n in shape) for name, shape in facts["shapes"].items()}
        # A metric that came later than the run is one that does not apply.
        rows = {**dict.fromkeys(METRICS, [None] * len(experiment.arms)), **facts["metrics"]}
        snapshot = Snapshot(
            epoch=int(facts["epoch"]),
            seconds=float(facts["seconds"]),
            metrics={name: np.array([_number_in(v) for v in row]) for name, row in rows.items()},
            weights={name.removeprefix("weights."): v for name, v in arrays.items() if name.startswith("weights.")},
            networks={name.removeprefix("networks."): v for name, v in arrays.items() if name.startswith("networks.")},
            field=_field(experiment, shapes["field"], arrays) if "field" in shapes else None,
            paths=_paths(experiment, shapes["paths"], facts.get("order", 1), arrays) if "paths" in shapes else None,
            origin=experiment.origin,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Damaged(f"snapshot {epoch} is incomplete ({error!r})") from error
    if snapshot.epoch != epoch:
        raise Damaged(f"snapshot {epoch} is that of another epoch")
    check_snapshot(experiment, snapshot)
    return snapshot


def _field(experiment: Experiment, shape: tuple[int, ...], arrays: Arrays) -> npt.NDArray[np.uint8]:
    _check_field(experiment, shape)
    return expand(arrays["field"], np.uint8, shape, _FIELD_AXES)


def _squeeze_points(points: npt.NDArray[np.uint16]) -> tuple[int, Array]:
    """Order of the differences, and the bytes: long smooth paths compress best with the second, short ones with the
    first."""
    moved = np.moveaxis(points, -1, 0)
    return min(((order, squeeze(moved, axes)) for order, axes in _POINT_AXES.items()), key=lambda found: len(found[1]))


def _paths(experiment: Experiment, shape: tuple[int, ...], order: int, arrays: Arrays) -> Paths:
    _check_points(experiment, shape)
    points = expand(arrays["paths.points"], np.uint16, (shape[3], *shape[:3]), _POINT_AXES[order])
    rest = {part: arrays[f"paths.{part}"] for part in ("steps", "nascent", "mature")}
    return Paths(points=np.ascontiguousarray(np.moveaxis(points, 0, -1)), **rest)


def check_snapshot(experiment: Experiment, snapshot: Snapshot) -> None:
    """``Damaged`` unless every array has the type and shape that the experiment implies."""
    m, models = len(experiment.arms), experiment.models
    _require(0 <= snapshot.epoch <= experiment.training.epochs, f"epoch {snapshot.epoch}")
    _require(math.isfinite(snapshot.seconds) and snapshot.seconds >= 0, f"seconds {snapshot.seconds}")
    for name, row in snapshot.metrics.items():
        _require(name in METRICS and row.shape == (m,) and row.dtype == np.float64, f"metric {name}")
    for name, values in snapshot.weights.items():
        _require(values.dtype == np.float32 and values.ndim in (2, 3) and len(values) == models, f"weights {name}")
    for name, values in snapshot.networks.items():
        own = len(experiment.with_network)
        _require(values.dtype == np.float32 and values.ndim in (2, 3) and len(values) == own, f"networks {name}")
    numbers = sum(values.size for values in snapshot.networks.values())
    _require(numbers == weights_of_networks(experiment), f"number {numbers} of the networks' weights")
    if snapshot.field is not None:
        _require(snapshot.field.dtype == np.uint8, "type of the field")
        _check_field(experiment, snapshot.field.shape)
    if snapshot.paths is not None:
        points = snapshot.paths.points
        _require(points.dtype == np.uint16, "type of the paths")
        _check_points(experiment, points.shape)
        for part, dtype in (("steps", np.uint16), ("nascent", np.uint16), ("mature", np.bool_)):
            values = getattr(snapshot.paths, part)
            _require(values.dtype == dtype and values.shape == points.shape[:2], f"paths.{part}")
            inside = part == "mature" or values.size == 0 or int(values.max()) < points.shape[2]
            _require(inside, f"paths.{part}, beyond the path,")


def _check_field(experiment: Experiment, shape: tuple[int, ...]) -> None:
    c = 1 if experiment.data.classes == 2 else experiment.data.classes
    side = experiment.evaluation.field
    _require(shape == (len(experiment.arms), c, side, side), f"shape {shape} of the field")


def _check_points(experiment: Experiment, shape: tuple[int, ...]) -> None:
    most = experiment.evaluation
    fits = len(shape) == 4 and shape[0] == len(experiment.arms) and 0 <= shape[1] <= most.paths
    _require(fits and 1 <= shape[2] <= most.steps + 1 and shape[3] == experiment.d, f"shape {shape} of the paths")


def _require(fits: bool, what: str) -> None:
    if not fits:
        raise Damaged(f"{what} does not fit the experiment")


def _number_out(value: float) -> float | str | None:
    """JSON has neither NaN (null here) nor infinities (text here)."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _number_in(value: Any) -> float:
    if isinstance(value, str) and value not in ("inf", "-inf"):
        raise ValueError(f"{value!r} is not a number")
    return math.nan if value is None else float(value)


# -- the scene ----------------------------------------------------------------------------------------


def encode_scene(experiment: Experiment, scene: Scene) -> tuple[Arrays, dict[str, str]]:
    """Tensors and metadata of a scene; ``Damaged`` if it is not one of this experiment."""
    check_scene(experiment, scene)
    facts = {"classes": list(scene.classes), "features": list(scene.features)}
    return pack(experiment.key, "scene", facts, {name: getattr(scene, name) for name in _SCENE})


def decode_scene(experiment: Experiment, facts: dict[str, Any], arrays: Arrays) -> Scene:
    """Inverse of ``encode_scene``."""
    try:
        words = {part: tuple(str(word) for word in facts[part]) for part in ("classes", "features")}
        known: dict[str, Any] = {name: arrays[name] for name in _SCENE}
        scene = Scene(**known, classes=words["classes"], features=words["features"])
    except (KeyError, TypeError) as error:
        raise Damaged(f"the scene is incomplete ({error!r})") from error
    check_scene(experiment, scene)
    return scene


def check_scene(experiment: Experiment, scene: Scene) -> None:
    """``Damaged`` unless every array has the type and shape that the experiment implies."""
    for name, dtype in _SCENE.items():
        _require(getattr(scene, name).dtype == dtype, f"type of {name}")
    _require(scene.lower.shape == scene.upper.shape == (experiment.d,), "extent of the scene")
    for rows, labels in (("points", ("labels",)), ("factuals", ("factual_labels", "targets"))):
        values = getattr(scene, rows)
        _require(values.ndim == 2 and values.shape[1] == experiment.d, f"shape of {rows}")
        for name in labels:
            found = getattr(scene, name)
            _require(found.shape == (len(values),), f"shape of {name}")
            _require(found.size == 0 or int(found.max()) < experiment.data.classes, f"a class in {name}")
    named = (len(scene.classes), len(scene.features))
    _require(named == (experiment.data.classes, len(experiment.data.features)), "names in the scene")


# -- bounds ---------------------------------------------------------------------------------------------


def max_bytes(experiment: Experiment, snapshots: int) -> int:
    """Upper bound on the size of a file with this many snapshots; a larger one is not opened."""
    m, k, e = len(experiment.arms), experiment.data.classes, experiment.evaluation
    weights = 4 * (experiment.models * weights_per_model(experiment) + weights_of_networks(experiment))
    arm = k * e.field**2 + e.paths * ((e.steps + 1) * experiment.d * 2 + 8) + len(METRICS) * 64
    return _SHARED + 2 * snapshots * (weights + m * arm + 16384)
