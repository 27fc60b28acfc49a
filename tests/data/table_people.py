"""A schema of people with features of every kind, and people at random."""

from __future__ import annotations

import numpy as np

from ctviz.data.display import DisplayScale
from ctviz.data.people import Value
from ctviz.data.schema import Feature, Schema

JOBS = ("clerk", "nurse", "smith")
YEARS = DisplayScale(unit="years", offset=38.6, scale=13.6, step=1)
MONEY = DisplayScale(prefix="NT$", offset=-5000.5, scale=73635.86, step=1)
ROOMS = DisplayScale(offset=5.4, scale=2.5, step=0.01)
GRADES = ("low", "middle", "high")
RANK = DisplayScale(offset=1.2, scale=0.7, step=1)


def within(display: DisplayScale, low: float, high: float) -> tuple[float, float]:
    return float(np.float32(display.of_shown(low))), float(np.float32(display.of_shown(high)))


SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", domain=within(YEARS, 17, 90), display=YEARS),
        Feature(name="job", kind="category", levels=JOBS),
        Feature(name="grade", kind="ordered", levels=GRADES, domain=within(RANK, 0, 2), display=RANK),
        Feature(name="bill", kind="integer", domain=within(MONEY, -200_000, 1_000_000), display=MONEY),
        Feature(name="rooms", domain=within(ROOMS, 0.8, 141.9), display=ROOMS),
    )
)


def someone(chance: np.random.Generator) -> dict[str, Value]:
    """A person at random."""
    return {
        "age": int(chance.integers(17, 91)),
        "job": str(chance.choice(JOBS)),
        "grade": str(chance.choice(GRADES)),
        "bill": int(chance.integers(-200_000, 1_000_001)),
        "rooms": int(chance.integers(80, 14_191)) / 100,
    }
