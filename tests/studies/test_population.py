"""Advice for everyone as a study: in parts and at once the same, kept, gone on with; what ships is what is computed."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from ctviz.data.rules import Rules
from ctviz.errors import ConfigError, StoreError
from ctviz.experiments import everyone
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.engines.tasks import read_task
from ctviz.experiments.everyone import advise_everyone, advised, draw, summarised
from ctviz.experiments.population import PopulationSettings, Span
from ctviz.experiments.run import load_run
from ctviz.experiments.store import Store
from ctviz.paths import assets
from ctviz.studies import population as module
from ctviz.studies.population import (
    PARTS,
    POPULATIONS,
    SHIPPED,
    SHIPPED_TAU,
    PopulationTask,
    population,
    shipped_folder,
    shipped_population,
    shipped_questions,
    stored_population,
    tasks_of,
    whole_key,
    with_rules,
)
from ctviz.studies.steps import Cancelled

ARMS = ("vanilla", "full")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path, presets=assets() / "presets")


@pytest.fixture(scope="module")
def adviser(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"), presets=assets() / "presets")
    return Adviser(load_run(Experiment.preset("german").key, store), arms=ARMS)


@pytest.fixture
def small(monkeypatch):
    """Parts of a few people."""
    monkeypatch.setattr(everyone, "PART", 4)
    monkeypatch.setattr(everyone, "PROVED_PART", 2)
    return PopulationSettings(arms=ARMS, people=6, time_limit=120.0)


def test_in_parts_it_is_the_same_as_at_once(adviser, small, store):
    whole = population(adviser.run, people=6, store=store, workers=1)
    assert whole.record() == advise_everyone(adviser, with_rules(adviser, small)).record() | {
        "settings": whole.record()["settings"]
    }
    assert len(PARTS.files(store)) == -(-whole.n // 4) and len(POPULATIONS.files(store)) == 1


def test_what_is_stored_is_not_computed_again_and_proofs_are_added(adviser, small, store, monkeypatch):
    told: list[tuple[object, ...]] = []
    ask = functools.partial(population, adviser.run, people=6, store=store, workers=1, time_limit=120.0)
    first = ask()
    known = ask(proofs=2, progress=lambda *at: told.append(at))
    assert known.proved == 2 and (2, 2, "proofs") in told
    assert {at[2] for at in told} == {"plans", "proofs"} and told[0] == (first.n, first.n, "plans")
    assert (known.effort[:, 2:] == first.effort[:, 2:])[np.isfinite(first.effort[:, 2:])].all()
    monkeypatch.setattr(module, "advised", lambda *_: pytest.fail("computed again"))
    assert ask().record() == known.record(), "the one with proofs is the better one"
    assert stored_population(adviser, small, store, shipped=False) is not None


def test_where_it_was_stopped_it_goes_on(adviser, small, store):
    with pytest.raises(Cancelled):
        population(
            adviser.run, people=6, store=store, workers=1, cancelled=lambda: len(PARTS.files(store)) >= 1
        )  # fmt: skip
    assert len(PARTS.files(store)) == 1 and stored_population(adviser, small, store, shipped=False) is None
    told: list[int] = []
    population(adviser.run, people=6, store=store, workers=1, progress=lambda done, *_: told.append(done))
    assert told[0] == 4


def test_a_task_comes_back_from_its_text(adviser, small):
    for task in tasks_of(adviser, small.model_copy(update={"proofs": 3}), draw(adviser, small)):
        back = read_task(task.to_json())
        assert back == task and isinstance(back, PopulationTask) and back.key == task.key and back.seconds > 0
    assert len({task.key for task in tasks_of(adviser, small, draw(adviser, small))}) == -(
        -draw(adviser, small).rows.size // 4
    )


def test_a_part_comes_back_from_the_store_as_it_was(adviser, small, store):
    (task, *_) = tasks_of(adviser, small, draw(adviser, small))
    task.compute(store, "cpu", lambda: False)
    part = PARTS.read(store, task.key)
    again = advised(adviser, task.settings, draw(adviser, small), task.span)
    assert part is not None and part.start == 0
    for name in ("found", "effort", "bound", "distance", "closer", "valid", "obeys"):
        np.testing.assert_array_equal(getattr(part, name), getattr(again, name))


def test_other_rules_are_another_question(adviser, small):
    usual, free = (whole_key(adviser, small.model_copy(update={"rules": rules})) for rules in (None, Rules()))
    assert usual != free and usual == whole_key(adviser, small.model_copy(update={"rules": adviser.table.rules}))
    assert usual != whole_key(adviser, small.model_copy(update={"people": 7}))


def test_a_run_that_is_not_stored_is_advised_here(adviser, small, tmp_path):
    elsewhere = Store(tmp_path / "empty")
    found = population(adviser.run, people=3, store=elsewhere)
    assert found.both.sum() == 3 and not PARTS.files(elsewhere)


@pytest.mark.parametrize(("options", "error"), [({"arms": ("full",)}, ConfigError), ({"people": 0}, ConfigError)])
def test_what_cannot_be_asked(adviser, store, options, error):
    with pytest.raises(error):
        population(adviser.run, store=store, **options)
    with pytest.raises(StoreError):
        load_run("0" * 16, store)


# -- what ships ----------------------------------------------------------------------------------------------


def test_what_ships_is_there_for_every_table_and_model(store):
    keys = [whole_key(*question) for question in shipped_questions(SHIPPED, store)]
    assert sorted(path.stem for path in shipped_folder().glob("*.ctviz")) == sorted(keys)
    assert sum(path.stat().st_size for path in shipped_folder().iterdir()) < 800_000
    for key in keys:
        found = shipped_population(key)
        assert found is not None and found.settings.tau == SHIPPED_TAU
        assert (found.valid == found.found).all() and (found.obeys == found.found).all(), (
            "every plan holds as it is read"
        )
        assert int(found.both.sum()) == min(1000, found.drawn.by_both)
        assert (found.bound[np.isfinite(found.effort)] <= found.effort[np.isfinite(found.effort)] + 1e-5).all()


def test_what_ships_is_not_built_with_numbers_that_are_not_allowed(tmp_path) -> None:
    store = Store(tmp_path / "here", presets=assets() / "presets")
    for wrong in ({"proofs": -1}, {"proofs": 10**6}, {"proofs": 1, "time_limit": 0.0}):
        with pytest.raises(ConfigError, match=[*wrong][-1]):
            module.build(["german"], tmp_path, store, **wrong)
    assert not list(tmp_path.glob("*.ctviz"))


@pytest.mark.parametrize("name", ["german", "credit"])
def test_a_part_of_what_ships_is_computed_again(name, store):
    run = load_run(Experiment.preset(name).key, store)
    adviser = Adviser(run, tau=SHIPPED_TAU, arms=ARMS)
    asked = PopulationSettings(arms=ARMS, tau=SHIPPED_TAU)
    shipped = shipped_population(whole_key(adviser, asked))
    assert shipped is not None
    drawn = draw(adviser, asked)
    assert drawn.rows.tolist() == shipped.drawn.rows.tolist() and (drawn.refused == shipped.drawn.refused).all()
    few = 20
    part = advised(adviser, with_rules(adviser, asked), drawn, Span(0, few, False))
    # Another processor rounds the search otherwise, so that a descent may end elsewhere for a few.
    close = np.isclose(part.effort, shipped.polished[:, :few], rtol=1e-3, equal_nan=True)
    assert close.mean() > 0.9
    arrays = {field: getattr(shipped, field) for field in ("found", "effort", "distance", "closer")}
    again = summarised(ARMS, shipped.drawn.refused, arrays, shipped.groupings)
    for mine, theirs in zip(again, shipped.rows, strict=True):
        ends = [(one.spread.value, one.spread.low, one.spread.high) for one in (mine, theirs)]
        assert ends[0] == pytest.approx(ends[1], rel=1e-4, abs=1e-6, nan_ok=True)


def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "shipped_folder", lambda: tmp_path)
    (tmp_path / f"{'a' * 16}.ctviz").write_bytes(b"ctviz {}\nnothing")
    shipped_population.cache_clear()
    assert shipped_population("a" * 16) is None and shipped_population("b" * 16) is None
    shipped_population.cache_clear()


def test_a_damaged_part_is_computed_again_and_nothing_else(adviser, small, store, monkeypatch):
    tasks = tasks_of(adviser, small, draw(adviser, small))
    for task in tasks:
        task.compute(store, "cpu", lambda: False)
    PARTS.path(store, tasks[0].key).write_bytes(b"ctviz {}\nnothing")
    assert stored_population(adviser, small, store, shipped=False) is None
    again: list[str] = []
    advise = module.advised
    monkeypatch.setattr(module, "advised", lambda *asked: again.append("part") or advise(*asked))
    for task in tasks:
        task.compute(store, "cpu", lambda: False)
    assert again == ["part"] and stored_population(adviser, small, store, shipped=False) is not None


def test_a_full_disk_keeps_nobody_from_what_was_computed(adviser, small, store):
    for task in tasks_of(adviser, small, draw(adviser, small)):
        task.compute(store, "cpu", lambda: False)
    (store.root / POPULATIONS.folder).write_text("no folder", encoding="utf-8")
    assert stored_population(adviser, small, store, shipped=False) is not None
