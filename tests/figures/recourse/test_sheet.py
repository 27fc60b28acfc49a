"""The sheet to take home: it and its JSON agree with the model, and nothing of a table's text becomes HTML."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import replace
from html import unescape

import pytest
import torch

import ctviz
from ctviz.catalogue import advice as words
from ctviz.data.rules import Rule, Rules
from ctviz.data.schema import Feature, Schema
from ctviz.data.tables.settings import TABLES
from ctviz.experiments.advice import AdvisedRelease
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.store import Store
from ctviz.figures.recourse import sheet as made
from ctviz.figures.recourse.sheet import Sheet
from ctviz.paths import assets
from tests.figures.recourse.plans import HOURS, SCHOOL, WORK, Seen, advised, model, planned

DAY = datetime.date(2026, 3, 9)
AGE = Schema(features=(Feature(name="age", kind="integer", domain=(0, 90)),))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"), presets=assets() / "presets")
    return ctviz.load_run(Experiment.preset("german").key, store)


@pytest.fixture(scope="module")
def adviser(run):
    return Adviser(run, tau="rate", arms=("vanilla", "full"))


@pytest.fixture(scope="module")
def german(run, adviser):
    """The sheet of a person with German credit."""
    advice = adviser.advise(5, ["age"], plans=3, exact=False)
    data = made.data_words(run.experiment, adviser.table)
    return Sheet(advice, adviser.table.schema, data, "Realistic, but age locked", "9.8.7", DAY, ("vanilla", "full"))


def score(run, arm, row):
    network = run.model(arm).double()
    with torch.no_grad():
        return float(torch.softmax(network(torch.as_tensor(row, dtype=torch.float64)[None]), dim=1)[0, 1])


def test_the_network_gives_the_scores_of_the_json(run, adviser, german):
    found = json.loads(made.to_json(german))
    assert [one["arm"] for one in found["models"]] == ["vanilla", "full"]
    for one in found["models"]:
        assert score(run, one["arm"], adviser.table.row(found["person"])) == pytest.approx(one["score"], abs=1e-6)
        assert len(one["plans"]) == 3
        for plan in one["plans"]:
            assert score(run, one["arm"], adviser.table.row(plan["person"])) == pytest.approx(plan["score"], abs=1e-6)
            assert plan["score"] >= one["threshold"]


def test_the_network_gives_the_scores_of_the_page(run, adviser, german):
    """From what is written on the page alone: the person, the changes of each model, and both scores."""
    html = made.to_html(german)
    cells = re.findall(r"<div><dt>(.*?)</dt><dd>(.*?)</dd></div>", html.split('class="person"')[1])
    person = {unescape(name): unescape(text) for name, text in cells}
    assert set(person) == set(adviser.table.schema.names)
    for arm, part in zip(("vanilla", "full"), html.split('<section class="model ')[1:], strict=True):
        part = part.partition("</section>")[0]
        now = re.search(r"score of ([\d.]+); [\d.]+ is needed", part)[1]
        then = re.search(r"with a score of ([\d.]+); effort", part)[1]
        changed = dict(re.findall(r'<p><b>(.*?)</b> <small>effort.*?<(?:b|span) class="then".*?>(.*?)</', part))
        plan = {**person, **{unescape(name): unescape(text) for name, text in changed.items()}}
        assert changed and plan != person
        assert words.score_words(score(run, arm, adviser.table.row(person))) == now
        assert words.score_words(score(run, arm, adviser.table.row(plan))) == then


TOLD = ["format", "made_with", "date", "about", "headline", "data_words", "rule_set", "rules_words", "words", "link"]
RECORD = [
    "run", "epoch", "data", "wanted", "place", "person", "texts", "rules", "tau", "rate", "exact", "time_limit",
    "models",
]  # fmt: skip


def test_the_fields_of_the_json_stay(german):
    """Whoever changes this list changes ``FORMAT`` too, unless fields are only added."""
    found = json.loads(made.to_json(german))
    assert list(found) == TOLD + RECORD and found["format"] == 1
    assert found["date"] == "2026-03-09" and found["made_with"] == "ctviz 9.8.7" and found["link"] == ""
    assert found["run"] == german.advice.run and found["words"] == german.advice.words()
    assert Rules.model_validate(found["rules"]) == german.advice.rules
    assert found["rules_words"][0].startswith("Locked: ") and "age" in found["rules_words"][0]
    plan = found["models"][0]["plans"][0]
    assert {"changes", "person", "effort", "score", "proof", "bound", "gap", "distance", "voided_by"} <= set(plan)
    assert {"feature", "before", "after", "effort", "scale", "accepted", "with_less"} <= set(plan["changes"][0])


def test_all_that_a_reader_needs_is_on_the_page(german):
    seen = Seen(made.to_html(german))
    text = re.sub(r"\s+", " ", seen.text)
    assert not seen.open
    for said in (
        "Advice for person 5 of the test data", german.headline, "Realistic, but age locked", german.advice.run,
        "9.8.7, 9 March 2026", "after epoch 100", "10.24432/C5NC77", made.ABOUT_A_MODEL, "74 % of people",
        "Whether there is a cheaper plan is not proved.", "Instead, one could also:",
    ):  # fmt: skip
        assert said in text.replace("\u00a0", " "), said
    for one in german.advice.models:
        first, *others = one.plans
        assert words.plan_sentence(first) in text and words.change_words(others[0].changes[0])[8:] in text


def test_the_page_asks_for_nothing_and_is_small(german):
    html = made.to_html(german)
    assert "default-src 'none'; script-src 'none'" in html and "<script" not in html
    assert not re.search(r"https?:|//|url\(|src=|href=|@import", html)
    assert len(html.encode()) < 40_000 and len(made.to_paper(german).encode()) < 40_000


def test_the_link_is_there_where_it_is_asked_for(german):
    linked = replace(german, link="https://example.org/recourse?person=5&x=<")
    assert 'href="https://example.org/recourse?person=5&amp;x=&lt;"' in made.to_html(linked)
    assert json.loads(made.to_json(linked))["link"] == linked.link


def test_a_person_who_was_typed_in_is_on_their_sheet():
    sheet = Sheet(advised(model(), place=None), AGE, "data", "Law", "1", DAY)
    assert "Advice for a person" in made.to_html(sheet) and "39 years" in made.to_html(sheet)
    assert "There is nothing to change." in made.to_html(sheet)


def test_where_there_is_no_plan():
    freed = AdvisedRelease(("age",), True, planned(HOURS))
    none = model(outcome="none", release=freed)
    unknown = model(outcome="unknown", counterfactual=True, unfit="model is tanh.")
    sheet = Sheet(advised(none, unknown), AGE, "data", "Law", "1", DAY)
    text = Seen(made.to_html(sheet)).text.replace("\u00a0", " ")
    assert words.none_sentence(freed) in text and made.to_html(sheet).count('class="ctv-bells') == 1
    assert "No plan was found in 10 s" in text and "Model is tanh. So nothing is proved" in text


def test_a_cheaper_plan_that_is_known_is_said_where_models_are_compared_and_where_the_plan_is_drawn():
    asked = advised(model(planned(HOURS, proof="feasible", bound=1.0)), model(planned(HOURS), counterfactual=True))
    text = Seen(
        made.to_html(Sheet(asked, AGE, "data", "Law", "1", DAY, cheaper={"vanilla": planned(WORK, effort=1.0)}))
    ).text
    assert "of counterfactual training takes twice the effort" in text
    assert (
        "A cheaper plan was found since, with an effort of 1.00 in place of 2.00: change work from sales to office."
        in text
    )


def test_another_plan_is_drawn():
    asked = advised(model(planned(HOURS), planned(WORK)), model(planned(SCHOOL), counterfactual=True))
    html = made.to_html(Sheet(asked, AGE, "data", "Law", "1", DAY, plan=1))
    assert (
        "Change work from sales to office; keep" in html and "Raise hours per week from 38 to 45 hours (effort" in html
    )
    assert "Raise education from bachelor to master; keep" in html


EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'& [x](http://evil) **"


@pytest.mark.parametrize("write", [made.to_html, made.to_paper])
def test_names_and_levels_stay_text(write):
    change = replace(WORK, feature=EVIL, before=EVIL, after=EVIL, texts=(EVIL, EVIL))
    schema = Schema(features=(Feature(name=EVIL, kind="category", levels=(EVIL, "b")), Feature(name=EVIL + "2")))
    asked = advised(
        model(planned(change), planned(change), arm=EVIL),
        model(outcome="none", counterfactual=True, release=AdvisedRelease((EVIL,), True, planned(change))),
        texts={EVIL: EVIL}, rules=Rules(rules=(Rule(feature=EVIL, levels=(EVIL,)),)), wanted=EVIL, data=EVIL,
    )  # fmt: skip
    html = write(Sheet(asked, schema, EVIL, EVIL, "1", DAY))
    tags = Seen(html).tags
    assert "img" not in tags and "script" not in tags and "<script" not in html and "<img" not in html
    assert "<script>alert(1)" in Seen(html).text
    assert json.loads(made.to_json(Sheet(asked, schema, EVIL, EVIL, "1", DAY)))["texts"] == {EVIL: EVIL}


def test_a_table_of_long_names_makes_no_endless_sheet():
    long = "word " * 4000
    texts = {f"{i} {long}": long for i in range(30)}
    change = replace(WORK, feature=long, texts=(long, long))
    sheet = Sheet(advised(model(planned(change)), texts=texts), AGE, "data", "Law", "1", DAY)
    assert len(made.to_html(sheet)) < 80_000


def test_the_type_shrinks_with_what_there_is_to_say():
    def size(features, changes):
        texts = {f"feature {i}": "some value of it" for i in range(features)}
        asked = advised(model(planned(*changes)), model(planned(*changes), counterfactual=True), texts=texts)
        return made.type_size(Sheet(asked, AGE, "data", "Law", "1", DAY))

    few, many, most = size(10, [HOURS]), size(60, [HOURS] * 6), size(200, [HOURS] * 40)
    assert few == 1 > many > most == made.SMALLEST


def test_data_have_their_source(run, adviser):
    for name, info in TABLES.items():
        place = assets() / "datasets" / name / "SOURCE.md"
        assert info.source and not info.source.endswith(".")
        if info.ships:
            known = place.read_text(encoding="utf-8")
            digits = re.search(r"10\.\d+/\S+?(?=;)|\(\d{4}\)", info.source)[0]
            assert digits in known, name
    said = made.data_words(run.experiment, adviser.table)
    assert said.startswith("German credit. Loans of a German bank") and "700 rows to learn from" in said
    own = replace(adviser.table, name="mine")
    assert "“mine”, 700 rows" in made.data_words(Experiment.on_table(own), own)
