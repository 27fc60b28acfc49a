"""The studies by name: each is a file, and its line here."""

from __future__ import annotations

from ctviz.errors import ConfigError
from ctviz.studies import energies, generator, locks, long, maturity
from ctviz.studies.study import Study

STUDIES: dict[str, Study] = {module.STUDY.name: module.STUDY for module in (maturity, energies, locks, generator, long)}
"""In the order in which they are told."""

LIMITS = STUDIES
"""As the public API names them."""


def study_of(name: str | Study) -> Study:
    """A study by its name."""
    if isinstance(name, Study):
        return name
    if name not in STUDIES:
        raise ConfigError("limit", name, f"one of {', '.join(STUDIES)}")
    return STUDIES[name]
