"""Frozen, validated records of settings, whose errors are sentences (``ConfigError``)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Literal, Self, get_origin

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from ctviz.errors import ConfigError


class Settings(BaseModel):
    """Base of every settings record: frozen, hashable, no unknown keys, no NaN or infinity."""

    later: ClassVar[tuple[str, ...]] = ()
    """Fields that were added after results had been stored, beside those of base classes: see ``key_values``."""

    # "constants": infinity may be written to TOML, although settings never hold it.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, ser_json_inf_nan="constants"
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise explain(error, tuple(type(self).model_fields)) from None

    def model_copy(self, **how: Any) -> Self:
        """A copy, whose cached properties, such as its key, are its own."""
        copied = super().model_copy(**how)
        for name in vars(copied).keys() - type(self).model_fields.keys():
            del vars(copied)[name]
        return copied

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any, info: ValidationInfo) -> Any:
        """Accept numbers alone as numbers, not ``true`` or ``"20"``; zero gets one sign, so that equal settings have
        one key."""
        kind = type(value)
        if value is None or kind is int or kind is dict or (kind is float and value):
            return value  # as nearly all are, hundreds of times for an experiment
        literal, numeric = _kind_of(cls, str(info.field_name))
        if literal:  # which checks its values itself
            return value
        for part in value if isinstance(value, list | tuple) else (value,):
            if isinstance(part, bool) or (numeric and isinstance(part, str)):
                raise ValueError("a number" if numeric else "no true or false")
        return value + 0.0 if isinstance(value, float) else value


@cache
def _kind_of(settings: type[Settings], field: str) -> tuple[bool, bool]:
    """Whether a field takes one of some literals, and whether it takes a number."""
    annotation = settings.model_fields[field].annotation
    return get_origin(annotation) is Literal, annotation in (int, float, int | None, float | None)


def key_values(settings: Settings, exclude: set[str] | None = None) -> dict[str, Any]:
    """The values behind a key, as JSON holds them: without fields of ``later`` that are at their defaults.

    So results that were stored before a field was added are still found by their key.
    """
    return _without_later(settings, settings.model_dump(mode="json", exclude=exclude))


@cache
def later_of(kind: type[Settings]) -> frozenset[str]:
    """``later`` of a class and of all its base classes."""
    return frozenset(name for base in kind.__mro__ for name in vars(base).get("later", ()))


def _without_later(settings: Settings, values: dict[str, Any]) -> dict[str, Any]:
    kept, later = {}, later_of(type(settings))
    for name, value in values.items():
        own = getattr(settings, name)
        if name in later and own == type(settings).model_fields[name].default:
            continue
        if isinstance(own, Settings):
            value = _without_later(own, value)
        elif isinstance(own, tuple) and own and isinstance(own[0], Settings):
            value = [_without_later(part, inner) for part, inner in zip(own, value, strict=True)]
        kept[name] = value
    return kept


class Document(Settings):
    """Settings that can be read from JSON and TOML, with errors that are sentences too."""

    called: ClassVar[str]
    """Name of the document in errors."""

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Raises ``ConfigError`` for what is no JSON, or no such settings."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(cls.called, str(error), "a JSON object") from None
        return cls.from_mapping(values)

    def to_toml(self) -> str:
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True, context="toml"))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Raises ``ConfigError`` for what is no TOML, or no such settings."""
        try:
            values = tomllib.loads(text.removeprefix("\ufeff"))  # some editors write a byte order mark
        except (ValueError, RecursionError) as error:  # also raised for a number with thousands of digits
            raise ConfigError("TOML", str(error), "valid TOML") from None
        return cls.from_mapping(values)

    @classmethod
    def from_mapping(cls, values: Any) -> Self:
        """Raises ``ConfigError`` for what is no table with names, or no such settings."""
        if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
            raise ConfigError(cls.called, values, "a table of settings")
        return cls(**values)


def explain(error: ValidationError, known: tuple[str, ...]) -> ConfigError:
    """The first problem of a pydantic error as a ``ConfigError``."""
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    if parts[-1:] in (["int"], ["str"]):  # the member of a union that was tried does not help a user
        parts.pop()
    field = ".".join(parts)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):
        if parts[-1:] == [cause.field]:  # a field that names itself
            return ConfigError(field, cause.value, cause.allowed)
        inner = f"{field}.{cause.field}" if field else cause.field
        return ConfigError(inner, cause.value, cause.allowed)
    if first["type"] == "extra_forbidden":
        return ConfigError(field, first["input"], f"no such setting; known are {', '.join(known)}")
    if first["type"] == "missing":
        return ConfigError(field, None, "it must be given")
    plain = _PLAIN.get(first["type"])
    allowed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if plain is not None:
        allowed = plain.format(**first.get("ctx", {}))
    return ConfigError(field or "the settings", first["input"], allowed)


_PLAIN = {
    "tuple_type": "a list",
    "model_type": "a table of settings",
    "too_short": "{min_length} or more entries",
    "too_long": "at most {max_length} entries",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "string_type": "text",
    "string_too_short": "{min_length} or more characters",
    "string_too_long": "at most {max_length} characters",
}
"""Pydantic's messages about Python types, in words for users."""
