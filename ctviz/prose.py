"""How numbers, shares and lists are written in sentences and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any


def number(
    value: float | None,
    digits: int = 2,
    *,
    group: str = "\u202f",
    trim: bool = False,
    exponents: bool = True,
    missing: str = "—",
) -> str:
    """A number with significant digits and a real minus sign: ``0.012``, ``1.3``, ``−120``, ``0``.

    Args:
        digits: how many are significant; 3 makes ``1.30`` of 1.3.
        group: between thousands; with "," ``1,200``.
        trim: without zeros at the end of the decimals: ``5`` in place of ``5.0``.
        exponents: from a million on and below 0.00001, ``1.2e+09``; otherwise only beyond 1e300 and 1e-300.
        missing: in place of None and of what is not finite.
    """
    if value is None or not math.isfinite(value):
        return missing
    if value == 0:
        return "0"
    size = math.log10(abs(value))
    if (-5 if exponents else -300) <= size < (6 if exponents else 300):
        rounded = round(value, digits - 1 - math.floor(size))
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
        text = f"{rounded:,.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if trim and "." in text else text
        text = text.replace(",", group)
    else:
        text = f"{value:.{digits - 1}e}"
    return text.replace("-", "−", 1) if value < 0 else text


def decimal(
    value: float | None, digits: int = 1, *, scale: float = 1.0, unit: str = "", group: str = "", missing: str = "–"
) -> str:
    """A number with a fixed count of decimals, a real minus sign and no minus zero: ``−1.2``, ``0.0``.

    Args:
        digits: how many decimals.
        scale: what the value is multiplied by; 100 makes a percentage of a share.
        unit: follows the number: ``43 %`` with " %" and no digits.
        group: between thousands.
        missing: in place of None and of what is not finite, without the unit.
    """
    if value is None or not math.isfinite(scale * value):
        return missing
    text = f"{scale * value:,.{digits}f}"
    zero = not float(text.replace(",", ""))
    text = text.replace(",", group)
    return (text.removeprefix("-") if zero else text.replace("-", "−")) + unit


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign: ``+1.8``, ``−0.032``, ``0``; what is smaller than 0.0005 is ``≈ 0``."""
    if 0 < abs(value) < 5e-4:
        return "≈ 0"
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return sign + number(abs(value), digits, exponents=False, missing="not a number" if math.isnan(value) else "∞")


def percent(
    share: float | None, digits: int = 0, *, down: bool = False, short: bool = False, missing: str = "—"
) -> str:
    """A share from 0 to 1 in percent, never 0 or 100 of what is only nearly so: ``43 %``, ``under 1 %``, ``over 99 %``.

    Args:
        digits: how many decimals: ``43.2 %``, ``under 0.1 %`` with one.
        down: round down, so that what is below a threshold does not look as if it had reached it; nothing is 100 %.
        short: ``< 1 %`` and ``> 99 %`` in place of the words.
        missing: in place of None and of what is not finite.
    """
    if share is None or not math.isfinite(share):
        return missing
    step = 10.0**-digits
    steps = math.floor(share * 100 / step + 1e-4) if down else round(share * 100 / step)
    most = round(100 / step) - 1
    if share > 0 and steps == 0:
        return f"{'<' if short else 'under'} {step:g} %"
    if steps > most and (down or share < 1):
        return f"{'>' if short else 'over'} {most * step:.{digits}f} %"
    return f"{steps * step:.{digits}f} %"


def listed(parts: Sequence[str], last: str = "and") -> str:
    """The parts in one phrase: ``a``, ``a and b``, ``a, b and c``; empty without parts. ``last`` joins the last two."""
    return f" {last} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def quoted(texts: Sequence[str], *words: str) -> tuple[str, ...]:
    """The texts, in quotation marks where one of them holds one of the ``words`` that the sentence uses itself:
    ``from “below 0 DM” to “0 to 200 DM”``."""
    held = any(word in text for text in texts for word in words)
    return tuple(f"“{text}”" for text in texts) if held else tuple(texts)


def spelled(value: Any, digits: int = 4, *, missing: str = "none") -> str:
    """The value of a setting: ``0.25``, ``−1``, ``yes``, ``32, 16``; numbers with as many significant digits as needed.

    Args:
        digits: the most significant digits of a number that is not whole.
        missing: in place of None, of NaN, of an empty list and of an empty word.
    """
    value = getattr(value, "tolist", lambda: value)()  # of numpy
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and not math.isnan(value):
        return f"{value:.{digits}g}".replace("-", "−") if isinstance(value, float) else str(value).replace("-", "−")
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(spelled(part, digits, missing=missing) for part in value) or "none"
    return missing if value is None or value != value else str(value) or "none"


def unbroken(text: str) -> str:
    """The same text, in which no line breaks between a number and its %, nor at an arrow or an equals sign."""
    return text.replace(" %", "\u00a0%").replace(" → ", "\u00a0→\u00a0").replace(" = ", "\u00a0=\u00a0")


def clipped(text: str, most: int = 120) -> str:
    """A text that anybody may have written, cut to some characters: ``a long na…``."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def inside(title: str) -> str:
    """A title within a sentence: its first letter small, unless its first word is a name such as CounterNet or PGD."""
    word = title.partition(" ")[0]
    return title if word[1:] != word[1:].lower() else title[:1].lower() + title[1:]


def begun(sentence: str) -> str:
    """A phrase at the beginning of a sentence: its first letter large."""
    return sentence[:1].upper() + sentence[1:]
