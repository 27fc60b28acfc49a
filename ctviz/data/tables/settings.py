"""The catalogue of tables: their names and settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, model_validator

from ctviz.data.tables.adult import ADULT
from ctviz.data.tables.california import CALIFORNIA
from ctviz.data.tables.credit import CREDIT
from ctviz.data.tables.declaration import TableInfo
from ctviz.data.tables.german import GERMAN
from ctviz.data.tables.gmsc import GMSC
from ctviz.errors import ConfigError
from ctviz.settings import Settings

TableName = Literal["adult", "california", "credit", "german", "gmsc"]

TABLES: Mapping[str, TableInfo] = MappingProxyType(
    {info.name: info for info in (ADULT, CALIFORNIA, CREDIT, GERMAN, GMSC)}
)
"""The tables by name."""

SIZES = ("n_train", "n_validation", "n_test")


class TableSettings(Settings):
    """Settings of a table: its name, whether classes are balanced, the size of each split, and the seed of the draw.

    Sizes that are not given are the paper's: a fifth for tests, 1,000 for validation (of small tables a tenth of all),
    the rest to train on.
    """

    name: TableName = "adult"
    balance: Literal["usual", "equal", "all"] = "usual"
    n_train: int = Field(0, ge=10)  # 0: not given
    n_validation: int = Field(0, ge=10)
    n_test: int = Field(0, ge=10)
    seed: int = Field(0, ge=0, lt=2**31)

    @model_validator(mode="before")
    @classmethod
    def _sizes_of_the_paper(cls, values: Any) -> Any:
        name = values.get("name", "adult") if isinstance(values, dict) else None
        if not isinstance(name, str) or name not in TABLES:
            return values
        info = TABLES[name]
        usual = info.sizes(_balanced(info, values.get("balance", "usual")))
        return {**dict(zip(SIZES, usual, strict=True)), **values}

    @model_validator(mode="after")
    def _as_many_as_there_are(self) -> TableSettings:
        most = self.info.usable(self.balanced)
        wanted = self.n_train + self.n_validation + self.n_test
        if wanted > most:
            rest = most - self.n_validation - self.n_test
            raise ConfigError("n_train", self.n_train, f"at most {rest:,}, the rows of {self.name} that are left")
        return self

    @property
    def info(self) -> TableInfo:
        """What is known about the table."""
        return TABLES[self.name]

    @property
    def balanced(self) -> bool:
        """Whether as many rows of each class are taken."""
        return _balanced(self.info, self.balance)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return 2

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return self.info.features

    @property
    def d(self) -> int:
        """Number of columns."""
        return sum(column.width for column in self.info.columns)

    @property
    def grid(self) -> None:
        """None: the columns are not pixels."""
        return None


def _balanced(info: TableInfo, balance: Any) -> bool:
    return info.balance if balance == "usual" else balance == "equal"
