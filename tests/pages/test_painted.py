"""Points of one's own on Boundaries and elsewhere: who chooses or pastes them trains, who opens a link does not."""

from __future__ import annotations

import pytest

from ctviz.data.drawn import encode
from ctviz.experiments.config import Experiment
from ctviz.experiments.store import RunLabel
from tests.data.paintings import spread
from tests.pages.words import moved, query_of, said

PAGE = "pages/boundaries.py"
MINE = Experiment.preset("drawn").replace({"data.points": encode(*spread([20, 14])), "training.epochs": 2})
NAMED = MINE.replace(
    {"data.points": encode(*spread([20, 14, 12])), "data.columns": ("income", "age"), "arms.full.locked": (1,)}
)
TABLE = "income\tage\tgranted\n" + "\n".join(f"{i % 7},5\t{20 + i % 13}\t{'yes' if i % 2 else 'no'}" for i in range(60))


def test_a_link_does_not_train_nor_does_choosing(visit, world) -> None:
    at = visit(PAGE, **MINE.to_query())
    assert query_of(at) == MINE.to_query()
    assert world.jobs.submitted == []
    assert "Press Train" in said(at)
    assert "22 of them are for training, 6 for the numbers beside the picture." in said(at)
    at = visit(PAGE)
    at.selectbox(key="set-data.name").select("drawn").run()
    assert not at.exception
    assert query_of(at) == {"preset": "drawn"} and world.jobs.submitted == []


def test_what_controls_showed_before_the_data_were_chosen_is_no_wish(visit, world) -> None:
    """A browser that has not yet heard of the new data reports, with the next press, what its controls still show."""
    at = visit(PAGE)
    epochs = at.number_input(key="set-training.epochs")
    shown = epochs.set_value(epochs.value)._widget_state
    assert shown.double_value != Experiment.preset("drawn").training.epochs
    at.selectbox(key="set-data.name").select("drawn").run()
    at.button(key="train").click()
    reported = at._tree.get_widget_states()
    reported.widgets.append(shown)
    at._run(reported)
    assert world.jobs.submitted == [Experiment.preset("drawn").key]
    assert query_of(at) == {"preset": "drawn"}
    moved(at.number_input, "set-training.epochs").set_value(epochs.value).run()
    assert query_of(at)["training.epochs"] == f"{epochs.value:g}", "now it is one"


def test_a_table_is_taken_over_and_trained_on_and_a_bad_one_stays(visit, world) -> None:
    at = visit(PAGE, **MINE.to_query())
    bad = TABLE.replace("30\tno", "thirty\tno")
    at.text_area(key="painter-table").input(bad)
    at.button(key="painter-use").click().run()
    assert any("“thirty” in column age" in error.value.replace("\\", "") for error in at.error)
    assert at.text_area(key="painter-table").value == bad, "nothing is lost"
    assert query_of(at) == MINE.to_query() and world.jobs.submitted == []
    at.text_area(key="painter-table").input(TABLE)
    at.button(key="painter-use").click().run()
    assert not at.exception and not at.error
    query = query_of(at)
    assert query["data.columns"] == '["income", "age"]'
    taken = Experiment.from_query(query)
    assert taken.data.counts == (30, 30)
    assert world.jobs.submitted == [taken.key]
    assert taken.data.labels == ("no", "yes")
    # Who looks at other data meanwhile finds the points again.
    at.selectbox(key="set-data.name").select("moons").run()
    at.selectbox(key="set-data.name").select("drawn").run()
    assert Experiment.from_query(query_of(at)).data == taken.data


def test_a_run_that_is_overtaken_is_given_up(visit, world) -> None:
    at = visit(PAGE, **MINE.to_query())
    for table in (TABLE, TABLE.replace("6,5", "9,5")):
        at.text_area(key="painter-table").input(table)
        at.button(key="painter-use").click().run()
    first, second = world.jobs.submitted
    assert world.jobs.cancelled == [first] and second == Experiment.from_query(query_of(at)).key


def test_only_the_last_run_of_a_painting_is_listed(visit, world) -> None:
    at = visit(PAGE, **MINE.to_query())

    def use(table: str) -> Experiment:
        at.text_area(key="painter-table").input(table)
        at.button(key="painter-use").click().run()
        experiment = Experiment.from_query(query_of(at))
        world.jobs.states.clear()
        if world.store.status(experiment.key).state == "absent":
            world.keep(experiment)
        return experiment

    first, second, third = (use(TABLE.replace("6,5", f"{end},5")) for end in (6, 8, 9))
    assert world.store.labels.all() == {one.key: RunLabel(overtaken=True) for one in (first, second)}
    world.store.labels.pin(second.key)
    listed = visit("pages/tradeoffs.py", part="compare").dataframe[0].value["key"].tolist()
    assert sorted(listed) == sorted([second.key, third.key])
    use(TABLE)
    assert world.store.labels.all() == {second.key: RunLabel(pinned=True), third.key: RunLabel(overtaken=True)}
    compared = visit("pages/tradeoffs.py", part="compare", runs=f"{third.key},")
    assert third.key in compared.dataframe[0].value["key"].tolist(), "a link finds it"


def test_who_paints_first_and_trains_once_says_so_in_the_link(visit, world) -> None:
    at = visit(PAGE, **MINE.to_query(), paint="wait")
    assert not at.toggle(key="painter-trains").value
    at.text_area(key="painter-table").input(TABLE)
    at.button(key="painter-use").click().run()
    assert Experiment.from_query({k: v for k, v in query_of(at).items() if k != "paint"}).data.counts == (30, 30)
    assert query_of(at)["paint"] == "wait" and world.jobs.submitted == []
    at.toggle(key="painter-trains").set_value(True).run()
    assert "paint" not in query_of(at) and len(world.jobs.submitted) == 1
    slow = visit(PAGE, **MINE.replace({"training.epochs": 5000}).to_query())
    assert slow.toggle(key="painter-trains").disabled and not slow.toggle(key="painter-trains").value


def test_what_takes_long_waits_for_the_button(visit, world) -> None:
    at = visit(PAGE, **MINE.replace({"training.epochs": 5000}).to_query())
    at.text_area(key="painter-table").input(TABLE)
    at.button(key="painter-use").click().run()
    assert Experiment.from_query(query_of(at)).data.counts == (30, 30)
    assert world.jobs.submitted == []


@pytest.mark.parametrize(
    ("page", "view"),
    [
        ("pages/trajectories.py", {}),
        ("pages/actionability.py", {}),
        ("pages/actionability.py", {"part": "proxies"}),
        ("pages/tradeoffs.py", {}),
    ],
)
def test_other_pages_take_them_from_a_link(visit, train, page: str, view: dict[str, str]) -> None:
    train(NAMED)
    at = visit(page, **NAMED.to_query(), **view)
    assert not at.exception and not at.error
    assert query_of(at)["data.points"] == NAMED.data.points
    if "tradeoffs" in page:
        assert at.selectbox(key="trade-data").value == "drawn", "a sweep can be run on them"
    assert not any(name in said(at) for name in ("x1", "x2", "debt")), "the table's own names"
