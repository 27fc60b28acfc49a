"""Tables of one's own: what is inferred, corrected, imputed, and whatever is refused in a sentence."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import ctviz
from ctviz.data.rules import Rule, Rules
from ctviz.data.tables import own, reading
from ctviz.data.tables.reading import table_of
from ctviz.data.tables.table import Table, escaped
from ctviz.errors import CtvizError

N = 120


def people(n: int = N) -> pd.DataFrame:
    """Made-up people: whole numbers, numbers with two decimals, categories, a yes or no, and a class."""
    rng = np.random.default_rng(0)
    age, income = rng.integers(18, 80, n), np.round(rng.normal(3000, 800, n), 2)
    job, grade = rng.choice(["clerk", "nurse", "smith"], n), rng.choice(["low", "middle", "high"], n)
    approved = np.where(income + 20 * age + rng.normal(0, 300, n) > 4000, "yes", "no")
    return pd.DataFrame(
        {"age": age, "income": income, "job": job, "grade": grade, "owner": rng.integers(0, 2, n), "loan": approved}
    )


def written(folder: Path, frame: pd.DataFrame | str | bytes, name: str = "people.csv", **how: object) -> Path:
    path = folder / name
    if isinstance(frame, pd.DataFrame):
        frame.to_csv(path, index=False, **how)
    else:
        path.write_bytes(frame if isinstance(frame, bytes) else frame.encode())
    return path


def loaded(folder: Path, frame: pd.DataFrame | str | bytes, **how: object) -> Table:
    """A table whose rules are given: of no feature is anything guessed."""
    return ctviz.load_table(written(folder, frame), **{"target": "loan", "rules": Rules(), "protected": (), **how})


# -- what is inferred ----------------------------------------------------------------------------------


def test_types_are_inferred(tmp_path):
    table = loaded(tmp_path, people())
    kinds = {f.name: (f.kind, f.levels) for f in table.schema.features}
    assert kinds == {
        "age": ("integer", ()), "income": ("number", ()), "job": ("category", ("clerk", "nurse", "smith")),
        "grade": ("category", ("high", "low", "middle")), "owner": ("category", ("0", "1")),
    }  # fmt: skip
    assert table.classes == ("no", "yes") and table.favourable == 1 and table.name == "people" and not table.notes
    assert [len(part[1]) for part in (table.train, table.validation, table.test)] == [84, 12, 24]
    assert table.schema.features[1].display.step == 0.01


def test_everybody_comes_back(tmp_path):
    frame = people()
    table = loaded(tmp_path, frame)
    X = torch.cat([part[0] for part in (table.test, table.validation, table.train)])
    y = torch.cat([part[1] for part in (table.test, table.validation, table.train)])
    order = np.random.default_rng(0).permutation(N)
    expected = frame.iloc[order].reset_index(drop=True)
    back = table.frame(X)
    np.testing.assert_array_equal(back["age"], expected["age"])
    np.testing.assert_allclose(back["income"], expected["income"], atol=1e-9)
    for name in ("job", "grade"):
        assert back[name].tolist() == expected[name].tolist()
    assert back["owner"].tolist() == [str(one) for one in expected["owner"]]
    assert [table.classes[c] for c in y] == expected["loan"].tolist()


def test_types_can_be_corrected(tmp_path):
    kinds = {"grade": ("low", "middle", "high"), "owner": "integer", "age": "number", "job": "leave out"}
    table = loaded(tmp_path, people(), kinds=kinds, favourable="no")
    assert [(f.name, f.kind) for f in table.schema.features] == [
        ("age", "number"), ("income", "number"), ("grade", "ordered"), ("owner", "integer"),
    ]  # fmt: skip
    assert table.schema.features[2].levels == ("low", "middle", "high") and table.classes == ("yes", "no")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return loaded(tmp_path_factory.mktemp("plain"), people())


@pytest.mark.parametrize(
    "how",
    [{"sep": ";", "decimal": ","}, {"sep": "\t"}, {"sep": "|"}, {"encoding": "utf-8-sig"}, {"encoding": "utf-16"},
     {"lineterminator": "\r\n"}, {"lineterminator": "\r"}, {"quoting": 1}],
    ids=str,
)  # fmt: skip
def test_the_same_table_in_other_forms(tmp_path, plain, how):
    other = ctviz.load_table(written(tmp_path, people(), "other.csv", **how), "loan")
    assert other.schema == plain.schema
    assert torch.equal(other.train[0], plain.train[0]) and torch.equal(other.train[1], plain.train[1])


def test_parquet_is_read_as_csv_is(tmp_path):
    frame = people()
    frame.astype({"job": "category"}).to_parquet(tmp_path / "people.parquet")
    table, same = ctviz.load_table(tmp_path / "people.parquet", "loan"), loaded(tmp_path, frame)
    assert table.schema == same.schema and torch.equal(table.train[0], same.train[0])


def test_it_is_trained_on(tmp_path):
    table = loaded(tmp_path, people(400))
    experiment = ctviz.Experiment(data=table, training={"epochs": 3, "n_ce": 40, "batch": 50})
    *_, last = ctviz.train(experiment, device="cpu")
    assert experiment.data.features == table.schema.names and np.isfinite(last.metrics["validation_accuracy"]).all()
    again = ctviz.Experiment(data=loaded(tmp_path, people(400)), training={"epochs": 3, "n_ce": 40, "batch": 50})
    assert again.key == experiment.key and loaded(tmp_path, people(400), seed=1).train[0][0, 0] != table.train[0][0, 0]


def test_it_has_the_settings_of_tables(tmp_path):
    free = ctviz.Experiment.on_table(loaded(tmp_path, people(400)))
    assert [arm.name for arm in free.arms] == ["vanilla", "full"]
    assert (free.training.batch, free.training.n_ce, free.evaluation.field) == (100, 280, 0)
    rules = Rules(rules=(Rule(feature="age", change="up"), Rule(feature="job", change="locked")))
    with_rules = ctviz.Experiment.on_table(loaded(tmp_path, people(400), rules=rules))
    assert [(arm.name, arm.locked, arm.increase_only) for arm in with_rules.arms] == [
        ("vanilla", (), ()), ("full", (), ()), ("full rules", ("job",), ("age",)),
    ]  # fmt: skip
    assert not with_rules.arms[0].trains_on_counterfactuals and with_rules.arms[2].trains_on_counterfactuals


# -- what is missing or odd ----------------------------------------------------------------------------


def test_missing_values_are_imputed_or_dropped_and_counted(tmp_path):
    frame = people().astype({"age": object})
    frame.loc[:4, "age"], frame.loc[3:9, "job"], frame.loc[7, "loan"] = "", "?", "NA"
    rest = frame.drop(index=7)
    imputed = loaded(tmp_path, frame)
    middle = np.floor(np.median([one for one in rest["age"] if one != ""]))
    assert imputed.notes == (
        "1 row without a value of loan was dropped.",
        f"Missing values were imputed: 5 of age by the median, {middle:g} and 6 of job by a level of their own, "
        "“unknown”.",
    )
    assert "unknown" in imputed.schema.features[2].levels
    everybody = pd.concat([imputed.frame(part[0]) for part in (imputed.train, imputed.validation, imputed.test)])
    assert (everybody["job"] == "unknown").sum() == 6 and len(everybody) == N - 1
    dropped = loaded(tmp_path, frame, missing="drop")
    assert dropped.notes[1] == "9 rows with missing values were dropped."
    assert sum(len(part[1]) for part in (dropped.train, dropped.validation, dropped.test)) == N - 10


def test_none_is_a_level_among_texts_and_missing_among_numbers(tmp_path):
    frame = people().astype({"age": object})
    frame.loc[:9, "age"] = frame.loc[:9, "job"] = "none"
    table = loaded(tmp_path, frame)
    assert "none" in table.schema.features[2].levels
    assert table.notes[0].startswith("Missing values were imputed: 10 of age by the median")


def test_levels_that_are_numbers_keep_all_their_digits(tmp_path):
    codes = [1234567, 7654321.5]
    table = loaded(tmp_path, people().assign(code=[codes[i % 2] for i in range(N)]))
    assert table.schema.features[-1].levels == ("1234567", "7654321.5")


def test_the_median_of_ordered_levels(tmp_path):
    frame = people()
    frame.loc[:9, "grade"] = ""
    table = loaded(tmp_path, frame, kinds={"grade": ("low", "middle", "high")})
    assert table.notes == ("Missing values were imputed: 10 of grade by the median, middle.",)


ODD = {
    "one value": ("x", ["same"] * N, "Column x holds one value only, 'same', and was left out."),
    "nothing": ("x", [""] * N, "Column x holds no values and was left out."),
    "dates": ("x", [f"2024-01-{1 + i % 28:02d}" for i in range(N)], "Column x holds dates and was left out"),
    "other dates": ("x", [f"{1 + i % 28}.3.24" for i in range(N)], "Column x holds dates and was left out"),
    "texts": ("x", [f"note {i}" for i in range(N)], "different text in nearly each row and was left out"),
    "numbers of rows": ("x", [str(1000 + i) for i in range(N)], "a different whole number in each row"),
    "many levels": ("x", [f"c{i % 45}" for i in range(N)], "holds 45 levels; the 16 rarest became “other”"),
}


@pytest.mark.parametrize(("name", "values", "said"), ODD.values(), ids=ODD)
def test_what_is_odd_is_said(tmp_path, name, values, said):
    table = loaded(tmp_path, people().assign(**{name: values}))
    assert len(table.notes) == 1 and said in table.notes[0]
    assert (name in table.schema.names) == ("left out" not in said)


def test_the_usual_rules_may_be_given(tmp_path):
    rules = Rules(rules=(Rule(feature="age", change="up"),))
    assert loaded(tmp_path, people(), rules=rules).rules == rules


def test_the_usual_rules_are_guessed_from_names_and_told(tmp_path):
    frame = people().rename(columns={"owner": "Gender"})
    table = ctviz.load_table(written(tmp_path, frame), "loan")
    assert table.rules == Rules(rules=(Rule(feature="age", change="up"), Rule(feature="Gender", change="locked")))
    assert table.protected == ("age", "Gender")
    assert table.notes == (
        "By the names of columns, age may only rise, and Gender is locked; rules of your own replace this.",
        "By the names of columns, the law protects age and Gender.",
    )
    own_rules = ctviz.load_table(written(tmp_path, frame), "loan", rules=Rules(), protected=("job",))
    assert (own_rules.rules, own_rules.protected, own_rules.notes) == (Rules(), ("job",), ())


def test_where_names_tell_nothing_everything_is_free(tmp_path):
    frame = people().rename(columns={"age": "x1"})
    table = ctviz.load_table(written(tmp_path, frame), "loan")
    assert (table.rules, table.protected, table.notes) == (Rules(), (), ())


def test_cells_that_are_formulas_are_read_as_texts_and_escaped_on_export(tmp_path):
    frame = people()
    frame.loc[:20, "job"] = '=HYPERLINK("http://x")'
    assert '=HYPERLINK("http://x")' in loaded(tmp_path, frame).schema.features[2].levels
    table = loaded(tmp_path, frame)
    lines = table.csv(table.train[0]).splitlines()
    assert lines[0] == "age,income,job,grade,owner" and len(lines) == 1 + len(table.train[1])
    assert any('"\'=HYPERLINK(""http://x"")"' in line for line in lines)
    assert [escaped(cell) for cell in ("=1+1", "+1", "-1", "@x", "\tx", "smith", "")] == [
        "'=1+1", "'+1", "'-1", "'@x", "'\tx", "smith", "",
    ]  # fmt: skip


# -- what is refused -----------------------------------------------------------------------------------


def csv_with(**columns: object) -> pd.DataFrame:
    return people().assign(**columns)


BAD = {
    "no file": (None, {}, "is not a file"),
    "nothing": ("", {}, "is empty"),
    "names alone, no line": ("a,b,loan", {}, "has no rows below its line of names"),
    "names alone": ("a,b,loan\n", {}, "has no rows below its line of names"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", {}, "neither text nor Parquet"),
    "zeros": (b"a,b,loan\n1,\0,2\n", {}, "neither text nor Parquet"),
    "a page": ("<!doctype html>\n<html>\n</html>\n", {}, "has one column only"),
    "no Parquet": (b"PAR1 and no more", {}, "cannot be read"),
    "Latin-1": ("age,name,loan\n30,René,yes\n".encode("latin-1"), {}, r"is not in UTF-8 \(line 2\)"),
    "no name": ("age,,loan\n1,2,yes\n", {}, "Column 2 of people.csv has no name"),
    "one name twice": ("age,age,loan\n1,2,yes\n", {}, "more than one column called 'age'"),
    "a long row": ("age,b,loan\n1,2,yes\n1,2,3,no\n", {}, "has 4 cells; its line of names has 3"),
    "a short row": ("age,b,loan\n1,2,yes\n1,no\n", {}, "has 2 cells; its line of names has 3"),
    "an open quote": ('"age,b,loan\n1,2,yes\n', {}, "."),
    "a million columns": (",".join(f"c{i}" for i in range(1_000_000)) + "\n1\n", {}, "has 1,000,000 columns"),
    "201 columns": (",".join(f"c{i}" for i in range(201)) + "\n", {}, "has 201 columns; allowed: at most 200"),
    "no target": (people(), {"target": "credit"}, "target is 'credit'; allowed: one of the columns, age, income"),
    "one class": (csv_with(loan="yes"), {}, "holds one class only, 'yes'"),
    "no class": (csv_with(loan=""), {}, "holds no values"),
    "a number as target": (people(), {"target": "income"}, "holds 120 different values; needed are two to 10 classes"),
    "a rare class": (csv_with(loan=["no"] * 115 + ["yes"] * 5), {}, "Class 'yes' of loan has 5 rows; needed are 10"),
    "few rows": (people(30), {}, "has 30 rows that can be used; needed are 50"),
    "no features": (people()[["loan"]].assign(x="same"), {}, "no feature beside loan"),
    "everything missing": (csv_with(age=[""] * 60 + [1, 2] * 30, job=["a", "b"] * 30 + [""] * 60),
                           {"missing": "drop"}, "Every row lacks a value"),
    "a huge number": (csv_with(income=[1e300, *range(N - 1)]), {}, "beyond ±1,000,000,000,000"),
    "infinity": (csv_with(age=["inf", *range(N - 1)]), {}, "Column age holds numbers beyond"),
    "numbers too long to tell apart": (csv_with(age=[str(10**30 + i) for i in range(N)]), {}, "holds numbers beyond"),
    "a kind that is none": (people(), {"kinds": {"age": None}}, "kinds.age is None; allowed: number, integer"),
    "kinds without columns": (people(), {"kinds": ["age"]}, r"kinds is \['age'\]; allowed: names of columns"),
    "levels of lists": (people(), {"kinds": {"job": [["clerk"], "nurse"]}}, "all levels that there are"),
    "a negative seed": (people(), {"seed": -1}, "seed is -1; allowed: a whole number, 0 or more"),
    "a half seed": (people(), {"seed": 0.5}, "seed is 0.5; allowed: a whole number"),
    "an unknown way": (people(), {"missing": "guess"}, "missing is 'guess'; allowed: impute or drop"),
    "an unknown class": (people(), {"favourable": "maybe"}, "favourable is 'maybe'; allowed: one of the classes"),
    "an unknown column": (people(), {"kinds": {"wage": "number"}}, "kinds is 'wage'; allowed: one of the columns"),
    "an unknown kind": (people(), {"kinds": {"age": "date"}}, "kinds.age is 'date'; allowed: number, integer"),
    "texts as numbers": (people(), {"kinds": {"job": "number"}}, "kinds.job is 'number'; allowed: category here"),
    "halves as integers": (people(), {"kinds": {"income": "integer"}}, "allowed: number here, for it holds"),
    "a level that is left out": (people(), {"kinds": {"grade": ("low", "high")}}, "'middle' is another one"),
    "one level": (people(), {"kinds": {"grade": ("low",)}}, "two levels or more"),
    "a protected feature that is none": (people(), {"protected": ("wage",)}, "protected is 'wage'; allowed: some of"),
    "rules of other features": (people(), {"rules": Rules(rules=(Rule(feature="wage"),))}, "rules is 'wage'"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "how", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_answered_with_one_sentence(tmp_path, content, how, said):
    path = tmp_path / "people.csv" if content is None else written(tmp_path, content)
    with pytest.raises(CtvizError, match=said) as found:
        ctviz.load_table(path, **{"target": "loan", **how})
    text = str(found.value)
    assert "\n" not in text and len(text) < 500 and text.endswith(".")


def test_what_is_too_large_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(reading.MOST_BYTES + 1)
    with pytest.raises(CtvizError, match=r"large\.csv has 50,000,001 bytes; allowed: at most 50,000,000"):
        ctviz.load_table(path, "loan")
    monkeypatch.setattr(reading, "MOST_ROWS", N - 1)
    with pytest.raises(CtvizError, match="has 120 rows; allowed: at most 119"):
        loaded(tmp_path, people())
    people().to_parquet(tmp_path / "people.parquet")
    with pytest.raises(CtvizError, match="has 120 rows; allowed: at most 119"):
        ctviz.load_table(tmp_path / "people.parquet", "loan")
    monkeypatch.undo()
    monkeypatch.setattr(own, "MOST_CELLS", 1000)
    with pytest.raises(CtvizError, match="would take 1,200 numbers"):
        loaded(tmp_path, people())


def test_dates_of_a_parquet_file_are_left_out(tmp_path):
    frame = people().assign(day=[datetime.date(2024, 1, 1 + i % 28) for i in range(N)])
    frame.to_parquet(tmp_path / "people.parquet")
    assert "holds dates" in ctviz.load_table(tmp_path / "people.parquet", "loan").notes[0]


@pytest.mark.parametrize("name", ["self", "__class__", "verbose", "n_jobs", "remainder", "a__b", "<script>", "שלום"])
def test_a_column_may_have_any_name(tmp_path, name):
    table = loaded(tmp_path, people().rename(columns={"age": name, "job": f"{name}__1"}))
    assert table.schema.names[:3] == (name, "income", f"{name}__1")
    frame = table.frame(table.train[0])
    np.testing.assert_allclose(table.preprocessing.transform(frame), table.train[0], atol=1e-5)


def test_what_a_column_holds_is_said_as_in_the_file(tmp_path):
    assert "Column age holds one value only, '7', and was left out." in loaded(tmp_path, csv_with(age=7)).notes


def test_blank_lines_above_the_names_are_passed_over(tmp_path):
    assert len(loaded(tmp_path, "\n\r\n" + people().to_csv(index=False)).schema.names) == 5


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([2**31 - 1 - i for i in range(N)], pa.int32()).cast(pa.date32()), "out of range"),
        (pa.Array.from_buffers(pa.string(), N, pa.array([b"\xff"] * N).buffers()), "UTF8"),
    ],
    ids=["the year 5,881,580", "texts in another encoding"],
)
def test_cells_of_a_parquet_file_that_cannot_be_read(tmp_path, column, said):
    parquet.write_table(pa.Table.from_pandas(people()).append_column("odd", column), tmp_path / "people.parquet")
    with pytest.raises(CtvizError, match=f"people.parquet has cells that cannot be read: .*{said}"):
        ctviz.load_table(tmp_path / "people.parquet", "loan")


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_no_file_at_all_ends_in_a_traceback(raw):
    try:
        table_of(raw, "any.csv")
    except CtvizError as error:
        assert "\n" not in str(error)


cells = st.text("abc ;,\"'=é|\t", max_size=6) | st.integers().map(str) | st.floats(allow_nan=False).map(str)


@settings(max_examples=50)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from(",;\t|"))
def test_cells_are_read_as_they_were_written(rows, separator):
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    found = table_of(frame.to_csv(index=False, sep=separator).encode(), "any.csv")
    assert found.shape == frame.shape
    for name in frame.columns:
        for cell, value in zip(frame[name], found[name], strict=True):
            if isinstance(value, str):
                assert value == cell.strip()
            elif np.isnan(value):
                assert cell.strip().lower() in (*reading.MISSING, *reading.MISSING_NUMBERS)
            else:
                assert value == float(cell.replace(",", "."))


# -- large tables --------------------------------------------------------------------------------------


def test_a_sample_of_a_large_table_keeps_rare_classes():
    frame = people(4000)
    frame["loan"] = np.where(np.arange(4000) % 200 == 7, "rare", frame["loan"])
    raw = frame.to_csv(index=False).encode()
    found, rows = reading.sample_of(raw, "people", 600, "loan")
    assert rows == 4000 and len(found) == 600 and (found["loan"] == "rare").sum() == 20
    whole = table_of(raw, "people")
    pd.testing.assert_frame_equal(reading.sample_of(raw, "people", 4000)[0], whole)
    assert found.merge(whole).shape[0] >= 600, "its rows are rows of the table"
    pd.testing.assert_frame_equal(found, reading.sample_of(raw, "people", 600, "loan")[0])
    assert len(reading.sample_of(raw, "people", 600, "income")[0]) == 600, "no classes, and yet a sample"
    assert not found.equals(reading.sample_of(raw, "people", 600, "loan", seed=1)[0])


def test_how_columns_look():
    frame = people()
    frame["born"], frame["same"], frame["name"] = "2001-02-03", "x", [f"n{i}" for i in range(N)]
    frame.loc[:3, "job"] = np.nan
    frame["huge"] = 1e15
    found = {look.name: look for look in own.looks(table_of(frame.to_csv(index=False).encode(), "people"))}
    kinds = {name: look.kind for name, look in found.items()}
    assert kinds == {
        "age": "integer", "income": "number", "job": "category", "grade": "category", "owner": "category",
        "loan": "category", "born": "leave out", "same": "leave out", "name": "leave out", "huge": "leave out",
    }  # fmt: skip
    assert found["job"].missing == 4 and found["job"].levels == ("clerk", "nurse", "smith")
    assert found["loan"].classes and not found["income"].classes and not found["same"].classes
    assert "a different text" in found["name"].note and "rescale" in found["huge"].note and not found["age"].note
