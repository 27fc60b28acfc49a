"""People made up for the tests of a caller's data: a category of several columns beside two numbers."""

from __future__ import annotations

import numpy as np
import torch

from ctviz import Arm, Dataset, Experiment, Feature, Schema
from ctviz.data.dataset import Split

SCHEMA = Schema(
    features=(
        Feature(name="age", domain=(-4, 4)),
        Feature(name="job", kind="category", levels=("clerk", "nurse", "smith")),
        Feature(name="debt", domain=(-4, 4)),
    )
)
AGE, JOB, DEBT = (list(SCHEMA.columns_of(name)) for name in SCHEMA.names)


def people(seed: int = 0, name: str = "people") -> Dataset:
    """Three features, five columns; nurses get their loan more often than smiths."""
    rng = np.random.default_rng(seed)
    job, numbers = rng.integers(0, 3, 300), rng.normal(size=(300, 2))
    score = numbers[:, 0] - numbers[:, 1] + np.array([0, 1.5, -1.5])[job] + 0.3 * rng.normal(size=300)
    X = np.column_stack([numbers[:, 0], np.eye(3)[job], numbers[:, 1]]).clip(-4, 4).astype(np.float32)
    y = (score > 0).astype(np.int64)

    def part(rows: slice) -> Split:
        return torch.from_numpy(X[rows]), torch.from_numpy(y[rows])

    return Dataset(name, SCHEMA, ("no", "yes"), part(slice(200)), part(slice(200, 250)), part(slice(250, 300)))


PEOPLE = people()
ARMS = (Arm.variant("vanilla"), Arm.variant("full", tau=0.6), Arm.variant("locked", tau=0.6, locked=("job",)))


def experiment(data: Dataset = PEOPLE) -> Experiment:
    return Experiment(data=data, arms=ARMS, training={"epochs": 8, "n_ce": 80, "lr": 0.01})
