"""The paper's proposition in words: its assumptions with their numbers, and what follows."""

from __future__ import annotations

import numpy as np

from ctviz.catalogue.proposition import sentence, verdict
from ctviz.data.catalogue import load
from ctviz.experiments.config import Experiment
from ctviz.experiments.proposition import assumptions

PROXIES = Experiment.preset("proxies")


def test_the_sentences_carry_the_measured_numbers() -> None:
    experiment = PROXIES.replace({"data.correlation": -0.6})
    data = load(experiment.data)
    by_name = {a.name: sentence(a, ("debt", "age")) for a in assumptions(experiment, data)}
    X, y = (part.numpy() for part in data.train)
    measured = max((np.corrcoef(X[y == c].T)[0, 1] for c in (0, 1)), key=abs)
    assert f"{abs(measured):.2f}" in by_name["uncorrelated"] and "−" in by_name["uncorrelated"]
    assert "debt and age" in by_name["uncorrelated"]
    pooled = np.sqrt(np.mean([X[y == c][:, 0].var() for c in (0, 1)]))
    effect = abs(X[y == 1][:, 0].mean() - X[y == 0][:, 0].mean()) / pooled
    assert f"{effect:.1f} standard deviations" in by_name["discriminative"] and "debt" in by_name["discriminative"]
    assert all(said.endswith(".") and "\n" not in said for said in by_name.values())


def test_the_verdict_promises_or_says_what_fails() -> None:
    good = verdict(assumptions(PROXIES, load(PROXIES.data)))
    assert good.startswith("The assumptions hold") and "lowers" in good
    experiment = PROXIES.replace({"data.correlation": 0.9})
    found = assumptions(experiment, load(experiment.data))
    assert verdict(found).startswith("One assumption fails: within a class") and "proxy" in verdict(found)
    several = PROXIES.replace({"data.correlation": 0.9, "data.signal": 0.0})
    text = verdict(assumptions(several, load(several.data)))
    assert text.startswith("2 assumptions fail") and "proxy" in text and "little" in text
    assert "; the free feature" in text  # one sentence
    assert "beyond" in verdict(found, beyond=True) and "beyond" not in verdict(found)
