"""Made-up results of sweeps, as the figures of trade-offs read them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

BASE = {"ip": 1.4, "ip_star": 0.12, "cost": 1.1, "validity": 0.98, "accuracy": 0.99, "steps": 12.0}

GRID: dict[str, Sequence[Any]] = {
    "lambda_div": (0.01, 0.1, 1.0),
    "lambda_adv": (0.1, 0.25, 1.0),
    "lambda_reg": (0.0, 0.01, 0.1, 0.25, 0.5),
}
"""The paper's grid of penalties: 45 cells."""


def made(
    axes: Mapping[str, Sequence[Any]],
    seeds: int = 3,
    seed: int = 0,
    failed: Mapping[int, tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """Results over a grid of ``axes``; the first axis matters most. ``failed``: cell → state and reason."""
    rng = np.random.default_rng(seed)
    rows = []
    for cell, values in enumerate(itertools.product(*axes.values())):
        places = [list(kept).index(value) for kept, value in zip(axes.values(), values, strict=True)]
        state, reason = (failed or {}).get(cell, ("done", ""))
        for which, (metric, base) in enumerate(BASE.items()):
            share = metric in ("validity", "accuracy")
            pull = sum(place * 25.0 / 3**depth for depth, place in enumerate(places))
            draws = ((-1) ** which * pull + which * 4 + rng.normal(0, 4, seeds)) * (0.1 if share else 1.0)
            known = state == "done"
            mean, spread = float(draws.mean()), float(draws.std(ddof=1)) if seeds > 1 else np.nan
            wide = float(student.ppf(0.995, seeds - 1)) * spread / seeds**0.5 if seeds > 1 else np.nan
            value = base * (1 - mean / 100)
            numbers = (value, base, mean, mean - wide, mean + wide, spread * base / 100)
            named = dict(zip(("value", "base", "reduction", "low", "high", "sd"), numbers, strict=True))
            rows.append(
                {"cell": cell, **dict(zip(axes, values, strict=True)), "state": state, "reason": reason,
                 "metric": metric, **{name: number if known else np.nan for name, number in named.items()},
                 "seeds": seeds if known else 0}
            )  # fmt: skip
    return pd.DataFrame(rows)


def penalties(**more: Any) -> pd.DataFrame:
    """The grid of penalties, two cells of which have no number."""
    failed = {7: ("failed", "numbers ran out of bounds"), 44: ("waiting", "")}
    return made(GRID, failed=failed, **more)
