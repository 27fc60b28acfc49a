"""The results of an ``ImageExplorer``, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.evaluation.attribution import AttributionSettings
from ctviz.evaluation.bootstrap import Floats as Doubles
from ctviz.evaluation.bootstrap import Interval
from ctviz.experiments.endpoints import EndNumbers
from ctviz.experiments.trace import Bools, Floats, Ints, SearchTrace
from ctviz.short_repr import ShortRepr


@dataclass(frozen=True, repr=False, eq=False)
class ImageSample(ShortRepr):
    """A selection of test pictures."""

    index: Ints  # b: their positions in the test split
    X: Floats  # b d
    y: Ints  # b: true classes

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, repr=False, eq=False)
class ClassMeans(ShortRepr):
    """Mean attributions of every model in each class, and their share on locked pixels.

    The output of the predicted class is attributed; pictures are grouped by their true class. ``share`` is the part of
    Σ |g| on the locked pixels; ``standardised`` is the paper's measure, the mean over locked pixels of
    (|g| − min) / (max − min). Differences are taken to the first arm, picture by picture, and are NaN for itself.
    All four are NaN where nothing is locked.
    """

    arms: tuple[str, ...]
    settings: AttributionSettings
    level: float
    samples: int
    counts: Ints  # k: pictures of each class
    mean: Floats  # m k d: mean of (|g| − min) / (max − min); NaN for a class without pictures
    signed: Floats  # m k d: mean of g
    locked: Bools  # d: the pixels that count as locked
    share: Interval  # m
    difference: Interval  # m
    standardised: Interval  # m
    standardised_difference: Interval  # m
    rows: Interval  # m r: share of each row of pixels
    row_difference: Interval  # m r
    error: Doubles  # m: mean |Σ g − [F(x) − F(x⁰)]| as a share of mean Σ |g|; NaN where the parts need not add up


@dataclass(frozen=True, repr=False, eq=False)
class ImageTrace(SearchTrace):
    """The searches of b pictures, with how large and how rough their changes are."""

    cost: Doubles  # m b: ‖x' − x‖₁ of the last point
    variation: Doubles  # m b: total variation of the change x' − x
    start_variation: Doubles  # b: total variation of the factual


@dataclass(frozen=True, repr=False, eq=False)
class ImageNumbers(EndNumbers):
    """Metrics of counterfactual pictures for every arm, with intervals.

    Of the pictures that are judged, ``validity`` and ``mature`` are the shares that end in the target class and that
    reach τ, ``steps`` the mean number of steps and ``ip`` the mean ℓ1 distance to real pictures of the target class.
    Over the valid ones ``cost`` = ‖x' − x‖₁, ``variation`` = TV(x'), ``change_variation`` = TV(x' − x) and
    ``roughness`` = TV(x' − x) / ‖x' − x‖₁ are taken.
    """

    settings: SearchSettings
    samples: int


def undefined_interval(shape: tuple[int, ...]) -> Interval:
    """An interval of undefined values, NaN throughout."""
    return Interval(*(np.full(shape, np.nan) for _ in range(3)))
