"""A result is written and read as it is, and what is no result is told so."""

import json
import math
import os

import pytest

from ctviz.data.tables.settings import TABLES
from ctviz.errors import DataError, StoreError
from ctviz.experiments.store import Store
from ctviz.studies.reproduce.published import HERE, TABLE1, USUAL
from ctviz.studies.reproduce.reproduction import MAX_DRAWS, SOLVED
from ctviz.studies.reproduce.result import RESULTS, Reduction, Table1, read, shipped
from tests.studies.reproduce.made_up import judged, result


def test_round_trip():
    made = result()
    assert Table1.from_json(made.to_json()) == made
    assert Table1.from_json(made.to_json()).to_json() == made.to_json()


def test_tables_and_an_extra_without_published_numbers_come_back_too():
    made = result("moons", "adult", "german")
    assert Table1.from_json(made.to_json()) == made
    moons, adult, german = json.loads(made.to_json())["rows"]
    assert "ip_star_median" not in moons and "calibration" not in moons["seeds"][0]
    assert adult["ip_star_median"]["reduction"] == 33 and german["ip"]["published"] is None


def test_json_has_what_the_table_needs():
    row = json.loads(result("moons").to_json())["rows"][0]
    assert row["data"] == "moons"
    for metric in ("ip", "ip_star", "cost"):
        cell = row[metric]
        assert {"reduction", "low", "high", "significant", "published"} <= set(cell)
        assert cell["published"] == TABLE1["moons"][metric].reduction
    assert [draw["seed"] for draw in row["seeds"]] == [0, 1]


def test_what_is_not_a_number_is_none():
    found = Reduction(reduction=math.nan, low=-math.inf, high=math.inf, significant=None)
    assert (found.reduction, found.low, found.high) == (None, None, None)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"rows": 3}', result().to_json().replace('"rows"', '"row"')])
def test_other_text_is_a_sentence(text):
    with pytest.raises(DataError, match="no result of `ctviz reproduce table1`"):
        Table1.from_json(text)


@pytest.mark.parametrize(
    ("part", "name", "value", "told"),
    [
        ("ablation", "arm", "of later", "ablation.0.arm"),
        ("robustness", "arm", "of later", "robustness.0.arm"),
        ("robustness", "epsilon", [], "its points differ in number"),
        ("rows", "data", "moons", "a data set is in it twice"),
    ],
)
def test_what_words_and_pictures_could_not_tell_is_refused(part, name, value, told):
    known = json.loads(result("circles", "moons").to_json())
    known[part][0][name] = value
    with pytest.raises(DataError, match=told):
        Table1.from_json(json.dumps(known))


@pytest.mark.parametrize(("name", "value"), [("arm", "of later"), ("low", [])])
def test_a_reliability_that_no_picture_can_show_is_refused(name, value):
    made = result("moons")
    known = json.loads(made.model_copy(update={"rows": (judged(made.rows[0]),)}).to_json())
    known["rows"][0]["reliability"][0][name] = value
    with pytest.raises(DataError, match="reliability"):
        Table1.from_json(json.dumps(known))


@pytest.mark.parametrize("changed", [{}, {"rows": [], "of_later": 1}])
def test_a_result_of_another_version_is_told_so_whatever_else_it_has(changed, tmp_path):
    path = tmp_path / "table1.json"
    path.write_text(json.dumps({**json.loads(result().to_json()), "algorithm": 99, **changed}), encoding="utf-8")
    with pytest.raises(DataError, match=r"table1`: it was written by another version of ctviz\.$"):
        read(path)


def test_own_results_are_found_the_newest_first(tmp_path):
    store = Store(tmp_path)
    assert RESULTS.files(store) == {}
    for key, data in (("a" * 16, "moons"), ("b" * 16, "ls")):
        RESULTS.keep(store, key, result(data))
    old = tmp_path / "paper" / f"table1-{'c' * 16}.json"
    old.write_text(result("ol").to_json(), encoding="utf-8")
    for time, path in enumerate((old, *(RESULTS.path(store, key * 16) for key in "ab"))):
        os.utime(path, (time, time))
    files = RESULTS.files(store)
    assert list(files) == ["b" * 16, "a" * 16, "c" * 16]
    assert [read(path) for path in files.values()] == [result("ls"), result("moons"), result("ol")]


def test_a_missing_result_says_what_to_do(tmp_path):
    with pytest.raises(StoreError, match="ctviz reproduce table1"):
        read(tmp_path / "none.json")


def test_the_shipped_result_has_all_rows_and_the_published_numbers():
    found = read(shipped())
    assert found.to_json().encode() == shipped().read_bytes()
    assert set(USUAL) < {row.data for row in found.rows}
    assert [row.data for row in found.rows] == [name for name in HERE if found.row(name)]
    for row in found.rows:
        if row.data not in TABLES:  # of these, as many as were done
            assert len(row.seeds) == min(found.reproduction["seeds"], MAX_DRAWS.get(row.data, 100))
            assert (row.exact is not None) == (row.data in SOLVED)
    for row, metric, outcome in found.outcomes():
        if row.data not in TABLE1:
            assert outcome.published is None
            continue
        theirs = TABLE1[row.data][metric]
        assert (outcome.published, outcome.published_error) == (theirs.reduction, theirs.error)
        assert outcome.published_significant is theirs.significant
        if outcome.reduction is not None:
            draws = [one.reduction for _, one in row.draws(metric) if one.reduction is not None]
            assert min(draws) - 1e-9 <= outcome.reduction <= max(draws) + 1e-9
