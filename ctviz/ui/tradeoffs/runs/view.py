"""How stored runs are looked at, as it stands in the link."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, field_validator

from ctviz.errors import ConfigError
from ctviz.ui.kit.link import BaseView
from ctviz.ui.kit.results import CURVES

MOST = 6
"""Runs that are compared at once."""

Order = Literal["new", "name", "data", "size", "gain"]
ORDERS: dict[Order, str] = {
    "new": "Newest first",
    "name": "By name",
    "data": "By data",
    "size": "Largest first",
    "gain": "Most plausible first",
}
"""The orders of the list; what is pinned comes first in each."""

_KEY = re.compile(r"[0-9a-f]{16}")


class RunsView(BaseView):
    """What is compared and how the list is searched.

    ``runs`` holds keys, each with a comma after it: a lone key made of digits alone would be read as a number.
    """

    runs: str = Field("", max_length=400)
    search: str = Field("", max_length=100)
    order: Order = "new"
    stacks: Literal[0, 1] = 0
    curve: str = "ip"
    settings: Literal["differ", "all"] = "differ"

    @field_validator("runs", mode="before")
    @classmethod
    def _keys(cls, runs: Any) -> Any:
        keys = list(dict.fromkeys(part for part in str(runs).split(",") if part))
        if len(keys) > MOST or not all(_KEY.fullmatch(key) for key in keys):
            raise ConfigError("runs", runs, f"at most {MOST} keys of runs, separated by commas")
        return joined(keys)

    @field_validator("search", mode="before")
    @classmethod
    def _as_text(cls, search: Any) -> Any:
        if isinstance(search, bool) or search is None:  # what a link says is read as JSON where it can be
            return "" if search is None else str(search).lower()
        return search if isinstance(search, str) else f"{search}"

    @field_validator("curve")
    @classmethod
    def _measured(cls, curve: str) -> str:
        if curve not in CURVES:
            raise ConfigError("curve", curve, f"one of {', '.join(CURVES)}")
        return curve

    @property
    def chosen(self) -> tuple[str, ...]:
        """The keys of the runs that are compared, in the order in which they were chosen."""
        return tuple(key for key in self.runs.split(",") if key)


def joined(keys: Iterable[str]) -> str:
    """Keys as ``RunsView.runs`` holds them."""
    return "".join(f"{key}," for key in keys)
