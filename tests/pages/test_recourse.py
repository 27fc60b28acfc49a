"""Recourse without a browser: what it says is what the adviser found, and every state has its sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ctviz.catalogue import advice as words
from ctviz.catalogue.recourse import headline
from ctviz.data import user_folders
from ctviz.data.rule_sets import of_text, rule_sets
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import load_run
from ctviz.experiments.store import Store
from ctviz.figures.recourse.sheet import EFFORT
from ctviz.paths import assets
from ctviz.prose import begun
from ctviz.ui.kit.frame import literal
from ctviz.ui.recourse import context
from ctviz.ui.recourse import proofs as proving
from ctviz.ui.recourse.proofs import Proofs
from tests.pages.recourse_rules import ALL_LOCKED
from tests.pages.words import bodies, moved, query_of, said

PAGE = "pages/recourse.py"
ARMS = ("vanilla", "full")
REFUSED, DEFAULT = "17", 147
BOTH_ACCEPT, ONE_ACCEPTS = "0", "24"


@pytest.fixture(scope="module")
def adviser() -> Adviser:
    """Of the run that ships, with the page's threshold."""
    key = Experiment.preset("german").key
    return Adviser(load_run(key, Store(assets() / "none", presets=assets() / "presets")), tau="rate", arms=ARMS)


@pytest.fixture
def german(fresh, one_server) -> Callable[..., AppTest]:
    """As ``fresh``, on a server that knows what has been asked before."""
    return fresh


@pytest.fixture
def fresh(world, visit) -> Callable[..., AppTest]:
    """Opens the page with the run on German credit that ships; without other plans than the cheapest, unless asked."""
    key = Experiment.preset("german").key
    shutil.copytree(assets() / "presets" / key, world.root / "runs" / key)
    return lambda **query: visit(PAGE, **{"plans": "1", **query})


def button(at: AppTest, label: str):
    return next(one for one in at.button if one.label == label)


def choice(at: AppTest, key: str):
    """A row of buttons by its key, whether the page has moved it or not."""
    found = [one for one in at.button_group if one.key == key]
    return found[0] if found else moved(at.button_group, key)


def tables(at: AppTest):
    """The menu of tables, whether the page has moved it or not."""
    return next(one for one in at.selectbox if one.key.startswith("recourse-data"))


def columns(at: AppTest) -> list[str]:
    """What is said in the column of each model: from its heading on."""
    return [body for body in bodies(at) if "ctviz-plan" in body or "ctviz-model" in body]


def test_another_table_begins_with_people_and_rules_of_its_own(german, world) -> None:
    key = Experiment.preset("california").key
    shutil.copytree(assets() / "presets" / key, world.root / "runs" / key)
    at = german(person=REFUSED, set="law", rules="age:locked", who="age<=60")
    assert "Loans of a German bank" in "".join(bodies(at))
    tables(at).set_value("california").run()
    query = query_of(at)
    assert query["preset"] == "california" and not {"person", "rules", "who"} & set(query)
    assert "California" in "".join(bodies(at)) and not at.exception
    tables(at).set_value("german").run()
    assert query_of(at)["preset"] == "german" and query_of(at)["person"] == str(DEFAULT)


# -- what is said is what the adviser found ---------------------------------------------------------------


@pytest.mark.parametrize("person", [17, DEFAULT])
def test_every_sentence_of_the_plans_is_the_advisers(german, adviser, person: int) -> None:
    at, advice = german(person=str(person), plans="3"), adviser.advise(person, plans=3, exact=True)
    told = said(at)
    for model in advice.models:
        assert f"{begun(words.verdict_words(model))}." in told
        first = model.plans[0]
        for change in first.changes:
            assert begun(words.change_words(change)) in told
        for sentence in (words.then_sentence(first), words.proof_sentence(first), words.nearness_sentence(first)):
            assert sentence in told
        assert words.slip_sentence(first) in told
    assert headline(advice, ARMS) in told
    assert literal(f"{words.asked_sentence(advice)} {EFFORT}") in [caption.value for caption in at.caption]
    assert not at.error and not at.warning


def test_who_comes_without_a_link_sees_somebody_with_a_plan_of_each_model(german, visit) -> None:
    german(person=REFUSED)
    at = visit(PAGE)
    assert query_of(at) == {"preset": "german", "person": str(DEFAULT)}
    assert "Person 147 of the test data" in said(at) and "No cheaper plan exists." in said(at)


def test_another_plan_is_large_for_both_models_and_in_the_link(german, adviser) -> None:
    at = german(person=REFUSED, plans="2")
    choice(at, "recourse-plans-shown").set_value(1).run()
    assert query_of(at)["plan"] == "1"
    for model in adviser.advise(17, plans=2, exact=True).models:
        assert words.then_sentence(model.plans[1]) in said(at)


def test_all_models_stand_beside_each_other_when_asked(german) -> None:
    at = german(person=REFUSED, third="1")
    heads = [body for body in bodies(at) if "ctviz-model" in body]
    assert len(heads) == 3 and "Counterfactual training with rules" in heads[2]


# -- rules ------------------------------------------------------------------------------------------------


def test_a_locked_feature_is_in_no_plan_and_the_lock_in_the_link(german, adviser) -> None:
    at = german(person=str(DEFAULT))
    choice(at, "rule-duration").set_value("locked").run()
    assert query_of(at)["rules"] == "duration:locked"
    plans = " ".join(body for body in bodies(at) if "ctviz-plan" in body or "ctviz-other-plans" in body)
    assert "duration" not in plans and "Accepted then" in plans
    rules = of_text("duration:locked", adviser.table.rules, adviser.table.schema)
    for model in adviser.advise(DEFAULT, rules, exact=True).models:
        assert words.then_sentence(model.plans[0]) in plans
    assert "1 rule differs from “Realistic”: duration." in said(at).replace("\\", "")
    button(at, "Back to “Realistic”").click().run()
    assert "rules" not in query_of(at)


def test_age_is_locked_and_released_at_a_press(german) -> None:
    at = german(person=str(DEFAULT))
    fixed = choice(at, "recourse-fixed")
    assert fixed.label == "Cannot change" and "age" in fixed.options
    assert "age" not in fixed.value
    fixed.set_value(["sex and marital status", "age", "foreign worker"]).run()
    assert query_of(at)["rules"] == "age:locked"
    choice(at, "recourse-fixed").set_value(["sex and marital status", "foreign worker"]).run()
    assert "rules" not in query_of(at), "as the ready set has it, only up"


def test_range_and_difficulty_are_behind_the_card_and_in_the_link(german, adviser) -> None:
    at = german(person=str(DEFAULT))
    at.session_state["rule-more-duration"] = True
    at.run()
    at.number_input(key="rule-low-duration").set_value(22).run()
    at.select_slider(key="rule-effort-duration").set_value(5).run()
    assert query_of(at)["rules"] == "duration:free,low=22,difficulty=5"
    assert "At least 22 months, very hard to change" in said(at)
    rules = of_text(query_of(at)["rules"], adviser.table.rules, adviser.table.schema)
    for model in adviser.advise(DEFAULT, rules, exact=True).models:
        assert words.then_sentence(model.plans[0]) in said(at)
        assert all(change.feature != "duration" or change.after >= 22 for change in model.plans[0].changes)


def test_a_range_upside_down_is_refused_beside_the_rules(german) -> None:
    at = german(person=str(DEFAULT), rules="duration:free,high=20")
    at.session_state["rule-more-duration"] = True
    at.run()
    at.number_input(key="rule-low-duration").set_value(40).run()
    assert "is not possible" in at.error[0].value and query_of(at)["rules"] == "duration:free,high=20"


@pytest.mark.parametrize("name", ["law", "anything"])
def test_each_ready_set_gives_its_own_advice(german, adviser, name: str) -> None:
    at = german(person=REFUSED)
    choice(at, "recourse-set").set_value(name).run()
    assert query_of(at)["set"] == name
    (rules,) = (one.rules for one in rule_sets(adviser.table) if one.name == name)
    for model in adviser.advise(17, rules, exact=True).models:
        assert words.then_sentence(model.plans[0]) in said(at)


def test_where_there_is_no_plan_the_lock_is_named_and_a_press_releases_it(german) -> None:
    at = german(person="4", rules=ALL_LOCKED)
    assert "No plan exists under these rules, and that is proved. Releasing account gives one." in said(at)
    assert "With that, the cheapest plan" in said(at) and not [one for one in at.button if one.key.startswith("keep-")]
    at.button(key="release-vanilla").click().run()
    assert "account:free" in query_of(at)["rules"]
    assert "Change account" in said(at) and "Accepted then" in said(at)


def test_rules_that_contradict_each_other_are_said_and_undone(german) -> None:
    at = german(person="4", rules="age:up,high=30")  # who is 35 already
    assert "These rules leave no room for a plan." in said(at) and len(at.error) == 1
    assert "age" in at.error[0].value
    at.button(key="recourse-rules-back").click().run()
    assert not at.error and "Accepted then" in said(at)


@pytest.mark.parametrize(
    "rules", ["nothing:locked", "age:sideways", "age:up,low=90", "duration:free,low=9,high=3", "%"]
)
def test_rules_of_a_link_that_are_impossible_are_left_out_with_a_sentence(german, rules: str) -> None:
    at = german(person=REFUSED, rules=rules)
    assert not at.error and len(at.warning) == 1
    assert "So the rules are those of “Realistic”." in at.warning[0].value.replace("\\", "")
    assert "Accepted then" in said(at)


# -- people -----------------------------------------------------------------------------------------------


def test_another_person_is_one_whom_both_models_refuse(german, adviser) -> None:
    at, seen = german(), set()
    for _ in range(3):
        at.button(key="recourse-next").click().run()
        person = int(query_of(at)["person"])
        assert all(model.outcome != "accepted" for model in adviser.advise(person, exact=False).models)
        seen.add(person)
    assert len(seen) == 3


def test_a_filter_holds_for_whoever_is_picked(german, adviser) -> None:
    who = "sex and marital status=woman, married or divorced;age<=30"
    at = german(who=who)
    assert "woman, married or divorced" in next(body for body in bodies(at) if "ctviz-someone" in body)
    at.button(key="recourse-next").click().run()
    person = adviser.table.person(adviser.row(int(query_of(at)["person"]))[0])
    assert person["sex and marital status"] == "woman, married or divorced" and person["age"] <= 30
    assert query_of(at)["who"] == who


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        ("age<=1", "Nobody in the test data fits the filter: age at most 1 year."),
        ("account=no account;age>=60", "both models refuse none of them. The person below does not fit it either."),
    ],
)
def test_a_filter_that_leaves_no_one_says_so(german, who: str, sentence: str) -> None:
    at = german(who=who)
    assert sentence in at.info[0].value.replace("\\", "")
    assert at.button(key="recourse-next").disabled and "Accepted then" in said(at)
    at.button(key="recourse-no-filter").click().run()
    assert "who" not in query_of(at) and not at.info


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"person": "5000"}, "In the link, person is 5000; allowed: 0 to 199, a row of the test data."),
        ({"who": "height<=3"}, "The filter in the link cannot be read"),
        ({"typed": "1|2|3"}, "the typed-in person cannot be read. It has 3 values"),
        ({"typed": "unsent"}, "The person who was typed in is not in the link"),
        ({"arm": "nobody"}, "In the link, arm is 'nobody'; allowed: one of full, full rules."),
        ({"epoch": "3"}, "In the link, epoch is 3"),
        ({"score": "2"}, "In the link, score is '2'; allowed: between 0 and 1, or rate."),
    ],
)
def test_what_is_wrong_in_a_link_is_a_sentence_and_the_rest_is_shown(german, query, sentence: str) -> None:
    at = german(**query)
    assert not at.error
    assert sentence in "\n".join(one.value.replace("\\", "") for one in at.warning)
    assert "Accepted then" in said(at)


def test_a_person_whom_both_accept_has_nothing_to_change_and_another_is_offered(german) -> None:
    at = german(person=BOTH_ACCEPT)
    assert "Both models accept this person as they are: there is nothing to change." in said(at)
    at.button(key="recourse-refused").click().run()
    assert "Accepted then" in said(at)


def test_a_person_whom_one_model_accepts_is_advised_by_the_other(german, adviser) -> None:
    at = german(person=ONE_ACCEPTS)
    assert "Counterfactual training accepts this person as they are" in said(at)
    (conventional, _) = adviser.advise(int(ONE_ACCEPTS), exact=True).models
    assert words.then_sentence(conventional.plans[0]) in said(at)


def test_where_nobody_is_refused_that_is_said(german) -> None:
    at = german(score="0.001")
    assert "Both models accept everybody in the test data" in at.info[0].value
    assert at.button(key="recourse-next").disabled and not at.error


# -- a person of one's own --------------------------------------------------------------------------------


def typing(at: AppTest) -> None:
    at.session_state["recourse-choose"] = True
    at.run()
    at.button(key="recourse-type").click().run()


def test_a_typed_in_person_is_advised_and_not_in_the_link(german, adviser) -> None:
    at = german(person=REFUSED)
    typing(at)
    at.number_input(key="typed-value-age").set_value(40).run()
    at.button(key="recourse-typed-in").click().run()
    assert query_of(at) == {"preset": "german", "typed": "unsent", "plans": "1"}
    assert "The person you typed in" in said(at) and not at.warning
    person = {**adviser.table.person(adviser.row(17)[0]), "age": 40}
    for model in adviser.advise(person, exact=True).models:
        assert words.then_sentence(model.plans[0]) in said(at)


def test_a_typed_in_person_is_in_the_link_when_asked_for(german, visit, adviser) -> None:
    at = german(person=REFUSED)
    typing(at)
    at.toggle(key="recourse-share").set_value(True).run()
    at.number_input(key="typed-value-duration").set_value(60).run()
    at.button(key="recourse-typed-in").click().run()
    again = visit(PAGE, **query_of(at))
    assert "60 months" in said(again) and not again.warning
    assert columns(again) == columns(at)


def test_a_value_out_of_range_is_a_sentence(german, adviser) -> None:
    values = [str(value) for value in adviser.table.person(adviser.row(17)[0]).values()]
    values[adviser.table.schema.names.index("age")] = "190"
    at = german(typed="|".join(values))
    assert "age is 190; allowed: from 1 to 75, as in the data." in at.warning[0].value.replace("\\", "")


# -- what if ----------------------------------------------------------------------------------------------


def test_both_models_answer_at_once_to_any_value(german, adviser) -> None:
    at = german(person=REFUSED)
    at.session_state["recourse-what-if"] = True
    at.run()
    at.selectbox(key="what-if-value-savings").set_value("1,000 DM or more").run()
    person = {**adviser.table.person(adviser.row(17)[0]), "savings": "1,000 DM or more"}
    for score in adviser.scores(adviser.table.row(person)[None])[:, 0]:
        assert f"Accepted with a score of {words.score_words(score)} (before: " in said(at)
    assert "With savings 1,000 DM or more:" in said(at)
    at.button(key="what-if-advise").click().run()
    assert "The person you typed in" in said(at) and "there is nothing to change" in said(at)


def test_what_if_takes_over_a_plan_and_gives_it_back(german, adviser) -> None:
    at = german(person=REFUSED)
    at.session_state["recourse-what-if"] = True
    at.run()
    at.button(key="what-if-full").click().run()
    plan = adviser.advise(17, exact=True).model("full").plans[0]
    assert f"Accepted with a score of {words.score_words(plan.score)} (before:" in said(at)
    at.button(key="what-if-back").click().run()
    assert "Nothing is changed yet:" in said(at)


# -- keeping ----------------------------------------------------------------------------------------------


def test_a_kept_plan_stays_as_it_is_with_its_rules_whatever_changes(german) -> None:
    at = german(person=str(DEFAULT))
    at.button(key="keep-full").click().run()
    (kept,) = [body for body in bodies(at) if "Made under the rules" in body]
    assert "Lower duration from 24 to 20 months" in kept and "Realistic. The rules of now allow it." in kept
    choice(at, "rule-duration").set_value("locked").run()
    (later,) = [body for body in bodies(at) if "Made under the rules" in body]
    assert later == kept.replace("now allow it", "now do not allow it")
    at.button(key="recourse-next").click().run()
    at.button(key="kept-open-0").click().run()
    assert query_of(at)["person"] == str(DEFAULT) and "rules" not in query_of(at)
    at.button(key="kept-off-0").click().run()
    assert not [body for body in bodies(at) if "Made under the rules" in body]


def test_kept_plans_are_in_the_link_and_come_back_after_a_reload(german, visit) -> None:
    at = german(person=str(DEFAULT), rules="age:locked")
    at.button(key="keep-full").click().run()
    choice(at, "recourse-set").set_value("law").run()
    at.button(key="keep-vanilla").click().run()
    before = [body for body in bodies(at) if "Made under the rules" in body]
    query = query_of(at)
    assert query["kept"].split("*")[0] == "147!realistic!rate!1!full!0!age:locked"
    again = visit(PAGE, **query)
    assert [body for body in bodies(again) if "Made under the rules" in body] == before and len(before) == 2
    assert query_of(again) == query and not again.warning


def test_a_kept_plan_that_a_link_cannot_name_is_left_out_with_a_sentence(german) -> None:
    at = german(person=REFUSED, kept="17!realistic!rate!1!full!0!*nonsense*17!realistic!rate!1!nobody!0!")
    assert "2 kept plans of the link cannot be read" in at.warning[0].value
    assert len([body for body in bodies(at) if "Made under the rules" in body]) == 1
    assert query_of(at)["kept"] == "17!realistic!rate!1!full!0!"


def test_a_typed_in_persons_plan_is_kept_by_the_session_alone(german, adviser) -> None:
    values = [str(value) for value in adviser.table.person(adviser.row(17)[0]).values()]
    at = german(typed="|".join(values))
    at.button(key="keep-full").click().run()
    assert "kept" not in query_of(at) and "Made under the rules" in said(at.run())


def test_each_session_has_its_own_rules_and_kept_plans(german, visit) -> None:
    one, other = german(person=REFUSED), visit(PAGE, person=REFUSED)
    one.button(key="keep-full").click().run()
    choice(one, "recourse-set").set_value("law").run()
    other.run()
    assert "set" not in query_of(other) and "Made under the rules" not in said(other)


# -- proofs -----------------------------------------------------------------------------------------------


def held(monkeypatch) -> list[Callable[[], None]]:
    """Proofs that wait until what is returned is called."""
    works: list[Callable[[], None]] = []
    monkeypatch.setattr(proving, "_thread", works.append)
    return works


def test_plans_stay_as_they_are_when_their_proof_arrives(fresh, monkeypatch) -> None:
    works = held(monkeypatch)
    at = fresh(person=REFUSED)
    before = said(at)
    assert words.PROVING in before and "The proof begins when" in before
    for work in works:
        work()
    at.run()
    assert words.PROVING not in said(at) and "No cheaper plan exists." in said(at)
    lines = [line for line in before.split("<") if line.startswith("li>")]
    assert lines and all(line in said(at) for line in lines)


def test_a_reload_while_a_proof_is_under_way_goes_on_waiting_for_the_same_one(fresh, visit, monkeypatch) -> None:
    works = held(monkeypatch)
    at = fresh(person=REFUSED)
    again = visit(PAGE, **query_of(at))
    assert words.PROVING in said(again) and len(works) == proving.AT_ONCE
    for work in works:
        work()
    assert "No cheaper plan exists." in said(again.run())


def test_a_cheaper_plan_is_offered_and_shown_when_asked_for(fresh, monkeypatch) -> None:
    real = proving._result

    def cheaper(*asked):
        found = real(*asked)
        first = replace(found.plans[0], effort=found.plans[0].effort / 2, bound=found.plans[0].bound / 2)
        return replace(found, plans=(first, *found.plans[1:]))

    monkeypatch.setattr(proving, "_result", cheaper)
    at = fresh(person=REFUSED)
    assert "effort 1.00." in said(at) and "Cheaper plans of both are known" in said(at)
    assert "A cheaper plan was found since, with an effort of 0.500 in place of 1.00." in said(at)
    at.button(key="cheaper-full").click().run()
    assert "A cheaper plan of conventional training is known; compared with it" in said(at)
    assert "effort 0.500." in said(at) and len([one for one in at.button if one.key.startswith("cheaper-")]) == 1


def test_a_proof_that_fails_leaves_the_plan_and_says_why(fresh, monkeypatch) -> None:
    monkeypatch.setattr(proving, "_result", lambda *_: proving.Failure("The solver gave up."))
    at = fresh(person=REFUSED)
    assert "The solver gave up." in said(at) and "Accepted then" in said(at) and not at.error


def test_what_nobody_wants_any_more_is_not_proved(fresh, monkeypatch) -> None:
    works = held(monkeypatch)
    at = fresh(person=REFUSED)
    choice(at, "recourse-set").set_value("law").run()
    asked: list[object] = []
    monkeypatch.setattr(proving, "_result", lambda task, *_: asked.append(task.key) or proving.Failure("none"))
    for work in works:
        work()
    assert asked and len({repr(key[3]) for key in asked}) == 1, "those of one set of rules alone"


# -- without models ---------------------------------------------------------------------------------------


def test_a_run_that_is_not_trained_yet_says_so_and_trains(visit, world) -> None:
    at = visit(PAGE)
    assert "No models have been trained on German credit" in said(at) and not at.error
    at.button(key="train").click().run()
    assert Experiment.preset("german").key in world.jobs.submitted


def test_a_run_with_one_model_says_what_the_page_needs(visit) -> None:
    at = visit(PAGE, preset="german", arms="vanilla")
    assert "This run has one model alone." in said(at) and not at.error
    at.button(key="recourse-usual").click().run()
    assert query_of(at)["preset"] == "german" and "arms" not in query_of(at)


def test_a_table_that_does_not_ship_opens_too(visit) -> None:
    at = visit(PAGE, preset="gmsc")
    assert "No models have been trained on" in said(at) and not at.error


def test_projected_the_page_is_person_and_advice_alone(german) -> None:
    at = german(person=REFUSED, view="project", rules="age:locked")
    assert "Accepted then" in said(at) and "Rules: Realistic, but age locked." in said(at).replace("\\", "")
    assert "What may change" not in said(at)
    assert at.button(key="unproject") and not at.get("expander")


def test_a_class_finds_the_page_prepared(fresh, monkeypatch) -> None:
    fresh(person=REFUSED)
    st.cache_resource.clear()
    context.prepare()
    monkeypatch.setattr(context, "Adviser", lambda *_, **__: pytest.fail("made again"))
    assert "Accepted then" in said(fresh(person=REFUSED))


def test_proofs_of_the_server_are_at_most_two_at_once() -> None:
    assert Proofs(start=lambda work: None)._free == proving.AT_ONCE == 2


def test_a_table_from_a_folder_of_ones_own_says_that_none_is_named(visit, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(user_folders, "user_folder", lambda name: None)
    at = visit(PAGE, preset="gmsc")
    assert "Give Me Some Credit has no open licence and does not come with ctviz" in said(at)
    assert all(button.disabled for button in at.button if button.key in ("train", "train-here"))
    table = at.selectbox(key="recourse-data")
    assert table.value is None and table.placeholder == "Give Me Some Credit"
    monkeypatch.setattr(user_folders, "user_folder", lambda name: tmp_path)
    assert not at.run().button(key="train").disabled
