"""The samples of a data set, drawn or read, in three splits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from ctviz.data import synthetic
from ctviz.data.catalogue import DATASETS, FEATURE_NAMES, AnyData
from ctviz.data.dataset import Dataset, Split
from ctviz.data.drawn import EXTENT, DrawnSettings, class_names, decode, splits, values_of
from ctviz.data.given import GivenSettings
from ctviz.data.image_sets import ImageSettings
from ctviz.data.schema import Array, Feature, Schema
from ctviz.data.tables.settings import TableSettings
from ctviz.isolation import isolated


@isolated()
def samples(settings: AnyData) -> Dataset:
    """The data set that the settings describe, as ``load`` gives it."""
    if isinstance(settings, ImageSettings):
        from ctviz.data.images import load_images  # imported late: few runs need images

        return load_images(settings)
    if isinstance(settings, TableSettings):
        from ctviz.data.tables.shipped import load_known  # imports pandas and scikit-learn

        return load_known(settings)
    if isinstance(settings, DrawnSettings):
        return _drawn(settings)
    if isinstance(settings, GivenSettings):
        return settings.dataset
    info = DATASETS[settings.name]
    rng = np.random.default_rng(settings.seed)
    sizes = (settings.n_train, settings.n_validation, settings.n_test)
    shares = np.array([_shares(n, settings.classes) for n in sizes])  # split k
    noise = info.noise.default if settings.noise is None else settings.noise
    shape = synthetic.DrawSettings(noise or 0.0, settings.separation, settings.signal, settings.correlation)
    X = info.makes(shares.sum(0).tolist(), shape, rng).astype(np.float32)
    split_of = np.concatenate([rng.permutation(np.repeat(np.arange(3), share)) for share in shares.T])
    y = np.repeat(np.arange(settings.classes), shares.sum(0))
    train, validation, test = (_pick(X, y, np.flatnonzero(split_of == part), rng) for part in range(3))
    return Dataset(
        name=settings.name,
        schema=Schema.infer(train[0].numpy(), FEATURE_NAMES),
        classes=tuple(f"class {c}" for c in range(settings.classes)),
        train=train,
        validation=validation,
        test=test,
    )


def _drawn(settings: DrawnSettings) -> Dataset:
    """Points of one's own; what may be reached is the square on which they were painted."""
    places, labels = decode(settings.points)
    X, y = torch.from_numpy(values_of(places)), torch.from_numpy(labels.astype(np.int64))
    train, validation, test = ((X[rows], y[rows]) for rows in map(torch.from_numpy, splits(settings)))
    return Dataset(
        name=settings.name,
        schema=Schema(features=tuple(Feature(name=name, domain=(-EXTENT, EXTENT)) for name in settings.features)),
        classes=class_names(settings.classes, settings.labels),
        train=train,
        validation=validation,
        test=test,
    )


def _shares(n: int, k: int) -> list[int]:
    """``n`` split equally over ``k`` classes; the first classes get the remainder."""
    return [n // k + (c < n % k) for c in range(k)]


def _pick(X: Array, y: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], rng: np.random.Generator) -> Split:
    rows = rng.permutation(rows)
    return torch.from_numpy(X[rows]), torch.from_numpy(y[rows].astype(np.int64))
