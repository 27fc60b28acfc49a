"""A control for the value of each feature of a person, in original units; a value that the data do not have is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from ctviz.data.people import Value
from ctviz.data.schema import Feature, Schema
from ctviz.ui.kit import bind
from ctviz.ui.recourse.person_card import MONTHS, by_month

ACROSS = 4
"""Controls beside each other."""


def value_controls(schema: Schema, values: Mapping[str, Value], key: str, take: Callable[[str, Value], None]) -> None:
    """The controls of all features; those of months in rows of their own.

    Args:
        values: what each shows.
        key: begins the key of each.
        take: takes over a feature's new value.
    """
    monthly = by_month(schema.names)
    alone = [f for f in schema.features if f.name.rpartition(" ")[0] not in monthly or f.name.split()[-1] not in MONTHS]
    _rows(alone, ACROSS, values, key, take)
    features = {feature.name: feature for feature in schema.features}
    for what, months in monthly.items():
        _rows([features[f"{what} {month}"] for month in months], len(months), values, key, take)


def _rows(
    features: list[Feature], across: int, values: Mapping[str, Value], key: str, take: Callable[[str, Value], None]
) -> None:
    for start in range(0, len(features), across):
        for column, feature in zip(st.columns(across), features[start : start + across], strict=False):
            with column:
                _control(feature, values[feature.name], f"{key}-{feature.name}", take)


def _control(feature: Feature, value: Any, key: str, take: Callable[[str, Value], None]) -> None:
    def taken(new: Any) -> None:
        take(feature.name, new)

    if feature.levels:
        bind.choice(feature.name, feature.levels, bind.to(key, value, taken, renewed=True))
        return
    low, high = feature.shown_domain
    whole = feature.kind == "integer" and feature.display.places == 0
    cast: Callable[[Any], Any] = int if whole else float
    value = cast(value)
    binding = bind.to(key, value, taken, renewed=True)
    bind.number(
        feature.display.titled(feature.name), binding, min(low, value), max(high, value), step=feature.display.step,
        whole=whole,
    )  # fmt: skip
