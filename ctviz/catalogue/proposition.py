"""The paper's proposition in words: each assumption with the numbers that say whether it holds, and what follows."""

from __future__ import annotations

from collections.abc import Sequence

from ctviz.data.catalogue import FEATURE_NAMES
from ctviz.experiments.proposition import Assumption
from ctviz.prose import decimal, inside

PROMISE = "protection lowers the share of the locked feature"

CONSEQUENCES = {
    "linear": "the promise is not proven for such models, though it may hold",
    "normal": "the promise is not proven for such data",
    "common": "the promise is not proven for such data",
    "uncorrelated": (
        "the free feature is a proxy: the weight of the locked one may shrink while decisions go along with it"
    ),
    "discriminative": "without the locked feature there is little left to decide by, and protection changes little",
}
"""What it means when an assumption fails."""


def sentence(found: Assumption, features: Sequence[str] = FEATURE_NAMES) -> str:
    """An assumption with the numbers that say whether it holds; ``features``: what to call the columns."""
    named = [features[column] for column in found.columns]
    numbers = [decimal(number, 2) for number in found.numbers]
    match found.name, found.holds:
        case "linear", True:
            return "The models are linear."
        case "linear", _:
            layers = int(found.numbers[0])
            have = "a hidden layer" if layers == 1 else f"{layers} hidden layers"
            return f"The models have {have}; the proposition speaks of linear ones."
        case "normal", holds:
            shape = "Each class looks normal" if holds else "Not each class looks normal"
            return f"{shape}: skewness up to {numbers[0]}, excess kurtosis up to {numbers[1]}."
        case "common", holds:
            how = "alike" if holds else "differently"
            apart = f"the standard deviation of {named[0]} differs by a factor of {numbers[0]}"
            return f"The classes spread {how}: {apart}."
        case "uncorrelated", holds:
            together = "do not go together" if holds else "go together"
            return f"Within a class, {named[0]} and {named[1]} {together}: their correlation is {numbers[0]}."
    tells = "tells the classes apart" if found.holds else "hardly tells the classes apart"
    apart = f"their means are {decimal(found.numbers[0])} standard deviations apart"
    return f"The free feature {named[0]} {tells}: {apart}."


def verdict(found: Sequence[Assumption], features: Sequence[str] = FEATURE_NAMES, beyond: bool = False) -> str:
    """One line: what the proposition promises here, or which assumption fails and what that means.

    ``beyond``: whether the counterfactuals overshoot, as ``overshoots`` tells.
    """
    failed = [assumption for assumption in found if not assumption.holds]
    warning = (
        " But counterfactuals go beyond the real samples here, which reverses the divergence and may raise the share."
        if beyond
        else ""
    )
    if not failed:
        return f"The assumptions hold, so the paper's proposition promises: {PROMISE}.{warning}"
    reasons = [f"{inside(sentence(one, features)).rstrip('.')}, so {CONSEQUENCES[one.name]}" for one in failed]
    count = "One assumption fails" if len(failed) == 1 else f"{len(failed)} assumptions fail"
    return f"{count}: {'; '.join(reasons)}.{warning}"
