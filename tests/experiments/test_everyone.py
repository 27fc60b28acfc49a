"""Everyone advised: who is drawn, every plan checked in people's own words, every number against plain loops."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from ctviz.data.rules import Rule, Rules
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.bootstrap import Bootstrap
from ctviz.experiments import everyone as module
from ctviz.experiments import groups
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.everyone import (
    ROUNDS,
    advise_everyone,
    advised,
    assembled,
    checked,
    draw,
    pair_of,
    parts_of,
    spans_of,
    summarised,
    three_models,
)
from ctviz.experiments.groups import Grouping
from ctviz.experiments.population import LEVEL, METRICS, Part, Population, PopulationSettings, Span
from ctviz.experiments.run import load_run
from ctviz.experiments.store import Store
from ctviz.paths import assets
from tests.reference import bootstrap as slow

ARMS = ("vanilla", "full")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"), presets=assets() / "presets")


@pytest.fixture(scope="module")
def german(store):
    return Adviser(load_run(Experiment.preset("german").key, store), arms=ARMS)


@pytest.fixture(scope="module")
def adult(store):
    return Adviser(load_run(Experiment.preset("adult").key, store), arms=ARMS)


@pytest.fixture(scope="module")
def settings():
    return PopulationSettings(arms=ARMS, people=40, proofs=4, time_limit=120.0)


@pytest.fixture(scope="module")
def found(adult, settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "SMALLEST", 8)
        return advise_everyone(adult, settings)


def model_scores(adviser, m, X):
    """The m-th model's own probabilities of the favourable class."""
    model = adviser.run.model(adviser.models[m].arm).double()
    with torch.no_grad():
        return torch.softmax(model(torch.as_tensor(np.asarray(X), dtype=torch.float64)), dim=1)[:, 1].numpy()


# -- who is drawn ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("people", "seed"), [(7, 0), (7, 3), (20, 0), (5000, 0)])
def test_people_are_drawn_until_enough_are_refused_by_both(german, people, seed):
    asked = PopulationSettings(arms=ARMS, people=people, seed=seed)
    drawn, X = draw(german, asked), german.table.test[0].numpy()
    refused = [model_scores(german, m, X) < 0.5 for m in range(2)]
    order = [int(row) for row in np.random.default_rng(seed).permutation(len(X)) if refused[0][row] or refused[1][row]]
    expected, both = [], 0
    for row in order:
        if both == people:
            break
        expected.append(row)
        both += bool(refused[0][row] and refused[1][row])
    assert drawn.rows.tolist() == expected
    for m in range(2):
        assert drawn.refused[m].tolist() == [bool(refused[m][row]) for row in expected]
        assert drawn.refused_in_all[m] == refused[m].sum()
    assert drawn.by_both == (refused[0] & refused[1]).sum() and drawn.people == len(X)


def test_of_more_people_the_first_are_the_same(german):
    few, more = (draw(german, PopulationSettings(arms=ARMS, people=n)) for n in (5, 12))
    assert more.rows[: len(few.rows)].tolist() == few.rows.tolist()


def test_an_adviser_with_more_models_asks_the_same(store, german):
    all_of_them = Adviser(german.run)
    asked = PopulationSettings(arms=ARMS, people=3)
    drawn = draw(all_of_them, asked)
    assert drawn.rows.tolist() == draw(german, asked).rows.tolist()
    mine, theirs = (advised(one, asked, drawn, Span(0, len(drawn.rows), False)) for one in (german, all_of_them))
    assert mine.found.tolist() == theirs.found.tolist() and mine.valid.all() == theirs.valid.all()


# -- every plan ----------------------------------------------------------------------------------------------


def broken_rule(rules, table, before, after):
    """The first rule that is broken between two people in their own units, in plain steps; None if none is."""
    features = {feature.name: feature for feature in table.schema.features}

    def size(name, value):
        return features[name].levels.index(value) if features[name].kind == "ordered" else value

    for rule in rules.rules:
        old, new = before[rule.feature], after[rule.feature]
        if old == new:
            continue
        if rule.change == "locked":
            return rule.feature
        if features[rule.feature].kind == "category":
            if rule.levels and new not in rule.levels:
                return rule.feature
            continue
        a, b = size(rule.feature, old), size(rule.feature, new)
        if (rule.change == "up" and b < a) or (rule.change == "down" and b > a):
            return rule.feature
        if rule.low is not None and b < size(rule.feature, rule.low) and b < a:
            return rule.feature
        if rule.high is not None and b > size(rule.feature, rule.high) and b > a:
            return rule.feature
    for link in rules.links:
        rise = size(link.follows, after[link.follows]) - size(link.follows, before[link.follows])
        if rise > 0 and size(link.feature, after[link.feature]) - size(link.feature, before[link.feature]) < rise:
            return f"{link.feature} and {link.follows}"
    return None


@pytest.mark.parametrize(
    "rules",
    [
        None,
        Rules(),
        Rules(rules=(Rule(feature="hours per week", change="up", high=90), Rule(feature="age", change="locked"))),
    ],
)
def test_every_plan_is_accepted_as_it_is_read_and_breaks_no_rule(adult, rules):
    asked = PopulationSettings(arms=ARMS, people=10, rules=rules)
    drawn, table = draw(adult, asked), adult.table
    X = table.test[0].numpy()[drawn.rows]
    plans = adult.many(X, adult.rules(rules))
    valid, obeys = checked(adult, adult.rules(rules), X, plans.columns, plans.found)
    assert (valid == plans.found).all() and (obeys == plans.found).all() and plans.found.any()
    for m, b in np.argwhere(plans.found).tolist():
        before, after = table.person(X[b]), table.person(plans.columns[m, b])
        assert broken_rule(adult.rules(rules), table, before, after) is None
        assert model_scores(adult, m, table.row(after)[None])[0] >= 0.5 - 1e-6


def test_a_plan_that_is_none_is_found_out(adult):
    asked = PopulationSettings(arms=ARMS, people=3)
    X = adult.table.test[0].numpy()[draw(adult, asked).rows]
    rules, everyone = adult.rules(None), np.ones((2, len(X)), dtype=bool)
    unchanged = np.broadcast_to(X, (2, *X.shape))
    valid, obeys = checked(adult, rules, X, unchanged, everyone)
    assert not valid[:, draw(adult, asked).refused.all(axis=0)].any() and obeys.all()
    younger = unchanged.copy()
    age = adult.table.schema.spans[adult.table.schema.names.index("age")]
    younger[..., age] -= 0.5
    assert not checked(adult, rules, X, younger, everyone)[1].any()
    assert not checked(adult, rules, X, younger, ~everyone)[0].any()


# -- numbers ---------------------------------------------------------------------------------------------


def plain_median(values):
    ordered = sorted(values)
    n = len(ordered)
    return math.nan if n < 2 else (ordered[(n - 1) // 2] + ordered[n // 2]) / 2


def plain(metric, values, planned):
    """A metric of people, each with whether there is a plan and what is known of it."""
    if metric == "planned":
        return sum(planned) / len(planned) if len(planned) > 1 else math.nan
    kept = [value for value, ok in zip(values, planned, strict=True) if ok]
    return plain_median(kept) if metric == "effort" else sum(kept) / len(kept) if len(kept) > 1 else math.nan


def test_numbers_are_those_of_plain_loops(found):
    lists = cache(lambda metric: getattr(found, metric).tolist())
    both = [bool(found.drawn.refused[0][i] and found.drawn.refused[1][i]) for i in range(found.n)]
    compared = [ok and bool(found.found[0][i] and found.found[1][i]) for i, ok in enumerate(both)]
    for row in found.rows:
        m = ARMS.index(row.model)
        who = both if row.scope == "both" else found.drawn.refused[m].tolist()
        if row.feature:
            one = next(one for one in found.groupings if one.feature == row.feature)
            inside = one.members(one.names.index(row.group)).tolist()
            rest = [ok and g >= 0 and not i for ok, g, i in zip(who, one.of.tolist(), inside, strict=True)]
            who = [ok and i for ok, i in zip(who, inside, strict=True)]

        def value(model, people, scope=row.scope, metric=row.metric):
            planned = compared if scope == "both" and metric != "planned" else lists("found")[model]
            values = [math.nan] * found.n if metric == "planned" else lists(metric)[model]
            chosen = [i for i in range(found.n) if people[i]]
            return plain(metric, [values[i] for i in chosen], [planned[i] for i in chosen])

        expected = value(m, who)
        if row.against == "conventional":
            expected -= value(0, who)
        if row.against == "others":
            expected -= value(m, rest)
        assert row.spread.value == pytest.approx(expected, nan_ok=True), row
        counted = sum(who if row.metric == "planned" else [w and (
            compared[i] if row.scope == "both" else bool(found.found[m][i])) for i, w in enumerate(who)])  # fmt: skip
        assert row.people == counted, row


def test_intervals_are_percentiles_of_samples_written_out(monkeypatch):
    monkeypatch.setattr(module, "ROUNDS", 60)
    n, rng = 14, np.random.default_rng(4)
    refused = rng.random((2, n)) < 0.8
    refused[:, :3] = True
    there = refused & (rng.random((2, n)) < 0.9)
    there[:, :3] = True
    arrays = {"found": there, **{name: rng.random((2, n)) for name in ("effort", "distance", "closer")}}
    rows = {(r.metric, r.model, r.against): r for r in summarised(("a", "b"), refused, arrays, ()) if r.scope == "both"}
    both, compared = refused.all(0), refused.all(0) & there.all(0)
    for metric in METRICS:
        drawn_values: list[list[float]] = [[], []]
        for drawn in slow.resamples(n, 60, 0):
            for m in range(2):
                people = [int(i) for i in drawn if both[i]]
                kept = [i for i in people if compared[i]]
                if metric == "planned":
                    drawn_values[m].append(np.mean([there[m, i] for i in people]) if people else math.nan)
                else:
                    own = arrays[metric][m, kept]
                    drawn_values[m].append((np.median if metric == "effort" else np.mean)(own) if kept else math.nan)
        a, b = np.array(drawn_values)
        tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        for key, values in ((("a", ""), a), (("b", ""), b), (("b", "conventional"), b - a)):
            spread = rows[metric, *key].spread
            assert [spread.low, spread.high] == pytest.approx(np.nanquantile(values, tails).tolist()), (metric, key)
    assert ROUNDS >= 1000


def test_groups_add_up_to_all(found):
    assert found.groupings, "forty people of Adult make groups"
    both = int(found.both.sum())
    for one in found.groupings:
        sizes = [found.row("planned", "vanilla", feature=one.feature, group=name).people for name in one.names]
        missing = int((found.both & (one.of < 0)).sum())
        assert sum(sizes) + missing == both == found.row("planned", "vanilla").people
        shares = [found.row("planned", "full", feature=one.feature, group=name).spread.value for name in one.names]
        planned = sum(share * size for share, size in zip(shares, sizes, strict=True))
        inside = found.both & (one.of >= 0)
        assert planned == pytest.approx(found.found[1][inside].sum())


def test_two_groups_differ_as_much_as_each_does_from_the_other(found):
    one = next(one for one in found.groupings if len(one.names) == 2)
    first, second = (found.row("effort", "full", feature=one.feature, group=g, against="others") for g in one.names)
    assert first.spread.value == pytest.approx(-second.spread.value)
    assert first.spread.low == pytest.approx(-second.spread.high)


# -- proofs -------------------------------------------------------------------------------------------------


def test_three_models_are_compared_over_those_whom_all_of_them_refuse(adult, found):
    left = 5  # of whom the other population knows nothing
    arrays = {name: getattr(found, name)[:, left:].copy() for name in ("found", "effort", "distance", "closer")}
    arrays["effort"][1] *= 2
    drawn = replace(found.drawn, rows=found.drawn.rows[left:], refused=found.drawn.refused[:, left:])
    settings = found.settings.model_copy(update={"arms": (ARMS[0], "with rules")})
    three = three_models(adult.table, found, replace(found, drawn=drawn, settings=settings, proved=0, **arrays))
    both = found.both[left:]
    assert three.arms == (*ARMS, "with rules") and three.n == both.sum() < found.both.sum()
    conventional, without = found.effort[:, left:][:, both]
    for arm, effort in zip(three.arms, (conventional, without, 2 * without), strict=True):
        assert three.row("effort", arm).spread.value == pytest.approx(plain_median(effort.tolist()))
        assert three.row("planned", arm).people == three.n
    apart = three.row("effort", "with rules", against="conventional").spread.value
    assert apart == pytest.approx(plain_median((2 * without).tolist()) - plain_median(without.tolist()))
    assert three.proved == (0, 0, 0) and set(three.table["model"]) == set(three.arms)
    with pytest.raises(DataError, match="not drawn from the same people"):
        three_models(adult.table, found, replace(found, settings=settings.model_copy(update={"seed": 1})))


def test_proofs_lower_efforts_and_never_exceed_them(found):
    assert found.proved == 4
    known = np.isfinite(found.effort)
    assert (found.effort[known] <= found.polished[known] + 1e-12).all()
    assert (found.bound[known] <= found.effort[known] + 1e-5).all()
    assert (found.bound[:, 4:] == 0).all() and (found.effort[:, 4:] == found.polished[:, 4:])[known[:, 4:]].all()
    for m in range(2):
        proofs = found.proofs(m)
        assert proofs.asked == int(found.drawn.refused[m][:4].sum())
        assert proofs.cheapest + proofs.open + proofs.none + proofs.unknown == proofs.asked
        assert proofs.cheapest == proofs.asked, "four people of Adult are proved within two minutes each"
        assert 0 <= proofs.gap <= proofs.most < 1e-3 and proofs.polished >= -1e-3


def test_a_dearer_proof_changes_nothing_and_a_missing_part_is_told(german):
    asked = PopulationSettings(arms=ARMS, people=4)
    drawn = draw(german, asked)
    parts = list(parts_of(german, asked, drawn))
    plain_one = assembled(german, asked, drawn, parts)
    (span, part) = parts[0]
    dearer = Part(
        0,
        part.found,
        part.effort + 1,
        np.zeros_like(part.bound),
        part.distance + 9,
        part.closer,
        part.valid,
        part.obeys,
    )
    with_it = assembled(german, asked, drawn, [*parts, (Span(0, span.stop, True), dearer)])
    np.testing.assert_array_equal(with_it.effort, plain_one.effort)
    np.testing.assert_array_equal(with_it.distance, plain_one.distance)
    assert with_it.proved == span.stop
    with pytest.raises(DataError, match="missing"):
        assembled(german, asked, drawn, [])


def test_people_of_whom_no_plan_exists_are_told(german):
    held = [name for name in german.table.schema.names if name != "telephone"]
    rules = Rules(rules=tuple(Rule(feature=name, change="locked") for name in held))
    found = advise_everyone(german, PopulationSettings(arms=ARMS, people=6, rules=rules, proofs=4, time_limit=120.0))
    assert not found.found[:, found.both].all()
    known = found.proofs(0)
    assert known.none == int(((found.drawn.refused & ~found.found)[0][:4]).sum()) > 0
    assert np.isinf(found.bound[0][:4][found.drawn.refused[0][:4] & ~found.found[0][:4]]).all()
    assert math.isnan(known.gap) and not known.cheapest + known.open
    assert f"conventional training: of {known.none} people it is proved that there is no plan." in found.words()
    assert json.loads(found.to_json())["proofs"][0]["none"] == known.none


def test_of_whom_the_rules_leave_no_value_there_is_no_plan(adult):
    # Whoever works more than forty hours may neither stay nor change.
    rules = Rules(rules=(Rule(feature="hours per week", change="up", high=40),))
    asked = PopulationSettings(arms=ARMS, people=8, rules=rules)
    found = advise_everyone(adult, asked)
    hours = [adult.table.person(x)["hours per week"] for x in adult.table.test[0].numpy()[found.drawn.rows]]
    for i, worked in enumerate(hours):
        for m in np.flatnonzero(found.drawn.refused[:, i]):
            assert worked <= 40 or (not found.found[m, i] and math.isinf(found.bound[m, i]))
    assert max(hours) > 40 and found.found.any() and (found.valid == found.found).all()


# -- edges ---------------------------------------------------------------------------------------------------


def test_zero_people(german):
    nobody = Adviser(german.run, tau=0.001, arms=ARMS)
    found = advise_everyone(nobody, PopulationSettings(arms=ARMS, tau=0.001, proofs=5))
    assert found.n == 0 and found.groupings == () and found.proved == 0
    assert all(math.isnan(row.spread.value) and row.people == 0 for row in found.rows)
    assert "nobody" in found.words() and len(found.people_table()) == 0
    assert Population.of_record(json.loads(found.to_json())).n == 0


def test_one_person(german):
    found = advise_everyone(german, PopulationSettings(arms=ARMS, people=1))
    assert found.both.sum() == 1 and math.isnan(found.row("effort", "full").spread.value)
    assert "too few to compare" in found.words()


def test_one_group_is_not_compared(found):
    alone = Grouping("sex", ("female",), np.zeros(found.n, dtype=np.int64))
    arrays = {name: getattr(found, name) for name in ("found", "effort", "distance", "closer")}
    rows = [r for r in summarised(ARMS, found.drawn.refused, arrays, (alone,)) if r.against == "others"]
    assert rows and all(math.isnan(row.spread.value) for row in rows)


def test_models_and_thresholds_must_be_the_advisers(german):
    with pytest.raises(ConfigError, match="arms"):
        draw(german, PopulationSettings(arms=("vanilla", "full rules")))
    with pytest.raises(ConfigError, match="tau"):
        draw(german, PopulationSettings(arms=ARMS, tau=0.7))
    assert pair_of(german.run) == ARMS


def test_parts_cover_everybody_once(german, monkeypatch):
    monkeypatch.setattr(module, "PART", 7)
    monkeypatch.setattr(module, "PROVED_PART", 3)
    asked = PopulationSettings(arms=ARMS, people=20, proofs=8)
    drawn = draw(german, asked)
    spans = spans_of(asked, drawn)
    polished = [i for span in spans if not span.proved for i in range(span.start, span.stop)]
    assert polished == list(range(len(drawn.rows)))
    assert [i for span in spans if span.proved for i in range(span.start, span.stop)] == list(range(8))
    steps: list[tuple[int, int]] = []
    whole = advise_everyone(german, asked.model_copy(update={"proofs": 0}), lambda *at: steps.append(at))
    assert steps[0] == (0, whole.n) and steps[-1] == (whole.n, whole.n) and len(steps) == 1 + -(-whole.n // 7)


def test_it_is_cancelled_by_who_follows_it(german, monkeypatch):
    monkeypatch.setattr(module, "PART", 5)

    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advise_everyone(german, PopulationSettings(arms=ARMS, people=20), stop)


def test_the_same_question_has_the_same_answer(german):
    asked = PopulationSettings(arms=ARMS, people=5)
    one, other = (advise_everyone(german, asked).record() for _ in range(2))
    assert one == other
    assert Bootstrap.of(3).counts.shape[0] == 1 + ROUNDS
