"""What training would make of one search, in words: the terms of the objective, and a sentence."""

from __future__ import annotations

from collections.abc import Callable

from ctviz.experiments.loss_terms import LossTerms
from ctviz.prose import listed, number, signed

_LOW = "Low where the model finds a point likely for the class aimed at."

TERMS: tuple[tuple[str, str, str, Callable[[LossTerms], str]], ...] = (
    ("Energy of the real sample", "E(x⁺)", _LOW, lambda one: number(one.energy_neighbour, 3)),
    ("Energy of the counterfactual", "E(x′)", _LOW, lambda one: number(one.energy_counterfactual, 3)),
    (
        "Divergence",
        "E(x⁺) − E(x′)",
        "Above zero where the model finds the counterfactual likelier than the real sample: that is penalised.",
        lambda one: signed(one.divergence, 3),
    ),
    ("… with its weight", "λ_div", "What it adds to the objective.", lambda one: signed(one.weighted_divergence, 3)),
    (
        "Large energies, with their weight",
        "λ_reg",
        "Both energies squared, times their weight: what it adds to the objective.",
        lambda one: signed(one.weighted_ridge, 3),
    ),
    (
        "Fooled by a small nudge, with its weight",
        "λ_adv",
        "How badly the nascent point is classified, times its weight: what it adds to the objective.",
        lambda one: signed(one.weighted_adversarial, 3),
    ),
)
"""Title, symbol, help and value of what one search adds to the objective."""

AS_DATA: tuple[str, str, str, Callable[[LossTerms], str]] = (
    "Learned as a sample, with its weight",
    "λ_aug",
    "How badly the counterfactual is put into the class aimed at, times its weight: what it adds to the objective.",
    lambda one: signed(one.weighted_augmented, 3),
)
"""What it adds where counterfactuals are further training data; the terms above are not weighed there."""


def in_words(terms: LossTerms) -> str:
    """One sentence on what training does with this counterfactual."""
    if terms.lambda_aug > 0:
        if not terms.mature:
            return "The search found nothing, so the model learns from the real sample in its place."
        return (
            "The model learns it as if it were a sample of the class aimed at: cross-entropy "
            f"{number(terms.augmented)}, times λ_aug {terms.lambda_aug:g} = {signed(terms.weighted_augmented)}."
        )
    if terms.lambda_div == terms.lambda_adv == terms.lambda_reg == 0:
        return (
            f"This model is not penalised for it: its training leaves such searches out (its divergence would be "
            f"{signed(terms.divergence)})."
        )
    extra = _extra(terms)
    if not terms.mature:
        return (
            "The search found nothing, so there is no divergence: the real sample stands in for the counterfactual"
            f"{extra}."
        )
    if terms.lambda_div == 0:
        return f"This model's weights leave the divergence out (it would be {signed(terms.divergence)}){extra}."
    if terms.sign > 0:
        push = "The model is pushed to find the real sample more likely than this counterfactual, which it now prefers"
    elif terms.sign < 0:
        push = "The model already finds the real sample more likely than this counterfactual and is pushed further"
    else:
        push = "The model finds the real sample as likely as this counterfactual, so there is nothing to push"
    return (
        f"{push}: divergence {signed(terms.divergence)}, times λ_div {terms.lambda_div:g} = "
        f"{signed(terms.weighted_divergence)}{extra}."
    )


def _extra(terms: LossTerms) -> str:
    """The other terms that count."""
    parts = []
    if terms.lambda_reg > 0:
        parts.append(f"keeping both energies small adds {signed(terms.weighted_ridge)}")
    if terms.lambda_adv > 0:
        parts.append(f"the nascent point, as an adversarial example, adds {signed(terms.weighted_adversarial)}")
    return f"; {listed(parts)}" if parts else ""
