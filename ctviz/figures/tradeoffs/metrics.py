"""What figures of a sweep show of a metric: its values, or reductions against the conventional model, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from ctviz.catalogue.metrics import Direction, metric
from ctviz.catalogue.settings import setting
from ctviz.prose import decimal

Measure = Literal["reduction", "value"]
"""A metric in % of the conventional model's, how far below it; or as it is."""

REASONS: dict[str, str] = {
    "numbers ran out of bounds": "the numbers ran out of bounds in training",
    "nothing matured": "none of the training searches arrived",
}
"""Reasons of a sweep that are put into plainer words."""


def what(axis: str, names: Mapping[str, str] | None = None) -> str:
    """What an axis is called: by ``names``, else by its symbol or in few words."""
    return names[axis] if names and axis in names else setting(axis).brief


def better_of(name: str, measure: Measure) -> Direction | None:
    """The side on which what is shown of a metric is better; None where neither is.

    A reduction is positive where the value lies below the conventional model's, so its better side is the other one.
    """
    better = metric(name).direction
    if better is None or measure == "value":
        return better
    return "more" if better == "less" else "less"


def title(name: str, measure: Measure, part: str = "") -> str:
    """What is shown of a metric, with its unit."""
    words = metric(name, part)
    if measure == "reduction":
        return f"{words.title}: % below the conventional model"
    return f"{words.title} ({words.unit})" if words.unit else words.title


def short(name: str, measure: Measure, part: str = "") -> str:
    """The same where there is little room."""
    words = metric(name, part)
    if measure == "reduction":
        return f"{words.symbol}, % below conv."
    return f"{words.symbol}, %" if words.share else words.symbol


def unit_of(name: str, measure: Measure) -> str:
    """What follows a number of a metric, " %" or nothing."""
    return " %" if measure == "reduction" else metric(name).suffix


def shown(name: str, value: float, measure: Measure) -> str:
    """A number of a metric without its unit: shares in %, with a decimal; reductions with two digits."""
    if measure == "value":
        return metric(name).number(value)
    if not math.isfinite(value):
        return "—"
    # Never finer than a tenth of a percent, and never an exponent.
    text = decimal(value, 1 if abs(value) < 9.95 else 0)
    return "0" if text == "0.0" else text


def interval(name: str, low: float, high: float, measure: Measure) -> str:
    """An interval in words, "from 12 to 30"; empty if there is none. It ends where the metric cannot go beyond."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    least, most = metric(name).bounds
    if measure == "value":
        low, high = max(low, least), min(high, most)
    elif least == 0:
        high = min(high, 100.0)
    return f"from {shown(name, low, measure)} to {shown(name, high, measure)}"


def state_words(state: str, reason: str) -> str:
    """Why a cell has no number, or what is to be known of one that has."""
    if state == "waiting":
        return "not trained yet"
    head, mark, seeds = reason.partition(" (seeds:")
    text = REASONS.get(head, head) + mark + seeds
    if state == "failed":
        return f"failed: {text}" if text else "failed"
    return text
