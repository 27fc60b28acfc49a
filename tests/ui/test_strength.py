"""The newcomer's one weight for all of counterfactual training, and names of copied models."""

from __future__ import annotations

import pytest

from ctviz.experiments.config import Experiment
from ctviz.training.arm import Arm
from ctviz.ui.boundaries.models import free_name
from ctviz.ui.boundaries.panel import OWN, STRENGTHS, strength_of


@pytest.mark.parametrize("strength", STRENGTHS)
def test_strength_is_found_again(strength: float) -> None:
    changes = {"arms.full.lambda_div": 0.5 * strength, "arms.full.lambda_adv": 0.25 * strength}
    assert strength_of(Experiment.preset("moons").replace(changes)) == strength


def test_strength_of_other_weights_is_their_own() -> None:
    assert strength_of(Experiment.preset("moons").replace({"arms.full.lambda_div": 0.7})) == OWN
    assert strength_of(Experiment.preset("moons").replace({"arms": "vanilla"})) == OWN
    four = Experiment.preset("moons").replace({"arms": "vanilla,adversarial,energy,full"})
    assert strength_of(four) == 1


def test_a_copied_name_is_free_and_valid() -> None:
    assert free_name("full", {"full", "full 2"}) == "full 3"
    assert free_name("new", {"full"}) == "new"
    long = "a" * 40
    Arm.variant(free_name(long, {long}))
