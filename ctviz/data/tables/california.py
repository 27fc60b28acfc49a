"""California housing: districts of the US census of 1990, and whether their homes are worth more than the median."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ctviz.data.rules import Rule, Rules, locked
from ctviz.data.tables.declaration import Column, TableInfo

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    Column("median income", "MedInc", prefix="$", factor=10_000, step=1_000),
    Column("house age", "HouseAge", "integer", unit="years"),
    Column("rooms per home", "AveRooms", rounding=0.01, step=0.1),
    Column("bedrooms per home", "AveBedrms", rounding=0.01, step=0.1),
    Column("population", "Population", "integer", step=10),
    Column("people per home", "AveOccup", rounding=0.01, step=0.1),
    Column("latitude", "Latitude", unit="degrees", rounding=0.01),
    Column("longitude", "Longitude", unit="degrees", rounding=0.01),
)

RULES = Rules(rules=(Rule(feature="house age", change="up"), *locked(("latitude", "longitude"))))


def read(folder: Path) -> pd.DataFrame:
    """``california_housing.parquet`` with scikit-learn's names of the columns, in float32."""
    import pandas as pd

    from ctviz.data.tables.files import raw_bytes

    frame = pd.read_parquet(io.BytesIO(raw_bytes(folder, "california_housing.parquet")))
    return frame[[*(column.source for column in COLUMNS), "MedHouseVal"]].astype("float32")


CALIFORNIA = TableInfo(
    name="california",
    title="California housing",
    sentence="Districts of California in 1990: where are homes worth more than the median?",
    source="R. Kelley Pace and Ronald Barry, Sparse spatial autoregressions, Statistics & Probability Letters "
    "33 (1997); public census data",
    columns=COLUMNS,
    classes=("up to the median", "above the median"),
    rows=20_640,
    favourable=10_317,
    balance=False,
    rules=RULES,
    protected=(),  # of districts, not of people
    read=read,
    label=lambda frame: frame["MedHouseVal"] > frame["MedHouseVal"].median(),
    digest="6e85dbb17089a616b00473cdf00ece16",
    row="district",
)
