"""What is measured of finished models, in words: titles, units, and which side is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ctviz.prose import number

Better = Literal["low", "high"]

Measure = Literal["reduction", "value"]
"""A metric in % of the conventional model's, how far below it; or as it is."""


@dataclass(frozen=True)
class Measured:
    """One metric in words.

    Attributes:
        name: in the tables.
        title: in plain words, without a unit.
        symbol: what papers call it.
        unit: of its values, such as "%"; a share is kept in [0, 1] and shown in %.
        better: the side on which it is better; None where neither is.
        sentence: what it says, in one sentence.
        less: finishes "12 % …", of a value below the conventional model's.
        more: the same of one above it.
    """

    name: str
    title: str
    symbol: str
    unit: str
    better: Better | None
    sentence: str
    less: str = "less"
    more: str = "more"

    @property
    def share(self) -> bool:
        """Whether it lies in [0, 1] and is shown in %."""
        return self.unit == "%"


METRICS: dict[str, Measured] = {
    one.name: one
    for one in (
        Measured(
            "ip", "Distance to real data", "IP", "data units", "low",
            "Mean ℓ1 distance from a counterfactual to real samples of the class it aims at.",
            "closer to real data", "farther from real data",
        ),
        Measured(
            "ip_star", "Mismatch with real data", "IP*", "", "low",
            "Squared MMD between counterfactuals and real samples of their class: 0 where they look alike.",
            "less mismatch with real data", "more mismatch with real data",
        ),
        Measured(
            "cost", "Effort of the advice", "cost", "data units", "low",
            "Mean ℓ1 distance from a factual to its counterfactual, of those that reach their class.",
            "less effort", "more effort",
        ),
        Measured(
            "validity", "Advice that works", "validity", "%", "high",
            "Share of counterfactuals that the model itself puts into the class asked for.",
            "less often successful", "more often successful",
        ),
        Measured(
            "redundancy", "Features left alone", "redundancy", "%", "high",
            "Share of the features that a counterfactual leaves as they were.",
            "fewer features left alone", "more features left alone",
        ),
        Measured(
            "mature", "Searches that arrive", "mature", "%", "high",
            "Share of searches that reach the confidence asked for (τ) within their steps (T).",
            "fewer searches arrive", "more searches arrive",
        ),
        Measured(
            "steps", "Steps of a search", "t", "steps", None,
            "Mean number of steps until a search ends.", "fewer steps", "more steps",
        ),
        Measured(
            "accuracy", "Right on new data", "accuracy", "%", "high",
            "Share of samples kept aside that the model classifies correctly.",
            "less often right", "more often right",
        ),
        Measured(
            "fgsm", "Right under attack (FGSM)", "FGSM", "%", "high",
            "Share of samples still classified correctly after one step of size ε against the model.",
            "less often right under attack", "more often right under attack",
        ),
        Measured(
            "pgd", "Right under a longer attack (PGD)", "PGD", "%", "high",
            "Share of samples still classified correctly after 40 small steps, together at most ε.",
            "less often right under a longer attack", "more often right under a longer attack",
        ),
        Measured(
            "sensitivity", "Weight of a feature", "|g|", "", None,
            "How much a feature counts for the model's answers: integrated gradients, standardised for each sample.",
            "less weight", "more weight",
        ),
        Measured(
            "trained_mature", "Training searches that arrive", "mature in training", "%", "high",
            "Share of the last epoch's training searches that reached the confidence asked for (τ).",
            "fewer searches arrive", "more searches arrive",
        ),
        Measured(
            "skipped", "Batches left out", "skipped", "batches", "low",
            "Batches that the last epoch left out because their loss was not finite.",
            "fewer batches left out", "more batches left out",
        ),
    )
}  # fmt: skip
"""Every metric of an evaluation and of a sweep, in the order a reader meets them."""

SETTINGS: dict[str, str] = {
    "lambda_class": "λ_class", "lambda_div": "λ_div", "lambda_adv": "λ_adv", "lambda_reg": "λ_reg",
    "lambda_cost": "λ_cost", "lambda_egy": "λ_egy", "lambda_gravity": "λ_gravity",
    "lambda_diversity": "λ_diversity", "tau": "τ", "steps": "T", "step_size": "η", "epsilon": "ε",
    "generator": "search", "per_factual": "counterfactuals of each point", "latent": "latent size",
    "neighbours": "neighbours", "locked": "locked", "lock_when": "locks hold", "shield": "shield",
    "training.n_ce": "n_ce", "training.burnin": "burn-in", "training.epochs": "epochs", "training.batch": "batch",
    "training.lr": "learning rate", "training.optimiser": "optimiser", "model.hidden": "hidden layers",
    "model.activation": "activation", "data.name": "data", "data.seed": "draw of the data", "data.noise": "noise",
    "data.n_train": "training points",
}  # fmt: skip
"""What an axis is called in a figure: short, by its symbol where it has one."""

SIGNED = ("ip_star",)
"""Metrics that may be negative: an estimate without bias falls to either side of zero."""

REASONS: dict[str, str] = {
    "numbers ran out of bounds": "the numbers ran out of bounds in training",
    "nothing matured": "none of the training searches arrived",
}
"""Reasons of a sweep that are put into plainer words."""


def what(axis: str, names: Mapping[str, str] | None = None) -> str:
    """What an axis is called: by ``names``, else by its symbol, else the last part of its path in words."""
    if names and axis in names:
        return names[axis]
    return SETTINGS.get(axis) or axis.rpartition(".")[2].replace("_", " ")


def spelled(value: Any) -> str:
    """A value of a setting as people write it: 0.25, 1, ECCCo's name as it is, "none" for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "none"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return str(int(value)).replace("-", "−")
    if isinstance(value, float | np.floating):
        return f"{value:.4g}".replace("-", "−")
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(spelled(part) for part in value) or "none"
    return str(value) or "none"


def metric_words(name: str, part: str = "") -> Measured:
    """The words for a metric; ``part``, the ε of an attack or a feature, goes into title and symbol."""
    known = METRICS.get(name) or Measured(name, name.replace("_", " "), name, "", None, "")
    if not part:
        return known
    told = f"ε = {part}" if name in ("fgsm", "pgd") else part
    return replace(known, title=f"{known.title}, {told}", symbol=f"{known.symbol} {told}")


def better_of(name: str, measure: Measure) -> Better | None:
    """The side on which what is shown of a metric is better; None where neither is.

    A reduction is positive where the value lies below the conventional model's, so its better side is the other one.
    """
    better = metric_words(name).better
    if better is None or measure == "value":
        return better
    return "high" if better == "low" else "low"


def title(name: str, measure: Measure, part: str = "") -> str:
    """What is shown of a metric, with its unit."""
    words = metric_words(name, part)
    if measure == "reduction":
        return f"{words.title}: % below the conventional model"
    return f"{words.title} ({words.unit})" if words.unit else words.title


def short(name: str, measure: Measure, part: str = "") -> str:
    """The same where there is little room."""
    words = metric_words(name, part)
    if measure == "reduction":
        return f"{words.symbol}, % below conv."
    return f"{words.symbol}, %" if words.share else words.symbol


def unit_of(name: str, measure: Measure) -> str:
    """What follows a number of a metric, " %" or nothing."""
    return " %" if measure == "reduction" or metric_words(name).share else ""


def shown(name: str, value: float, measure: Measure) -> str:
    """A number of a metric without its unit: shares in %, with a decimal; reductions with two digits."""
    if not math.isfinite(value):
        return "—"
    if measure == "reduction":
        # Never finer than a tenth of a percent, and never an exponent.
        text = f"{value:.1f}" if abs(value) < 9.95 else f"{value:.0f}"
    elif metric_words(name).share:
        percent = 100 * value
        # 99.96 % must not be shown as 100 %: complete is said only of what is complete.
        text = f"{min(percent, 99.9) if percent < 100 else percent:.1f}"
    else:
        return number(value, 3)
    return {"0.0": "0", "-0.0": "0", "100.0": "100"}.get(text, text).replace("-", "−")


def interval(name: str, low: float, high: float, measure: Measure) -> str:
    """An interval in words, "from 12 to 30"; empty if there is none. It ends where the metric cannot go beyond."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    if name in METRICS and name not in SIGNED:
        if measure == "reduction":
            high = min(high, 100.0)
        else:
            low, high = max(low, 0.0), min(high, 1.0) if metric_words(name).share else high
    return f"from {shown(name, low, measure)} to {shown(name, high, measure)}"


def state_words(state: str, reason: str) -> str:
    """Why a cell has no number, or what is to be known of one that has."""
    if state == "waiting":
        return "not trained yet"
    head, mark, seeds = reason.partition(" (seeds:")
    text = REASONS.get(head, head) + mark + seeds
    if state == "failed":
        return f"failed: {text}" if text else "failed"
    return text


def difference_words(name: str, reduction: float) -> str:
    """A reduction in words: "56 % closer to real data"; empty if it is not known."""
    if not math.isfinite(reduction):
        return ""
    words = metric_words(name)
    if abs(reduction) < 1:
        return "about the same as conventional"
    return f"{shown(name, abs(reduction), 'reduction')} % {words.less if reduction > 0 else words.more}"
