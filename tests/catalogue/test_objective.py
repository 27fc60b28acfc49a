"""What training would make of a search, in words."""

from __future__ import annotations

import re
from dataclasses import replace

from ctviz.catalogue.objective import TERMS, in_words
from ctviz.experiments.loss_terms import LossTerms

LESSON = LossTerms(
    target=1, label=0, guessed=False, mature=True, neighbour=(0.0, 1.0), shielded=(0.0, 1.0), replaced=(),
    energy_neighbour=1.3, energy_counterfactual=-0.5, divergence=1.8, ridge=1.94, adversarial=0.2,
    lambda_div=0.5, lambda_adv=0.25, lambda_reg=0.1,
)  # fmt: skip


def test_words():
    said = in_words(LESSON)
    assert "which it now prefers" in said and "divergence +1.8" in said and "λ_div 0.5 = +0.90" in said
    assert "energies small adds +0.19" in said and "adversarial example, adds +0.050" in said
    happy = replace(LESSON, divergence=-1.8, lambda_adv=0.0, lambda_reg=0.0)
    assert "already finds the real sample more likely" in in_words(happy) and "= −0.90." in in_words(happy)
    assert "adds" not in in_words(happy)
    assert "as likely as" in in_words(replace(LESSON, divergence=0.0))
    assert in_words(replace(LESSON, mature=False)).startswith("The search found nothing, so there is no divergence")
    without = in_words(replace(LESSON, lambda_div=0.0, lambda_reg=0.0))
    assert without.startswith("This model's weights leave the divergence out (it would be +1.8); the nascent point")
    nothing = in_words(replace(LESSON, lambda_div=0.0, lambda_reg=0.0, lambda_adv=0.0))
    assert re.fullmatch(r"This model is not penalised for it: .* \(its divergence would be \+1\.8\)\.", nothing)


def test_every_term_has_a_title_and_a_number() -> None:
    told = {title: value(LESSON) for title, _, _, value in TERMS}
    assert told["Divergence"] == "+1.80" and told["Energy of the counterfactual"] == "−0.500"
    assert told["… with its weight"] == "+0.900"
