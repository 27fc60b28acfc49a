"""How counterfactuals are searched."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ctviz.settings import Settings

GeneratorName = Literal["generic", "eccco", "gravitational", "dice", "revise", "nearest", "face"]


class SearchSettings(Settings):
    """Settings of a search; any of them may differ from arm to arm (REFERENCE: Algorithm 1).

    The settings from ``lambda_egy`` on belong to the generators that their descriptions name; others ignore them.
    """

    generator: GeneratorName = Field("eccco", description="How counterfactuals are found.")
    tau: float = Field(0.75, gt=0, lt=1, description="τ: the probability of the target that ends a search.")
    steps: int = Field(30, ge=1, le=1000, description="T: the most steps a search may take.")
    step_size: float = Field(0.25, gt=0, le=1000, description="η: the length of a gradient step.")
    epsilon: float = Field(0.3, ge=0, le=1000, description="ε: the box in which a counterfactual counts as nascent.")
    lambda_cost: float = Field(0.001, ge=0, le=1000, description="λ_cost: the price of distance to the factual.")
    lambda_egy: float = Field(5.0, ge=0, le=1000, description="λ_egy: the pull towards low energy (ECCCo).")
    lambda_gravity: float = Field(
        1.0, ge=0, le=1000, description="λ_gravity: the pull towards samples of the target class (Gravitational)."
    )
    lambda_diversity: float = Field(
        0.5, ge=0, le=1000, description="λ_diversity: how much counterfactuals of one factual repel each other (DiCE)."
    )
    per_factual: int = Field(4, ge=1, le=20, description="Counterfactuals of each factual (DiCE).")
    latent: int = Field(2, ge=1, le=64, description="Dimensions of the latent space (REVISE).")
    neighbours: int = Field(10, ge=1, le=200, description="Neighbours that a sample is joined to (FACE).")
    gradient_noise: float = Field(
        0.0, ge=0, le=100, description="Noise on each gradient, relative to its length: a search made worse on purpose."
    )
