"""An arm: whatever may differ between the models that one run trains together."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

from pydantic import Field, SerializationInfo, field_serializer, field_validator

from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.schema import FeatureRef, Range, Schema, ends_of
from ctviz.errors import ConfigError
from ctviz.settings import Settings

LockWhen = Literal["always", "training", "searching", "never"]
"""When constraints hold. ``training``: in the searches of training, not in advice; ``searching``: in advice alone, as
when a finished model is explained under constraints that it was not trained with."""

Purpose = Literal["training", "advice"]
"""Purpose of a search: counterfactuals that a model trains on, or advice from a finished model."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 _+\-]*[A-Za-z0-9_+\-])?")


class Objective(Settings):
    """Weights of the four terms of the objective (equation 1 of the paper, with the ridge on energies)."""

    lambda_class: float = Field(1.0, ge=0, le=1000, description="λ_class: classify the data correctly.")
    lambda_div: float = Field(0.5, ge=0, le=1000, description="λ_div: make counterfactuals look like real data.")
    lambda_adv: float = Field(0.25, ge=0, le=1000, description="λ_adv: withstand small perturbations.")
    lambda_reg: float = Field(0.1, ge=0, le=1000, description="λ_reg: keep the energies small.")


class Arm(Objective, SearchSettings):
    """One model of a run: its objective, its search, its locked features, its seed.

    Arms with the same seed share initial weights, the order of the batches and every random draw.
    ``seed = None`` takes the seed of the experiment.
    """

    name: str = Field(min_length=1, max_length=40)
    locked: tuple[FeatureRef, ...] = Field((), description="Features that may not change.")
    increase_only: tuple[FeatureRef, ...] = Field((), description="Features that may only go up.")
    decrease_only: tuple[FeatureRef, ...] = Field((), description="Features that may only go down.")
    ranges: tuple[Range, ...] = Field(
        (), description="Features with their lowest and their highest allowed value; null for an open end."
    )
    lock_when: LockWhen = Field(
        "always", description="Where the constraints above hold: in training, when advice is searched, or both."
    )
    shield: Literal["on", "off"] = Field(
        "on", description="Whether the divergence leaves out, in training, what the constraints forbid to change."
    )
    seed: int | None = Field(None, ge=0, lt=2**31)

    @field_validator("name")
    @classmethod
    def _fit_for_a_link(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("letters a to z, digits, spaces, _, + and -; a letter or digit first, no space last")
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
    def trains_on_counterfactuals(self) -> bool:
        """Whether any weight of the objective needs counterfactuals."""
        return self.lambda_div > 0 or self.lambda_adv > 0 or self.lambda_reg > 0

    @classmethod
    def variant(cls, name: str, **changes: Any) -> Arm:
        """An arm from the paper's variants: vanilla, adversarial, energy, full (any other name: full)."""
        return cls(**{"name": name, **VARIANTS.get(name, {}), **changes})


VARIANTS: dict[str, dict[str, float]] = {
    "vanilla": {"lambda_div": 0.0, "lambda_adv": 0.0, "lambda_reg": 0.0},
    "adversarial": {"lambda_div": 0.0, "lambda_reg": 0.0},
    "energy": {"lambda_adv": 0.0},
    "full": {},
}
"""Which weights each variant of the paper switches off."""
