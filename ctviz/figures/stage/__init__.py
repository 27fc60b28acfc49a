"""The stage: boundaries seen learning, on a canvas in the browser."""

from ctviz.figures.stage.film import ArmLabel, Film, arm_labels, pack

__all__ = ["ArmLabel", "Film", "arm_labels", "pack"]
