"""Ready sets of rules, what differs from one, and the text of it that a link holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz.data.rule_sets import MOST_TEXT, differing, of_text, rule_sets, same, to_text
from ctviz.data.rules import Link, Rule, Rules
from ctviz.data.samples import samples
from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.data.tables.settings import TABLES, TableSettings
from ctviz.data.tables.table import Table
from ctviz.errors import ConfigError

# Names and levels hold what separates the parts of a text.
SCHEMA = Schema(
    features=(
        Feature(name="age", kind="integer", domain=(0, 100)),
        Feature(name="a:b;c,d=e", domain=(-1e6, 1e6)),
        Feature(name="*pairs", kind="ordered", levels=("low", "50 %", "1|2>3"), domain=(0, 2)),
        Feature(name="job", kind="category", levels=("clerk", "nurse|smith", "büro, 100 %41")),
    )
)
NUMBERS = st.floats(-99, 99, width=32)
EFFORTS = st.none() | st.integers(1, 5)


@st.composite
def one_rule(draw, feature):
    change = draw(
        st.sampled_from(("free", "locked") if feature.kind == "category" else ("free", "up", "down", "locked"))
    )
    values = {}
    if change != "locked" and feature.kind == "category":
        values["levels"] = tuple(draw(st.lists(st.sampled_from(feature.levels), unique=True)))
    elif change != "locked" and feature.kind == "ordered":
        values |= draw(st.sampled_from(({}, {"low": "50 %"}, {"low": "low", "high": "1|2>3"})))
    elif change != "locked":
        low = draw(st.none() | st.floats(1, 40, width=32))
        values |= {"low": low, "high": draw(st.none() | st.floats(60, 99, width=32))}
        values["step"] = draw(
            st.none() | (st.just(2.0) if feature.kind == "integer" else st.sampled_from((0.1, 0.00125)))
        )
    return Rule(feature=feature.name, change=change, effort=draw(EFFORTS), **values)


LINKS = (Link(feature="age", follows="*pairs"), Link(feature="a:b;c,d=e", follows="age", least=0.1))


@st.composite
def some_rules(draw):
    chosen = draw(st.lists(st.sampled_from(SCHEMA.features), unique_by=lambda feature: feature.name))
    links = tuple(draw(st.lists(st.sampled_from(LINKS), unique=True)))
    pairs = draw(st.sampled_from(("excluded", "allowed")))
    return Rules(rules=tuple(draw(one_rule(one)) for one in chosen), links=links, unseen_pairs=pairs)


@settings(max_examples=50)
@given(some_rules(), some_rules())
def test_what_a_text_says_comes_back(rules, base):
    text = to_text(rules, base)
    back = of_text(text, base, SCHEMA)
    assert same(back, rules) and back.on(SCHEMA) == rules.on(SCHEMA)
    assert to_text(back, base) == text
    assert (text == "") == same(rules, base)


def test_a_text_is_short_and_names_what_differs_alone():
    base = Rules(rules=(Rule(feature="age", change="up"), Rule(feature="job", change="locked")))
    changed = base.changed("age", low=30.0, effort=4).changed("a:b;c,d=e", effort=3)
    assert differing(changed, base) == ("a:b;c,d=e", "age")
    assert to_text(changed.freeing("a:b;c,d=e").changed("a:b;c,d=e", effort=None), base) == "age:up,low=30,difficulty=4"
    assert differing(Rules(rules=(*base.rules[::-1], Rule(feature="*pairs"))), base) == ()
    assert to_text(base, base) == "" and of_text("", base, SCHEMA) is base


BAD = {
    "age": "change is ''",
    "wage:locked": "rules is 'wage'",
    "age:sideways": r"rules\.age\.change is 'sideways'",
    "age:up,low": r"rules\.age\.low is ''; allowed: a number",
    "age:up,low=nan": "a number",
    "age:up,low=1e999": "a number",
    "age:up,high=3_0": "a number",
    "age:up,low=1,low=2": r"each once",
    "age:up,tempo=1": "low, high, step, difficulty, levels",
    "age:locked,low=3": r"rules\.age\.low .*none for age, which is locked",
    "age:free,difficulty=6": r"rules\.age\.difficulty is '6'; allowed: 1 \(easy\) to 5 \(hard\)",
    "age:free,step=0": r"rules\.age\.step",
    "age:free,low=200": "as in the data",
    "age:up;age:down": "each feature once",
    "job:up": "without an order",
    "job:free,levels=king": "some of clerk",
    "job:free,levels=": "some of clerk",
    "*pairs:perhaps": "unseen_pairs is 'perhaps'",
    "*links:age": "two features and a number",
    "*links:age>wage>1": "rules is 'wage'",
    "*links:age>%2Apairs>0": "least is 0",
    ";": "rules is ''",
    "%FF:up": "rules is",
    "x" * (MOST_TEXT + 1): "at most 8,000 characters",
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD.items(), ids=[text[:20] for text in BAD])
def test_a_text_that_says_nothing_is_refused_in_one_sentence(text, said):
    with pytest.raises(ConfigError, match=said) as found:
        of_text(text, Rules(), SCHEMA)
    assert "\n" not in str(found.value)


@given(st.text(max_size=40))
def test_any_text_gives_rules_or_a_sentence(text):
    try:
        found = of_text(text, Rules(), SCHEMA)
    except ConfigError:
        return
    assert same(of_text(to_text(found, Rules()), Rules(), SCHEMA), found)


def test_rules_that_take_too_much_are_refused():
    levels = tuple(f"{i:03} {'x' * 60}" for i in range(200))
    with pytest.raises(ConfigError, match="at most 8,000 characters"):
        to_text(Rules(rules=(Rule(feature="job", levels=levels),)), Rules())


@pytest.mark.parametrize("name", [name for name, info in TABLES.items() if info.ships])
def test_a_table_has_three_sets(name):
    table = samples(TableSettings(name=name))
    assert isinstance(table, Table)
    sets = {one.name: one for one in rule_sets(table)}
    assert list(sets) == ["realistic", "law", "anything"] and sets["realistic"].rules == table.rules
    law = sets["law"].rules.on(table.schema)
    fixed = tuple(f.name for f in law.features if f.mutability is Mutability.FIXED)
    assert set(fixed) == set(table.protected) == set(TABLES[name].protected)
    assert sets["anything"].rules.on(table.schema) == table.schema
    assert all(one.rules.unseen_pairs == "excluded" for one in sets.values())
    for feature in table.protected:
        assert feature in sets["law"].help
    for one in sets.values():
        assert same(of_text(to_text(one.rules, table.rules), table.rules, table.schema), one.rules)


def test_protected_features_are_features():
    assert all(set(info.protected) <= set(info.features) for info in TABLES.values())
    assert {name for name, info in TABLES.items() if not info.protected} == {"california"}
