"""Numbers as people write them, in a cell or a field."""

from __future__ import annotations

import math
import re
from typing import Literal

NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
"""A number with a point, as a pattern that Python and Arrow read alike."""

Commas = Literal["none", "decimal", "thousands"]
"""What commas in a number are."""


def number_in(text: str, commas: Commas = "none") -> float:
    """The number that a text is, with a minus sign or a hyphen; not a number where it is none."""
    plain = text.strip().replace("−", "-")
    if commas != "none":
        plain = plain.replace(",", "." if commas == "decimal" else "")
    return float(plain) if re.fullmatch(NUMBER, plain) else math.nan
