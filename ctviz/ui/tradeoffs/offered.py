"""The settings that a sweep which is started from the page may vary."""

from __future__ import annotations

OFFERED: dict[str, str] = {
    "lambda_div": "0.01, 0.1, 1",
    "lambda_adv": "0.1, 0.25, 1",
    "lambda_reg": "0.01, 0.1, 0.5",
    "generator": "eccco, generic",
    "tau": "0.5, 0.75, 0.9",
    "steps": "5, 25, 50",
    "step_size": "0.1, 0.25, 0.5",
    "epsilon": "0.1, 0.3",
    "lambda_cost": "0.001, 0.01",
    "lambda_egy": "0.5, 5, 20",
    "training.n_ce": "100, 1000",
    "training.burnin": "0, 0.5",
    "training.epochs": "50, 100",
    "training.lr": "0.001, 0.01",
    "data.noise": "0.05, 0.1, 0.2",
    "data.seed": "0, 1, 2",
}
"""Settings that a sweep may vary, each with the values that it starts from."""

FIRST = ("lambda_div", "lambda_reg")
"""What is varied at first."""

MOST_AXES = 5
"""Settings that one sweep may vary."""
