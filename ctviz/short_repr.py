"""A short repr for records that hold large data."""

from __future__ import annotations

import reprlib
from dataclasses import fields
from typing import Any


class ShortRepr:
    """Base of a dataclass made with ``repr=False`` and with ``eq=False``, since ``==`` of arrays is not a single truth
    value.

    Arrays are shown by type and shape; other long values are cut.
    """

    def __repr__(self) -> str:
        parts = (f"{field.name}={_short(getattr(self, field.name))}" for field in fields(self))  # type: ignore[arg-type]  # it is a dataclass
        return f"{type(self).__name__}({', '.join(parts)})"


def _short(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"<{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}>"
    if isinstance(value, tuple | list | dict) and len(value) > 4:
        return f"<{len(value)} in a {type(value).__name__}>"
    return reprlib.repr(value)
