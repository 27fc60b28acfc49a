"""``ctviz advise``: sentences and JSON of a shipped run; one sentence for what cannot be."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ctviz.cli import app


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def advise(home, monkeypatch):
    """Runs the command in this process on German credit, which is small."""
    monkeypatch.setenv("CTVIZ_HOME", str(home))

    def call(*args, run="german"):
        return CliRunner().invoke(app, ["advise", str(run), *map(str, args)], catch_exceptions=False)

    return call


def test_sentences_by_default(advise):
    result = advise("--person", 4, "--lock", "age", "--plans", 2)
    assert result.exit_code == 0, result.stderr
    head, *models, note = result.stdout.strip().split("\n\n")
    assert head.startswith("Person 4 of the test data: ") and len(models) == 3
    assert all("refused with a score of" in model and "keep everything else." in model for model in models)
    assert "not proved" in note


def test_json_has_everything(advise):
    result = advise("--person", 4, "--exact", "--json", "--arm", "vanilla", "--lock", "age", "--tau", "0.6")
    found = json.loads(result.stdout)
    (model,) = found["models"]
    (plan,) = model["plans"]
    assert plan["proof"] == "optimal" and plan["score"] >= 0.6 and plan["bound"] <= plan["effort"] + 1e-5
    assert any(rule["feature"] == "age" and rule["change"] == "locked" for rule in found["rules"]["rules"])
    assert "No cheaper plan exists." in found["words"]


def test_the_person_and_the_rules_can_be_changed(advise, tmp_path):
    person = json.loads(advise("--person", 4, "--json").stdout)["person"]
    file = tmp_path / "person.json"
    file.write_text(json.dumps(person), encoding="utf-8")
    own = json.loads(advise("--person", file, "--set", "age=30", "--json").stdout)
    row = json.loads(advise("--person", 4, "--set", "age=30", "--json").stdout)
    assert own["person"] == row["person"] == {**person, "age": 30} and own["place"] is None
    assert own["models"][0]["plans"][0]["effort"] == row["models"][0]["plans"][0]["effort"]
    advised = advise("--person", 4, "--free", "age", "--down", "duration", "--range", "duration=6:", "--json")
    rules = {rule["feature"]: rule for rule in json.loads(advised.stdout)["rules"]["rules"]}
    assert rules["age"]["change"] == "free"
    assert (rules["duration"]["change"], rules["duration"]["low"], rules["duration"]["high"]) == ("down", 6, None)


def test_a_sheet_to_take_home(advise, tmp_path):
    page, record = tmp_path / "sheet.html", tmp_path / "sheet.json"
    told = advise("--person", 4, "--lock", "age", "--arm", "vanilla", "--sheet", page)
    assert told.exit_code == 0 and told.stdout.startswith("Person 4 of the test data")
    html = page.read_text(encoding="utf-8")
    assert "Advice for person 4 of the test data" in html and "The rules: Realistic, but age locked" in html
    advise("--person", 4, "--lock", "age", "--arm", "vanilla", "--sheet", record)
    found = json.loads(record.read_text(encoding="utf-8"))
    assert found["format"] == 1 and found["rule_set"] == "Realistic, but age locked"
    assert found["words"] == told.stdout.strip() and found["headline"] in html


def test_who_is_accepted(advise):
    assert "All 3 models accept this person as they are" in advise("--person", 0).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--person", "100000"], "row of the test data"),
        (["--person", "-1"], "row of the test data"),
        (["--person", "nobody.json"], "file that can be read"),
        (["--person", 4, "--set", "age"], "feature=value"),
        (["--person", 4, "--set", "age=200"], "age is 200; allowed: from"),
        (["--person", 4, "--set", "height=2"], "no feature 'height'"),
        (["--person", 4, "--set", "purpose=fun"], "expected one of"),
        (["--person", 4, "--lock", "height"], "height"),
        (["--person", 4, "--lock", "age", "--free", "age"], "each feature in one of"),
        (["--person", 4, "--range", "duration=20:6"], "below"),
        (["--person", 4, "--range", "duration"], "LOW:HIGH"),
        (["--person", 4, "--up", "purpose"], "without an order"),
        (["--person", 4, "--plans", 0], "1 to 5"),
        (["--person", 4, "--exact", "--time-limit", 0], "above 0"),
        (["--person", 4, "--tau", "sure"], "between 0 and 1, or rate"),
        (["--person", 4, "--tau", 1], "between 0 and 1, or rate"),
        (["--person", 4, "--sheet", "sheet.pdf"], "ends in .html or .json"),
        (["--person", 4, "--sheet", "no-folder/at/all/sheet.html"], "could not be written"),
        (["--person", 4, "--arm", "none"], "one of vanilla"),
    ],
)
def test_what_cannot_be_is_one_sentence(advise, arguments, said):
    result = advise(*arguments)
    assert result.exit_code == 2 and said in result.stderr and len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("run", "said"),
    [("moons", "a run on a table"), ("gmsc", "has not been trained yet"), ("0123456789abcdef", "stored run")],
)
def test_runs_that_cannot_advise(advise, run, said):
    result = advise("--person", 0, run=run)
    assert result.exit_code == 2 and said in result.stderr


# -- everyone --------------------------------------------------------------------------------------------


def test_everyone_is_advised_in_sentences_json_and_csv(advise):
    words = advise("--everyone", "--n", 5, "--lock", "age")
    assert words.exit_code == 0, words.stderr
    assert "5 people, drawn at random from the" in words.stdout and "Effort of a plan:" in words.stdout
    found = json.loads(advise("--everyone", "--n", 5, "--lock", "age", "--json").stdout)
    assert found["settings"]["people"] == 5 and found["words"].strip() == words.stdout.strip()
    assert any(rule["feature"] == "age" and rule["change"] == "locked" for rule in found["rules"]["rules"])
    head, *lines = advise("--everyone", "--n", 5, "--lock", "age", "--csv").stdout.splitlines()
    assert head == "scope,feature,group,model,metric,against,people,value,low,high" and len(lines) >= 20


def test_everyone_is_proved_where_that_is_asked(advise):
    found = json.loads(advise("--everyone", "--n", 2, "--exact", "--time-limit", 120, "--json").stdout)
    assert found["proved"] == len(found["drawn"]["rows"])
    assert all(proofs["cheapest"] == proofs["asked"] > 0 for proofs in found["proofs"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--everyone", "--person", 3), "none with --everyone"),
        (("--everyone", "--plans", 3), "none with --everyone"),
        (("--everyone", "--set", "age=3"), "none with --everyone"),
        (("--everyone", "--n", 0), "people"),
        (("--everyone", "--arm", "full"), "two models"),
        (("--person", 3, "--n", 5), "only with --everyone"),
        (("--person", 3, "--csv"), "only with --everyone"),
        ((), "--everyone in its place"),
    ],
)
def test_what_does_not_go_with_everyone_is_a_sentence(advise, args, words):
    result = advise(*args)
    assert result.exit_code == 2 and words in result.stderr and "Traceback" not in result.stderr


# -- a table of one's own --------------------------------------------------------------------------------

QUICK = ("--train-set", "training.epochs=3", "--train-set", "training.n_ce=40", "--train-set", "training.batch=50")


@pytest.fixture(scope="module")
def loans(tmp_path_factory):
    """A file of people, and whether they were granted a loan."""
    rng = np.random.default_rng(0)
    age, pay = rng.integers(18, 80, 300), rng.normal(3000, 800, 300).round(2)
    granted = np.where(pay + 10 * age + rng.normal(0, 300, 300) > 3500, "granted", "refused")
    path = tmp_path_factory.mktemp("files") / "loans.csv"
    pd.DataFrame({"age": age, "pay": pay, "sex": rng.choice(["f", "m"], 300), "loan": granted}).to_csv(
        path, index=False
    )
    return path


def test_models_learn_from_a_table_and_advise(advise, home, loans):
    told = ("--target", "loan", "--favourable", "granted", *QUICK, "--json", "--free", "age", "--arm", "vanilla")
    found = [json.loads(advise("--person", row, *told, run=loans).stdout) for row in range(6)]
    assert {one["data"] for one in found} == {"loans"} and all(one["models"][0]["arm"] == "vanilla" for one in found)
    assert any(one["models"][0]["plans"] for one in found) and found[0]["wanted"] == "granted"
    assert not (home / "runs").exists() or not any(found[0]["run"] in str(path) for path in (home / "runs").iterdir())


def test_a_run_on_a_table_is_kept_when_asked(advise, home, loans):
    settings = [word for at in range(1, len(QUICK), 2) for word in ("--set", QUICK[at])]
    words = ["train", str(loans), "--target", "loan", "--favourable", "granted", "--keep", "--json", *settings]
    key = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).stdout)["key"]
    assert key in CliRunner().invoke(app, ["runs"], catch_exceptions=False).stdout
    stored = advise("--person", 1, "--json", run=key)
    learned = advise("--person", 1, "--json", "--target", "loan", "--favourable", "granted", *QUICK, run=loans)
    assert json.loads(stored.stdout)["models"][0]["score"] == json.loads(learned.stdout)["models"][0]["score"]
    refused = CliRunner().invoke(app, ["train", "moons", "--keep"])
    assert refused.exit_code == 2 and "with --target alone" in refused.stderr


def test_a_table_needs_its_target(advise, loans):
    assert "the column of loans.csv that holds the classes" in advise("--person", 0, run=loans).stderr
    assert "one of the columns" in advise("--person", 0, "--target", "height", run=loans).stderr
