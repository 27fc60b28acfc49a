"""The kinds of data: what their samples are, and so how these are named, drawn, compared and explored."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Protocol


class Columns(Protocol):
    """What tells the kind of a data set: its settings, or its schema."""

    @property
    def features(self) -> Sized:
        """The features, or their names."""

    @property
    def d(self) -> int:
        """Number of columns."""

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of images."""


@dataclass(frozen=True)
class DataKind:
    """A kind of data.

    Attributes:
        name: by which others refer to it.
        title: what such data are called in a sentence.
        item: what each of their samples is called in errors.
        explorer: module and name of the class that searches and analyses the models of their runs.
        includes: whether a data set is of this kind, unless an earlier one includes it.
        drawn: whether they are points in a plane, in which runs record fields and paths.
        kernels: whether samples are near enough to each other for the kernel of IP*, which has a length scale of 0.5.
        wilsons: whether shares of searches have Wilson's interval, for few searches that all end alike.
    """

    name: str
    title: str
    item: str
    explorer: tuple[str, str]
    includes: Callable[[Columns], bool]
    drawn: bool = False
    kernels: bool = True
    wilsons: bool = False

    @property
    def items(self) -> str:
        """Several of them."""
        return f"{self.item}s"


PICTURES = DataKind(
    name="images",
    title="images",
    item="picture",
    explorer=("ctviz.experiments.images.explorer", "ImageExplorer"),
    includes=lambda data: data.grid is not None,
    kernels=False,
    wilsons=True,
)
PLANE = DataKind(
    name="plane",
    title="data in a plane",
    item="factual",
    explorer=("ctviz.experiments.explorer", "Explorer"),
    includes=lambda data: len(data.features) == data.d == 2,
    drawn=True,
)
TABLE = DataKind(
    name="table",
    title="a table",
    item="factual",
    explorer=("ctviz.experiments.explorer", "Explorer"),
    includes=lambda data: True,
)

DATA_KINDS = (PICTURES, PLANE, TABLE)
"""The last of them includes whatever no other does: tables of numbers and categories."""


def kind_of_data(data: Columns) -> DataKind:
    """The kind of a data set, by its settings or its schema."""
    return next(kind for kind in DATA_KINDS if kind.includes(data))
