"""From a table in original units to the columns of models, and back: scikit-learn's ``ColumnTransformer``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ctviz.data.display import DisplayScale
from ctviz.data.schema import Array, Feature, Schema
from ctviz.data.tables.declaration import Column

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

Rows = npt.NDArray[np.int64]

FEW_VALUES = 10
"""Whole numbers of at most so many values, such as a rate from 1 to 4, have no others."""


class Preprocessing:
    """Numbers standardised, ordered levels by their ranks and standardised, categories one-hot.

    Frames have one column per feature, called by its name: numbers in the unit that people read, levels by name.
    """

    def __init__(self, transformer: ColumnTransformer, schema: Schema) -> None:
        self.transformer, self.schema = transformer, schema

    @classmethod
    def fit(cls, columns: Sequence[Column], frame: pd.DataFrame, training: Rows) -> tuple[Preprocessing, Array]:
        """The preprocessing with means and standard deviations of the ``training`` rows, and the columns of all rows,
        float32 (n d)."""
        from sklearn.compose import ColumnTransformer

        steps = [
            (f"{i}", _transformer(column), [column.name]) for i, column in enumerate(columns)
        ]  # any name is allowed
        transformer = ColumnTransformer(steps, sparse_threshold=0)
        transformer.fit(frame.iloc[training])
        X = transformer.transform(frame)
        starts = np.cumsum([0, *(column.width for column in columns)])[:-1]
        features = tuple(
            _feature(column, fitted, X[:, start], training)
            for column, fitted, start in zip(columns, _fitted(transformer), starts, strict=True)
        )
        return cls(transformer, Schema(features=features)), X.astype(np.float32)

    @classmethod
    def of(cls, schema: Schema) -> Preprocessing:
        """The preprocessing that has led to a schema: means and standard deviations stand in its display scales."""
        import pandas as pd
        from sklearn.compose import ColumnTransformer

        columns = [
            Column(f.name, f.name, f.kind, {level: level for level in f.levels}, rounding=f.display.step)
            for f in schema.features
        ]
        steps = [(f"{i}", _transformer(column), [column.name]) for i, column in enumerate(columns)]
        transformer = ColumnTransformer(steps, sparse_threshold=0)
        transformer.fit(pd.DataFrame({c.name: list(c.names[:2]) if c.levels else [0.0, 1.0] for c in columns}))
        for feature, fitted in zip(schema.features, _fitted(transformer), strict=True):
            if feature.kind != "category":
                scaler = fitted["scale"] if feature.kind == "ordered" else fitted
                scaler.mean_[:], scaler.scale_[:] = feature.display.offset, feature.display.scale
                scaler.var_[:] = feature.display.scale**2
        return cls(transformer, schema)

    def transform(self, frame: pd.DataFrame) -> Array:
        """The columns of models, float32 (n d)."""
        return np.asarray(self.transformer.transform(frame), dtype=np.float32)

    def inverse(self, X: npt.ArrayLike) -> pd.DataFrame:
        """The table of columns (n d), numbers rounded as they are shown; of a relaxed category the level with the
        largest column."""
        import pandas as pd

        values = np.asarray(X, dtype=np.float64)
        found: dict[str, Any] = {}
        parts = zip(self.schema.features, self.schema.spans, _fitted(self.transformer), strict=True)
        for feature, span, fitted in parts:
            found[feature.name] = self._inverse(feature, fitted, values[:, span])
        return pd.DataFrame(found)

    def _inverse(self, feature: Feature, fitted: Any, part: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        if feature.kind == "category":
            part = np.eye(feature.width)[part.argmax(axis=1)]
            return np.asarray(fitted.inverse_transform(part))[:, 0]
        if feature.kind == "ordered":
            ranks = np.rint(fitted["scale"].inverse_transform(part)).clip(0, len(feature.levels) - 1)
            return np.asarray(fitted["rank"].inverse_transform(ranks))[:, 0]
        shown, step = fitted.inverse_transform(part)[:, 0], feature.display.step
        return np.asarray(np.round(np.round(shown / step) * step, feature.display.places))


def _fitted(transformer: ColumnTransformer) -> list[Any]:
    """What was fitted to each feature, in their order."""
    return [fitted for name, fitted, _ in transformer.transformers_ if name != "remainder"]


def _feature(column: Column, fitted: Any, x: npt.NDArray[np.float64], training: Rows) -> Feature:
    """The feature of a column; ``x``: its first column, all rows."""
    if column.kind == "category":
        return Feature(name=column.name, kind="category", levels=column.names, effort=column.effort)
    scaler = fitted["scale"] if column.kind == "ordered" else fitted
    display = DisplayScale(
        unit=column.unit,
        prefix=column.prefix,
        offset=float(scaler.mean_[0]),
        scale=float(scaler.scale_[0]),
        step=column.rounding,
    )
    return Feature(
        name=column.name,
        kind=column.kind,
        levels=column.names,
        domain=_domain(column, x, training, display),
        display=display,
        step=None if column.kind == "ordered" else (column.step or column.rounding),
        effort=column.effort,
        deviation=_deviation(x[training]),
    )


def _transformer(column: Column) -> Any:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    levels = [np.array(column.names, dtype=object)]
    if column.kind == "category":
        return OneHotEncoder(categories=levels, sparse_output=False)
    if column.kind == "ordered":
        return Pipeline([("rank", OrdinalEncoder(categories=levels)), ("scale", StandardScaler())])
    return StandardScaler()


def _domain(column: Column, x: npt.NDArray[np.float64], training: Rows, display: DisplayScale) -> tuple[float, float]:
    """[min(μ − 3σ, min), max(μ + 3σ, max)] of the training rows, wide enough for all rows. Ordered levels end at the
    first and the last, whole numbers on whole numbers, those of few values at the ends of the data, and what is never
    negative in the data stays so."""
    if column.kind == "ordered":
        ends = (0.0, len(column.names) - 1.0)
    else:
        few = column.kind == "integer" and len(np.unique(x)) <= FEW_VALUES
        mean, spread = x[training].mean(), 0.0 if few else 3 * x[training].std()
        ends = (display.to_shown(min(mean - spread, x.min())), display.to_shown(max(mean + spread, x.max())))
        if display.to_shown(float(x.min())) >= -1e-9:
            ends = (max(ends[0], 0.0), ends[1])
        if column.kind == "integer":
            ends = (math.ceil(ends[0] - 1e-6), math.floor(ends[1] + 1e-6))
    low, high = (float(np.float32(display.of_shown(float(end)))) for end in ends)
    return min(low, float(np.float32(x.min()))), max(high, float(np.float32(x.max())))


def _deviation(x: npt.NDArray[np.float64]) -> float:
    """The median absolute deviation; the standard deviation where it is 0, as where most values are the same."""
    found = float(np.median(np.abs(x - np.median(x))))
    return found or float(x.std()) or 1.0
