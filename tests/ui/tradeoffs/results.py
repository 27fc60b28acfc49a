"""Results that were written by hand."""

from __future__ import annotations

import itertools
import math

import pandas as pd

NAN = math.nan


def across(cells: dict[tuple, dict[str, tuple]], axes: tuple[str, ...]) -> pd.DataFrame:
    """Values of the axes → metric → (value, base, reduction, low, high)."""
    rows = []
    for index, (values, metrics) in enumerate(cells.items()):
        for metric, numbers in metrics.items():
            value, base, reduction, low, high = numbers
            rows.append(
                {
                    "cell": index, **dict(zip(axes, values, strict=True)), "state": "done", "reason": "",
                    "metric": metric, "part": "", "value": value, "base": base, "reduction": reduction, "low": low,
                    "high": high, "sd": 0.1, "seeds": 3, "significant": low > 0 or high < 0,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def grid() -> pd.DataFrame:
    """λ_div hardly matters, λ_reg does: the larger, the closer to real data, and the more effort."""
    cells = {}
    for div, reg in itertools.product((0.1, 1.0), (0.0, 0.1, 0.5)):
        less = 60 * reg + div
        cells[div, reg] = {
            "ip": (2 - 0.02 * less, 2.0, less, less - 4, less + 4),
            "cost": (1 + 0.01 * less, 1.0, -less, -less - 5, -less + 5),
            "accuracy": (0.98, 0.98, 0.0, -1.0, 1.0),
            "steps": (9.0, 10.0, 10.0, 5.0, 15.0),
        }
    return across(cells, ("lambda_div", "lambda_reg"))
