"""How counterfactuals are searched."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ctviz.settings import Settings

SHORT_STEP = 0.02
"""Share of the spread of the data that no step exceeds where the way of a search is to be seen."""

TrainingGeneratorName = Literal["generic", "eccco", "gravitational", "dice", "revise", "nearest", "face"]
"""Generators that a model may be trained and measured with after each epoch: thousands of searches."""

EvaluationGeneratorName = Literal[
    "generic", "eccco", "gravitational", "dice", "revise", "nearest", "face", "counternet"
]
"""Generators that finished models may be evaluated with; the last one asks the networks of CounterNet."""

GeneratorName = Literal[
    "generic", "eccco", "gravitational", "dice", "revise", "nearest", "face", "exact", "counternet"
]  # fmt: skip
"""All generators; ``exact`` solves a program for each factual and is for finished models."""

DESCENT = ("tau", "steps", "step_size", "step_bound", "epsilon", "lambda_cost")
"""Settings that every search by gradient in the space of the data uses, in the order in which to show them."""

Switch = Annotated[Literal["off", "on"], BeforeValidator(lambda v: ("off", "on")[v] if isinstance(v, bool) else v)]
"""A setting that is on or off; ``True`` and ``False`` are taken too."""

NO_PICTURES = "off for pictures, whose pixels have neither levels nor steps"
"""What ``polish`` may be of them."""

PRECISION = 2e-4
"""Share by which the end of an exact search may be above its bound and still be the cheapest: twice the solver's own,
for what models see is rounded to float32."""


class SearchSettings(Settings):
    """Settings of a search; any of them may differ from arm to arm (REFERENCE: Algorithm 1).

    What each does stands in ``ctviz/catalogue/settings.py``. Those from ``lambda_egy`` on belong to the generators that
    name them in ``GENERATORS``; others ignore them. ``polish`` is for all, whatever the generator.
    """

    later: ClassVar[tuple[str, ...]] = ("step_bound", "time_limit", "polish")

    generator: GeneratorName = "eccco"
    tau: float = Field(0.75, gt=0, lt=1)
    steps: int = Field(30, ge=1, le=1000)
    step_size: float = Field(0.25, gt=0, le=1000)
    epsilon: float = Field(0.3, ge=0, le=1000)
    lambda_cost: float = Field(0.001, ge=0, le=1000)
    lambda_egy: float = Field(5.0, ge=0, le=1000)
    lambda_gravity: float = Field(1.0, ge=0, le=1000)
    lambda_diversity: float = Field(0.5, ge=0, le=1000)
    per_factual: int = Field(4, ge=1, le=20)
    latent: int = Field(2, ge=1, le=64)
    neighbours: int = Field(10, ge=1, le=200)
    gradient_noise: float = Field(0.0, ge=0, le=100)
    step_bound: float = Field(0.0, ge=0, le=1000)
    time_limit: float = Field(10.0, gt=0, le=3600)
    polish: Switch = "off"

    def short_steps(self) -> dict[str, float]:
        """What to change so that the way of this search is seen and not only its end: short steps, and more of them."""
        return {"step_bound": SHORT_STEP, "steps": min(4 * self.steps, 1000)}

    def in_short_steps(self) -> SearchSettings:
        """This search with ``short_steps``, unless its steps are bounded already."""
        return self if self.step_bound else SearchSettings(**{**self.model_dump(), **self.short_steps()})
