"""Settings of a run that takes a moment, for the tests of the command line."""

from __future__ import annotations

TINY = {
    "data.n_train": 60,
    "data.n_validation": 40,
    "data.n_test": 40,
    "training.epochs": 2,
    "training.n_ce": 20,
    "evaluation.factuals": 10,
    "evaluation.field": 8,
    "evaluation.paths": 4,
}
SETTINGS = [word for path, value in TINY.items() for word in ("--set", f"{path}={value}")]
"""The same as words of a command."""
