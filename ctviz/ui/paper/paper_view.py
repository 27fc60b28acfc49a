"""What a person looks at on Paper, all of it in the link."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator

from ctviz.errors import ConfigError
from ctviz.studies.reproduce.published import HERE
from ctviz.studies.rivals.result import MEASURES
from ctviz.studies.rivals.settings import Search
from ctviz.ui.kit.link import BaseView

SHIPPED = "shipped"
"""The result that comes with ctviz; any other is named by the key of its settings."""


class PaperView(BaseView):
    """``result`` is the one that is shown, ``data`` the data set whose settings and draws are, ``draws`` whether every
    draw is listed; ``measure`` and ``search`` are those by which methods are compared."""

    result: str = SHIPPED
    data: str = HERE[0]
    draws: Literal[0, 1] = 0
    measure: str = "ip"
    search: Search = "careful"

    @field_validator("result", mode="before")
    @classmethod
    def _a_key(cls, result: Any) -> Any:
        text = str(result) if isinstance(result, int) else result  # a key may be digits alone
        if text != SHIPPED and not (isinstance(text, str) and len(text) == 16 and text.isalnum()):
            raise ConfigError("result", result, f"{SHIPPED}, or the key of a result of this computer")
        return text

    @field_validator("measure")
    @classmethod
    def _a_measure(cls, name: str) -> str:
        if name not in MEASURES:
            raise ConfigError("measure", name, f"one of {', '.join(MEASURES)}")
        return name

    @field_validator("data")
    @classmethod
    def _of_the_table(cls, data: str) -> str:
        if data not in HERE:
            raise ConfigError("data", data, f"one of {', '.join(HERE)}")
        return data
