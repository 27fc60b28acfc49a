"""An arm: whatever may differ between the models that one run trains together."""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar, Literal

from pydantic import Field, SerializationInfo, field_serializer, field_validator

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings, TrainingGeneratorName
from ctviz.data.schema import FeatureRef, Range, Schema, ends_of
from ctviz.errors import ConfigError
from ctviz.settings import Settings
from ctviz.training.methods import TRAINING_METHODS
from ctviz.training.methods.counterfactual import COUNTERFACTUAL

LockWhen = Literal["always", "training", "searching", "never"]
"""When constraints hold. ``training``: in the searches of training, not in advice; ``searching``: in advice alone, as
when a finished model is explained under constraints that it was not trained with."""

Purpose = Literal["training", "advice"]
"""Purpose of a search: counterfactuals that a model trains on, or advice from a finished model."""

_STRIDE = 1_327_217_885
"""Between the seeds of an ensemble's models: 2³¹ over the golden ratio, an odd number, so that none comes twice."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 _+\-]*[A-Za-z0-9_+\-])?")


MOST_MEMBERS = 20
"""Most models of an ensemble."""


class Objective(Settings):
    """Weights λ of the terms of the objective (equation 1 of the paper, with the ridge on energies).

    Which terms a model has, and what of, its method says (``ctviz/training/methods``). A term that comes later has the
    weight 0 by default and stands in ``later``, so that experiments without it keep their keys.
    """

    later: ClassVar[tuple[str, ...]] = ("lambda_gen", "lambda_recourse", "lambda_aug")

    lambda_class: float = Field(1.0, ge=0, le=1000)
    lambda_div: float = Field(0.5, ge=0, le=1000)
    lambda_adv: float = Field(0.25, ge=0, le=1000)
    lambda_reg: float = Field(0.1, ge=0, le=1000)
    lambda_gen: float = Field(0.0, ge=0, le=1000)
    lambda_recourse: float = Field(0.0, ge=0, le=1000)
    lambda_aug: float = Field(0.0, ge=0, le=1000)


TERMS = tuple(name.removeprefix("lambda_") for name in Objective.model_fields)
"""Names of all terms: λ_name weighs the term, and a snapshot records it as ``loss_name``."""


class MethodSettings(Settings):
    """Settings of the methods of training; each says which it listens to (``TrainingMethod.settings``)."""

    later: ClassVar[tuple[str, ...]] = (
        "radius", "inner_steps", "sgld_steps", "sgld_step_size", "sgld_noise", "buffer", "fresh",
        "members", "validity_weight", "proximity_weight",
    )  # fmt: skip

    radius: float = Field(0.3, ge=0, le=1000)
    inner_steps: int = Field(10, ge=1, le=1000)
    sgld_steps: int = Field(20, ge=1, le=1000)
    sgld_step_size: float = Field(0.1, gt=0, le=1000)
    sgld_noise: float = Field(0.01, ge=0, le=1000)
    buffer: int = Field(10_000, ge=1, le=100_000)
    fresh: float = Field(0.05, ge=0, le=1)
    members: int = Field(5, le=MOST_MEMBERS)
    validity_weight: float = Field(0.2, ge=0, le=1000)
    proximity_weight: float = Field(0.01, ge=0, le=1000)

    @field_validator("members")
    @classmethod
    def _several(cls, members: int) -> int:
        if members < 2:
            allowed = f"2 to {MOST_MEMBERS}; an ensemble of one model is that model, trained conventionally"
            raise ConfigError("members", members, allowed)
        return members


class TrainingSearch(SearchSettings):
    """Settings of the search that a model trains on.

    By ``epsilon_rule`` the nascent box of a factual reaches as far as that of all others (``fixed``: ``epsilon``), to
    a share of its way to the nearest training sample of another class (``halfway``: ``epsilon_share``), or to a share
    drawn anew at each epoch, uniform between 0 and ``epsilon_share`` (``varied``); see ``Sampler.boxes_of``.
    """

    later: ClassVar[tuple[str, ...]] = ("epsilon_rule", "epsilon_share")

    epsilon_rule: Literal["fixed", "halfway", "varied"] = "fixed"
    epsilon_share: float = Field(0.5, gt=0, le=10)

    @field_validator("polish")
    @classmethod
    def _not_polished(cls, polish: str) -> str:
        if polish == "on":
            allowed = "off: trained on polished counterfactuals, models lost what counterfactual training gains"
            raise ConfigError("polish", polish, allowed)
        return polish

    @property
    def used(self) -> tuple[str, ...]:
        """The settings that the generator and the rule of the box use, in the order in which to show them."""
        box = ("epsilon_rule", "epsilon" if self.epsilon_rule == "fixed" else "epsilon_share")
        names = GENERATORS[self.generator].settings
        return tuple(part for name in names for part in (box if name == "epsilon" else (name,)))


class Arm(MethodSettings, Objective, TrainingSearch):
    """One model of a run, or an ensemble: its method, its objective, its search, its locked features, its seed.

    With ``averaging`` it answers with the mean of its weights over about so many epochs (``training.averaging``).
    Arms with the same seed share initial weights, the order of the batches and every random draw.
    ``seed = None`` takes the seed of the experiment; in ``ranges``, null is no end. What each setting does stands in
    ``ctviz/catalogue/settings.py``.
    """

    later: ClassVar[tuple[str, ...]] = ("method", "averaging")

    name: str = Field(min_length=1, max_length=40)
    generator: TrainingGeneratorName = "eccco"
    method: str = "counterfactual"
    locked: tuple[FeatureRef, ...] = ()
    increase_only: tuple[FeatureRef, ...] = ()
    decrease_only: tuple[FeatureRef, ...] = ()
    ranges: tuple[Range, ...] = ()
    lock_when: LockWhen = "always"
    shield: Literal["on", "off"] = "on"
    averaging: int = Field(1, ge=1, le=1000)
    seed: int | None = Field(None, ge=0, lt=2**31)

    @field_validator("name")
    @classmethod
    def _fit_for_a_link(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("letters a to z, digits, spaces, _, + and -; a letter or digit first, no space last")
        return name

    @field_validator("method")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in TRAINING_METHODS:
            raise ConfigError("method", name, f"one of {', '.join(TRAINING_METHODS)}")
        return name

    @field_validator("locked", "increase_only", "decrease_only")
    @classmethod
    def _in_order(cls, refs: tuple[FeatureRef, ...]) -> tuple[FeatureRef, ...]:
        return tuple(sorted(set(refs), key=lambda ref: (isinstance(ref, str), ref)))

    @field_validator("ranges", mode="before")
    @classmethod
    def _triples(cls, ranges: Any) -> Any:
        """Check that bounds are numbers and features named once; sorted, so that equal ranges have one key."""
        allowed = "for each feature once: the feature, its lowest value and a highest one above it, or null for one"
        if not isinstance(ranges, list | tuple):
            raise ConfigError("ranges", ranges, allowed)
        found = []
        for entry in ranges:
            if not isinstance(entry, list | tuple) or len(entry) != 3:
                raise ConfigError("ranges", entry, allowed)
            ref, *ends = entry
            numbers = all(isinstance(end, int | float | None) and not isinstance(end, bool) for end in ends)
            if isinstance(ref, bool) or not isinstance(ref, int | str) or not numbers:
                raise ConfigError("ranges", entry, allowed)
            try:
                low, high = ends_of(*ends)
            except OverflowError:
                raise ConfigError("ranges", entry, allowed) from None
            if not low < high or (low, high) == (-math.inf, math.inf):
                raise ConfigError("ranges", entry, allowed)
            found.append((ref, low + 0.0, high + 0.0))  # zero has one sign
        found.sort(key=lambda entry: (isinstance(entry[0], str), *entry))
        return tuple((ref, *(None if math.isinf(end) else end for end in ends)) for ref, *ends in found)

    @field_serializer("ranges", when_used="json")
    def _without_null(self, ranges: tuple[Range, ...], info: SerializationInfo) -> list[tuple[Any, ...]]:
        """TOML has infinity and no null, JSON null and no infinity."""
        return [(ref, *(ends_of(*ends) if info.context == "toml" else ends)) for ref, *ends in ranges]

    def holds(self, purpose: Purpose) -> bool:
        """Whether the arm's constraints hold in searches for this purpose."""
        return self.lock_when in ("always", "training" if purpose == "training" else "searching")

    def constraints_for(self, schema: Schema, purpose: Purpose) -> Schema:
        """The schema with the arm's locks, directions and ranges if they hold for ``purpose``, else unchanged.

        Raises:
            ConfigError: a constraint that the schema does not allow, such as a range outside of the domain.
        """
        if not self.holds(purpose):
            return schema
        try:
            return schema.constrain(self.locked, self.increase_only, self.decrease_only, self.ranges)
        except ConfigError as error:
            field = error.field.partition(" of ")[0]
            raise ConfigError(f"arms.{self.name}.{field}", error.value, error.allowed) from None

    @property
    def weights(self) -> dict[str, float]:
        """λ of each term that the arm's method has."""
        return {term: getattr(self, f"lambda_{term}") for term in TRAINING_METHODS[self.method].terms}

    @property
    def weighed(self) -> tuple[str, ...]:
        """The settings that weigh those terms."""
        return tuple(f"lambda_{term}" for term in self.weights)

    @property
    def own_settings(self) -> tuple[str, ...]:
        """The settings that its method listens to, beside those of searches: the weights first."""
        return (*self.weighed, *TRAINING_METHODS[self.method].settings)

    @property
    def ignored(self) -> frozenset[str]:
        """Weights of terms and settings of methods that its own method does not listen to."""
        return frozenset({*Objective.model_fields, *MethodSettings.model_fields}.difference(self.own_settings))

    @property
    def conventional(self) -> bool:
        """Whether it is one model that learns from its samples alone."""
        return self.models == 1 and not self.has_network and not self.learns_from_examples

    @property
    def has_network(self) -> bool:
        """Whether a network that answers with counterfactuals is trained beside it."""
        return TRAINING_METHODS[self.method].network

    @property
    def models(self) -> int:
        """How many models it is trained as, which answer as one."""
        return self.members if TRAINING_METHODS[self.method].ensemble else 1

    def seeds(self, usual: int) -> tuple[int, ...]:
        """The seed of each of its models: the first has the arm's own, or ``usual`` where it has none.

        The others are far from it, so that no ensemble shares a model with one of a neighbouring seed.
        """
        first = usual if self.seed is None else self.seed
        return tuple((first + i * _STRIDE) % 2**31 for i in range(self.models))

    @property
    def learns_from_examples(self) -> bool:
        """Whether a term counts that needs more than the samples; without one, each of its models is conventional."""
        return any(self.weights[term] > 0 for term in TRAINING_METHODS[self.method].beside_the_samples)

    @property
    def searches_in_training(self) -> bool:
        """Whether any weight of the objective needs counterfactuals."""
        return self.learns_from_examples and TRAINING_METHODS[self.method].searches

    @property
    def trains_on_counterfactuals(self) -> bool:
        """Whether it is counterfactual training, which pages set beside conventional training and its rivals."""
        return self.learns_from_examples and self.method == COUNTERFACTUAL.name

    @property
    def trained_with_rules(self) -> bool:
        """Whether its counterfactuals in training may not change everything: locks, directions or ranges hold there."""
        rules = self.locked or self.increase_only or self.decrease_only or self.ranges
        return bool(rules) and self.searches_in_training and self.holds("training")

    @property
    def rival(self) -> str:
        """Title of the method where it is neither conventional nor counterfactual training; else empty."""
        other = not (self.conventional or self.trains_on_counterfactuals)
        return TRAINING_METHODS[self.method].title if other else ""

    @classmethod
    def variant(cls, name: str, **changes: Any) -> Arm:
        """An arm from the variants of the methods, such as the paper's vanilla, adversarial, energy and full (any other
        name: full)."""
        return cls(**{"name": name, **VARIANTS.get(name, {}), **changes})


VARIANTS: dict[str, dict[str, Any]] = {
    name: dict(variant.changes) for method in TRAINING_METHODS.values() for name, variant in method.variants.items()
}
"""What each variant of a method changes of an arm: those of the paper switch weights off."""
