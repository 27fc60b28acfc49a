"""Paper without a browser: every result, none, a damaged one, and links of every kind."""

from pathlib import Path

import pytest

from ctviz.experiments.store import Store
from ctviz.studies.reproduce.result import RESULTS
from ctviz.ui.paper import files as shown
from tests.pages.words import query_of
from tests.studies.reproduce.made_up import judged, result
from tests.studies.rivals.made_up import result as compared
from tests.studies.rivals.made_up import row

PAGE = "pages/paper.py"
KEY = "00c0ffee00c0ffee"


@pytest.fixture
def ships(tmp_path, monkeypatch):
    """Puts a result, or any text, in the place of the one that ships."""
    path = tmp_path / "shipped.json"
    monkeypatch.setattr(shown, "shipped", lambda: path)
    monkeypatch.setattr(shown.rivals, "shipped", lambda: tmp_path / "rivals.json")  # none, unless a test writes one

    def put(text: str) -> Path:
        path.write_text(text, encoding="utf-8")
        return path

    return put


def html(at):
    return " ".join(element.proto.body for element in at.get("html"))


def words(at):
    return " ".join([html(at), *(element.value for element in (*at.markdown, *at.caption))])


def sound(at):
    assert not at.exception
    assert not [error.value for error in at.error]


def test_the_shipped_result_is_shown_at_once(visit):
    at = visit(PAGE)
    sound(at)
    assert "agree with the paper" in html(at)
    assert len(at.get("plotly_chart")) >= 3
    assert "published" in html(at)
    assert "Is it better than …?" in [one.value for one in at.subheader]
    assert "comparisons won and lost beyond chance" in html(at)


def test_ours_beside_the_published_numbers_with_the_agreement_in_words(visit, ships):
    ships(result("moons", "ol").to_json())
    at = visit(PAGE)
    sound(at)
    body = html(at)
    assert "4 of 6 results agree" in body
    assert "20.0 [15.0, 25.0] *" in body
    assert "published 20.62 ± 0.67 *".replace("0.67", "0.69") in body
    assert "other sign" in body
    assert "as published" in body


@pytest.mark.parametrize("protocol", [{"moons": ""}, {"moons": {"test": [1]}}, {"moons": {"test": {"rounds": 3}}}])
def test_a_protocol_that_is_not_said_is_no_error(visit, ships, protocol):
    ships(result("moons").model_copy(update={"protocol": protocol}).to_json())
    at = visit(PAGE)
    sound(at)
    assert "**Choosing cells**: not said in this result." in words(at)


def test_the_comparison_with_rivals_by_any_measure_and_search(visit, ships):
    path = ships(result("ls", "moons").to_json()).with_name("rivals.json")
    methods = {"conventional": {"ip": 2.0}, "schedule": {"ip": 1.0}, "full": {"ip": 1.5, "seconds": 4.0}}
    path.write_text(compared(row("moons", methods)).to_json(), encoding="utf-8")
    at = visit(PAGE, measure="seconds", data="moons")
    sound(at)
    said = words(at).replace("\u00a0", " ")
    assert "ahead of conventional training (2 : 0), behind conventional training with another schedule (0 : 2)" in said
    assert "its training takes 3.9 to 4 times as long" in said or "its training takes 4 times as long" in said
    assert "times as long: farther to the right is more" in said
    for part in (
        "Counterfactual training against each method",
        "<b>2 : 0</b>",
        "3 draws of data and training",
        "The rule.",
        "Moons, a careful search",
        "24.9 [24.2, 25.6] *",
    ):
        assert part in said
    at.button_group(key="paper-search").set_value("paper").run()
    sound(at)
    assert at.query_params["search"] == "paper" and "Moons, the paper&#x27;s search" in html(at)
    path.write_text("{}", encoding="utf-8")
    at = visit(PAGE, measure="nonsense")
    assert not at.exception
    assert "Is it better than …?" not in [one.value for one in at.subheader], "what cannot be read is not shown"


def test_both_cells_their_rules_and_what_was_passed_over(visit, ships):
    ships(result("moons").to_json())
    at = visit(PAGE, draws="1")
    sound(at)
    said = words(at)
    assert "chosen for IP and IP*" in said
    assert "chosen for the cost" in said
    assert "test data are not looked at" in said
    assert "0 (2 %) and 2 (– %)" in said


def test_tables_are_rows_like_the_others_and_missing_ones_are_named(visit, ships):
    ships(result("moons", "adult", "german").to_json())
    at = visit(PAGE, data="adult", draws="1")
    sound(at)
    said = words(at)
    assert "not in the paper" in said and "German credit" in said
    assert "With the median distance between real samples" in said
    assert "table1 --data ls,circles,ol,california,credit,gmsc,mnist" in said
    sound(visit(PAGE, data="german"))
    ships(result("german").to_json())
    at = visit(PAGE)
    sound(at)
    assert "The paper reports nothing on German credit." in html(at)


def test_the_exact_judge_and_calibration_stand_beside_the_rest(visit, ships):
    made = result("moons", "mnist")
    ships(made.model_copy(update={"rows": (judged(made.rows[0]), made.rows[1])}).to_json())
    at = visit(PAGE)
    sound(at)
    said = words(at).replace("\u00a0", " ")
    assert "which depends on no search, lies closer to real data on Moons (14 %)" in said
    assert 'colspan="3">The cheapest advice, no search</th>' in said
    assert "<b>−12 *</b>" in said and "[−17, −7]" in said and "2.0 → 1.0" in said
    assert 'colspan="3">not solved</td>' in said, "of digits nothing is solved"
    assert "all proved" in said
    assert any(s.value == "How far certainty can be believed" for s in at.subheader)
    assert "says less about how often it is right on Moons" in said
    assert "Calibration error 1.0 → 5.0" in said
    ships(made.to_json())
    at = visit(PAGE)
    assert "cheapest advice" not in words(at) and len(at.get("plotly_chart")) == 5


def test_every_draw_is_listed_on_demand(visit, ships):
    ships(result("moons").to_json())
    at = visit(PAGE)
    assert "Draws of Moons" not in html(at)
    at.toggle(key="paper-draws").set_value(True).run()
    sound(at)
    assert "Draws of Moons" in html(at)
    assert at.query_params["draws"] == "1"


def test_the_data_set_in_detail_is_in_the_link(visit, ships):
    ships(result("moons", "circles").to_json())
    at = visit(PAGE, data="circles")
    assert any("Circles: the settings, and why" in s.value for s in at.subheader)
    at.selectbox(key="paper-data").set_value("moons").run()
    sound(at)
    assert any("Moons: the settings, and why" in s.value for s in at.subheader)
    assert at.query_params["data"] == "moons"


def test_results_of_this_computer_can_be_shown_instead(visit, world):
    RESULTS.keep(Store(world.root), KEY, result("moons"))
    at = visit(PAGE, result=KEY)
    sound(at)
    assert "All 3 results agree" in html(at)
    at.selectbox(key="paper-result").set_value("shipped").run()
    sound(at)
    assert "All 3 results agree" not in html(at)


def test_of_results_with_the_same_settings_the_chosen_one_is_shown_and_stays(visit, world):
    for key, rounds in ((KEY, 100), ("1" * 16, 100), ("2" * 16, 20)):
        made = result("moons")
        made = made.model_copy(update={"reproduction": {**made.reproduction, "rounds": rounds}})
        RESULTS.keep(Store(world.root), key, made)
    at = visit(PAGE)
    choice = at.selectbox(key="paper-result")
    assert len(set(choice.options)) == 4
    for key in ("1" * 16, KEY, "2" * 16):
        at.selectbox(key="paper-result").set_value(key).run()
        at.run()
        assert query_of(at)["result"] == key
        assert at.selectbox(key="paper-result").value == key
    at.query_params["result"] = KEY
    at.run()
    assert at.selectbox(key="paper-result").value == KEY


def test_without_any_result_the_page_says_what_to_do(visit, ships):
    at = visit(PAGE)
    sound(at)
    assert "have not been computed here yet" in html(at)
    assert "ctviz reproduce table1" in " ".join(code.value for code in at.code)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"rows": []}'])
def test_a_damaged_result_is_a_sentence(visit, ships, text):
    ships(text)
    at = visit(PAGE)
    sound(at)
    assert "no result of" in " ".join(warning.value.replace("\\", "") for warning in at.warning)


def test_a_result_that_is_gone_is_told_and_the_shipped_one_is_shown(visit):
    at = visit(PAGE, result="0123456789abcdef")
    sound(at)
    assert "No result" in " ".join(warning.value for warning in at.warning)
    assert "agree with the paper" in html(at)


def test_a_bad_link_is_told_and_the_page_is_shown(visit):
    query = {"result": "../../etc", "data": "wine", "draws": "7", "nothing": "1", "view": "x"}
    at = visit(PAGE, **query)
    sound(at)
    for name in query:
        assert f"In the link, {name} is " in " ".join(warning.value.replace("\\", "") for warning in at.warning)
    assert "agree with the paper" in html(at)


def test_projected_it_has_the_panels_and_a_way_back(visit, ships):
    ships(result("moons").to_json())
    at = visit(PAGE, view="project")
    sound(at)
    assert len(at.get("plotly_chart")) == 3
    assert not at.selectbox
    at.button(key="unproject").click().run()
    sound(at)
    assert at.selectbox(key="paper-data").value == "moons"


def test_a_row_without_costs_is_shown(visit, ships):
    ships(result().to_json())
    at = visit(PAGE, data="ls", draws="1")
    sound(at)
    assert "not measured" in html(at)
