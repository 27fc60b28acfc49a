"""The studies of limits by name: each is a file of this folder, and its name here."""

from __future__ import annotations

from importlib import import_module

from ctviz.errors import ConfigError
from ctviz.studies.study import Study

NAMES = ("maturity", "energies", "locks", "generator", "long", "box")
"""In the order in which they are told."""

LIMITS: dict[str, Study] = {name: import_module(f"ctviz.studies.{name}").STUDY for name in NAMES}


def study_of(name: str | Study) -> Study:
    """A study by its name."""
    if isinstance(name, Study):
        return name
    if name not in LIMITS:
        raise ConfigError("limit", name, f"one of {', '.join(LIMITS)}")
    return LIMITS[name]
