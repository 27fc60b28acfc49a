"""Data that a caller hands over in Python, as a setting of an experiment: its digest, and what settings refer to."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

from pydantic import Field, PrivateAttr

from ctviz.data.schema import Grid
from ctviz.errors import DataError
from ctviz.settings import Settings

if TYPE_CHECKING:
    from ctviz.data.dataset import Dataset

GIVEN = "given"

_handed_over: WeakValueDictionary[str, Dataset] = WeakValueDictionary()
"""Digest → data set, as long as an experiment or the caller holds it."""


class GivenSettings(Settings):
    """A ``Dataset`` of the caller's: ``Experiment(data=dataset)`` makes these settings of it.

    The samples are no part of them and are not stored. Their digest is, so that a key means one result; where the
    samples are not in this process, an experiment can be read but not trained.
    """

    name: Literal["given"] = "given"
    digest: str = Field(pattern=r"^[0-9a-f]{32}$")
    features: tuple[str, ...] = Field(min_length=1)
    widths: tuple[int, ...] = Field(min_length=1)
    classes: int = Field(ge=2)
    grid: Grid | None = None
    n_train: int = Field(ge=2)
    n_validation: int = Field(ge=1)
    n_test: int = Field(ge=1)
    seed: int = Field(0, ge=0, lt=2**31)

    _dataset: Any = PrivateAttr(None)

    def model_post_init(self, context: Any) -> None:
        self._dataset = _handed_over.get(self.digest)

    @property
    def d(self) -> int:
        """Number of columns."""
        return sum(self.widths)

    @property
    def dataset(self) -> Dataset:
        """The data set itself.

        Raises:
            DataError: it is not in this process.
        """
        found: Dataset | None = self._dataset
        if found is None:
            raise DataError(
                "The data of this experiment were handed over in Python and are not here; make the experiment again "
                "with Experiment(data=...)."
            )
        return found


def given(dataset: Dataset, seed: int = 0) -> GivenSettings:
    """The settings that stand for a data set of the caller's.

    ``seed``: chooses which validation samples are searched after each epoch.

    Raises:
        DataError: a split without samples, fewer than two classes, a category that is not one-hot.
    """
    schema = dataset.schema
    if dataset.k < 2:
        raise DataError(f"{dataset.name} has {dataset.k} class; a classifier needs two or more.")
    for part in ("train", "validation", "test"):
        X, _ = getattr(dataset, part)
        if not len(X):
            raise DataError(f"{part} of {dataset.name} has no samples; each split needs some.")
        for feature, span in zip(schema.features, schema.spans, strict=True):
            levels = X[:, span]
            if feature.kind == "category" and not (
                ((levels == 0) | (levels == 1)).all() and (levels.sum(dim=1) == 1).all()
            ):
                raise DataError(
                    f"{part} of {dataset.name} is not one-hot in {feature.name}: in each row, one of its "
                    f"{feature.width} columns is 1 and the others are 0."
                )
    digest = _digest(dataset)
    _handed_over.setdefault(digest, dataset)
    found = GivenSettings(
        digest=digest,
        features=schema.names,
        widths=tuple(feature.width for feature in schema.features),
        classes=dataset.k,
        grid=schema.grid,
        n_train=len(dataset.train[1]),
        n_validation=len(dataset.validation[1]),
        n_test=len(dataset.test[1]),
        seed=seed,
    )
    found._dataset = dataset  # not an equal one with other rules or another name that was handed over before
    return found


def _digest(dataset: Dataset) -> str:
    """32 hexadecimal digits of the SHA-256 of schema, classes and samples; the name of the data set is left out."""
    found = hashlib.sha256(dataset.schema.identity().encode())
    found.update("\0".join(dataset.classes).encode())
    for X, y in (dataset.train, dataset.validation, dataset.test):
        found.update(f"{tuple(X.shape)}".encode())
        found.update(X.detach().cpu().contiguous().numpy().tobytes())
        found.update(y.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:32]
