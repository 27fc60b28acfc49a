"""German credit: a thousand loans of a German bank in the 1970s, and whether they were paid back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ctviz.data.rules import Rule, Rules, locked
from ctviz.data.tables.declaration import Column, TableInfo

if TYPE_CHECKING:
    import pandas as pd

_ACCOUNT = {"A14": "no account", "A11": "below 0 DM", "A12": "0 to 200 DM", "A13": "200 DM or more"}
_HISTORY = {
    "A30": "no loans so far",
    "A31": "all loans here paid back",
    "A32": "loans paid so far",
    "A33": "late in the past",
    "A34": "critical, or loans elsewhere",
}
_PURPOSE = {
    "A40": "new car",
    "A41": "used car",
    "A42": "furniture",
    "A43": "radio or television",
    "A44": "household appliances",
    "A45": "repairs",
    "A46": "education",
    "A48": "education",  # retraining: nine loans
    "A49": "business",
    "A410": "other",
}
_UNKNOWN = "none or unknown"
_SAVINGS = {
    "A65": _UNKNOWN,
    "A61": "below 100 DM",
    "A62": "100 to 500 DM",
    "A63": "500 to 1,000 DM",
    "A64": "1,000 DM or more",
}
_EMPLOYED = {
    "A71": "unemployed",
    "A72": "below 1 year",
    "A73": "1 to 4 years",
    "A74": "4 to 7 years",
    "A75": "7 years or more",
}
_STATUS = {
    "A91": "man, divorced or separated",
    "A92": "woman, married or divorced",
    "A93": "man, single",
    "A94": "man, married or widowed",
}
_DEBTORS = {"A101": "none", "A102": "co-applicant", "A103": "guarantor"}
_PROPERTY = {
    "A121": "real estate",
    "A122": "savings contract or life insurance",
    "A123": "car or other",
    "A124": _UNKNOWN,
}
_PLANS = {"A141": "bank", "A142": "stores", "A143": "none"}
_HOUSING = {"A151": "rent", "A152": "own", "A153": "for free"}
_JOB = {
    "A171": "unemployed or unskilled, not resident",
    "A172": "unskilled, resident",
    "A173": "skilled",
    "A174": "management or highly qualified",
}

COLUMNS = (
    Column("account", "status", "category", _ACCOUNT),
    Column("duration", "duration", "integer", unit="months"),
    Column("credit history", "credit_history", "category", _HISTORY),
    Column("purpose", "purpose", "category", _PURPOSE),
    Column("amount", "amount", "integer", unit="DM", step=100),
    Column("savings", "savings", "category", _SAVINGS),
    Column("employed for", "employment", "ordered", _EMPLOYED, effort=4),
    Column("instalment rate", "instalment_rate", "integer"),
    Column("sex and marital status", "personal_status", "category", _STATUS, effort=5),
    Column("other debtors", "debtors", "category", _DEBTORS),
    Column("residence", "residence", "integer"),
    Column("property", "property", "category", _PROPERTY, effort=4),
    Column("age", "age", "integer", unit="years"),
    Column("other instalment plans", "plans", "category", _PLANS),
    Column("housing", "housing", "category", _HOUSING, effort=4),
    Column("loans at this bank", "loans", "integer"),
    Column("job", "job", "category", _JOB, effort=4),
    Column("dependents", "dependents", "integer"),
    Column("telephone", "telephone", "category", {"A191": "no", "A192": "yes"}, effort=1),
    Column("foreign worker", "foreign", "category", {"A202": "no", "A201": "yes"}),
)

RULES = Rules(
    rules=(
        Rule(feature="age", change="up"),
        Rule(feature="residence", change="up"),
        Rule(feature="employed for", change="up"),
        Rule(feature="account", levels=tuple(name for name in _ACCOUNT.values() if name != "no account")),
        Rule(feature="savings", levels=tuple(name for name in _SAVINGS.values() if name != _UNKNOWN)),
        Rule(feature="property", levels=tuple(name for name in _PROPERTY.values() if name != _UNKNOWN)),
        Rule(feature="telephone", levels=("yes",)),
        *locked(
            (
                "credit history", "purpose", "sex and marital status", "loans at this bank", "dependents",
                "foreign worker",
            )
        ),
    )
)  # fmt: skip


def read(folder: Path) -> pd.DataFrame:
    """``german.data`` of UCI, or ``german.data.gz``, with its codes."""
    import pandas as pd

    from ctviz.data.tables.files import raw_bytes

    names = [*(column.source for column in COLUMNS), "class"]
    return pd.read_csv(io.BytesIO(raw_bytes(folder, "german.data")), names=names, sep=" ", keep_default_na=False)


GERMAN = TableInfo(
    name="german",
    title="German credit",
    sentence="Loans of a German bank in the 1970s: which are paid back?",
    source="Hans Hofmann, Statlog (German Credit Data), UCI Machine Learning Repository, 1994, doi "
    "10.24432/C5NC77; CC BY 4.0",
    columns=COLUMNS,
    classes=("bad", "good"),
    rows=1_000,
    favourable=700,
    balance=False,
    rules=RULES,
    protected=("sex and marital status", "age", "foreign worker"),
    read=read,
    label=lambda frame: frame["class"] == 1,
    digest="e3c2e24da7d883f8aaacf57244f9f4fe",
)
