"""The limits by name."""

from __future__ import annotations

from ctviz.errors import ConfigError
from ctviz.experiments.limits import energies, generator, locks, long, maturity
from ctviz.experiments.limits.limit import Limit

LIMITS: dict[str, Limit] = {study.LIMIT.name: study.LIMIT for study in (maturity, energies, locks, generator, long)}
"""In the order in which they are shown."""


def limit(name: str | Limit) -> Limit:
    """A limit by its name."""
    if isinstance(name, Limit):
        return name
    if name not in LIMITS:
        raise ConfigError("limit", name, f"one of {', '.join(LIMITS)}")
    return LIMITS[name]
