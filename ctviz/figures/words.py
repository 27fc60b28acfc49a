"""The numbers of a run in sentences.

Nothing here claims more than one run shows: a sentence says in which run and at which epoch, and a difference
that cannot be taken (a value missing, nothing to compare with) is said to be missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ctviz.catalogue.differences import Difference, difference
from ctviz.catalogue.findings import PRICES, finding, shares_differ
from ctviz.catalogue.metrics import METRICS, RECORDED, Metric
from ctviz.experiments.config import Experiment
from ctviz.experiments.endpoints import Endpoints
from ctviz.experiments.energy import MeanEnergies
from ctviz.experiments.snapshot import Paths, Snapshot
from ctviz.figures.theme import ArmStyle, called, reference_pair
from ctviz.prose import decimal

Metrics = Mapping[str, Sequence[float]]
"""Metric → one value per arm; what does not apply is NaN."""

LEAP = 2
"""Steps within which a search is said to leap."""

MISSING = {
    "ip": "—: of the samples to search from, the model classifies none correctly.",
    "cost": "—: none of the model's searches reaches the class aimed at.",
}
"""Why a metric beside the picture has no value."""


def as_lists(snapshot: Snapshot) -> dict[str, list[float]]:
    """A snapshot's metrics as plain numbers."""
    return {name: [float(value) for value in values] for name, values in snapshot.metrics.items()}


def samples_of(experiment: Experiment) -> dict[str, int]:
    """On how many validation samples each share of a snapshot was measured."""
    kept, factuals = experiment.data.n_validation, experiment.evaluation.factuals
    return {"validation_accuracy": kept, "robust_accuracy": kept, "validity": factuals, "mature": factuals}


def short_name(style: ArmStyle, styles: Sequence[ArmStyle]) -> str:
    """What a model is called beside a picture, where one full title of each kind fits."""
    return style.title if len(styles) <= 2 else style.short


def headline(
    epoch: int, styles: Sequence[ArmStyle], metrics: Metrics, samples: Mapping[str, int] = {}, caveat: str = ""
) -> str:
    """The finding of one epoch of one run: gain, price, caveat.

    Args:
        samples: on how many samples each share was measured; of one that is not named, any difference counts.
        caveat: what a gain hangs on; left out where there is none.
    """
    at = f"At epoch {epoch}" if epoch else "Before training"
    conventional, trained = reference_pair(styles)
    if conventional is None or trained is None:
        return _single(at, styles, metrics)
    ip = metrics.get("ip", ())
    if max(conventional, trained) >= len(ip):
        return f"{at}, nothing has been measured in this run yet."
    theirs, ours = ip[conventional], ip[trained]
    if not (math.isfinite(theirs) and math.isfinite(ours)):
        return f"{at}, the counterfactuals of the two models cannot be compared in this run: {_missing(theirs, ours)}."
    if theirs == ours and not epoch:
        return f"{at}, the two models still see the data alike."
    return compared(f"{at}, ", styles, (conventional, trained), metrics, samples, caveat, " in this run")


def compared(
    lead: str,
    styles: Sequence[ArmStyle],
    pair: tuple[int, int],
    metrics: Metrics,
    samples: Mapping[str, int] = {},
    caveat: str = "",
    where: str = "",
) -> str:
    """How the counterfactuals of two models of a run differ: the gain after ``lead``, its price, the caveat.

    Args:
        pair: positions of the conventional model and of the one compared with it; both have an IP.
        where: said after the gain.
    """
    conventional, trained = pair
    ip = metrics["ip"]
    found = difference(RECORDED["ip"], ip[trained], ip[conventional])
    how = f"{RECORDED['ip'].alike} as" if found.alike else f"{found.words} than"
    said = f"{lead}counterfactuals of {called(styles[trained])} end {how} the conventional model's{where}"
    better = found.verdict == "better"
    return finding(said, prices(metrics, pair, samples), caveat if better else "", better=better)


def prices(
    metrics: Metrics, pair: tuple[int, int], samples: Mapping[str, int], names: Sequence[str] = PRICES
) -> list[Difference]:
    """How the second of two models differs from the first in what a gain may cost, as far as that is beyond chance."""
    return [_apart(name, metrics, *pair, samples) for name in names]


def _apart(name: str, metrics: Metrics, conventional: int, trained: int, samples: Mapping[str, int]) -> Difference:
    values = metrics.get(name, ())
    if max(conventional, trained) >= len(values):
        return Difference()
    theirs, ours = values[conventional], values[trained]
    clear = name not in samples or shares_differ(ours, theirs, samples[name])
    return difference(RECORDED[name], ours, theirs, clear=clear)


def leap(paths: Paths, pair: tuple[int, int]) -> bool:
    """Whether most searches of either of two models that arrive do so in a step or two."""
    arrived = [paths.steps[arm][paths.mature[arm]] for arm in pair]
    return any(len(steps) and bool(np.median(steps) <= LEAP) for steps in arrived)


def left_in_short_steps(ends: Endpoints, pair: tuple[int, int], epoch: int | None = None) -> str:
    """What is left of a gain where recorded searches leap; empty if that cannot be said.

    Args:
        ends: of the same searches in short steps.
        pair: positions of the conventional model and of the one compared with it.
        epoch: at which they were searched, if that is not the one shown.
    """
    conventional, trained = pair
    ours, theirs = (float(ends.metrics["ip"].value[arm]) for arm in (trained, conventional))
    clear = conventional != 0 or bool(ends.differences["ip"].significant[trained])
    found = difference(METRICS["ip"], ours, theirs, clear=clear)
    if not found.words:
        return ""
    how = METRICS["ip"].alike if found.alike and clear else found.words
    when = "" if epoch is None else f", at epoch {epoch}"
    return f"Most of these searches leap; in short steps{when}: {how}."


def _missing(theirs: float, ours: float) -> str:
    if not math.isfinite(theirs) and not math.isfinite(ours):
        return "neither has any to measure"
    return f"the {'counterfactually trained' if not math.isfinite(ours) else 'conventional'} one has none to measure"


def _single(at: str, styles: Sequence[ArmStyle], metrics: Metrics) -> str:
    accuracy = metrics.get("validation_accuracy", ())
    if not styles or not accuracy or not math.isfinite(accuracy[0]):
        return f"{at}, nothing has been measured in this run yet."
    right = RECORDED["validation_accuracy"].amount(accuracy[0])
    return f"{at}, the model “{styles[0].title}” is right on {right} of new data in this run."


def describe_curve(metric: Metric, styles: Sequence[ArmStyle], epoch: int, values: Sequence[float]) -> str:
    """The text alternative of a chart: what each arm has at the marked epoch."""
    parts = [f"{style.title} {metric.amount(value)}" for style, value in zip(styles, values, strict=False)]
    return f"{metric.title} over the epochs. At epoch {epoch}: {', '.join(parts) or 'nothing measured'}."


def energy_gap(means: MeanEnergies, e: int, arm: int) -> tuple[str, str]:
    """How far the mean energies of an epoch and arm lie apart, and the two numbers: ``("1.9 higher", "real samples
    −3.1, counterfactuals −1.2")``, as the stage says it below its panels."""
    real, ends = float(means.real[e, arm]), float(means.ends[e, arm])
    if not means.mature[e, arm]:
        return "–", f"real samples {decimal(real)}; none of {means.searches} counterfactuals matured"
    said = f"real samples {decimal(real)}, counterfactuals {decimal(ends)}"
    if not math.isfinite(ends - real):
        return "–", said
    gap = decimal(abs(round(ends, 1) - round(real, 1)))  # of the numbers that are shown
    return ("the same" if float(gap) == 0 else f"{gap} {'higher' if ends > real else 'lower'}"), said
