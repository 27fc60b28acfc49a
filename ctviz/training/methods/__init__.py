"""The registry of training methods, each in a file of its own."""

from __future__ import annotations

from ctviz.training.methods.augmentation import AUGMENTATION
from ctviz.training.methods.counterfactual import COUNTERFACTUAL
from ctviz.training.methods.counternet import COUNTERNET
from ctviz.training.methods.ensemble import ENSEMBLE
from ctviz.training.methods.jem import JEM
from ctviz.training.methods.method import TrainingMethod
from ctviz.training.methods.pgd import PGD
from ctviz.training.methods.recourse import RECOURSE

TRAINING_METHODS: dict[str, TrainingMethod] = {
    method.name: method
    for method in (
        COUNTERFACTUAL,
        PGD,
        JEM,
        RECOURSE,
        AUGMENTATION,
        ENSEMBLE,
        COUNTERNET,
    )
}  # fmt: skip
"""Methods by the name that ``Arm.method`` gives."""
