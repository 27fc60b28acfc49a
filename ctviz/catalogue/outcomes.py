"""What came of a search, in words: the titles of counts, and a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import PRECISION
from ctviz.data.display import DisplayScale
from ctviz.data.schema import Mutability, Schema
from ctviz.experiments.outcome import OUTCOMES, swings
from ctviz.experiments.trace import Trace
from ctviz.prose import listed, number, percent

OUTCOME_TITLES = {
    "mature": "Arrived",
    "already": "Already there",
    "short": "Ran out of steps",
    "stuck": "Came to rest on the way",
    "impossible": "Nowhere to go",
}
"""What a count of searches with each outcome is called."""

OUTCOME_HELP = {
    "mature": "The model became as sure of the class aimed at as was asked for (mature).",
    "already": "The model was that sure from the start.",
    "short": "A counterfactual exists, but the search ended before it got there.",
    "stuck": "A counterfactual exists, but the search stopped moving before it got there.",
    "impossible": "Nowhere that locks and the range of the data allow is the model sure enough.",
}
"""What each of them says."""

OTHERWISE = "more steps or longer ones may find it"
SHORTER = "this search swings to and fro, so shorter steps may find it"
"""What may help a search that ran out of steps, and one that did so by swinging."""

OUTCOME_WORDS = {
    "mature": "Reached {target} after {steps}: the model is {sure} sure, {asked} was asked for.",
    "already": "Nothing to change: the model is already {sure} sure of {target}, {asked} was asked for.",
    "short": "Not there yet after {steps}: the model is {sure} sure of {target}, {asked} was asked for. A "
    "counterfactual exists, for {where} the model gets {best} sure: {otherwise}.",
    "stuck": "The search came to rest where the model is {sure} sure of {target}, {asked} was asked for. A "
    "counterfactual exists, for {where} the model gets {best} sure, but from here no small step leads on.",
    "no sample": "No real sample that the search could go to makes the model {asked} sure of {target}. A "
    "counterfactual exists all the same, for {where} the model gets {best} sure.",
    "no answer": "What came at once was not enough: the model is {sure} sure of {target}, {asked} was asked for. A "
    "counterfactual exists all the same, for {where} the model gets {best} sure.",
    "impossible": "No counterfactual exists{under}: {where}, the model never gets more sure of {target} than {best}; "
    "{asked} was asked for.",
    "cheapest": "The nearest there is{under}, and that is proved: a change of {cost} makes the model {sure} sure of "
    "{target}, {asked} was asked for.",
    "near": "A change of {cost} makes the model {sure} sure of {target}, {asked} was asked for. That none below "
    "{bound} does is proved; then the time was up.",
    "none": "No counterfactual exists{under}, and that is proved: {where}, the model is nowhere {asked} sure of "
    "{target}.",
    "open": "None was found in {limit}, nor proved that there is none{under}. The most that was met is {best} sure of "
    "{target}, {asked} was asked for.",
    "broken": "The model's answers are not numbers here: its training has gone out of bounds.",
}
"""One sentence for each outcome, for searches among samples that found none, for answers of a network that do not
suffice, for what an exact search proved, and for a model that has blown up.

The names in braces are filled in by ``outcome_sentence``.
"""


def outcome_sentence(
    trace: Trace,
    arm: int,
    index: int,
    schema: Schema,
    bare: Schema,
    classes: Sequence[str],
    names: Sequence[str] | None = None,
    scales: Sequence[DisplayScale] = (),
) -> str:
    """What came of one search in words.

    Args:
        schema: what the arm's advice may change; ``bare``: the same without the arm's constraints.
        classes: their names. ``names``: those of the features, if they are to be called otherwise; ``scales``: how
            their values are read.
    """
    steps, tau = int(trace.steps[arm, index]), trace.settings.tau
    sure, best = float(trace.probability[arm, index, -1]), float(trace.reachable[arm, index])
    where = _where(schema, bare, tuple(names or schema.names), scales)
    digits = next((n for n in range(4) if abs(round(tau * 100, n) - tau * 100) < 1e-9), 4)
    told = partial(percent, digits=digits, down=True, missing="–")
    return OUTCOME_WORDS[_word(trace, arm, index)].format(
        target=classes[int(trace.targets[index])],
        steps=f"{steps} step" if steps == 1 else f"{steps} steps",
        # What was found mature is so, whatever the last bit of a second look says.
        sure=told(max(sure, tau) if trace.mature[arm, index] else sure),
        asked=told(tau),
        best=told(best),
        where=where or "within the data's range",
        under=" under these locks" if where else "",
        otherwise=SHORTER if swings(trace, arm, index) else OTHERWISE,
        **_of_proof(trace, arm, index),
    )


def _word(trace: Trace, arm: int, index: int) -> str:
    word = OUTCOMES[int(trace.outcome[arm, index])]
    if not math.isfinite(trace.probability[arm, index, -1]):
        return "broken"
    if trace.bound is not None and word != "already":
        return proof(trace, arm, index)
    unfound = {"nearest": "no sample", "face": "no sample", "network": "no answer"}
    return unfound.get(GENERATORS[trace.settings.generator].kind, word) if word in ("short", "stuck") else word


def proof(trace: Trace, arm: int, index: int) -> str:
    """What an exact search showed, to the precision of its solver and of float32: its counterfactual is the "cheapest",
    or is "near" that; there is "none", or that is "open". Empty for another search."""
    if trace.bound is None:
        return ""
    bound, cost = float(trace.bound[arm, index]), float(trace.distance[arm, index, -1])
    if trace.mature[arm, index]:
        return "cheapest" if cost - bound <= PRECISION * (1 + cost) else "near"
    return "none" if math.isinf(bound) else "open"


def _of_proof(trace: Trace, arm: int, index: int) -> dict[str, str]:
    """The numbers of what an exact search showed."""
    if trace.bound is None:
        return {}
    cost, bound = float(trace.distance[arm, index, -1]), float(trace.bound[arm, index])
    return {"cost": number(cost, 3), "bound": number(bound, 3), "limit": f"{trace.settings.time_limit:g} s"}


def _where(schema: Schema, bare: Schema, names: tuple[str, ...], scales: Sequence[DisplayScale]) -> str:
    """The places that a schema allows, in words: ``along debt alone``; empty if it allows all."""
    locked = [i for i, f in enumerate(schema.features) if f.mutability is Mutability.FIXED]
    free = [i for i in range(len(names)) if i not in locked]
    limits = []
    for i in free:
        feature = schema.features[i]
        if feature.mutability is not Mutability.BOTH:
            way = "up" if feature.mutability is Mutability.INCREASE else "down"
            limits.append(f"with {names[i]} only going {way}")
        if feature.domain != bare.features[i].domain:
            low, high = (
                scales[i].text(end) if scales and not scales[i].plain else number(end, 3, trim=True)
                for end in feature.domain
            )
            limits.append(f"with {names[i]} from {low} to {high}")
    along = f"along {listed([names[i] for i in free])} alone" if locked else ""
    return ", ".join(part for part in (along, " and ".join(limits)) if part)
