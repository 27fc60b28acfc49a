"""Every generator on people with relaxed categories: locks, directions, ranges and levels hold at every point, and
polished ends are what a person can be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import ctviz
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.person_lattice import measured_lattices
from ctviz.data.people import to_row
from ctviz.data.rules import Rule, Rules
from tests.data.table_people import SCHEMA, someone

pytestmark = pytest.mark.usefixtures("hasty_autoencoders")

CHANCE = np.random.default_rng(0)
PEOPLE = torch.from_numpy(np.stack([to_row(SCHEMA, someone(CHANCE)) for _ in range(60)]))
SAMPLES = (PEOPLE, torch.arange(60) % 2)


def model(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(SCHEMA.d, 5), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        made[2].weight.mul_(4)  # so that most searches arrive
    return made


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """A rule at random for some features."""
    found = []
    for feature in draw(st.lists(st.sampled_from(SCHEMA.features), unique_by=lambda one: one.name, max_size=4)):
        if feature.kind == "category":
            locked = Rule(feature=feature.name, change="locked")
            some = st.sets(st.sampled_from(feature.levels), min_size=1).map(
                lambda levels, name=feature.name: Rule(feature=name, levels=tuple(levels))
            )
            found.append(draw(st.just(locked) | some))
            continue
        change = draw(st.sampled_from(["free", "up", "down", "locked"]))
        low, high = feature.shown_domain
        ends = (
            {} if change == "locked" or feature.kind == "ordered" else {"low": low, "high": round((low + 2 * high) / 3)}
        )
        found.append(Rule(feature=feature.name, change=change, **ends))
    return Rules(rules=tuple(found))


@pytest.mark.parametrize("generator", [name for name in GENERATORS if name != "counternet"])
@settings(max_examples=20)
@given(rules=rules(), seed=st.integers(0, 19), polish=st.booleans())
def test_rules_hold_at_every_point(generator: str, rules: Rules, seed: int, polish: bool) -> None:
    X = PEOPLE[3 * seed : 3 * seed + 3]
    schema = rules.on(SCHEMA)
    found = ctviz.search(
        model(seed), X, np.arange(3) % 2, generator=generator, schema=schema, samples=SAMPLES, tau=0.9, steps=8,
        step_size=1.5, latent=2, per_factual=2, polish=polish,
    )  # fmt: skip
    assert found.path is not None
    if polish and generator != "exact":  # its ends are not polished: whoever has reached τ stays, wherever that is
        lattices = measured_lattices(schema, found.factuals.numpy())
        for lattice, end in zip(lattices, found.final.numpy(), strict=True):
            point = lattice.project(end)
            assert lattice.holds(point) and np.array_equal(lattice.encode(point), end)
    start, (low, high), (up, down) = found.factuals, schema.bounds(), schema.directions()
    for points in found.path[1:] if len(found.path) > 1 else found.path:
        moved = points != start
        assert (((points >= torch.from_numpy(low)) & (points <= torch.from_numpy(high))) | ~moved).all()
        assert (torch.from_numpy(up) | (points <= start)).all()
        assert (torch.from_numpy(down) | (points >= start)).all()
    for rule in rules.rules:
        columns = list(schema.columns_of(rule.feature))
        if rule.change == "locked":
            assert (found.path[:, :, columns] == start[:, columns]).all()
        feature = schema.features[schema.position(rule.feature)]
        forbidden = [
            c for c, level in zip(columns, feature.levels, strict=False) if rule.levels and level not in rule.levels
        ]
        assert (found.path[:, :, forbidden] <= start[:, forbidden]).all()
