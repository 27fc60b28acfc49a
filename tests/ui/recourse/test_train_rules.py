"""Train with these rules: the sentence on what training under them has changed for a person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctviz.experiments.advice import ModelAdvice
from ctviz.experiments.adviser import Adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import load_run
from ctviz.ui.recourse.train_rules import compared


@pytest.fixture(scope="module")
def model() -> ModelAdvice:
    """What the first model on German credit asks of somebody whom it refuses."""
    adviser = Adviser(load_run(Experiment.preset("german").key), arms=["full"])
    row = int(np.flatnonzero(adviser.scores(adviser.table.test[0].numpy())[0] < 0.4)[0])
    return adviser.advise(row, exact=False).models[0]


def with_effort(model: ModelAdvice, effort: float) -> ModelAdvice:
    return replace(model, plans=(replace(model.plans[0], effort=effort),))


def test_what_training_under_the_rules_has_changed(model) -> None:
    two, three, nearly = (with_effort(model, effort) for effort in (2.0, 3.0, 2.05))
    none, accepted = replace(model, plans=(), outcome="unknown"), replace(model, plans=(), outcome="accepted")
    said = {
        (three, two): "Locked in training too, the plan takes less effort: 2.00 against 3.00.",
        (two, three): "Locked in training too, the plan takes more effort: 3.00 against 2.00.",
        (two, nearly): "Locked in training too, the plan takes about as much effort: 2.05 against 2.00.",
        (none, two): "A plan was found for one of the models alone: locked in training too.",
        (two, none): "A plan was found for one of the models alone: locked in advice only.",
        (none, none): "For neither model was a plan found.",
        (accepted, two): "Locked in advice only: this person is accepted as they are.",
        (accepted, accepted): "Locked in advice only and locked in training too: this person is accepted as they are.",
    }
    for pair, sentence in said.items():
        assert compared(*pair) == sentence
