"""A figure that plotly has checked once, to be sent many times."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from plotly.basedatatypes import BaseFigure

from ctviz.cache import Cache


class CheckedFigure(BaseFigure):  # type: ignore[misc]  # plotly ships no types for it
    """Stands in for a ``Figure`` where one is only written as JSON, without being checked and copied once more.

    Checking one small chart takes some milliseconds, and a page with ten of them is drawn anew for each person and
    each step of a slider.

    Args:
        figure: the one that is checked.
    """

    def __init__(self, figure: BaseFigure) -> None:
        # Not that of the base, which would check everything; and around its guard, which knows its own fields alone.
        object.__setattr__(self, "_spec", figure.to_dict())

    def to_dict(self) -> dict[str, Any]:
        return dict(object.__getattribute__(self, "_spec"))


class Drawings:
    """Figures by what they show, each drawn and checked once; the least recently used go first.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int = 256) -> None:
        self._kept = Cache(most)

    def get(self, shows: Hashable, draw: Callable[[], BaseFigure]) -> CheckedFigure:
        """The figure that is kept, else what ``draw`` returns."""
        return self._kept.get(shows, lambda: CheckedFigure(draw()))
