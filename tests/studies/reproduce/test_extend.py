"""A stored table gets rows of further data, and what its rows lack; nothing else of it changes."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from ctviz.errors import DataError
from ctviz.experiments.store import Store
from ctviz.studies.reproduce import reproduction as what
from ctviz.studies.reproduce.extend import extend
from ctviz.studies.reproduce.reproduction import Choice, Reproduction
from ctviz.studies.reproduce.result import Table1
from ctviz.studies.reproduce.table1 import reproduce
from tests.studies.reproduce.here import Here

TINY = Reproduction(
    data=("ol",), seeds=1, rounds=3, selection_rounds=2, factuals=10, epochs=2, exact=2,
    cells=(Choice(tau=0.5, lambda_reg=0.1),),
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Table1:
    return reproduce(TINY, Store(tmp_path_factory.mktemp("store")), Here())


def older(result: Table1) -> Table1:
    """As an earlier version left it: without the exact judge and calibration."""
    gone = {"calibration": None, "conventional_calibration": None}
    rows = tuple(
        row.model_copy(
            update={
                "exact": None, "reliability": None,
                "seeds": tuple(draw.model_copy(update=gone) for draw in row.seeds),
            }
        )
        for row in result.rows
    )  # fmt: skip
    settings = {name: value for name, value in result.reproduction.items() if name != "exact"}
    return result.model_copy(update={"rows": rows, "reproduction": settings})


def test_a_row_gets_what_it_lacks_of_the_models_that_it_names(whole, tmp_path):
    before, engine = Table1.from_json(older(whole).to_json()), Here()
    assert before.rows[0].exact is None
    before = before.model_copy(update={"reproduction": {**before.reproduction, "exact": 2}})
    after = extend(before, ("ol",), Store(tmp_path), engine)
    assert after.rows == whole.rows and after.rows[0].exact.gap == 0
    assert [task.run for task in engine.given] == [whole.rows[0].seeds[0].run]
    assert after.ablation == before.ablation and after.robustness == before.robustness
    assert "test_exactly" in after.protocol["ol"]
    again = Here()
    assert extend(after, ("ol",), Store(tmp_path), again).rows == after.rows
    assert again.given == []


def test_a_row_of_further_data_is_computed_by_the_settings_of_the_table(whole, tmp_path):
    engine = Here()
    after = extend(whole, ("ls",), Store(tmp_path), engine)
    assert [row.data for row in after.rows] == ["ls", "ol"], "in the order of the table"
    assert after.rows[1] == whole.rows[0] and after.rows[0].exact.factuals == 2
    assert {task.experiment.data.name for task in engine.given} == {"ls"}
    assert after.reproduction == TINY.model_copy(update={"data": ("ls", "ol")}).model_dump(mode="json")
    assert list(after.protocol) == ["ls", "ol"]
    assert [part.data for part in after.ablation] == ["ls"] * 6 + ["ol"] * 6


def test_models_that_this_version_would_not_train_are_refused(whole, tmp_path):
    engine, other = Here(), older(whole)
    draws = (other.rows[0].seeds[0].model_copy(update={"run": "0" * 16}),)
    changed = other.model_copy(update={"rows": (other.rows[0].model_copy(update={"seeds": draws}),)})
    for result in (changed, other.model_copy(update={"algorithm": 0})):
        with pytest.raises(DataError, match="anew"):
            extend(result, ("ol",), Store(tmp_path), engine)
    assert engine.given == []


def test_a_row_of_few_draws_gets_the_others_as_far_as_they_are_done(whole, tmp_path, monkeypatch):
    """As of tables, whose first draws alone have all arms; the settings stay those that were chosen."""
    monkeypatch.setattr(what, "WHOLE_DRAWS", MappingProxyType({"ol": 1}))
    before = whole.model_copy(update={"reproduction": {**whole.reproduction, "seeds": 2}})
    before = before.model_copy(update={"rows": (whole.rows[0].model_copy(update={"exact": None}),)})
    store = Store(tmp_path)
    assert extend(before, ("ol",), store, Here(), so_far=True).rows == before.rows, "nothing is done yet"
    after = extend(before, ("ol",), store, Here()).rows[0]
    first, second = after.seeds
    assert first == whole.rows[0].seeds[0] and second.seed == 1
    assert after.ip.reduction == pytest.approx((first.ip.reduction + second.ip.reduction) / 2)
    assert after.exact.draws == 2 and len(after.locked_seeds) == 2
    assert after.other == before.rows[0].other and after.searched == before.rows[0].searched
    engine = Here()
    assert extend(before, ("ol",), store, engine, so_far=True).rows == (after,)
    assert engine.given == []


def test_a_row_of_wide_data_gets_the_mismatch_at_the_median_distance_of_the_same_models(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(what, "at_median", lambda data: data == "ol")
    assert whole.rows[0].ip_star_median is None
    first = Here()
    extended = extend(whole, ("ol",), Store(tmp_path), first)
    after = extended.rows[0]
    (task,) = first.given
    assert (task.run, "median" in task.protocol.also) == (whole.rows[0].seeds[0].run, True), "no costs, no exact judge"
    assert after.ip_star_median is not None
    assert after == whole.rows[0].model_copy(update={"ip_star_median": after.ip_star_median})
    assert "median" in extended.protocol["ol"]["test"]["also"]
    engine = Here()
    assert extend(extended, ("ol",), Store(tmp_path), engine).rows == (after,)
    assert engine.given == []


def test_of_a_row_that_lacks_one_part_no_other_is_computed(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(what, "WHOLE_DRAWS", MappingProxyType({"ol": 10}))
    (row,) = whole.rows
    costs, solved = (row.locked_seeds[0].seed, 0), (row.seeds[0].seed, TINY.exact)
    for part, nothing, computed in (("locked_seeds", (), costs), ("exact", None, solved)):
        before, engine = whole.model_copy(update={"rows": (row.model_copy(update={part: nothing}),)}), Here()
        assert extend(before, ("ol",), Store(tmp_path / part), engine).rows == whole.rows
        tried = [task for task in engine.given if len(task.experiment.arms) == 1]
        assert bool(tried) == (part == "locked_seeds"), "draws are tried for costs alone"
        others = [(task.experiment.seed, task.protocol.exact) for task in engine.given if task not in tried]
        assert others == [computed]


def test_of_fewer_draws_than_a_row_has_no_median_is_told(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(what, "at_median", lambda data: data == "ol")
    assert extend(whole, ("ol",), Store(tmp_path), Here(), so_far=True).rows == whole.rows
