"""How the numbers of a feature are shown to people: in its own unit, rounded as people say them."""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ctviz.prose import decimal

Values = npt.NDArray[np.floating[Any]]


class DisplayScale(BaseModel):
    """From the numbers of a column, x, to those that people read, and back.

        shown = offset + scale · x

    Searches, settings and links hold x; only what people read is in ``unit``. It is no part of any key.

    Attributes:
        unit: follows an amount: ``years``.
        prefix: goes before every number: ``$``.
        offset, scale: of the formula; the scale is positive, so that more is more.
        step: what shown numbers are rounded to, as people say them: 1 for whole years, 100 for hundreds of dollars.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str = ""
    prefix: str = ""
    offset: float = Field(0.0, allow_inf_nan=False)
    scale: float = Field(1.0, gt=0, allow_inf_nan=False)
    step: float = Field(0.01, gt=0, allow_inf_nan=False)

    @property
    def plain(self) -> bool:
        """Whether people read the numbers of the column themselves."""
        return not (self.unit or self.prefix) and (self.offset, self.scale) == (0, 1)

    @property
    def places(self) -> int:
        """Decimals of shown numbers."""
        return next((n for n in range(9) if math.isclose(round(self.step, n), self.step)), 9)

    @overload
    def to_shown(self, x: float) -> float: ...
    @overload
    def to_shown(self, x: Values) -> Values: ...
    def to_shown(self, x: float | Values) -> float | Values:
        """A number, or an array, in the unit that people read; not rounded."""
        return self.offset + self.scale * x

    def of_shown(self, shown: float) -> float:
        """The inverse of ``to_shown``."""
        return (shown - self.offset) / self.scale

    def rounded(self, x: float) -> float:
        """A number as it is shown: in the unit, a multiple of the step."""
        return round(round(float(self.to_shown(x)) / self.step) * self.step, self.places)

    def written(self, shown: float) -> str:
        """A number in the unit, without its name: ``46``, ``$17,500``, ``−$300``."""
        text = decimal(abs(shown), self.places, group=",")
        return f"{'−' if float(f'{shown:.{self.places}f}') < 0 else ''}{self.prefix}{text}"

    def amount(self, shown: float) -> str:
        """The same with the unit: ``3 years``, ``1 year``, ``$3,100``."""
        text, unit = self.written(shown), self.unit
        if text in ("1", "−1") and unit.islower() and unit.endswith("s"):
            unit = unit.removesuffix("s")
        return f"{text} {unit}" if unit else text

    def text(self, x: float) -> str:
        """What people read of a number of the column: ``46``, ``$17,500``."""
        return self.written(self.rounded(x))

    def titled(self, name: str) -> str:
        """A name with the unit, where numbers follow: ``age (years)``, ``debt ($)``."""
        unit = self.unit or self.prefix
        return f"{name} ({unit})" if unit else name


def fitted(
    lower: float, upper: float, least: float, most: float, step: float, unit: str = "", prefix: str = ""
) -> DisplayScale:
    """A scale for made-up data: the range of a column, ``lower`` to ``upper``, lies within ``least`` to ``most``, near
    their middle, by a round factor (1, 2, 2.5 or 5 times a power of ten) and a round offset."""
    width, span = upper - lower, most - least
    if not (math.isfinite(width) and width > 0):
        return DisplayScale(unit=unit, prefix=prefix, step=step)
    rounding = _round_down(0.1 * span)
    scale = _round_down((span - rounding) / width)
    middle = (least + most) / 2 - scale * (lower + upper) / 2
    return DisplayScale(unit=unit, prefix=prefix, offset=rounding * round(middle / rounding), scale=scale, step=step)


def _round_down(value: float) -> float:
    """The largest of 1, 2, 2.5 and 5 times a power of ten that is not above a value."""
    power = 10.0 ** math.floor(math.log10(value) + 1e-12)
    return max(part * power for part in (1.0, 2.0, 2.5, 5.0) if part * power <= value * (1 + 1e-12))
