"""Rules in people's terms: what they change of a schema, and which are refused."""

from __future__ import annotations

import numpy as np
import pytest

from ctviz.data.display import DisplayScale
from ctviz.data.rules import Link, Rule, Rules
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.errors import ConfigError

LEVELS = ("low", "middle", "high")
AGE = DisplayScale(unit="years", offset=40, scale=10, step=1)
RANK = DisplayScale(offset=1, scale=0.5, step=1)
SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", domain=(-2, 5), display=AGE),
        Feature(name="job", kind="category", levels=("clerk", "nurse", "smith")),
        Feature(name="grade", kind="ordered", levels=LEVELS, domain=(-2, 2), display=RANK),
        Feature(name="income", domain=(-3, 3)),
    )
)


def on(*rules: Rule, **others: object) -> dict[str, Feature]:
    return {feature.name: feature for feature in Rules(rules=rules, **others).on(SCHEMA).features}


def test_directions_and_locks():
    found = on(
        Rule(feature="age", change="up"), Rule(feature="grade", change="down"), Rule(feature="job", change="locked"),
        Rule(feature="income"),
    )  # fmt: skip
    assert {name: f.mutability for name, f in found.items()} == {
        "age": Mutability.INCREASE, "grade": Mutability.DECREASE, "job": Mutability.FIXED, "income": Mutability.BOTH,
    }  # fmt: skip


def test_ranges_are_in_the_units_that_people_read():
    found = on(
        Rule(feature="age", low=30, high=60), Rule(feature="grade", low="middle"), Rule(feature="income", high=1)
    )
    assert found["age"].domain == (-1, 2)
    assert found["grade"].domain == (0, 2)
    assert found["income"].domain == (-3, 1)
    assert found["age"].shown_domain == (30, 60) and found["grade"].shown_domain == (1, 2)


def test_steps_levels_and_efforts():
    found = on(
        Rule(feature="age", step=5, effort=5), Rule(feature="job", levels=("clerk",), effort=1),
        Rule(feature="income", step=0.5),
    )  # fmt: skip
    assert [found[name].spacing for name in ("age", "grade", "income")] == [5, 1, 0.5]
    assert found["job"].allowed == ("clerk",)
    assert [found[name].weight for name in ("job", "grade", "age")] == [0.25, 1, 4]


def test_a_level_that_is_not_allowed_may_fall_and_not_rise():
    up, down = Rules(rules=(Rule(feature="job", levels=("clerk", "smith")),)).on(SCHEMA).directions()
    np.testing.assert_array_equal(up, [True, True, False, True, True, True])
    assert down.all()


def test_rules_are_changed_one_by_one():
    rules = Rules(rules=(Rule(feature="age", change="up", low=30, effort=2),))
    assert rules.of("age").low == 30 and rules.of("income") == Rule(feature="income")
    locked = rules.locking("age", "job")
    assert locked.named("locked") == ("age", "job") and locked.of("age") == Rule(
        feature="age", change="locked", effort=2
    )
    assert locked.freeing("age").named("locked", "up") == ("job",)
    with_effort = rules.changed("age", effort=5)
    assert with_effort.of("age") == Rule(feature="age", change="up", low=30, effort=5)


def test_rules_come_back_from_json_and_toml():
    rules = Rules(
        rules=(Rule(feature="age", change="up", low=30, high=60.5), Rule(feature="grade", low="middle")),
        links=(Link(feature="age", follows="grade", least=2),), unseen_pairs="allowed",
    )  # fmt: skip
    assert Rules.from_json(rules.model_dump_json()) == rules == Rules.from_toml(rules.to_toml())


BAD = {
    "an unknown feature": ([Rule(feature="wage")], {}, "rules is 'wage'; allowed: one of age, job, grade, income"),
    "a direction of a category": ([Rule(feature="job", change="up")], {}, r"rules\.job\.change .* without an order"),
    "levels of a number": ([Rule(feature="age", levels=("old",))], {}, r"rules\.age\.levels .* no category"),
    "unknown levels": ([Rule(feature="job", levels=("king",))], {}, r"some of clerk, nurse, smith"),
    "a range of a category": ([Rule(feature="job", low=1)], {}, "no order; name its levels"),
    "a step of levels": ([Rule(feature="grade", step=2)], {}, r"rules\.grade\.step"),
    "halves of integers": ([Rule(feature="age", step=0.5)], {}, "a whole number, for integers"),
    "a step that no float can make": ([Rule(feature="income", step=1e-300)], {}, r"rules\.income\.step is 1e-300"),
    "an empty range": ([Rule(feature="age", low=50, high=30)], {}, "a value below 30"),
    "beyond the data": ([Rule(feature="age", low=99)], {}, r"rules\.age\.low is 99.*from 20 to 90, as in the data"),
    "below the data": ([Rule(feature="income", high=-9)], {}, "from −3.00 to 3.00"),
    "no step in a range": ([Rule(feature="age", low=31, high=34, step=5)], {}, "holds a multiple of the step, 5"),
    "an unknown level as end": ([Rule(feature="grade", low="top")], {}, "one of low, middle, high"),
    "a word as end": ([Rule(feature="age", low="old")], {}, "a number, for age"),
    "a link of a category": ([], {"links": (Link(feature="age", follows="job"),)}, r"links\.follows is 'job'"),
    "a link with itself": ([], {"links": (Link(feature="age", follows="age"),)}, "a feature other than age"),
    "a link of nothing": ([], {"links": (Link(feature="age", follows="wage"),)}, "rules is 'wage'"),
}


@pytest.mark.parametrize(("rules", "others", "said"), BAD.values(), ids=BAD)
def test_what_a_feature_cannot_have_is_refused(rules, others, said):
    with pytest.raises(ConfigError, match=said):
        on(*rules, **others)


def test_what_no_rule_can_say_is_refused():
    with pytest.raises(ConfigError, match="one rule for each feature"):
        Rules(rules=(Rule(feature="age"), Rule(feature="age")))
    with pytest.raises(ConfigError, match="none for age, which is locked"):
        Rule(feature="age", change="locked", low=3)
    with pytest.raises(ConfigError, match="effort is 6"):
        Rule(feature="age", effort=6)
    with pytest.raises(ConfigError, match="change is 'sideways'"):
        Rule(feature="age", change="sideways")
    with pytest.raises(ConfigError, match="least is 1e"):
        Link(feature="age", follows="grade", least=1e308)
