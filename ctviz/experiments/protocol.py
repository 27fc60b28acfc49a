"""The protocol by which finished models are evaluated: the paper's rounds, as settings with a key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import NO_PICTURES, EvaluationGeneratorName, SearchSettings, Switch
from ctviz.data.image_sets import ImageSettings
from ctviz.data.kinds import DATA_KINDS, DataKind, kind_of_data
from ctviz.data.tables.settings import TableSettings
from ctviz.errors import ConfigError
from ctviz.experiments.config import ALGORITHM_VERSION
from ctviz.settings import Document, key_values

if TYPE_CHECKING:
    from ctviz.data.catalogue import AnyData
    from ctviz.data.dataset import Dataset, Split
    from ctviz.experiments.config import Experiment

PROTOCOL_VERSION = 1
"""Part of every key, with the algorithm's version; raised whenever the same protocol gives other numbers than
before."""

IMAGE_FACTUALS, TABLE_FACTUALS = 25, 100
"""Factuals per round for images and for tables, as in the paper."""

MAX_DRAWS = 1_000_000
"""Most factuals in all rounds together: each arm holds their positions at once, 8 MB for a million."""

EXTRAS = ("robustness", "sensitivity", "kernels", "median", "nearest_sample", "reader")
"""What ``also`` may name besides the metrics by which a kind of data is compared (``evaluation.ends``)."""

Weight = Annotated[float, Field(ge=0, le=1000)]
Strength = Annotated[float, Field(ge=0, le=1000)]


def _check_also(also: tuple[str, ...], kinds: tuple[DataKind, ...], told: str) -> None:
    """Raises ``ConfigError`` where ``also`` names what is neither an extra nor a metric of such data."""
    if set(also) <= set(EXTRAS):
        return
    from ctviz.evaluation.ends import metrics_of  # here, since it loads torch

    allowed = dict.fromkeys((*EXTRAS, *(name for kind in kinds for name in metrics_of(kind))))
    if not set(also) <= set(allowed):
        raise ConfigError("also", list(also), f"{told} {', '.join(allowed)}")


class Protocol(Document):
    """The draws, searches and metrics of an evaluation (REFERENCE: section 4).

    In each of ``rounds`` a factual class and a target class are drawn, then ``factuals`` samples, with replacement,
    among those that a model puts into the factual class; they are searched once for each λ_egy.

    η is smaller than in training: where a model is steep, long steps leap across the data. ``exact`` samples are also
    judged by their exact cheapest counterfactuals at τ, which depend on no search; ``time_limit`` is for each of them.
    What each setting does stands in ``ctviz/catalogue/settings.py``.
    """

    called = "protocol"
    later: ClassVar[tuple[str, ...]] = ("exact", "polish", "time_limit")

    rounds: int = Field(100, ge=2, le=10_000)
    factuals: int = Field(250, ge=2, le=10_000)
    lambda_egy: tuple[Weight, ...] = Field((0.1, 0.5, 1.0, 5.0, 10.0), min_length=1, max_length=20)
    generator: EvaluationGeneratorName = "eccco"
    tau: float = Field(0.95, gt=0, lt=1)
    steps: int = Field(50, ge=1, le=1000)
    step_size: float = Field(0.1, gt=0, le=1000)
    lambda_cost: float = Field(0.001, ge=0, le=1000)
    split: Literal["test", "validation"] = "test"
    attacks: tuple[Strength, ...] = Field(tuple(round(0.01 * i, 2) for i in range(11)), max_length=100)
    also: tuple[str, ...] = ("robustness", "sensitivity")
    level: float = Field(0.99, ge=0.5, le=0.999)
    seed: int = Field(0, ge=0, lt=2**31)
    exact: int = Field(0, ge=0, le=10_000)
    polish: Switch = "off"
    time_limit: float = Field(10.0, gt=0, le=3600)

    @field_validator("lambda_egy", "attacks")
    @classmethod
    def _ascending(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        """Unique and sorted, so that equal protocols have one key."""
        return tuple(sorted(set(values)))

    @field_validator("also")
    @classmethod
    def _in_order(cls, also: tuple[str, ...]) -> tuple[str, ...]:
        _check_also(also, DATA_KINDS, "any of")
        return tuple(sorted(set(also)))

    @model_validator(mode="after")
    def _within_memory(self) -> Protocol:
        if self.rounds * self.factuals > MAX_DRAWS:
            allowed = f"at most {MAX_DRAWS // self.factuals:,} with {self.factuals:,} factuals in each"
            raise ConfigError("rounds", self.rounds, allowed)
        return self

    @field_validator("generator")
    @classmethod
    def _one_of_each(cls, name: EvaluationGeneratorName) -> EvaluationGeneratorName:
        if "per_factual" in GENERATORS[name].settings:
            raise ConfigError("generator", name, "one that finds a single counterfactual of each factual")
        return name

    @property
    def key(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the JSON and the versions of algorithm and protocol."""
        text = f"{ALGORITHM_VERSION}:protocol {PROTOCOL_VERSION}:{self.to_json()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def pulls(self) -> tuple[float, ...]:
        """The values of λ_egy that are searched; only one for a generator that does not use it."""
        return self.lambda_egy if "lambda_egy" in self.listens else self.lambda_egy[:1]

    @property
    def listens(self) -> tuple[str, ...]:
        """Settings of a search that the generator uses."""
        return GENERATORS[self.generator].settings

    def searches(self) -> tuple[SearchSettings, ...]:
        """Settings of the search for each of ``pulls``."""
        names = ("generator", "tau", "steps", "step_size", "lambda_cost", "polish")
        values = {name: getattr(self, name) for name in names}
        return tuple(SearchSettings(**values, lambda_egy=pull) for pull in self.pulls)

    def samples(self, data: Dataset) -> Split:
        """The samples that are explained and attacked."""
        return data.test if self.split == "test" else data.validation

    def check(self, experiment: Experiment) -> None:
        """Raises ``ConfigError`` where models are to be solved exactly that cannot be, pictures read that are no
        digits, ends measured as those of other data, or counterfactual pictures polished, before they are trained."""
        if "reader" in self.also and not isinstance(experiment.data, ImageSettings):
            raise ConfigError("also", list(self.also), "no reader, but for digits")
        self.check_metrics(experiment)
        if self.polish == "on" and experiment.data.grid is not None:
            raise ConfigError("polish", self.polish, NO_PICTURES)
        if not self.exact:
            return
        from ctviz.counterfactuals.exact.network import MAX_UNITS
        from ctviz.counterfactuals.exact.search import MOST_COLUMNS

        model = experiment.model
        relu = not model.channels and (model.activation == "relu" or not model.hidden)
        if not relu or sum(model.hidden) > MAX_UNITS or experiment.d > MOST_COLUMNS:
            allowed = (
                f"0, but for networks of ReLU layers with up to {MAX_UNITS} hidden units and {MOST_COLUMNS} columns"
            )
            raise ConfigError("exact", self.exact, allowed)

    def check_metrics(self, experiment: Experiment) -> None:
        """Raises ``ConfigError`` where ``also`` names a metric of other kinds of data."""
        _check_also(self.also, (kind_of_data(experiment.data),), "for these data any of")

    # -- round trips --------------------------------------------------------------------------------

    @classmethod
    def usual(cls, data: AnyData) -> Protocol:
        """The paper's protocol for this kind of data: 25 factuals per round for images, 100 for tables, else 250.

        For images and tables, IP* is also taken with the median distance as its length scale.
        """
        wide = {"also": (*cls().also, "median")}
        if isinstance(data, TableSettings):
            return cls(factuals=TABLE_FACTUALS, **wide)
        return cls() if data.grid is None else cls(factuals=IMAGE_FACTUALS, **wide)

    def change(self, changes: Mapping[str, Any]) -> Protocol:
        """A copy with settings changed: ``{"rounds": 10, "tau": 0.5}``."""
        return type(self)(**{**self.model_dump(), **changes})

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces; equals give equal text."""
        return json.dumps(key_values(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
