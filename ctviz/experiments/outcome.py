"""The outcome of a search, as one of five words and as a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.data.schema import Mutability, Schema
from ctviz.experiments.trace import Trace
from ctviz.prose import percent

OUTCOMES = ("mature", "already", "short", "stuck", "impossible")
"""Reached τ; at τ before the first step; ran out of steps; stopped moving; no counterfactual exists."""

MATURE, ALREADY, SHORT, STUCK, IMPOSSIBLE = range(len(OUTCOMES))

REST_SHARE = 1e-3
"""A search is at rest if its last moves stay below this share of the data's extent."""

OSCILLATION = 3.0
"""A search oscillates if its path is this many times as long as the distance between its ends."""

MORE_STEPS = "more steps or longer ones may find it"
SHORTER_STEPS = "this search swings to and fro, so shorter steps may find it"
"""Advice for a search that ran out of steps, and for one that did so by oscillating."""

OUTCOME_WORDS = {
    "mature": "Reached {target} after {steps}: the model is {sure} sure, {asked} was asked for.",
    "already": "Nothing to change: the model is already {sure} sure of {target}, {asked} was asked for.",
    "short": "Not there yet after {steps}: the model is {sure} sure of {target}, {asked} was asked for. A "
    "counterfactual exists, for {where} the model gets {best} sure: {otherwise}.",
    "stuck": "The search came to rest where the model is {sure} sure of {target}, {asked} was asked for. A "
    "counterfactual exists, for {where} the model gets {best} sure, but from here no small step leads on.",
    "no sample": "No real sample that the search could go to makes the model {asked} sure of {target}. A "
    "counterfactual exists all the same, for {where} the model gets {best} sure.",
    "impossible": "No counterfactual exists{under}: {where}, the model never gets more sure of {target} than {best}; "
    "{asked} was asked for.",
    "broken": "The model's answers are not numbers here: its training has gone out of bounds.",
}
"""One sentence for each outcome, for searches among samples that found none, and for a model that has diverged.

The names in braces are filled in by ``outcome_sentence``.
"""


def outcome_of(mature: Tensor, steps: Tensor, moved: Tensor, reachable: Tensor, tau: float) -> Tensor:
    """Index into ``OUTCOMES``, (m b).

    Args:
        mature, steps: of the search, (m b).
        moved: distance covered in its last quarter, or in its last step if that was longer, as a share of the data's
            extent, (m b).
        reachable: highest probability of the target anywhere, (m b).
        tau: the required probability.
    """
    failed = torch.where((moved < REST_SHARE) | (steps == 0), STUCK, SHORT)
    failed = torch.where(reachable < tau, IMPOSSIBLE, failed)
    return torch.where(mature, torch.where(steps == 0, ALREADY, MATURE), failed)


def outcome_sentence(
    trace: Trace,
    arm: int,
    index: int,
    schema: Schema,
    bare: Schema,
    classes: Sequence[str],
    names: Sequence[str] | None = None,
) -> str:
    """The outcome of one search in words.

    Args:
        schema: with the arm's constraints for advice; ``bare``: without them.
        classes: their names. ``names``: other names of the features, if any.
    """
    steps, tau = int(trace.steps[arm, index]), trace.settings.tau
    sure, best = float(trace.probability[arm, index, -1]), float(trace.reachable[arm, index])
    where = _where(schema, bare, tuple(names or schema.names))
    digits = next((n for n in range(4) if abs(round(tau * 100, n) - tau * 100) < 1e-9), 4)
    told = partial(percent, digits=digits, down=True, missing="–")
    return OUTCOME_WORDS[_word(trace, arm, index)].format(
        target=classes[int(trace.targets[index])],
        steps=f"{steps} step" if steps == 1 else f"{steps} steps",
        # A search that was mature stays so, whatever the last bit of a second computation.
        sure=told(max(sure, tau) if trace.mature[arm, index] else sure),
        asked=told(tau),
        best=told(best),
        where=where or "within the data's range",
        under=" under these locks" if where else "",
        otherwise=SHORTER_STEPS if oscillates(trace, arm, index) else MORE_STEPS,
    )


def oscillates(trace: Trace, arm: int, index: int) -> bool:
    """Whether a search moved a lot without getting anywhere, because its steps overshoot."""
    path = trace.points[arm, index, : int(trace.steps[arm, index]) + 1].astype(np.float64)  # t+1 d
    way = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
    return bool(way > OSCILLATION * np.linalg.norm(path[-1] - path[0]))


def _word(trace: Trace, arm: int, index: int) -> str:
    word = OUTCOMES[int(trace.outcome[arm, index])]
    if not math.isfinite(trace.probability[arm, index, -1]):
        return "broken"
    among_samples = GENERATORS[trace.settings.generator].kind in ("nearest", "face")
    return "no sample" if among_samples and word in ("short", "stuck") else word


def _where(schema: Schema, bare: Schema, names: tuple[str, ...]) -> str:
    """The allowed region of a schema, in words: ``along debt alone``; empty if all is allowed."""
    locked = [i for i, f in enumerate(schema.features) if f.mutability is Mutability.FIXED]
    free = [i for i in range(len(names)) if i not in locked]
    limits = []
    for i in free:
        feature = schema.features[i]
        if feature.mutability is not Mutability.BOTH:
            way = "up" if feature.mutability is Mutability.INCREASE else "down"
            limits.append(f"with {names[i]} only going {way}")
        if feature.domain != bare.features[i].domain:
            low, high = feature.domain
            limits.append(f"with {names[i]} from {low:.3g} to {high:.3g}")
    along = f"along {' and '.join(names[i] for i in free)} alone" if locked else ""
    return ", ".join(part for part in (along, " and ".join(limits)) if part)
