"""An arm: whatever may differ between the models that one run trains together."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator

from ctviz.counterfactuals.settings import SearchSettings
from ctviz.data.schema import FeatureRef
from ctviz.settings import Settings

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

    @property
    def trains_on_counterfactuals(self) -> bool:
        """Whether any weight of the objective needs counterfactuals at all."""
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
