"""``ctviz limits``: what there is, what it shows, what ships."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctviz.cli import app
from ctviz.studies.registry import LIMITS
from ctviz.studies.results import _shipped, shipped_draw
from tests.studies.tables import shortened


@pytest.fixture
def ctviz(tmp_path, monkeypatch):
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # no other process

    def call(*words: str):
        return CliRunner().invoke(app, ["limits", *words])

    return call


@pytest.fixture
def tiny(monkeypatch):
    """Energies alone, of one panel, two draws and two epochs."""
    study = shortened(replace(LIMITS["energies"], panels=LIMITS["energies"].panels[:1], seeds=2), 2, 60)
    monkeypatch.setattr("ctviz.studies.registry.LIMITS", {"energies": study})
    return study


def test_it_lists_what_there_is(ctviz) -> None:
    listed = ctviz()
    assert listed.exit_code == 0
    assert all(told.question in listed.output for told in LIMITS.values())
    assert [entry["name"] for entry in json.loads(ctviz("--json").stdout)] == list(LIMITS)


def test_a_limit_is_computed_and_told(ctviz, tiny) -> None:
    told = ctviz("energies", "--seeds", "1")
    assert told.exit_code == 0
    assert "energies" in told.stdout.splitlines()[0]
    assert "λ_reg = 0.5" in told.stdout
    record = json.loads(ctviz("energies", "--seeds", "1", "--metric", "loss_reg", "--json").stdout)
    assert record["draws"] == {"moons": 1}
    assert {row["metric"] for row in record["rows"]} >= {"energy", "loss_reg"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "limit is 'nothing'"),
        (("locks", "--metric", "nothing"), "metric is 'nothing'"),
        (("locks", "--seeds", "0"), "seeds is 0"),
        (("locks", "--out", "."), "only with `ctviz limits build`"),
        (("locks", "long"), "limit is 'locks long'"),
        (("build", "nothing"), "limit is 'nothing'"),
        (("locks", "--engine", "steam"), "engine is 'steam'; allowed: local or ray"),
        (("locks", "--workers", "0", "--estimate"), "workers is 0"),
    ],
)
def test_what_cannot_be_met_is_a_sentence(ctviz, words, said: str) -> None:
    refused = ctviz(*words)
    assert refused.exit_code == 2
    assert said in refused.stderr


def test_what_is_built_is_found_again(ctviz, tiny, tmp_path: Path) -> None:
    built = ctviz("build", "--out", str(tmp_path / "out"))
    assert built.exit_code == 0
    folder = tmp_path / "out"
    assert sorted(path.name for path in folder.iterdir()) == ["energies.json", "energies.parquet"]
    _shipped.cache_clear()
    stands = tiny.all_draws()
    tables = [shipped_draw(stand, "energies", folder) for stand in stands]
    assert all(table is not None and set(table["seed"]) == {s.seed} for table, s in zip(tables, stands, strict=True))
    other = shortened(tiny, 1, 60).all_draws()[0]
    assert shipped_draw(other, "energies", folder) is None


def test_one_of_them_can_be_built_alone(ctviz, tmp_path: Path, monkeypatch) -> None:
    few = {
        name: shortened(replace(LIMITS[name], panels=LIMITS[name].panels[:1], seeds=1), 2, 60)
        for name in ("energies", "locks")
    }
    monkeypatch.setattr("ctviz.studies.registry.LIMITS", few)
    built = ctviz("build", "locks", "--out", str(tmp_path))
    assert built.exit_code == 0, built.stderr
    assert "Locks without protection" in built.stderr
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["locks.json", "locks.parquet"]


def test_an_estimate_is_of_what_is_missing(ctviz) -> None:
    assert json.loads(ctviz("locks", "--estimate", "--json").stdout) == {"seconds": 0.0}  # it ships
    here = json.loads(ctviz("locks", "--fresh", "--estimate", "--json").stdout)
    more = json.loads(ctviz("locks", "--fresh", "--seeds", "40", "--estimate", "--json").stdout)
    assert more["seconds"] == pytest.approx(2 * here["seconds"]) and here["seconds"] > 0
    assert ctviz("locks", "--fresh", "--estimate").stdout.startswith("About ")
    assert json.loads(ctviz("build", "locks", "--estimate", "--json").stdout) == here  # nothing is built
