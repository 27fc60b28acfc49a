"""Give Me Some Credit: people with a loan, and whether they got into serious delay within two years.

It has no open licence, so it does not come with ctviz; it is read from a folder of the user's.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ctviz.data.rules import Rule, Rules, locked
from ctviz.data.tables.declaration import Column, TableInfo

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    Column("use of credit lines", "RevolvingUtilizationOfUnsecuredLines", rounding=0.01),
    Column("age", "age", "integer", unit="years"),
    Column("times 30 to 59 days late", "NumberOfTime30-59DaysPastDueNotWorse", "integer"),
    Column("debt ratio", "DebtRatio", rounding=0.01),
    Column("monthly income", "MonthlyIncome", "integer", prefix="$", step=100),
    Column("credit lines", "NumberOfOpenCreditLinesAndLoans", "integer"),
    Column("times 90 days late", "NumberOfTimes90DaysLate", "integer"),
    Column("real estate loans", "NumberRealEstateLoansOrLines", "integer"),
    Column("times 60 to 89 days late", "NumberOfTime60-89DaysPastDueNotWorse", "integer"),
    Column("dependents", "NumberOfDependents", "integer"),
)

RULES = Rules(
    rules=(
        Rule(feature="age", change="up"),
        *locked(("times 30 to 59 days late", "times 60 to 89 days late", "times 90 days late", "dependents")),
    )
)

FILES = ("give_me_some_credit.csv", "cs-training.csv")


def read(folder: Path) -> pd.DataFrame:
    """Kaggle's training file, under either of two names; rows that lack a number are left out, as in the paper."""
    import pandas as pd

    from ctviz.data.tables.files import raw_bytes

    frame = pd.read_csv(io.BytesIO(raw_bytes(folder, *FILES)))
    return frame[[*(column.source for column in COLUMNS), "SeriousDlqin2yrs"]].dropna().reset_index(drop=True)


GMSC = TableInfo(
    name="gmsc",
    title="Give Me Some Credit",
    sentence="People with a loan: who gets by for two years without a delay of 90 days?",
    source="the competition Give Me Some Credit, Kaggle, 2011; it has no open licence and does not come with ctviz",
    columns=COLUMNS,
    classes=("seriously late", "pays"),
    rows=120_269,
    favourable=111_912,
    balance=True,
    rules=RULES,
    protected=("age",),
    read=read,
    label=lambda frame: frame["SeriousDlqin2yrs"] == 0,
    digest="7d1ee5e849dd4c13bc44cfbe5970d42f",
    ships=False,
)
