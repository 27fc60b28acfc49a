"""A link to a run on images or a table, opened on a page that cannot show it: a sentence, and the way on."""

from __future__ import annotations

import pytest

from ctviz.data.kinds import DATA_KINDS
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.elsewhere import SHOWN, shown_kind
from tests.pages.words import query_of, said

PAGES = {"boundaries": "moons", "trajectories": "loans", "actionability": "figure1"}


def links(at) -> dict[str, str]:
    return {link.proto.label: link.proto.query_string for link in at.get("page_link")}


@pytest.mark.parametrize("view", ["page", "project"])
@pytest.mark.parametrize("page", PAGES)
def test_a_run_on_images_is_shown_by_digits(visit, world, page: str, view: str) -> None:
    query = {"preset": "mnist", "training.epochs": "3"}
    at = visit(f"pages/{page}.py", **query, view=view)
    assert "The page Digits shows them" in said(at)
    assert links(at)["Open this run in Digits"] == "preset=mnist&training.epochs=3"
    assert not at.error and not at.warning and not at.selectbox
    assert not world.jobs.submitted


@pytest.mark.parametrize(("page", "preset"), PAGES.items())
def test_who_would_rather_stay_goes_on_with_the_pages_own_run(visit, page: str, preset: str) -> None:
    at = visit(f"pages/{page}.py", preset="mnist")
    at.button(key="stay").click().run()
    assert "have not been trained yet" in said(at)
    assert query_of(at)["preset"] == preset
    assert not at.error


@pytest.mark.parametrize("view", ["page", "project"])
@pytest.mark.parametrize(("page", "preset"), [*PAGES.items(), ("digits", "mnist")])
def test_a_run_on_a_table_is_shown_by_recourse(visit, world, page: str, preset: str, view: str) -> None:
    at = visit(f"pages/{page}.py", preset="adult", view=view)
    assert "The page Recourse shows what its models ask of people" in said(at)
    assert links(at)["Open this run in Recourse"] == "preset=adult"
    assert not at.error and not at.warning and not world.jobs.submitted
    at.button(key="stay").click().run()
    assert query_of(at)["preset"] == preset and not at.error


@pytest.mark.parametrize("page", ["learn", "limits", "paper", "tradeoffs"])
def test_a_link_to_a_table_breaks_no_other_page(visit, page: str) -> None:
    at = visit(f"pages/{page}.py", preset="german")
    assert not at.error and not at.exception


@pytest.mark.parametrize("preset", ["mnist", "adult"])
def test_trajectories_does_not_follow_boundaries_to_what_it_cannot_draw(visit, preset: str) -> None:
    at = visit("pages/boundaries.py", preset=preset)
    at.query_params.clear()
    at.switch_page("pages/trajectories.py").run()
    assert query_of(at)["preset"] == "loans"


@pytest.mark.parametrize(("page", "key"), [("boundaries", "set-data.name"), ("trajectories", "explore-run")])
def test_only_data_in_a_plane_are_offered(visit, page: str, key: str) -> None:
    options = visit(f"pages/{page}.py").selectbox(key=key).options
    assert len(options) > 5
    assert not any("digit" in option.lower() or "mnist" in option.lower() for option in options)


def test_every_run_that_digits_may_show_has_its_own_link() -> None:
    mnist = Experiment.preset("mnist")
    assert mnist.data.grid is not None
    assert Experiment.from_query(mnist.to_query()) == mnist


def test_every_kind_of_data_has_an_entry_and_only_what_is_drawn_has_a_picture() -> None:
    assert set(SHOWN) == {kind.name for kind in DATA_KINDS}
    for kind in DATA_KINDS:
        assert bool(SHOWN[kind.name].undrawn) != kind.drawn
    assert shown_kind(Experiment()) is SHOWN["plane"] and shown_kind(Experiment.preset("mnist")) is SHOWN["images"]
