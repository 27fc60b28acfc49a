"""Advice on shipped runs: every rule, every proof and every number, checked apart from what made them."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ctviz
from ctviz.counterfactuals.person_lattice import PersonLattices
from ctviz.data.rules import Rule, Rules
from ctviz.errors import ConfigError, DataError
from ctviz.experiments.adviser import LESS, PART, Adviser, advise
from ctviz.experiments.config import Experiment
from ctviz.experiments.planner import ManyPlans
from ctviz.experiments.run import ARM_WITH_RULES, joined
from ctviz.experiments.store import Store
from ctviz.paths import assets

REFUSED = (4, 5, 17)
"""Rows of the test data of German credit whom all its models refuse."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"), presets=assets() / "presets")


@pytest.fixture(scope="module")
def run(store):
    return ctviz.load_run(Experiment.preset("german").key, store)


@pytest.fixture(scope="module")
def adviser(run):
    return Adviser(run)


def score(run, arm, columns):
    """The model's own probability of the favourable class, from its logits in float64."""
    model = run.model(arm).double()
    with torch.no_grad():
        return float(torch.softmax(model(torch.as_tensor(columns, dtype=torch.float64)[None]), dim=1)[0, 1])


def test_some_of_the_models_say_what_they_say_among_all(adviser):
    every, one = adviser.advise(17, exact=False), adviser.advise(17, exact=False, arms=("full",))
    assert [model.arm for model in one.models] == ["full"]
    ours, theirs = one.models[0], every.model("full")
    assert (ours.score, ours.threshold) == (theirs.score, theirs.threshold)
    assert [plan.changes for plan in ours.plans] == [plan.changes for plan in theirs.plans] != []
    with pytest.raises(ConfigError, match="one of vanilla, full, full rules"):
        adviser.advise(17, arms=("nobody",))


def test_another_threshold_is_the_same_as_asked_for_at_first_and_shares_the_table(run, adviser):
    before = [model.threshold for model in adviser.models]
    for tau in ("rate", 0.7):
        other, fresh = adviser.at(tau), Adviser(run, tau=tau)
        assert other.table is adviser.table and other.tau == tau
        one, same = (each.advise(5, exact=False).record() for each in (other, fresh))
        timeless = [{**model, "seconds": 0} for each in (one, same) for model in each["models"]]
        assert timeless[: len(timeless) // 2] == timeless[len(timeless) // 2 :] and one["tau"] == tau
    assert [model.threshold for model in adviser.models] == before
    with pytest.raises(ConfigError, match="between 0 and 1"):
        adviser.at(2)


def alone(run, arm):
    """A model that was trained with the usual rules as a run of its own."""
    at = slice(run.arms.index(arm), run.arms.index(arm) + 1)

    def own(arrays):
        return {name: values[at] for name, values in arrays.items()}

    snapshots = tuple(replace(s, metrics=own(s.metrics), weights=own(s.weights), origin="") for s in run.snapshots)
    experiment = run.experiment.under(run.data.rules, "full")
    return replace(run, experiment=experiment, snapshots=snapshots, summary=run.summary[at])


def test_a_model_of_another_run_stands_beside_these(run, adviser):
    other = alone(run, "full rules")
    both = adviser.beside(other)
    assert both.run.key == f"{run.key}+{other.key}" and both.table is adviser.table
    advice, before = both.advise(17, exact=False), adviser.advise(17, exact=False)
    assert [model.with_rules for model in advice.models] == [False, False, True, True]
    pairs = zip(advice.models, before.models, strict=False)
    for one, same in (*pairs, (advice.model(ARM_WITH_RULES), before.models[2])):
        assert (one.score, one.threshold) == (same.score, same.threshold)
        assert [plan.changes for plan in one.plans] == [plan.changes for plan in same.plans] != []
    with pytest.raises(DataError, match="Only a run of one model"):
        joined(run, run)
    with pytest.raises(ConfigError, match="these rules"):
        joined(both.run, other)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("person", REFUSED)
def test_every_plan_obeys_every_rule_and_is_accepted(run, adviser, person, exact):
    advice, table = adviser.advise(person, plans=3, exact=exact), adviser.table
    lattice = PersonLattices(table.schema, table.rules, table.unseen_pairs).of(table.test[0][person].numpy())
    for model in advice.models:
        assert model.outcome == "advised" and model.score < 0.5
        assert model.score == pytest.approx(score(run, model.arm, table.test[0][person]))
        for plan in model.plans:
            point = lattice.project(plan.columns)
            assert lattice.holds(point) and (lattice.encode(point) == plan.columns).all()
            assert plan.effort == pytest.approx(float(lattice.cost(point))) and plan.bound <= plan.effort + 1e-5
            assert score(run, model.arm, plan.columns) >= 0.5 - 1e-12 and plan.threshold == 0.5
            changed = {name for name, value in plan.person.items() if value != advice.person[name]}
            assert changed == {change.feature for change in plan.changes}
            assert plan.proof == ("none asked" if not exact else "optimal")
        sets = [{change.feature for change in plan.changes} for plan in model.plans]
        efforts = [plan.effort for plan in model.plans]
        assert efforts == pytest.approx(sorted(efforts), rel=1e-3)
        assert not any(sets[i] <= sets[j] for j in range(len(sets)) for i in range(j))


def test_a_proved_plan_is_never_dearer_than_a_polished_one(adviser):
    for person in REFUSED:
        proved, polished = (adviser.advise(person, exact=exact) for exact in (True, False))
        for one, other in zip(proved.models, polished.models, strict=True):
            assert one.plans[0].effort <= other.plans[0].effort * (1 + 1e-4)


def test_changes_beside_real_people_who_were_accepted(adviser):
    table, seen = adviser.table, set()
    X, y = table.train
    people = [table.person(x) for x in X[y == table.favourable]]
    changes = [c for who in REFUSED for m in adviser.advise(who, plans=5, exact=False).models for p in m.plans
               for c in p.changes]  # fmt: skip
    for change in changes:
        feature = table.schema.features[table.schema.names.index(change.feature)]
        values, levels = [one[change.feature] for one in people], feature.levels
        seen.add(change.kind)
        if change.kind == "category":
            shares = [values.count(level) / len(values) for level in (change.before, change.after)]
            assert change.accepted == pytest.approx(shares) and change.scale is None
            continue
        scale = change.scale
        numbers, ends = (
            ([levels.index(one) for one in part] for part in (values, (change.before, change.after)))
            if change.kind == "ordered"
            else (values, [change.before, change.after])
        )
        assert change.accepted is None and [scale.before, scale.after] == ends
        assert scale.accepted == pytest.approx(np.quantile(numbers, (0.25, 0.75)), abs=feature.display.step)
        assert scale.domain == feature.shown_domain and scale.reach[0] <= min(ends) <= max(ends) <= scale.reach[1]
        if adviser.table.rules.of(change.feature).change == "up":
            assert scale.reach[0] == scale.before
    assert {"category", "integer"} <= seen


def test_a_tenth_less_of_a_change(run, adviser):
    seen = 0
    for person in REFUSED:
        for model in adviser.advise(person, plans=3, exact=False).models:
            for plan in model.plans:
                for change in plan.changes:
                    if isinstance(change.after, str):
                        assert change.with_less is None
                        continue
                    i = adviser.table.schema.columns_of(change.feature)[0]
                    columns = plan.columns.astype(np.float64)
                    before = float(adviser.table.test[0][person][i])
                    columns[i] = before + (1 - LESS) * (columns[i] - before)
                    assert change.with_less == pytest.approx(score(run, model.arm, columns), abs=1e-5)
                    assert (change.feature in plan.voided_by) == (change.with_less < 0.5)
                    seen += 1
    assert seen


def test_the_nearest_person_who_was_accepted(adviser):
    X, y = adviser.table.train
    plan = adviser.advise(4, exact=False).models[0].plans[0]
    best = math.inf
    for row in X[y == 1].numpy():
        total = 0.0
        for feature, span in zip(adviser.table.schema.features, adviser.table.schema.spans, strict=True):
            apart = np.abs(row[span].astype(np.float64) - plan.columns[span]).sum()
            total += apart / 2 if feature.kind == "category" else apart
        best = min(best, total)
    assert plan.distance == pytest.approx(best, rel=1e-6) and plan.nearest.keys() == plan.person.keys()
    assert plan.closer_than is not None and 0 <= plan.closer_than <= 1


def test_a_person_is_a_row_their_features_or_their_columns(adviser):
    given = adviser.table.person(adviser.table.test[0][4])
    first, second, third = (
        adviser.advise(person, exact=False) for person in (4, given, adviser.table.test[0][4].numpy())
    )
    assert first.place == ("test", 4) and second.place is third.place is None
    plans = [[model.plans[0].record() for model in advice.models] for advice in (first, second, third)]
    assert plans[0] == plans[1] == plans[2]
    assert adviser.advise(4, exact=False, split="validation").person != first.person


def test_names_are_locked_beside_the_usual_rules(adviser):
    usual = adviser.advise(4, exact=False)
    change = usual.models[0].plans[0].changes[0].feature
    locked = adviser.advise(4, [change], exact=False)
    assert locked.rules == adviser.table.rules.locking(change) == adviser.advise(4, change, exact=False).rules
    for model in locked.models:
        assert all(change not in {one.feature for one in plan.changes} for plan in model.plans)
    assert adviser.advise(4, Rules(), exact=False).rules == Rules()


def test_who_is_accepted_has_nothing_to_change(adviser):
    advice = adviser.advise(0)
    assert [model.outcome for model in advice.models] == ["accepted"] * 3
    assert all(not model.plans and model.score >= 0.5 for model in advice.models)


def test_where_there_is_no_plan_the_fewest_locks_are_told(adviser):
    names = adviser.table.schema.names
    everything = Rules(rules=tuple(Rule(feature=name, change="locked") for name in names))
    advice = adviser.advise(4, everything)
    for model in advice.models:
        assert (model.outcome, model.complete) == ("none", True) and not model.plans
        release = model.release
        assert release.smallest and len(release.features) == 1  # the free person has a plan of one change
        assert {change.feature for change in release.plan.changes} == set(release.features)
        one = adviser.advise(4, everything.freeing(*release.features)).model(model.arm)
        assert one.plans[0].effort == pytest.approx(release.plan.effort, rel=2e-4)
    without = adviser.advise(4, everything, exact=False).models[0]
    assert (without.outcome, without.release, without.complete) == ("unknown", None, False)


def test_a_threshold_that_accepts_as_many_as_the_data(run):
    adviser = Adviser(run, tau="rate")
    X, y = adviser.table.validation
    assert adviser.rate == pytest.approx(float((y == 1).float().mean()))
    scores = adviser.scores(X.numpy())
    for own, model in zip(scores, adviser.models, strict=True):
        assert abs((own >= model.threshold - 1e-12).mean() - adviser.rate) <= 1 / len(y)
    advice = adviser.advise(4, exact=False)
    assert [model.threshold for model in advice.models] == [model.threshold for model in adviser.models]
    assert all(plan.score >= model.threshold for model in advice.models for plan in model.plans)


def test_many_people_get_what_each_of_them_gets(adviser):
    X = adviser.table.test[0][:12].numpy()
    for exact in (True, False):
        many = adviser.many(X, exact=exact)
        for n in range(len(X)):
            for m, model in enumerate(adviser.advise(n, exact=exact).models):
                assert many.refused[m, n] == (model.outcome != "accepted")
                assert many.found[m, n] == bool(model.plans)
                if model.plans:
                    plan = model.plans[0]
                    got = many.effort[m, n], many.bound[m, n], many.distance[m, n], many.closer_than[m, n]
                    assert got == pytest.approx((plan.effort, plan.bound, plan.distance, plan.closer_than))
                    assert (many.columns[m, n] == plan.columns).all()
                else:
                    assert math.isnan(many.effort[m, n]) and (many.columns[m, n] == X[n]).all()


def test_many_people_get_the_same_from_any_number_of_workers(adviser):
    X, told = adviser.table.train[0][: 2 * PART + 3].numpy(), []
    here = adviser.many(X, progress=told.append)
    assert [(one.done, one.total) for one in told] == [(10, 23), (20, 23), (23, 23)]
    parts = {people.start: plans for people, plans in adviser.many_parts(X, workers=2)}
    assert sorted(parts) == [0, 10, 20]
    spread = ManyPlans.joined([parts[at] for at in sorted(parts)])
    for field in fields(ManyPlans):
        if field.name != "seconds":
            np.testing.assert_array_equal(getattr(spread, field.name), getattr(here, field.name))


def test_many_people_can_be_stopped_in_between(adviser):
    X, found = adviser.table.train[0][: 3 * PART].numpy(), []
    for people, _ in adviser.many_parts(X, cancelled=lambda: len(found) == 2):
        found.append(people)
    assert found == [slice(0, 10), slice(10, 20)]


def test_nobody_gets_no_plans(adviser):
    many = adviser.many(adviser.table.train[0][:0].numpy())
    assert many.effort.shape == (len(adviser.models), 0) and many.columns.shape[1:] == (0, adviser.table.d)


def test_what_many_people_cannot_be_asked_is_refused_at_once(adviser):
    X = adviser.table.train[0][:1].numpy()
    with pytest.raises(ConfigError, match="workers is 0; allowed: 1 to 64"):
        adviser.many_parts(X, workers=0)
    with pytest.raises(ConfigError, match="time_limit is 0"):
        adviser.many_parts(X, exact=True, time_limit=0)
    with pytest.raises(ConfigError, match="rules is 'wage'"):
        adviser.many_parts(X, ["wage"])
    with pytest.raises(DataError, match=r"People have shape \(n \d+\)"):
        adviser.many_parts(X[0])


def test_a_model_that_the_solver_cannot_take_gets_polished_plans(store):
    tanh = Experiment.preset("german").replace({"training.epochs": 3, "model.activation": "tanh", "arms": "vanilla"})
    adviser = Adviser(ctviz.run(tanh, device="cpu", store=store))
    refused = int(np.flatnonzero(adviser.scores(adviser.table.test[0].numpy())[0] < 0.5)[0])
    (model,) = adviser.advise(refused, exact=True).models
    assert "tanh" in model.unfit and model.limit == 0
    assert all(plan.proof == "none asked" for plan in model.plans) and model.release is None


def test_json_and_words(adviser):
    advice = adviser.advise(4, plans=2)
    found = json.loads(advice.to_json())
    assert found["words"] == advice.words() and found["person"] == dict(advice.person)
    assert [model["arm"] for model in found["models"]] == list(adviser.run.arms)
    plan = found["models"][0]["plans"][0]
    assert {"effort", "bound", "gap", "score", "proof", "voided_by", "closer_than"} <= plan.keys()
    assert "columns" not in plan and Rules(**found["rules"]) == advice.rules


WAYS = ("free", "up", "down", "locked")


@settings(max_examples=40)
@given(st.lists(st.sampled_from(WAYS), min_size=20, max_size=20), st.sampled_from(REFUSED))
def test_whatever_the_rules_each_plan_obeys_them(adviser, ways, person):
    features, x = adviser.table.schema.features, adviser.table.test[0][person].numpy()
    pairs = zip(features, ways, strict=True)
    rules = Rules(
        rules=tuple(Rule(feature=f.name, change=w) for f, w in pairs if f.kind != "category" or w in WAYS[::3])
    )
    many = adviser.many(x[None], rules)
    for m in range(len(adviser.models)):
        columns = many.columns[m, 0]
        for feature, span in zip(features, adviser.table.schema.spans, strict=True):
            way, own, planned = rules.of(feature.name).change, x[span], columns[span]
            same = (own == planned).all()
            assert same or way != "locked"
            if feature.kind == "category":
                assert sorted(planned) == [0.0] * (len(planned) - 1) + [1.0]
                continue
            assert same or (planned > own if way == "up" else planned < own if way == "down" else True)
            shown = feature.display.to_shown(float(planned[0])) / (feature.spacing or 1.0)
            assert same or abs(shown - round(shown)) < 1e-3


NO_VALUE = Rules(rules=(Rule(feature="age", change="down", low=70),))


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"person": 100_000}, ConfigError, "row of the test data"),
        ({"person": 0, "split": "all"}, ConfigError, "validation"),
        ({"person": {"age": 30}}, DataError, "lacks"),
        ({"person": [1.0, 2.0]}, DataError, "columns"),
        ({"person": 4, "rules": ["height"]}, ConfigError, "height"),
        ({"person": 4, "plans": 6}, ConfigError, "1 to 5"),
        ({"person": 4, "time_limit": 0}, ConfigError, "above 0"),
        ({"person": 4, "rules": NO_VALUE}, DataError, "no value for age"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_a_sentence(adviser, wrong, error, said):
    with pytest.raises(error, match=said):
        adviser.advise(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"tau": 1.0}, "between 0 and 1"), ({"tau": "half"}, "rate"), ({"arms": ["none"]}, "vanilla"),
     ({"settings": ctviz.SearchSettings(generator="dice")}, "one end")],
)  # fmt: skip
def test_models_and_thresholds_that_there_are_not(run, wrong, said):
    with pytest.raises(ConfigError, match=said):
        advise(run, 4, **wrong)


def test_data_without_people(store):
    with pytest.raises(DataError, match="tables of people"):
        advise(ctviz.load_run(Experiment.preset("moons").key, store), 0)
