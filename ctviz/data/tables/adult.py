"""Adult: people of the US census of 1994, and whether they earn more than $50,000 a year."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ctviz.data.rules import Link, Rule, Rules, locked
from ctviz.data.tables.declaration import OTHER, UNKNOWN, Column, TableInfo

if TYPE_CHECKING:
    import pandas as pd

_FILE_COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship",
    "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
)  # fmt: skip

_EDUCATION = (
    "preschool", "1st to 4th grade", "5th to 6th grade", "7th to 8th grade", "9th grade", "10th grade", "11th grade",
    "12th grade", "high school", "some college", "associate, vocational", "associate, academic", "bachelor", "master",
    "professional school", "doctorate",
)  # fmt: skip

_WORK = {
    "?": UNKNOWN,
    "Private": "private company",
    "Self-emp-not-inc": "self-employed",
    "Self-emp-inc": "own company",
    "Federal-gov": "federal government",
    "State-gov": "state government",
    "Local-gov": "local government",
    "Without-pay": "without pay",
    "Never-worked": "without pay",
}

_MARITAL = {
    "Never-married": "never married",
    "Married-civ-spouse": "married",
    "Married-AF-spouse": "married",
    "Married-spouse-absent": "spouse absent",
    "Separated": "separated",
    "Divorced": "divorced",
    "Widowed": "widowed",
}

_OCCUPATION = {
    "?": UNKNOWN,
    "Adm-clerical": "office",
    "Exec-managerial": "management",
    "Prof-specialty": "professional",
    "Tech-support": "technical support",
    "Sales": "sales",
    "Craft-repair": "craft and repair",
    "Machine-op-inspct": "machine operation",
    "Transport-moving": "transport",
    "Handlers-cleaners": "handling and cleaning",
    "Farming-fishing": "farming and fishing",
    "Protective-serv": "protection",
    "Armed-Forces": "protection",
    "Priv-house-serv": "private household",
    "Other-service": "other service",
}

_RELATIONSHIP = {
    "Husband": "husband",
    "Wife": "wife",
    "Own-child": "child at home",
    "Other-relative": "other relative",
    "Unmarried": "unmarried",
    "Not-in-family": "not in a family",
}

_RACE = {
    "White": "White",
    "Black": "Black",
    "Asian-Pac-Islander": "Asian or Pacific islander",
    "Amer-Indian-Eskimo": "American Indian or Eskimo",
    "Other": OTHER,
}

_COUNTRIES = (
    "United-States", "Mexico", "Philippines", "Germany", "Canada", "Puerto-Rico", "El-Salvador", "India", "Cuba",
    "England", "Jamaica", "China", "Italy", "Dominican-Republic", "Vietnam", "Guatemala", "Japan", "Poland", "Taiwan",
    "Haiti", "Iran", "Portugal", "Nicaragua", "Peru", "Greece", "France", "Ecuador", "Ireland",
)  # fmt: skip

# Fewer than twenty people each.
_RARE_COUNTRIES = (
    "Trinadad&Tobago", "Cambodia", "Thailand", "Laos", "Yugoslavia", "Outlying-US(Guam-USVI-etc)", "Hungary",
    "Honduras", "Scotland", "Holand-Netherlands",
)  # fmt: skip

# Names that are cut off or spelled wrongly in the file; “South” is not explained in its documentation.
_COUNTRY = {
    **{name: name.replace("-", " ") for name in _COUNTRIES},
    "Columbia": "Colombia",
    "Hong": "Hong Kong",
    "South": "“South”",
    "?": UNKNOWN,
    **dict.fromkeys(_RARE_COUNTRIES, OTHER),
}

COLUMNS = (
    Column("age", "age", "integer", unit="years"),
    Column("work class", "workclass", "category", _WORK),
    Column("education", "education-num", "ordered", {str(i + 1): name for i, name in enumerate(_EDUCATION)}, effort=4),
    Column("marital status", "marital-status", "category", _MARITAL, effort=5),
    Column("occupation", "occupation", "category", _OCCUPATION),
    Column("relationship", "relationship", "category", _RELATIONSHIP, effort=5),
    Column("race", "race", "category", _RACE),
    Column("sex", "sex", "category", {"Female": "female", "Male": "male"}),
    Column("capital gain", "capital-gain", "integer", prefix="$", step=100, effort=5),
    Column("capital loss", "capital-loss", "integer", prefix="$", step=100, effort=5),
    Column("hours per week", "hours-per-week", "integer", unit="hours"),
    Column("native country", "native-country", "category", _COUNTRY),
)

RULES = Rules(
    rules=(
        Rule(feature="age", change="up"),
        Rule(feature="education", change="up"),
        *locked(("marital status", "relationship", "race", "sex", "native country")),
        Rule(
            feature="work class",
            levels=tuple(dict.fromkeys(n for n in _WORK.values() if n not in (UNKNOWN, "without pay"))),
        ),
        Rule(feature="occupation", levels=tuple(dict.fromkeys(n for n in _OCCUPATION.values() if n != UNKNOWN))),
    ),
    links=(Link(feature="age", follows="education", least=1),),
)


def read(folder: Path) -> pd.DataFrame:
    """The training file of UCI, ``adult.data`` or ``adult.data.gz``, without the sampling weight and without the name
    of the education, which its number tells too."""
    import pandas as pd

    from ctviz.data.tables.files import raw_bytes

    raw = raw_bytes(folder, "adult.data")
    names = list(_FILE_COLUMNS)
    frame = pd.read_csv(io.BytesIO(raw), names=names, skipinitialspace=True, keep_default_na=False)
    return frame.drop(columns=["fnlwgt", "education"])


ADULT = TableInfo(
    name="adult",
    title="Adult (income)",
    sentence="People of the US census of 1994: who earns more than $50,000 a year?",
    source="Barry Becker and Ronny Kohavi, Adult, UCI Machine Learning Repository, 1996, doi 10.24432/C5XW20; "
    "CC BY 4.0",
    columns=COLUMNS,
    classes=("up to $50,000", "more than $50,000"),
    rows=32_561,
    favourable=7_841,
    balance=False,
    rules=RULES,
    # “Husband” and “wife” tell sex and marital status.
    protected=("age", "marital status", "relationship", "race", "sex", "native country"),
    read=read,
    label=lambda frame: frame["income"] == ">50K",
    digest="899c2698f51b112ef8f56209918c64fc",
)
