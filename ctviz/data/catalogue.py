"""The catalogue of data sets: their names and their settings; ``load`` gives their samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from ctviz.data import synthetic
from ctviz.data.drawn import DRAWN, USUAL_NAMES, DrawnSettings
from ctviz.data.drawn import SENTENCE as DRAWN_SENTENCE
from ctviz.data.given import GIVEN, GivenSettings
from ctviz.data.image_sets import IMAGES, PIXEL_NAMES, ImageSettings
from ctviz.data.schema import FeatureRef
from ctviz.data.tables.settings import TABLES, TableSettings
from ctviz.errors import ConfigError
from ctviz.settings import Settings

if TYPE_CHECKING:
    from ctviz.data.dataset import Dataset

DataName = Literal["ls", "ol", "circles", "moons", "blobs", "gaussians"]

FEATURE_NAMES = USUAL_NAMES
"""Names of the columns of the synthetic sets."""


def feature_name(feature: FeatureRef) -> str:
    """The name of a column, or part of an image, that is given by position or by name."""
    if isinstance(feature, str):
        return "painted pixels" if feature.startswith("mask ") else feature
    return FEATURE_NAMES[feature] if feature < len(FEATURE_NAMES) else PIXEL_NAMES[feature]


def columns_of(data: AnyData) -> tuple[str, ...]:
    """What people call the two features of a plane: their usual names, or those of a table that was pasted."""
    if isinstance(data, GivenSettings):
        return data.features
    return data.columns if isinstance(data, DrawnSettings) else FEATURE_NAMES


class DataSettings(Settings):
    """Settings of a synthetic data set: its name, sizes, noise, separation and seed."""

    name: DataName = "moons"
    n_train: int = Field(3000, ge=4, le=100_000)
    n_validation: int = Field(600, ge=2, le=100_000)
    n_test: int = Field(600, ge=2, le=100_000)
    noise: float | None = Field(None, ge=0, le=10)
    separation: float | None = Field(None, ge=0, le=100)
    signal: float | None = Field(None, ge=0, le=10)
    correlation: float = Field(0.0, ge=-0.95, le=0.95)
    classes: int = Field(2, ge=2, le=8)
    seed: int = Field(0, ge=0, lt=2**31)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return FEATURE_NAMES

    @property
    def d(self) -> int:
        """Number of columns; here each feature is one."""
        return len(self.features)

    @property
    def grid(self) -> None:
        """None: the columns are not pixels."""
        return None

    @model_validator(mode="after")
    def _enough_for_the_classes(self) -> DataSettings:
        if self.name != "blobs" and self.classes != 2:
            raise ConfigError("classes", self.classes, f"2 for {self.name}; only blobs takes more")
        for part in ("n_train", "n_validation", "n_test"):
            if getattr(self, part) < self.classes:
                raise ConfigError(part, getattr(self, part), f"at least one sample for each of {self.classes} classes")
        return self

    @model_validator(mode="after")
    def _covariance_of_gaussians(self) -> DataSettings:
        if self.name != "gaussians":
            if self.correlation != 0:
                raise ConfigError("correlation", self.correlation, f"0 for {self.name}; only gaussians has one")
            if self.signal is not None:
                raise ConfigError("signal", self.signal, f"none for {self.name}; only gaussians has one")
        return self

    @model_validator(mode="after")
    def _separation_in_range(self) -> DataSettings:
        knob = DATASETS[self.name].separation
        if self.separation is not None and not knob.low <= self.separation <= knob.high:
            raise ConfigError("separation", self.separation, f"from {knob.low:g} to {knob.high:g} for {self.name}")
        return self


AnyData = DataSettings | DrawnSettings | ImageSettings | TableSettings | GivenSettings


def data_settings(values: Mapping[str, Any]) -> AnyData:
    """The settings of the data set named in ``values``; without a name, of moons."""
    name = values.get("name")
    return kind_of(name)(**values)


def kind_of(name: Any) -> type[AnyData]:
    """The kind of settings that a data set has; without a name, that of moons.

    Raises:
        ConfigError: there is no such data set.
    """
    if name in IMAGES:
        return ImageSettings
    if name in TABLES:
        return TableSettings
    if name == DRAWN:
        return DrawnSettings
    if name == GIVEN:
        return GivenSettings
    if name is not None and name not in DATASETS:
        raise ConfigError("name", name, f"one of {', '.join([*PLANES, *IMAGES, *TABLES])}")
    return DataSettings


@dataclass(frozen=True)
class SettingRange:
    """One setting of a data set: default (None: chosen by the draw), allowed range, meaning."""

    default: float | None
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class DatasetInfo:
    """A data set's title, one plain sentence about it, its generator, and the meaning of its settings."""

    title: str
    sentence: str
    makes: synthetic.Maker
    noise: SettingRange
    separation: SettingRange


def _spread(std: float) -> SettingRange:
    return SettingRange(std, 0, 10, "Standard deviation of each cluster.")


def _apart(std: float, high: float) -> SettingRange:
    return SettingRange(
        None, 0, high, f"Distance of the closest clusters, in steps of the set's usual spread ({std:g})."
    )


DATASETS = MappingProxyType(
    {
        "ls": DatasetInfo(
            "Linearly separable",
            "Two tight clusters far apart: a straight line parts them without a mistake.",
            synthetic.blobs(0.5, nearest=12),
            _spread(0.5),
            _apart(0.5, 40),
        ),
        "ol": DatasetInfo(
            "Overlapping",
            "Two wide clusters that run into each other: no boundary gets every point right.",
            synthetic.blobs(2.0, nearest=1.4, farthest=2.9),
            _spread(2.0),
            _apart(2.0, 10),
        ),
        "circles": DatasetInfo(
            "Circles",
            "A ring around a core: the boundary has to close on itself.",
            synthetic.circles,
            SettingRange(0.15, 0, 10, "How far points stray from their ring."),
            SettingRange(0.99, 0.01, 0.99, "Gap between the rings, as a share of the outer radius."),
        ),
        "moons": DatasetInfo(
            "Moons",
            "Two half circles that reach into each other: the boundary has to bend twice.",
            synthetic.moons,
            SettingRange(0.1, 0, 10, "How far points stray from their half circle."),
            SettingRange(0.0, 0, 5, "Extra vertical distance between the half circles."),
        ),
        "blobs": DatasetInfo(
            "Blobs",
            "Several round clusters, one for each class.",
            synthetic.blobs(1.0, nearest=4),
            _spread(1.0),
            _apart(1.0, 40),
        ),
        "gaussians": DatasetInfo(
            "Two Gaussians",
            "Two normal clouds of one shape, as in the paper's proposition: you set how much each feature tells.",
            synthetic.gaussians,
            SettingRange(1.0, 0, 10, "Standard deviation of each feature within a class."),
            SettingRange(synthetic.SIGNAL, 0, 10, "How many standard deviations apart the classes lie in x2."),
        ),
    }
)
"""The data sets that are made, by name."""

PLANES = MappingProxyType({**{name: info.sentence for name, info in DATASETS.items()}, DRAWN: DRAWN_SENTENCE})
"""All data sets of two features by name, each with one plain sentence about it."""


def load(settings: AnyData) -> Dataset:
    """Load the data set that the settings describe; the same settings give the same bits.

    Images and tables are read from files; a data set of the caller's is the one that was handed over. Synthetic samples
    are drawn once and split at random into three disjoint splits. Each split is balanced over the classes; a remainder
    goes to the first classes.

    Raises:
        DataError: a file is missing, or is not the one that was published; the caller's data are not in this process.
    """
    from ctviz.data.samples import samples  # imports torch, which settings alone do not need

    return samples(settings)
