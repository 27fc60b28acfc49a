"""Sweeps by their keys and names, remembered and shipped."""

import os

import pytest

from ctviz.errors import ConfigError
from ctviz.experiments.run import RUN_LIST
from ctviz.experiments.store import Store
from ctviz.studies.sweeps import shipping
from ctviz.studies.sweeps.catalogue import delete_sweep, keep_sweep, list_sweeps, load_sweep
from ctviz.studies.sweeps.results import collect
from ctviz.studies.sweeps.sweep import sweep
from ctviz.studies.sweeps.tables import folder
from tests.studies.sweeps.small import small


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_sweeps_are_remembered_by_key_and_name(store):
    first, second = small(name="mine"), small(seeds=2)
    assert list_sweeps(store) == []
    keep_sweep(first, store)
    keep_sweep(second, store)
    assert {info.key for info in list_sweeps(store)} == {first.key, second.key}
    assert not any(info.complete or info.shipped for info in list_sweeps(store))
    assert load_sweep(first.key, store) == load_sweep("mine", store) == first
    newer = small(seeds=3, name="mine")
    keep_sweep(newer, store)
    os.utime(folder(store) / f"{first.key}.json", (1, 1))
    assert load_sweep("mine", store) == newer  # of one name, what was begun last
    assert load_sweep(first.key, store) == first
    delete_sweep(newer.key, store)
    keep_sweep(small(), store)  # without a name: it keeps the one it has
    assert load_sweep(first.key, store).name == "mine"
    assert load_sweep("penalties circles", store).base.data.name == "circles"
    for nothing in ("yours", "penalties mars", "0" * 16, ""):
        with pytest.raises(ConfigError, match="the key or the name of a stored sweep"):
            load_sweep(nothing, store)


def test_a_sweep_is_forgotten_with_its_table_and_not_with_its_runs(store):
    result = sweep(small(), store=store, workers=1)
    assert list_sweeps(store)[0].complete
    assert delete_sweep(result.sweep.key, store) == result.sweep.key
    assert list(folder(store).iterdir()) == []
    assert collect(small(), store).done  # from its runs
    with pytest.raises(ConfigError):
        delete_sweep(result.sweep.key, store)


def test_a_damaged_file_hides_no_other(store):
    keep_sweep(small(), store)
    for name, text in {"0" * 16: "{", "1" * 16: small(seeds=2).to_json(), "2" * 16: "[]", "x": "\x00"}.items():
        (folder(store) / f"{name}.json").write_text(text, encoding="utf-8")
    assert [info.key for info in list_sweeps(store)] == [small().key]


@pytest.fixture
def few(monkeypatch):
    """Two sweeps that ship, which take a moment."""
    values = {"few": (0.1, 1.0), "more": (0.2,)}
    monkeypatch.setattr(shipping, "SHIPPED", values)
    monkeypatch.setattr(shipping, "shipped_sweep", lambda name: small({"lambda_div": values[name]}, name=name))
    return values


def test_what_ships_is_there_at_once_with_its_runs(store, tmp_path, few):
    assets = tmp_path / "assets"
    written = list(shipping.build_shipped((), assets, workers=1))
    assert {path.name for path in written if path.parent.name == "sweeps"} == {"few", "more"}
    store = Store(tmp_path / "other", presets=assets / "presets")
    found = list_sweeps(store)
    assert [(info.name, info.complete, info.shipped) for info in found] == [("few", True, True), ("more", True, True)]
    result = collect(load_sweep("few", store), store)
    assert result.done
    assert all(store.status(run).preset for run in result.table["run"])
    assert not folder(store).exists()
    keep_sweep(result.sweep, store)
    assert not folder(store).exists()
    with pytest.raises(ConfigError, match="that does not ship"):
        delete_sweep("few", store)
    more = collect(small({"lambda_div": (0.1, 0.5, 1.0)}), store)
    assert more.waiting == 3  # trained, and not by that evaluation stored here


def test_built_again_it_leaves_no_run_of_before(store, tmp_path, few):
    assets = tmp_path / "assets"
    list(shipping.build_shipped(("few",), assets, workers=1))
    before = {path.name for path in (assets / "presets").iterdir()}
    few["few"] = (0.1, 3.0)
    list(shipping.build_shipped(("few",), assets, workers=1))
    after = {path.name for path in (assets / "presets").iterdir()}
    assert before.isdisjoint(after)
    assert (assets / "sweeps" / "few" / RUN_LIST).read_text(encoding="utf-8").split() == sorted(after)


def test_only_what_ships_is_built(tmp_path):
    with pytest.raises(ConfigError, match="penalties-moons"):
        list(shipping.build_shipped(("mine",), tmp_path))
    assert shipping.shipped_sweep("penalties-circles").models == 180  # with the weight that the paper settled on
