"""Small models, data and constraints for the searches that go by samples."""

from __future__ import annotations

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack

BOTH, UP, DOWN, FIXED = Mutability.BOTH, Mutability.INCREASE, Mutability.DECREASE, Mutability.FIXED

RULES = {
    "free": (BOTH, BOTH),
    "one way": (UP, BOTH),
    "both one way": (DOWN, UP),
    "first locked": (FIXED, BOTH),
    "second locked": (BOTH, FIXED),
    "locked and one way": (FIXED, UP),
    "all locked": (FIXED, FIXED),
}


def boxed(low: float, high: float, *mutability: Mutability) -> Schema:
    return Schema(
        features=tuple(Feature(name=f"x{i}", domain=(low, high), mutability=m) for i, m in enumerate(mutability, 1))
    )


def stack(m: int = 1, k: int = 3, seed: int = 0, d: int = 2) -> Stack:
    """Models in double precision that tell their classes apart."""
    made = Stack.initialise(ModelSettings(hidden=(6,)), d, k, range(seed, seed + m)).to(torch.float64)
    made.flat.mul_(4)
    return made


def cloud(n: int, seed: int, d: int = 2, spread: float = 1.0) -> Tensor:
    """Points (n d)."""
    return spread * torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def classes(n: int, seed: int, k: int = 3) -> Tensor:
    return torch.randint(0, k, (n,), generator=torch.Generator().manual_seed(seed))


def known(n: int = 30, seed: int = 5, k: int = 3) -> ReferenceData:
    return ReferenceData(cloud(n, seed), classes(n, seed + 1, k), k)


def rules(schema: Schema, like: Tensor) -> Constraints:
    """The same for all arms of ``like`` (m d b)."""
    return Constraints.of([schema] * len(like), like)
