"""What an arm's constraints are, and where they hold."""

from __future__ import annotations

import pytest

from ctviz.data.schema import Feature, Mutability, Schema
from ctviz.errors import ConfigError
from ctviz.training.arm import Arm, LockWhen, Purpose

SCHEMA = Schema(features=(Feature(name="x1", domain=(-2.0, 2.0)), Feature(name="x2", domain=(-3.0, 3.0))))
ARM = Arm.variant("full", locked=("x1",), decrease_only=(1,), ranges=(("x2", -1.0, 9.0),))


@pytest.mark.parametrize(
    ("when", "training", "advice"),
    [("always", True, True), ("training", True, False), ("searching", False, True), ("never", False, False)],
)
def test_constraints_hold_where_the_arm_says(when: LockWhen, training: bool, advice: bool) -> None:
    arm = ARM.model_copy(update={"lock_when": when})
    purposes: tuple[tuple[Purpose, bool], ...] = (("training", training), ("advice", advice))
    for purpose, expected in purposes:
        assert arm.holds(purpose) is expected
        found = arm.constraints_for(SCHEMA, purpose)
        if not expected:
            assert found == SCHEMA
            continue
        assert [feature.mutability for feature in found.features] == [Mutability.FIXED, Mutability.DECREASE]
        assert [feature.domain for feature in found.features] == [(-2, 2), (-1, 3)]


def test_a_range_outside_of_the_domain_names_the_arm_and_what_is_allowed() -> None:
    arm = Arm.variant("full", ranges=((0, 5.0, 6.0),))
    with pytest.raises(ConfigError) as error:
        arm.constraints_for(SCHEMA, "advice")
    assert error.value.field == "arms.full.ranges"
    assert "-2 to 2" in str(error.value) and "x1" in str(error.value)
    idle = arm.model_copy(update={"lock_when": "never"})
    assert idle.constraints_for(SCHEMA, "advice") == SCHEMA


def test_what_is_no_range_names_the_field_once() -> None:
    with pytest.raises(ConfigError) as error:
        Arm.variant("full", ranges=[[0, 1]])
    assert str(error.value).startswith("ranges is [0, 1]; allowed: ")


def test_ranges_are_kept_in_one_order() -> None:
    one = Arm.variant("full", ranges=[("x2", 0, 1), (1, 2, 3), (0, 4, 5)])
    assert one.ranges == ((0, 4.0, 5.0), (1, 2.0, 3.0), ("x2", 0.0, 1.0))
    assert all(isinstance(value, float) for entry in one.ranges for value in entry[1:])
