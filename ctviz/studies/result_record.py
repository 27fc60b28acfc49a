"""Records of results that ship as files of JSON: Table 1, and the comparison with rivals."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from ctviz.errors import DataError, StoreError
from ctviz.experiments.config import ALGORITHM_VERSION
from ctviz.experiments.store.artifacts import Kind
from ctviz.experiments.store.codec import Damaged
from ctviz.paths import assets


class ResultRecord(BaseModel):
    """Base of all parts of the result: frozen, without unknown fields; numbers that are not finite become None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    later: ClassVar[tuple[str, ...]] = ()
    """Fields that came after results had been stored, and are left out of files where they are None."""

    @model_serializer(mode="wrap")
    def _without_later(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        return {name: value for name, value in values.items() if value is not None or name not in self.later}

    @field_validator("*", mode="before")
    @classmethod
    def _finite(cls, value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value


class _VersionError(ValueError):
    """A result whose numbers this version would not find."""


class ResultDocument(ResultRecord):
    """A whole result, as `ctviz reproduce` writes it: ``command`` is the name of what is reproduced.

    Its field ``algorithm`` is the ``ALGORITHM_VERSION`` that it was computed with, which has to be this one.
    """

    command: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, values: Any) -> Any:
        """Before all fields, since another version may have others."""
        if isinstance(values, dict) and values.get("algorithm", ALGORITHM_VERSION) != ALGORITHM_VERSION:
            raise _VersionError("it was written by another version of ctviz")
        return values

    def to_json(self) -> str:
        """Text that ends with a line break; equals give equal text."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, allow_nan=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Inverse of ``to_json``; raises ``DataError`` for text that is not a result of this version."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            cause = first.get("ctx", {}).get("error")
            if isinstance(cause, _VersionError):
                raise cls.none(str(cause)) from None
            where = ".".join(str(part) for part in first["loc"]) or "the text"
            raise cls.none(f"{where}, {first['msg'].lower()}") from None

    @classmethod
    def none(cls, why: object) -> DataError:
        """What is said of a file that is none."""
        return DataError(f"This is no result of `ctviz reproduce {cls.command}`: {why}.")


DocumentT = TypeVar("DocumentT", bound=ResultDocument)


def result_kind(title: str, document: type[DocumentT]) -> Kind[DocumentT]:
    """How results are kept in files."""
    return Kind(
        title,
        folder="paper",
        encode=lambda result: result.to_json().encode(),
        decode=document.from_json,
        old_name=f"{document.command}-{{key}}.json",
        max_bytes=16 << 20,
    )


def shipped_result(document: type[ResultDocument]) -> Path:
    """The file of the result that ships with ctviz."""
    return assets() / "paper" / f"{document.command}.json"


def read_result(path: Path, document: type[DocumentT], kind: Kind[DocumentT]) -> DocumentT:
    """A result from its file: one that ships, or one of a store.

    Raises:
        StoreError: there is none, or it cannot be read. DataError: it is damaged.
    """
    try:
        return kind.read_file(path)
    except Damaged as error:
        raise (error.__cause__ if isinstance(error.__cause__, DataError) else document.none(error)) from error
    except FileNotFoundError:
        raise StoreError(f"{path} is not there; `ctviz reproduce {document.command}` computes one.") from None
    except OSError as error:
        raise StoreError(f"{path.name} could not be read: {(error.strerror or str(error)).lower()}.") from None
