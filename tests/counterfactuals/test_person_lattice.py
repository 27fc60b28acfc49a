"""Rules in people's terms as a lattice: what each person may become, and that rules hold there exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ctviz.counterfactuals.lattice import Category, Lattice, Number
from ctviz.counterfactuals.person_lattice import person_lattice
from ctviz.data.display import DisplayScale
from ctviz.data.people import to_person, to_row
from ctviz.data.rules import Link, Rule, Rules
from ctviz.data.schema import EFFORTS, Feature, Schema
from ctviz.errors import ConfigError, DataError

LEVELS = ("school", "bachelor", "master", "doctorate")
JOBS = ("clerk", "nurse", "smith", "unknown")
PLACES = ("town", "village")


def domain(display: DisplayScale, low: float, high: float) -> tuple[float, float]:
    first, last = (float(np.float32(display.of_shown(end))) for end in (low, high))
    return first, last


AGE = DisplayScale(unit="years", offset=38.58, scale=13.64, step=1)
RANK = DisplayScale(offset=1.3, scale=0.9, step=1)
MONEY = DisplayScale(prefix="$", offset=1077.6, scale=7385.3, step=1)
ROOMS = DisplayScale(offset=5.43, scale=2.47, step=0.01)

SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", domain=domain(AGE, 17, 90), display=AGE, deviation=0.7),
        Feature(name="job", kind="category", levels=JOBS),
        Feature(name="education", kind="ordered", levels=LEVELS, domain=domain(RANK, 0, 3), display=RANK),
        Feature(name="gain", kind="integer", domain=domain(MONEY, 0, 99_999), display=MONEY, step=100, effort=4),
        Feature(name="rooms", domain=domain(ROOMS, 0.8, 141.909), display=ROOMS, step=0.1, deviation=0.3),
        Feature(name="place", kind="category", levels=PLACES, effort=5),
    )
)
PERSON = {"age": 39, "job": "nurse", "education": "bachelor", "gain": 2174, "rooms": 6.98, "place": "town"}
ROW = to_row(SCHEMA, PERSON)


def under(*rules: Rule, **others: object) -> Lattice:
    return person_lattice(SCHEMA, Rules(rules=rules, **others), ROW)


def of(lattice: Lattice, name: str) -> Number | Category:
    return next(feature for feature in lattice.features if feature.name == name)


def test_numbers_are_those_that_people_read():
    age, gain, rooms = (of(under(), name) for name in ("age", "gain", "rooms"))
    assert (age.own, age.low, age.high, age.step) == (39, 17, 90, 1)
    assert (gain.own, gain.low, gain.high, gain.step) == (2174, 0, 99_999, 100)
    assert gain.allowed([2174, 2200, 2100, 2150, 99_900, 99_999, -100]).tolist() == [1, 1, 1, 0, 1, 0, 0]
    assert (rooms.own, rooms.low, rooms.high, rooms.step) == (6.98, 0.8, 141.9, 0.1)
    assert rooms.allowed([6.98, rooms.origin + rooms.step * 70, 6.95]).tolist() == [True, True, False]


def test_effort_by_hand():
    lattice = under(Rule(feature="age", effort=5), Rule(feature="job", effort=1))
    age, job, gain, place = (of(lattice, name) for name in ("age", "job", "gain", "place"))
    assert age.effort(39 + 0.7 * 13.64) == pytest.approx(EFFORTS[4])
    assert gain.effort(2174 + 7385.3) == pytest.approx(EFFORTS[3])
    assert job.effort([0, 1, 2]).tolist() == [EFFORTS[0], 0, EFFORTS[0]]
    assert place.efforts == (0, EFFORTS[4])


def test_directions_and_locks():
    lattice = under(
        Rule(feature="age", change="up"), Rule(feature="gain", change="down"),
        Rule(feature="education", change="up"), Rule(feature="rooms", change="locked"),
        Rule(feature="place", change="locked"),
    )  # fmt: skip
    assert (of(lattice, "age").ends, of(lattice, "gain").ends) == ((39, 90), (0, 2174))
    assert of(lattice, "education").ends == (1, 3)
    assert of(lattice, "rooms").fixed and of(lattice, "place").fixed and not of(lattice, "job").fixed


def test_ranges_levels_and_steps():
    lattice = under(
        Rule(feature="age", low=45, high=50), Rule(feature="education", high="master"),
        Rule(feature="gain", step=1000, low=500), Rule(feature="job", levels=("clerk", "smith")),
    )  # fmt: skip
    assert of(lattice, "age").ends == (45, 50), "who is 39 has to change"
    assert not of(lattice, "age").allowed(39)
    assert of(lattice, "education").ends == (0, 2)
    assert of(lattice, "gain").ends == (1000, 99_000)
    assert of(lattice, "job").allowed_levels == (0, 1, 2), "and the person's own"


def test_whoever_learns_grows_older():
    lattice = under(Rule(feature="education", change="up"), links=(Link(feature="age", follows="education", least=2),))
    own = lattice.own.copy()
    assert lattice.holds(own)
    later = own.copy()
    later[2] += 2
    for years, fine in ((0, False), (3, False), (4, True), (20, True)):
        later[0] = 39 + years
        assert lattice.holds(later) == fine


def test_pairs_that_nobody_has():
    columns = {name: i for i, name in enumerate(SCHEMA.columns)}
    pairs = [
        (columns["job_nurse"], columns["place_town"]),  # the person's own
        (columns["job_smith"], columns["place_village"]),
        (columns["job_unknown"], columns["place_town"]),
    ]
    rules = Rules(rules=(Rule(feature="job", levels=("clerk", "nurse", "smith")),))
    lattice = person_lattice(SCHEMA, rules, ROW, pairs)
    assert lattice.forbidden == ((1, 2, 5, 1),), "of levels that may be reached"
    point = lattice.own.copy()
    point[[1, 5]] = 2, 1
    assert not lattice.holds(point) and lattice.holds(lattice.own)
    allowed = Rules(rules=rules.rules, unseen_pairs="allowed")
    assert person_lattice(SCHEMA, allowed, ROW, pairs).holds(point)


def test_rules_that_leave_nothing():
    with pytest.raises(DataError, match="The rules leave no value for age"):
        under(Rule(feature="age", change="up", high=30))
    with pytest.raises(ConfigError, match="wage"):
        under(Rule(feature="wage"))


changes = st.sampled_from(["free", "up", "down", "locked"])


@st.composite
def settings(draw: st.DrawFn) -> tuple[Rules, dict[str, object]]:
    """Rules and a person at random."""
    rules = []
    for feature in SCHEMA.features:
        change = draw(changes if feature.kind != "category" else st.sampled_from(["free", "locked"]))
        values: dict[str, object] = {"effort": draw(st.none() | st.integers(1, 5))}
        if change != "locked" and feature.kind == "category" and draw(st.booleans()):
            values["levels"] = tuple(draw(st.sets(st.sampled_from(feature.levels), min_size=1)))
        if change != "locked" and feature.name == "age":
            values |= {"low": draw(st.none() | st.integers(17, 50)), "high": draw(st.none() | st.integers(51, 90))}
        if change != "locked" and feature.name == "gain":
            values["step"] = draw(st.none() | st.sampled_from([1, 50, 1000]))
        rules.append(Rule(feature=feature.name, change=change, **values))
    person = {
        "age": draw(st.integers(17, 90)),
        "job": draw(st.sampled_from(JOBS)),
        "education": draw(st.sampled_from(LEVELS)),
        "gain": draw(st.integers(0, 99_999)),
        "rooms": draw(st.integers(80, 14190)) / 100,
        "place": draw(st.sampled_from(PLACES)),
    }
    return Rules(rules=tuple(rules), links=(Link(feature="age", follows="education"),)), person


@examples(max_examples=50)
@given(settings(), st.randoms(use_true_random=False))
def test_every_point_obeys_the_rules_in_its_columns_too(case, chance):
    """What the lattice allows lies within bounds and directions of the schema under the same rules, and reads so."""
    rules, person = case
    row = to_row(SCHEMA, person)
    try:
        lattice = person_lattice(SCHEMA, rules, row)
    except DataError:  # a range that the person's direction cannot reach
        return
    under = rules.on(SCHEMA)
    low, high = under.bounds()
    up, down = under.directions()
    point = [chance.choice(list(feature.options(40))) for feature in lattice.features]
    x = lattice.encode(np.array(point))
    moved = x != row
    assert (((low <= x) & (x <= high)) | ~moved).all()
    assert (up | (x <= row)).all() and (down | (x >= row)).all()
    again = to_person(SCHEMA, x)
    for feature, value, shown in zip(lattice.features, point, again.values(), strict=True):
        rule = rules.of(feature.name)
        if shown == person[feature.name]:
            continue
        assert rule.change != "locked"
        if isinstance(feature, Category):
            assert not rule.levels or shown in rule.levels
        elif feature.name != "education":
            steps = value / (rule.step or SCHEMA.features[SCHEMA.position(feature.name)].spacing)
            assert steps == pytest.approx(round(steps), abs=1e-9)
            assert (rule.low is None or value >= rule.low) and (rule.high is None or value <= rule.high)
            assert shown == pytest.approx(value)


def test_a_row_that_is_no_person_is_refused():
    for row, said in (
        (np.zeros(SCHEMA.d - 1), f"The schema has {SCHEMA.d} columns"),
        (np.zeros((2, SCHEMA.d)), f"The schema has {SCHEMA.d} columns"),
        (np.full(SCHEMA.d, np.nan), "values that are not finite"),
        (np.full(SCHEMA.d, np.inf), "values that are not finite"),
    ):
        with pytest.raises(DataError, match=f"(?i){said}"):
            person_lattice(SCHEMA, Rules(), row)
