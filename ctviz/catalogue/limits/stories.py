"""The stories by name."""

from __future__ import annotations

from ctviz.catalogue.limits import energies, generator, locks, long, maturity
from ctviz.catalogue.limits.story import LimitStory
from ctviz.errors import ConfigError
from ctviz.experiments.limits.limit import Limit

STORIES: dict[str, LimitStory] = {told.STORY.name: told.STORY for told in (maturity, energies, locks, generator, long)}
"""In the order in which they are told."""


def story(name: str | Limit) -> LimitStory:
    """How a limit is told."""
    name = name.name if isinstance(name, Limit) else name
    if name not in STORIES:
        raise ConfigError("limit", name, f"one of {', '.join(STORIES)}")
    return STORIES[name]
