"""What an explorer of any kind of data answers: attributions and attacks, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

from ctviz.evaluation.attribution import AttributionSettings
from ctviz.evaluation.bootstrap import Floats as Doubles
from ctviz.evaluation.bootstrap import Interval
from ctviz.evaluation.robustness import Attack
from ctviz.experiments.trace import Floats, Ints
from ctviz.short_repr import ShortRepr


@dataclass(frozen=True, repr=False, eq=False)
class SampleAttributions(ShortRepr):
    """Attributions of every model's outputs to the columns of b samples."""

    epoch: int
    settings: AttributionSettings
    values: Floats  # m b d: g, in units of the output
    classes: Ints  # m b: the class whose output is attributed
    error: Doubles  # m b: Σ g − [F(x) − F(x⁰)]; NaN where the parts need not add up
    baselines: Floats  # b d: x⁰


@dataclass(frozen=True, repr=False, eq=False)
class AttributionHistory(ShortRepr):
    """Attributions of one sample, after every epoch."""

    epochs: tuple[int, ...]
    settings: AttributionSettings
    values: Floats  # e m d
    classes: Ints  # e m
    error: Doubles  # e m
    baseline: Floats  # d


@dataclass(frozen=True, repr=False, eq=False)
class AttackedSamples(ShortRepr):
    """Samples under attack, for every strength and arm."""

    epoch: int
    epsilons: tuple[float, ...]
    points: Floats  # m n b d
    probabilities: Floats  # m n b k


@dataclass(frozen=True, repr=False, eq=False)
class Robustness(ShortRepr):
    """Share of test samples that every arm still classifies correctly under attacks of n strengths, with intervals."""

    arms: tuple[str, ...]
    epsilons: tuple[float, ...]
    attack: Attack
    within: bool  # whether the samples stay in their domain
    level: float
    samples: int
    accuracy: Interval  # m n
    difference: Interval  # m n: an arm minus the first, sample by sample; NaN for the first
