"""The tables that ctviz knows: what ships, how it is made, what people read of it, and what is refused."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import ctviz
from ctviz.data import folders
from ctviz.data.rules import Rules
from ctviz.data.tables import adult, shipped
from ctviz.data.tables.settings import TABLES, TableSettings
from ctviz.data.tables.table import Table
from ctviz.data.user_folders import DATASETS_VARIABLE
from ctviz.errors import ConfigError, DataError

SHIPPED = tuple(name for name, info in TABLES.items() if info.ships)
ORIGINALS = os.environ.get(DATASETS_VARIABLE)
MB = 1_000_000

# Values that are published, counted by hand in the files.
COUNTS = {"adult": 7_841, "california": 10_317, "credit": 23_364, "german": 700}


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """No folder of this machine is named."""
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(DATASETS_VARIABLE, raising=False)


def forget() -> None:
    """Nothing of a table is kept in memory."""
    shipped.checked.cache_clear()
    shipped._made.cache_clear()


def load(name: str, **settings: object) -> Table:
    found = ctviz.load_data(TableSettings(name=name, **settings))
    assert isinstance(found, Table)
    return found


# -- what ships ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_declared_whole(name):
    info, settings = TABLES[name], TableSettings(name=name)
    frame = shipped.checked(name, None)
    assert len(frame) == info.rows and int(info.label(frame).sum()) == info.favourable == COUNTS[name]
    people = shipped.readable(frame, info.columns)
    assert not people.isna().to_numpy().any(), "every value of the file has a name"
    for column in info.columns:
        if column.levels:
            unused = set(column.names) - set(people[column.name])
            assert column.kind == "ordered" or not unused, "and every name occurs; of ordered levels some may not"
    data = load(name)
    assert (data.schema.names, data.d, data.k) == (settings.features, settings.d, settings.classes)
    assert [len(part[1]) for part in (data.train, data.validation, data.test)] == [
        settings.n_train, settings.n_validation, settings.n_test,
    ]  # fmt: skip


def test_splits_are_those_of_the_paper():
    sizes = {name: TableSettings(name=name) for name in TABLES}
    assert [sizes["adult"].n_train, sizes["adult"].n_validation, sizes["adult"].n_test] == [25_049, 1_000, 6_512]
    both = {name: s.n_train + s.n_validation + s.n_test for name, s in sizes.items()}
    assert both == {"adult": 32_561, "california": 20_640, "credit": 13_272, "german": 1_000, "gmsc": 16_714}
    y = torch.cat([part[1] for part in (load("credit").train, load("credit").validation, load("credit").test)])
    assert torch.bincount(y).tolist() == [6_636, 6_636]


def test_all_rows_are_taken_where_classes_need_not_balance():
    everyone = TableSettings(name="credit", balance="all")
    assert everyone.n_train + everyone.n_validation + everyone.n_test == 30_000
    changed = ctviz.Experiment.preset("credit").replace({"data.balance": "all", "data.seed": 3})
    assert changed.data == TableSettings(name="credit", balance="all", seed=3)
    assert ctviz.Experiment.from_query(changed.to_query()) == changed
    german = changed.replace({"arms": "vanilla,full", "training.batch": 100, "data.name": "german"})
    assert (german.data.name, german.data.n_train) == ("german", 700)
    half = TableSettings(name="adult", balance="equal")
    assert half.n_train + half.n_validation + half.n_test == 2 * 7_841


@pytest.mark.parametrize("name", SHIPPED)
def test_source_and_licence_lie_beside_the_file(name):
    folder = shipped.shipped_folder(name)
    text = (folder / "SOURCE.md").read_text(encoding="utf-8")
    assert "Licence:" in text and "Taken from:" in text and f"ctviz datasets build FOLDER {name}" in text
    assert re.search(rf"\| {name}\.parquet \| {TABLES[name].rows:,} \| (\w+) \|", text)[1] == TABLES[name].digest
    assert {path.name for path in folder.iterdir()} == {"SOURCE.md", f"{name}.parquet"}


def test_what_ships_is_small():
    assert sum((shipped.shipped_folder(name) / f"{name}.parquet").stat().st_size for name in SHIPPED) < 2 * MB
    assert not (shipped.shipped_folder("gmsc")).exists(), "it has no open licence"


def original_of(name: str, folder: Path) -> None:
    """Writes what ships in the form of the original file, with made-up values of the columns that are left out."""
    frame = shipped.checked(name, None)
    if name == "adult":
        whole = frame.copy()
        whole.insert(2, "fnlwgt", 1)
        whole.insert(3, "education", "?")
        text = whole.to_csv(index=False, header=False)
        (folder / "adult.data.gz").write_bytes(gzip.compress(text.replace(",", ", ").encode(), 1))
    elif name == "german":
        frame.to_csv(folder / "german.data", index=False, header=False, sep=" ")
    elif name == "credit":
        frame.assign(ID=1).to_csv(folder / "credit_default.csv", index=False)
    else:
        frame.astype("float64").to_parquet(folder / "california_housing.parquet")


def levels_of(frame: pd.DataFrame) -> dict[str, list[str]]:
    return {name: column.cat.categories.tolist() for name, column in frame.select_dtypes("category").items()}


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_what_is_built(name, tmp_path):
    original_of(name, tmp_path)
    (written,) = folders.build(name, tmp_path, tmp_path / "out")
    kept = shipped.shipped_folder(name) / written.name
    built, ships = (pd.read_parquet(path) for path in (written, kept))
    assert built.equals(ships), "values and types"
    assert levels_of(built) == levels_of(ships), "equal types may have them in another order"
    assert abs(written.stat().st_size - kept.stat().st_size) < 0.05 * kept.stat().st_size


@pytest.mark.skipif(not ORIGINALS, reason=f"{DATASETS_VARIABLE} names no folder with the original files")
@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_built_from_the_original(name, tmp_path):
    (written,) = folders.build(name, str(ORIGINALS), tmp_path)
    pd.testing.assert_frame_equal(
        pd.read_parquet(written), pd.read_parquet(shipped.shipped_folder(name) / written.name)
    )


def test_a_spoilt_table_is_told(tmp_path, monkeypatch):
    original_of("german", tmp_path)
    text = (tmp_path / "german.data").read_text(encoding="utf-8")
    (tmp_path / "german.data").write_text(text.replace(" 67 ", " 68 ", 1), encoding="utf-8")
    with pytest.raises(DataError, match="does not hold German credit as it was published"):
        folders.build("german", tmp_path, tmp_path / "out")
    with pytest.raises(DataError, match=r"does not hold credit_default\.csv, neither plain nor as \.gz"):
        folders.build("credit", tmp_path, tmp_path / "out")
    with pytest.raises(ConfigError, match="one of mnist, adult"):
        folders.build("moons", tmp_path)
    (tmp_path / "german.data").write_text("a b c", encoding="utf-8")
    with pytest.raises(DataError, match="German credit"):
        folders.build("german", tmp_path, tmp_path / "out")
    (tmp_path / "credit_default.csv").write_text("a,b", encoding="utf-8")
    with pytest.raises(DataError, match="holds a file named as that of Default of credit card clients, with something"):
        folders.build("credit", tmp_path, tmp_path / "out")
    (tmp_path / "german.data").unlink()
    (tmp_path / "german.data.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="cannot be read"):
        folders.build("german", tmp_path, tmp_path / "out")
    monkeypatch.setattr(shipped, "shipped_folder", lambda name: tmp_path)
    forget()
    (tmp_path / "german.parquet").write_bytes(b"PAR1 spoilt")
    with pytest.raises(DataError, match=r"german\.parquet cannot be read.*install ctviz again"):
        load("german")
    forget()


# -- from a folder of the user's -----------------------------------------------------------------------


def loans(n: int = 400) -> pd.DataFrame:
    """Made-up people in the form of Give Me Some Credit, some of them without an income."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({column.source: rng.integers(0, 5, n) for column in TABLES["gmsc"].columns})
    frame["age"], frame["MonthlyIncome"] = rng.integers(20, 80, n), rng.integers(0, 9000, n).astype(float)
    frame.loc[::8, "MonthlyIncome"] = np.nan
    frame.insert(0, "SeriousDlqin2yrs", rng.integers(0, 3, n) == 0)
    return frame.astype({"SeriousDlqin2yrs": int})


def test_what_does_not_ship_says_what_to_do_and_is_read_from_a_folder(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"has no open licence .* put its file into a folder of yours"):
        load("gmsc")
    with pytest.raises(DataError, match="has no open licence, so it does not come with ctviz"):
        folders.build("gmsc", tmp_path)
    loans().to_csv(tmp_path / "cs-training.csv", index=True)
    with pytest.raises(DataError, match="train-images"):
        folders.remember_folder(tmp_path)
    info = TABLES["gmsc"]
    known = info.read(tmp_path)
    favourable = int(info.label(known).sum())
    monkeypatch.setattr(shipped, "TABLES", {**TABLES, "gmsc": _like(info, known, favourable)})
    monkeypatch.setattr(folders, "TABLES", shipped.TABLES)
    assert folders.remember_folder(tmp_path).endswith(
        "holds all 350 complete rows of Give Me Some Credit, as published."
    )
    data = load("gmsc", n_train=100, n_validation=20, n_test=20)
    assert data.d == 10 and len(data.train[1]) == 100
    monkeypatch.setenv(DATASETS_VARIABLE, str(tmp_path / "elsewhere"))
    with pytest.raises(DataError, match=r"does not hold give_me_some_credit\.csv or cs-training\.csv"):
        load("gmsc")


def _like(info, frame, favourable):
    from dataclasses import replace

    return replace(info, rows=len(frame), favourable=favourable, digest=shipped.digest(frame))


# -- which rows ----------------------------------------------------------------------------------------


def test_the_same_settings_give_the_same_bits_and_another_seed_others():
    first, again, other = load("german"), load("german"), load("german", seed=1)
    for part in ("train", "validation", "test"):
        for one, two in zip(getattr(first, part), getattr(again, part), strict=True):
            assert torch.equal(one, two)
    assert not torch.equal(first.train[0], other.train[0])


def test_who_writes_into_a_table_spoils_nobody_elses():
    first = load("german")
    before = first.train[0].clone()
    first.train[0].zero_()
    assert torch.equal(load("german").train[0], before)
    forget()
    assert torch.equal(load("german").train[0], before)


def test_fewer_rows_leave_the_others_where_they_are():
    """Test and validation rows are drawn first, so a learner of fewer rows is judged on the same people."""
    whole, few = load("german"), load("german", n_train=200)
    assert few.frame(few.test[0]).equals(whole.frame(whole.test[0]))
    assert few.frame(few.train[0]).equals(whole.frame(whole.train[0]).iloc[:200])


def test_more_rows_than_there_are_are_refused():
    with pytest.raises(ConfigError, match="n_train is 701; allowed: at most 700, the rows of german that are left"):
        TableSettings(name="german", n_train=701)
    with pytest.raises(ConfigError, match=r"one of ls, ol, .*, mnist, adult, california"):
        ctviz.Experiment(data={"name": "grown-ups"})


def test_numbers_are_standardised_on_the_training_part():
    data = load("german")
    numbers = [data.schema.columns_of(f.name)[0] for f in data.schema.features if f.kind != "category"]
    X = data.train[0][:, numbers].double()
    torch.testing.assert_close(X.mean(0), torch.zeros(len(numbers), dtype=torch.double), atol=1e-5, rtol=0)
    torch.testing.assert_close(X.std(0, correction=0), torch.ones(len(numbers), dtype=torch.double), atol=1e-5, rtol=0)


# -- what people read ----------------------------------------------------------------------------------


def test_the_first_person_of_the_file_by_hand():
    """39, State-gov, Bachelors, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, United-States."""
    frame = shipped.checked("adult", None)
    people = shipped.readable(frame, adult.COLUMNS)
    data = load("adult")
    row = data.preprocessing.transform(people.iloc[:1])[0]
    assert data.texts(row) == {
        "age": "39 years", "work class": "state government", "education": "bachelor",
        "marital status": "never married", "occupation": "office", "relationship": "not in a family",
        "race": "White", "sex": "male", "capital gain": "$2,174", "capital loss": "$0", "hours per week": "40 hours",
        "native country": "United States",
    }  # fmt: skip
    assert data.person(row)["age"] == 39 and isinstance(data.person(row)["age"], int)


@pytest.mark.parametrize("name", SHIPPED)
def test_people_come_back_from_their_columns(name):
    """Bit for bit where the file holds what is shown; California's averages have more decimals than are shown."""
    data = load(name)
    X = torch.cat([data.validation[0], data.test[0]])
    again = torch.from_numpy(data.preprocessing.transform(data.frame(X)))
    coarse = torch.tensor([f.kind == "number" for f in data.schema.features for _ in range(f.width)])
    assert torch.equal(again[:, ~coarse], X[:, ~coarse])
    steps = torch.tensor([f.display.step / f.display.scale for f in data.schema.features for _ in range(f.width)])
    assert ((again - X).abs()[:, coarse] <= steps[coarse] / 2 + 1e-5).all()
    for row, whole in zip(X[:20], again, strict=False):
        for person in (data.person(row), data.texts(row)):
            np.testing.assert_array_equal(data.row(person), whole)


@pytest.mark.parametrize("name", SHIPPED)
def test_everybody_is_within_the_domain(name):
    data = load(name)
    low, high = map(torch.from_numpy, data.schema.bounds())
    for X, _ in (data.train, data.validation, data.test):
        assert (low <= X).all() and (high >= X).all()


def test_pairs_that_never_occur():
    data = load("adult")
    columns = data.schema.columns
    pairs = {frozenset((columns[a], columns[b])) for a, b in data.unseen_pairs}
    assert frozenset(("relationship_husband", "marital status_never married")) in pairs
    assert frozenset(("relationship_wife", "sex_female")) not in pairs
    X = torch.cat([part[0] for part in (data.train, data.validation, data.test)])
    first, second = torch.from_numpy(data.unseen_pairs).T
    assert (X[:, first] * X[:, second]).sum() == 0 and len(pairs) == len(data.unseen_pairs)


@pytest.mark.parametrize("name", TABLES)
def test_the_usual_rules_fit_their_table(name):
    info = TABLES[name]
    assert {rule.feature for rule in info.rules.rules} <= set(info.features)
    assert "age" not in info.features or info.rules.of("age").change == "up"
    assert Rules.from_json(info.rules.model_dump_json()) == info.rules
    if info.ships:
        schema = info.rules.on(load(name).schema)
        assert any(f.mutability.value != "fixed" for f in schema.features)
