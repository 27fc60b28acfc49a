"""``ctviz reproduce``: the stored result byte for byte, and every bad request a sentence."""

import json

import pytest
from typer.testing import CliRunner

from ctviz.cli import app
from ctviz.studies.reproduce.result import shipped
from ctviz.studies.rivals.result import shipped as compared_file
from tests.studies.reproduce.made_up import judged, result


@pytest.fixture
def ctviz(tmp_path, monkeypatch):
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path / "home"))

    def call(*args):
        return CliRunner().invoke(app, ["reproduce", "table1", *map(str, args)], catch_exceptions=False)

    return call


def test_the_stored_result_is_printed_byte_for_byte(ctviz):
    done = ctviz("--stored", "--json")
    assert done.exit_code == 0
    assert done.stdout.encode() == shipped().read_bytes()
    for row in json.loads(done.stdout)["rows"]:
        for metric in ("ip", "ip_star", "cost"):
            assert {"reduction", "low", "high", "significant", "published"} <= set(row[metric])


def test_without_json_it_is_a_table_with_the_agreement_in_words(ctviz):
    done = ctviz("--stored")
    assert done.exit_code == 0
    assert "agree with the paper" in done.stdout
    assert "as published" in done.stdout
    assert "λ_reg" in done.stdout


def test_the_stored_result_can_be_written(ctviz, tmp_path):
    assert ctviz("--stored", "--out", tmp_path / "copy.json").exit_code == 0
    assert (tmp_path / "copy.json").read_bytes() == shipped().read_bytes()


def test_the_estimate_comes_without_any_training(ctviz, tmp_path):
    done = ctviz("--estimate", "--quick")
    assert done.exit_code == 0
    assert "not stored yet" in done.stdout
    assert not list((tmp_path / "home").glob("runs/*"))
    assert json.loads(ctviz("--estimate", "--quick", "--json").stdout)["seconds"] > 0


def test_a_table_that_has_all_of_a_row_is_extended_by_nothing(ctviz, tmp_path):
    made = result("moons")
    path = tmp_path / "table.json"
    path.write_text(made.model_copy(update={"rows": (judged(made.rows[0]),)}).to_json(), encoding="utf-8")
    before = json.loads(path.read_text(encoding="utf-8"))
    done = ctviz("--extend", path, "--data", "moons", "--workers", 1)
    assert done.exit_code == 0 and "which depends on no search" in done.stdout
    after = json.loads(path.read_text(encoding="utf-8"))
    assert after["rows"] == before["rows"] and after["rows"][0]["exact"]["factuals"] == 25


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--data", "wine"), "ls, circles, moons, ol, adult, california, credit, gmsc, mnist, german"),
        (("--data", ","), "separated by commas"),
        (("--seeds", "0"), "seeds is 0"),
        (("--seeds", "1000"), "seeds is 1000"),
        (("--engine", "mars", "--quick"), "local or ray"),
        (("--workers", "0", "--quick"), "workers is 0"),
        (("--address", "ray-host:6379", "--estimate"), "none for the local engine"),
        (("--exact", "-1"), "exact is -1"),
        (("--extend", "/nowhere/at/all.json"), "data is None; allowed: the rows that --extend is to add"),
        (("--extend", "/nowhere/at/all.json", "--data", "moons", "--seeds", "3"), "nothing with --extend"),
        (("--extend", "/nowhere/at/all.json", "--data", "moons"), "/nowhere/at/all.json is not there"),
        (("--extend", "/nowhere/at/all.json", "--stored"), "'/nowhere/at/all.json'; allowed: nothing with --stored"),
        (("--out", "/nowhere/at/all.json", "--stored"), "a folder that there is"),
    ],
)
def test_a_bad_request_is_a_sentence(ctviz, args, says):
    done = ctviz(*args)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def rivals(tmp_path, monkeypatch):
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path / "home"))

    def call(*args):
        return CliRunner().invoke(app, ["reproduce", "rivals", *map(str, args)])

    return call


def test_the_stored_comparison_is_printed_byte_for_byte_or_in_words(rivals):
    assert rivals("--stored", "--json").stdout.encode() == compared_file().read_bytes()
    said = rivals("--stored").stdout
    assert "comparisons won and lost beyond chance" in said and "a careful search:" in said and "by one rule" in said


def test_a_comparison_is_estimated_without_training(rivals, tmp_path):
    done = rivals("--estimate", "--quick", "--data", "moons", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["seconds"] > 0
    assert not list((tmp_path / "home").glob("r*/*"))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--data", "wine"), "ls, circles, moons, ol"),
        (("--methods", "magic"), "conventional, schedule, full"),
        (("--draws", "0"), "draws is 0"),
        (("--extend", compared_file(), "--quick"), "nothing with --extend"),
        (("--extend", "/nowhere/at/all.json"), "/nowhere/at/all.json is not there"),
        (("--extend", "/nowhere/at/all.json", "--stored"), "'/nowhere/at/all.json'; allowed: nothing with --stored"),
        (("--out", "/nowhere/at/all.json", "--stored"), "a folder that there is"),
    ],
)
def test_a_bad_request_for_a_comparison_is_a_sentence(rivals, args, says):
    done = rivals(*args)
    assert done.exit_code == 2 and says in done.stderr
