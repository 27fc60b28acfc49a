"""Files of a sweep: what they hold, and a file that is brought back."""

from __future__ import annotations

from io import BytesIO

import pandas as pd
import pytest

from ctviz.errors import ConfigError
from ctviz.ui.kit.export import MAX_TOML
from ctviz.ui.tradeoffs.sweep_export import from_toml, md, parquet, shown_metrics, tex
from ctviz.ui.tradeoffs.tradeoffs_view import TradeoffsView
from tests.studies.sweeps.small import small
from tests.ui.tradeoffs.results import grid


def test_tables_have_a_row_for_each_cell_and_begin_with_what_is_shown() -> None:
    view = TradeoffsView(metric="cost")
    assert shown_metrics(grid(), view) == ["cost", "ip", "accuracy"]
    assert tex(grid(), view).count(r"\\") >= 6
    assert sum(line.startswith("|") for line in md(grid(), view).splitlines()) == 8


def test_parquet_holds_the_table_as_it_is() -> None:
    pd.testing.assert_frame_equal(pd.read_parquet(BytesIO(parquet(grid()))), grid(), check_dtype=False)


def test_a_sweep_is_brought_back_from_its_file() -> None:
    sweep = small({"tau": (0.5, 0.9), "generator": ("eccco", "generic")}, seeds=2)
    assert from_toml(sweep.to_toml().encode()) == sweep


@pytest.mark.parametrize("content", [b"\xff\xfe", b"axes = [", b"name = 'x'", b"#" * (MAX_TOML + 1)])
def test_any_other_file_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(ConfigError):
        from_toml(content)
