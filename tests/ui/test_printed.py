"""The foot of a printed page."""

from __future__ import annotations

from ctviz.experiments.config import Experiment
from ctviz.ui.kit.printed import settings_in_words


def test_it_names_what_made_the_models_and_nothing_that_does_nothing() -> None:
    said = settings_in_words(Experiment.preset("moons"))
    assert said[0] == "Data Moons"
    assert {"Epochs 100", "Search Plausible (ECCCo)", "Plausible (λ_div) 0.5 (full)", "Seed 0"} <= set(said)
    # Neither locks nor a latent size are in play, and how the run is drawn is seen.
    assert not [words for words in said if any(name in words for name in ("lock", "Latent", "Resolution"))]
    # Nor are settings of methods that no model has, and each is told of those alone that listen to it.
    assert not [words for words in said if any(name in words for name in ("chain", "Largest change", "λ_gen"))]
    beside = settings_in_words(Experiment.preset("moons").replace({"arms": "vanilla,full,pgd"}))
    assert {"Plausible (λ_div) 0.5 (full)", "Robust (λ_adv) 0.25 (full), 1 (pgd)"} <= set(beside)
    # Nor do a bound of steps, noise and averages of which there are none.
    assert not [words for words in said if any(name in words for name in ("Longest step", "Noise on", "Average"))]
    averaged = Experiment().replace({"arms.full.averaging": 10})
    assert "Average over epochs 1 (vanilla), 10 (full)" in settings_in_words(averaged)
    assert "Longest step 0.1" in settings_in_words(Experiment().replace({"arms.*.step_bound": 0.1}))


def test_of_other_methods_it_names_what_they_listen_to() -> None:
    said = settings_in_words(Experiment.preset("moons").replace({"arms": "vanilla,full,ensemble"}))
    assert {"Plausible (λ_div) 0.5 (full)", "Models of the ensemble 5"} <= set(said)
    assert not [words for words in settings_in_words(Experiment.preset("moons")) if "ensemble" in words]


def test_it_names_locks_and_whose_they_are() -> None:
    said = settings_in_words(Experiment.preset("figure1"))
    assert "Locked x2 (vanilla locked), x2 (full locked)" in said
    assert "Protection of locked features on" in said
