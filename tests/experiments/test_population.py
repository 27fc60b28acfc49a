"""Advice for everyone as records: settings, keys, JSON and tables."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ctviz.data.rules import Rule, Rules
from ctviz.errors import ConfigError, DataError
from ctviz.experiments import groups
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.everyone import advise_everyone
from ctviz.experiments.population import COLUMNS, Population, PopulationSettings, key_of
from ctviz.experiments.run import load_run
from ctviz.experiments.store import Store
from ctviz.paths import assets

ARMS = ("vanilla", "full")


@pytest.fixture(scope="module")
def settings():
    return PopulationSettings(arms=ARMS, people=12, proofs=2, time_limit=120.0)


@pytest.fixture(scope="module")
def found(tmp_path_factory, settings):
    store = Store(tmp_path_factory.mktemp("store"), presets=assets() / "presets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "SMALLEST", 2)
        return advise_everyone(Adviser(load_run(Experiment.preset("german").key, store), arms=ARMS), settings)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"arms": ("full", "full")}, "arms"),
        ({"arms": ARMS, "people": 0}, "people"),
        ({"arms": ARMS, "split": "all"}, "split"),
        ({"arms": ARMS, "proofs": -1}, "proofs"),
    ],
)
def test_settings_that_are_not_allowed(values, field):
    with pytest.raises(ConfigError, match=field):
        PopulationSettings(**values)


def test_keys_say_what_is_asked_and_not_how_far(settings):
    rules = Rules(rules=(Rule(feature="a", change="locked"), Rule(feature="b", change="up")))
    key = key_of("run", 3, settings, rules)
    turned = Rules(rules=(*rules.rules[::-1], Rule(feature="c")))
    same = settings.model_copy(update={"people": 3, "proofs": 0, "time_limit": 1.0, "rules": rules})
    assert key == key_of("run", 3, same, turned)
    others = [
        key_of("other", 3, settings, rules),
        key_of("run", 2, settings, rules),
        key_of("run", 3, settings.model_copy(update={"seed": 1}), rules),
        key_of("run", 3, settings, rules.locking("b")),
        key_of("run", 3, settings, rules, "part"),
    ]
    assert len({key, *others}) == 6


def test_it_comes_back_from_json_as_it_was(found):
    back = Population.of_record(json.loads(found.to_json()))
    assert back.record() == found.record() and back.words() == found.words()
    assert (back.found == found.found).all() and back.settings == found.settings
    np.testing.assert_allclose(back.effort, found.effort, rtol=1e-6)
    with pytest.raises(DataError, match="version"):
        Population.of_record({**found.record(), "version": 0})


def test_tables_hold_all_numbers(found):
    table = found.table
    assert len(table) == len(found.rows) and list(table.columns) == list(COLUMNS)
    people = found.people_table()
    assert len(people) == found.drawn.refused.sum() and set(people["model"]) == set(ARMS)
    first = people[people["model"] == "vanilla"].iloc[0]
    assert first["effort"] == found.effort[0][found.drawn.refused[0]][0]
    assert found.groupings and set(first.index) >= {one.feature for one in found.groupings}
