"""Checks of the public search's inputs; each mistake becomes one sentence that names it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ctviz.counterfactuals.reference_data import MAX_SAMPLES, ReferenceData
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.frames import TableLabels, check_rows, common_labels, labels_of, numbers_of
from ctviz.data.schema import Feature, FeatureRef, Range, Schema
from ctviz.errors import ConfigError, DataError

Refs = Iterable[FeatureRef] | FeatureRef


def points(values: Tensor | npt.ArrayLike, name: str, schema: Schema | None = None) -> Tensor:
    """A table of finite real numbers, (b d), on the CPU in floating point; ``name`` is what errors call it.

    With the ``schema`` of a run, a frame's columns must have its names.
    """
    if schema is not None:
        common_labels(("the run", TableLabels(schema.columns)), (name, labels_of(values, name)))
    return numbers(values, name, (2,), "(b d)")


def numbers(values: Tensor | npt.ArrayLike, name: str, axes: tuple[int, ...], expected: str) -> Tensor:
    """Like ``points``, with one of the numbers of axes in ``axes``; ``expected`` is the shape that errors name."""
    try:
        X = _tensor(values, name)
    except (TypeError, ValueError, NotImplementedError):
        raise DataError(f"{name} hold something that is not a number.") from None
    if X.ndim not in axes or X.shape[-1] == 0:
        raise DataError(f"{name} have shape {tuple(X.shape)}; expected {expected}.")
    if X.is_complex():
        raise DataError(f"{name} hold complex numbers; expected real ones.")
    X = X.to(torch.float64 if X.dtype == torch.float64 else torch.float32, copy=True)
    if not torch.isfinite(X).all():
        raise DataError(f"{name} hold values that are not finite.")
    return X


def classes(values: Tensor | npt.ArrayLike | int, b: int, k: int, name: str) -> Tensor:
    """Classes from 0 to k − 1, (b), int64; a single one stands for all."""
    try:
        y = _tensor(values, name)
    except (TypeError, ValueError, NotImplementedError):
        raise DataError(f"{name} hold something that is not a number.") from None
    if y.numel() and (y.is_floating_point() or y.is_complex() or y.dtype == torch.bool):
        raise DataError(f"{name} are of type {y.dtype}; expected whole numbers.")
    y = y.long()
    y = y.expand(b) if y.ndim == 0 else y
    if y.shape != (b,):
        raise DataError(f"{name} have shape {tuple(y.shape)}; expected ({b},).")
    if b and not (int(y.min()) >= 0 and int(y.max()) < k):
        raise ConfigError(name, sorted(set(y.tolist())), f"classes 0 to {k - 1}")
    return y


def _tensor(values: Tensor | npt.ArrayLike, name: str) -> Tensor:
    """A tensor on the CPU, also of arrays with negative strides or foreign byte order, which torch refuses."""
    if isinstance(values, Tensor):
        return values.detach().cpu().to_dense()
    array = numbers_of(values, name)
    return torch.from_numpy(np.asarray(array.astype(array.dtype.newbyteorder("=")), order="C"))


# -- what may change -------------------------------------------------------------------------------------


def labels(schema: Schema | None, factuals: Any, targets: Any, samples: Any) -> TableLabels:
    """Labels of the factuals; names of their columns are the factuals' own, the schema's or the samples'.

    Raises:
        ConfigError: ``schema`` is not a schema. DataError: names of columns that disagree; rows in another order than
            their classes.
    """
    if schema is not None and not isinstance(schema, Schema):
        raise ConfigError("schema", schema, "a ctviz.Schema, or None")
    check_rows(("factuals", factuals), ("targets", targets))
    X, y = samples if isinstance(samples, tuple | list) and len(samples) == 2 else (None, None)
    check_rows(("samples", X), ("the samples' classes", y))
    named = ("the schema", TableLabels(schema.columns if schema else ())), ("samples", labels_of(X, "samples"))
    return common_labels(("factuals", labels_of(factuals, "factuals")), *named)


def constrained_schema(
    schema: Schema | None, d: int, called: TableLabels, refs: Mapping[str, Refs], ranges: Iterable[Range] | Range
) -> Schema:
    """The schema (by default one without bounds) with further constraints."""
    base = schema or Schema(features=tuple(Feature(name=name) for name in called.named(d)))
    if base.d != d:
        raise DataError(f"factuals have {d} columns; the schema has {base.d}.")
    places = {name: _positions(name, given, base, called.numbered) for name, given in refs.items()}
    result = base.constrain(**places, ranges=_ranges(ranges, base, called.numbered))
    up, down = result.directions()
    if not (up.any() or down.any()):
        raise ConfigError("locked", list(result.names), "at least one feature left free")
    return result


def _positions(name: str, refs: Refs, schema: Schema, numbered: bool) -> list[FeatureRef]:
    """Features by position; a single one needs no brackets, and a part of an image stands for its pixels."""
    try:
        several = [refs] if isinstance(refs, str | int | np.integer) else list(refs)
        for ref in several:
            if numbered and isinstance(ref, int | np.integer):
                allowed = f"a name such as {schema.names[0]!r}, for columns labelled with numbers that are no positions"
                raise ConfigError(name, ref, allowed)
        return [position for ref in several for position in schema.positions(ref)]
    except ConfigError as error:
        raise ConfigError(name, error.value, error.allowed) from None
    except TypeError:
        raise ConfigError(name, refs, "features by position or name") from None


def _ranges(given: Iterable[Range] | Range, schema: Schema, numbered: bool) -> list[Range]:
    """Triples of a feature's position, its lowest and its highest value; a single one needs no brackets."""
    allowed = "triples of a feature, its lowest value and its highest; None for no end"
    try:
        entries: list[Any] = list(given)
        if len(entries) == 3 and isinstance(entries[0], str | int | np.integer):
            entries = [entries]
        triples = [tuple(entry) for entry in entries]
    except TypeError:
        raise ConfigError("ranges", given, allowed) from None
    for triple in triples:
        numbers = (int, float, np.integer, np.floating, type(None))
        if len(triple) != 3 or any(isinstance(v, bool) or not isinstance(v, numbers) for v in triple[1:]):
            raise ConfigError("ranges", triple, allowed)
    return [(place, low, high) for ref, low, high in triples for place in _positions("ranges", [ref], schema, numbered)]


# -- reference data --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Samples:
    """Samples that are equal if their contents are."""

    digest: bytes
    k: int
    X: Tensor = field(compare=False, repr=False)
    y: Tensor = field(compare=False, repr=False)


@lru_cache(maxsize=4)
def _reference_data(samples: _Samples) -> ReferenceData:
    """Cached by the samples, so that what was made of them, such as an autoencoder, is used again."""
    return ReferenceData(samples.X, samples.y, samples.k)


def reference_data(samples: Any, d: int, k: int, targets: Tensor, settings: SearchSettings) -> ReferenceData:
    """Reference data from ``samples``, a pair of features (n d) and their classes (n).

    Raises:
        ConfigError, DataError: samples that do not fit the factuals, the model, the targets or the settings.
    """
    if not isinstance(samples, tuple | list) or len(samples) != 2:
        raise ConfigError("samples", type(samples).__name__, "a pair: features (n d) and their classes (n)")
    X = points(samples[0], "samples")
    n = len(X)
    if X.shape[1] != d:
        raise DataError(f"samples have {X.shape[1]} columns; factuals have {d}.")
    if n == 0:
        raise DataError("samples have no rows.")
    y = classes(samples[1], n, k, "the samples' classes")
    there = sorted(set(y.tolist()))
    missing = sorted(set(targets.tolist()) - set(there))
    if missing:
        known = ", ".join(map(str, there[:10]))
        raise DataError(f"No sample has class {missing[0]}, which is a target; there are samples of {known}.")
    if settings.generator == "face" and settings.neighbours >= min(n, MAX_SAMPLES):
        allowed = f"1 to {min(n, MAX_SAMPLES) - 1}, with {n} samples" if n > 1 else "two samples or more"
        raise ConfigError("neighbours", settings.neighbours, allowed)
    y = y.clone()
    digest = hashlib.blake2b(X.numpy().tobytes() + y.numpy().tobytes(), digest_size=32)
    digest.update(repr((X.dtype, tuple(X.shape))).encode())
    return _reference_data(_Samples(digest.digest(), k, X, y))
