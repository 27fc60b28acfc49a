"""The registry of training methods, each in a file of its own."""

from __future__ import annotations

from ctviz.training.methods.counterfactual import COUNTERFACTUAL
from ctviz.training.methods.counternet import COUNTERNET
from ctviz.training.methods.ensemble import ENSEMBLE
from ctviz.training.methods.method import TrainingMethod

TRAINING_METHODS: dict[str, TrainingMethod] = {
    method.name: method
    for method in (
        COUNTERFACTUAL,
        ENSEMBLE,
        COUNTERNET,
    )
}  # fmt: skip
"""Methods by the name that ``Arm.method`` gives."""
