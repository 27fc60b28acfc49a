"""The errors that a caller may see: one root class; each message is one sentence for users."""

from __future__ import annotations

from typing import Any


class CtvizError(Exception):
    """Root of every error that ctviz raises on purpose; ``str(error)`` is fit to show to a user."""


class ConfigError(CtvizError, ValueError):
    """A setting that is not allowed: which ``field``, its ``value`` and what is ``allowed``."""

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        self.field = field
        self.value = value
        self.allowed = allowed
        named = field if field.isprintable() and len(field) <= 80 else shorten(field)
        super().__init__(f"{named} is {shorten(value)}; allowed: {allowed}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.field, self.value, self.allowed)


class DataError(CtvizError):
    """Data that cannot be used: wrong shape, not finite, too few rows, a class missing."""


class DeviceError(CtvizError):
    """A device that was asked for and is not there."""


class StoreError(CtvizError):
    """The store cannot do what was asked: no space, no permission, a damaged run."""


class JobError(CtvizError):
    """A background job that ended without its result."""


def shorten(value: Any, limit: int = 80) -> str:
    """``repr(value)``, cut to ``limit`` characters so that a message stays one readable sentence."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
