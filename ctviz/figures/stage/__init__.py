"""The stage: boundaries seen learning, on a canvas in the browser."""

from ctviz.figures.stage.recording import ArmLabel, Recording, arm_labels, pack

__all__ = ["ArmLabel", "Recording", "arm_labels", "pack"]
