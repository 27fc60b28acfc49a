"""How counterfactuals are searched."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ctviz.settings import Settings

GeneratorName = Literal["generic", "eccco"]


class SearchSettings(Settings):
    """Settings of the gradient search; any of them may differ from arm to arm (REFERENCE: Algorithm 1)."""

    generator: GeneratorName = Field("eccco", description="Which penalties the search uses.")
    tau: float = Field(0.75, gt=0, lt=1, description="τ: the probability of the target that ends a search.")
    steps: int = Field(30, ge=1, le=1000, description="T: the most steps a search may take.")
    step_size: float = Field(0.25, gt=0, le=1000, description="η: the length of a gradient step.")
    epsilon: float = Field(0.3, ge=0, le=1000, description="ε: the box in which a counterfactual counts as nascent.")
    lambda_cost: float = Field(0.001, ge=0, le=1000, description="λ_cost: the price of distance to the factual.")
    lambda_egy: float = Field(5.0, ge=0, le=1000, description="λ_egy: the pull towards low energy (ECCCo only).")
