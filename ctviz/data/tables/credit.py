"""Default of credit card clients: people in Taiwan in 2005, and whether they paid their next bill."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ctviz.data.rules import Rule, Rules, locked
from ctviz.data.tables.declaration import OTHER, Column, TableInfo

if TYPE_CHECKING:
    import pandas as pd

_MONTHS = ("September", "August", "July", "June", "May", "April")
"""The newest month first, as in the file."""

_STATUS = {
    "-2": "card not used",
    "-1": "paid in full",
    "0": "least amount paid",
    "1": "1 month late",
    **{str(n): f"{n} months late" for n in range(2, 9)},
}
"""−2 and 0 are not in the documentation; their meaning was given by its author later."""

# 0, 5 and 6 are not documented; with 4, which is “others”, they are 1.6 % of the people.
_EDUCATION = {
    "0": OTHER,
    "4": OTHER,
    "5": OTHER,
    "6": OTHER,
    "3": "high school",
    "2": "university",
    "1": "graduate school",
}

_MARITAL = {"1": "married", "2": "single", "3": OTHER, "0": OTHER}

COLUMNS = (
    Column("credit limit", "LIMIT_BAL", "integer", prefix="NT$", step=10_000),
    Column("sex", "SEX", "category", {"2": "female", "1": "male"}),
    Column("education", "EDUCATION", "ordered", _EDUCATION, effort=4),
    Column("marital status", "MARRIAGE", "category", _MARITAL, effort=5),
    Column("age", "AGE", "integer", unit="years"),
    *(
        Column(f"status {month}", f"PAY_{0 if at == 0 else at + 1}", "ordered", _STATUS)
        for at, month in enumerate(_MONTHS)
    ),
    *(
        Column(f"bill {month}", f"BILL_AMT{at + 1}", "integer", prefix="NT$", step=1_000)
        for at, month in enumerate(_MONTHS)
    ),
    *(
        Column(f"payment {month}", f"PAY_AMT{at + 1}", "integer", prefix="NT$", step=1_000)
        for at, month in enumerate(_MONTHS)
    ),
)

_PAST = tuple(f"{what} {month}" for what in ("status", "bill", "payment") for month in _MONTHS[1:])

RULES = Rules(
    rules=(
        Rule(feature="age", change="up"),
        Rule(feature="education", change="up"),
        *locked(("sex", "marital status", "credit limit", *_PAST)),
    )
)
"""September is the month in which the bank asks; what was billed, paid and owed before is a fact of the past. The limit
is the bank's to set."""


def read(folder: Path) -> pd.DataFrame:
    """``credit_default.csv`` or ``credit_default.csv.gz``, without the number of the client."""
    import pandas as pd

    from ctviz.data.tables.files import raw_bytes

    frame = pd.read_csv(io.BytesIO(raw_bytes(folder, "credit_default.csv")))
    return frame[[*(column.source for column in COLUMNS), "target"]].astype("int32")


CREDIT = TableInfo(
    name="credit",
    title="Default of credit card clients",
    sentence="People with a credit card in Taiwan in 2005: who pays the next bill?",
    source="I-Cheng Yeh, Default of Credit Card Clients, UCI Machine Learning Repository, 2009, doi "
    "10.24432/C55S3H; CC BY 4.0",
    columns=COLUMNS,
    classes=("does not pay", "pays"),
    rows=30_000,
    favourable=23_364,
    balance=True,
    rules=RULES,
    protected=("sex", "marital status", "age"),
    read=read,
    label=lambda frame: frame["target"] == 0,
    digest="9d6e48fd4afdbd2e665d0d8a5443c0e3",
)
