"""Every metric once: its title, symbol and unit, which side is better, what it says, and how its numbers are written.

A metric is computed elsewhere, under its name; all figures, tables, controls and headlines read the rest here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ctviz.prose import number

Direction = Literal["less", "more"]
"""The side of a reference on which a value lies."""


@dataclass(frozen=True)
class Metric:
    """One metric in words.

    Attributes:
        name: in tables and snapshots.
        title: in plain words, without a unit.
        symbol: what papers call it.
        help: what it says, in one sentence.
        unit: of its values. What has the unit "%" is a share: kept in [0, 1], shown in %, and compared in points.
        direction: the side on which it is better; None where neither is.
        less: what a smaller value than another is, to finish the sentence "12 % …". A metric without such words (a
            loss, a count of failures) is shown, but never compared.
        more: the same of a larger value.
        alike: what a value that is about the same is, to finish the sentence "about …".
        bounds: the values that it can have.
    """

    name: str
    title: str
    symbol: str
    help: str
    unit: str = ""
    direction: Direction | None = None
    less: str = ""
    more: str = ""
    alike: str = "the same"
    bounds: tuple[float, float] = (0.0, math.inf)

    @property
    def share(self) -> bool:
        """Whether it lies in [0, 1] and is shown in %."""
        return self.unit == "%"

    @property
    def compared(self) -> bool:
        """Whether one may say that one value is so much less than another."""
        return bool(self.less)

    @property
    def scale(self) -> float:
        """What a value is multiplied by before it is shown."""
        return 100.0 if self.share else 1.0

    @property
    def suffix(self) -> str:
        """What always follows a number of it: " %", or nothing."""
        return " %" if self.share else ""

    def number(self, value: float) -> str:
        """A value without its unit: shares in % with a decimal, the rest with three significant digits."""
        if not math.isfinite(value):
            return "—"
        if not self.share:
            return number(value, 3)
        # 99.96 % must not be shown as 100 %: complete is said only of what is complete.
        percent = min(round(100 * value, 1), 99.9) if value < 1 else 100 * value
        return f"{percent:.0f}" if percent in (0.0, 100.0) else f"{percent:.1f}"

    def amount(self, value: float) -> str:
        """A value as it stands in tables: ``97.5 %``, ``1.90``; a dash without a percent sign if there is none."""
        return self.number(value) + (self.suffix if math.isfinite(value) else "")

    def about(self, part: str) -> Metric:
        """The metric of a part of what it is measured by, the ε of an attack or a feature, which its titles name."""
        if not part:
            return self
        told = f"ε = {part}" if self.name in ("fgsm", "pgd") else part
        return replace(self, title=f"{self.title}, {told}", symbol=f"{self.symbol} {told}")


def _share(
    name: str, title: str, symbol: str, help: str, less: str, more: str, direction: Direction | None = "more"
) -> Metric:
    return Metric(name, title, symbol, help, "%", direction, less, more, bounds=(0.0, 1.0))


def _by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


_IP = Metric(
    "ip", "Distance to real data", "IP",
    "Mean ℓ1 distance from a counterfactual to real samples of the class it aims at, in data units.",
    "data units", "less", "closer to real data", "farther from real data", "as far from real data",
)  # fmt: skip
_IP_STAR = Metric(
    "ip_star", "Mismatch with real data", "IP*",
    "Squared MMD between counterfactuals and real samples of their class: 0 where they look alike.",
    "", "less", "less mismatch with real data", "more mismatch with real data",
    bounds=(-math.inf, math.inf),  # an estimate without bias falls to either side of zero
)  # fmt: skip
_IP_STAR_MEDIAN = replace(
    _IP_STAR, name="ip_star_median", title="Mismatch with real data, in many dimensions", symbol="IP* med",
    help="Squared MMD between counterfactuals and real samples of their class, with the median distance between real "
    "samples as the kernel's length scale, so that it says something where all samples are far from each other.",
)  # fmt: skip
_NEAREST = Metric(
    "nearest", "Distance to the nearest real sample", "NN",
    "Mean ℓ2 distance from a counterfactual to the nearest real sample of the class it aims at, of those in the "
    "picture, in data units.",
    "data units", "less", "closer to the nearest real sample", "farther from the nearest real sample",
    "as far from the nearest real sample",
)  # fmt: skip
_COST = Metric(
    "cost", "Effort of the advice", "cost",
    "Mean ℓ1 distance from a factual to its counterfactual, of those that reach their class, in data units.",
    "data units", "less", "less effort", "more effort", "as much effort",
)  # fmt: skip
_VALIDITY = _share(
    "validity", "Advice that works", "validity",
    "Share of counterfactuals that the model itself puts into the class asked for.",
    "less often successful", "more often successful",
)  # fmt: skip
_READ_AS = _share(
    "read_as", "Read as what it claims to be", "read as",
    "Share of counterfactual digits in which an independent reader, a small network that no run has a part in, reads "
    "the digit aimed at.",
    "less often read as what it claims to be", "more often read as what it claims to be",
)  # fmt: skip
_READ_AS_BEFORE = _share(
    "read_as_before", "Still read as before", "read as before",
    "Share of counterfactual digits in which the independent reader still reads what it read in the digit that was "
    "changed.",
    "less often read as before", "more often read as before", "less",
)  # fmt: skip
_SKIPPED = Metric(
    "skipped", "Batches left out", "skipped",
    "Batches that the last epoch left out because their loss was not finite.", "batches", "less",
)  # fmt: skip
_TRAINED_MATURE = _share(
    "trained_mature", "Training searches that arrive", "mature in training",
    "Share of the last epoch's training searches that reached the confidence asked for (τ) within their steps (T).",
    "fewer searches arrive", "more searches arrive",
)  # fmt: skip

_EXACT = (
    replace(
        _IP, name="exact_ip", title="Distance to real data, cheapest advice", symbol="IP exact",
        help="Mean ℓ1 distance from the cheapest counterfactual that there is, which needs no search, to real samples "
        "of the class it aims at, in data units.",
    ),
    replace(
        _NEAREST, name="exact_nearest", title="Nearest real sample, cheapest advice", symbol="NN exact",
        help="Mean ℓ2 distance from the cheapest counterfactual that there is to the nearest real sample of the class "
        "it aims at, in data units.",
    ),
    replace(
        _NEAREST, name="exact_nearest_five", title="Five nearest real samples, cheapest advice", symbol="5-NN exact",
        help="Mean ℓ2 distance from the cheapest counterfactual that there is to the five nearest real samples of the "
        "class it aims at, in data units.",
        less="closer to the nearest real samples", more="farther from the nearest real samples",
        alike="as far from the nearest real samples",
    ),
    replace(
        _COST, name="exact_cost", title="Effort of the cheapest advice", symbol="cost exact",
        help="Mean ℓ1 distance from a factual to the cheapest counterfactual that there is, in data units.",
    ),
    _share(
        "exact_found", "Advice that exists", "exact found",
        "Share of factuals for which the exact search finds a counterfactual within the rules.",
        "fewer with advice", "more with advice",
    ),
    _share(
        "exact_proved", "Advice that is proved", "exact proved",
        "Share of exact searches that prove within their time that none is cheaper, or that there is none.",
        "fewer proofs", "more proofs", None,
    ),
)  # fmt: skip

METRICS: dict[str, Metric] = _by_name(
    (
        _IP, _IP_STAR, _IP_STAR_MEDIAN, _NEAREST, _COST, _VALIDITY,
        _share(
            "redundancy", "Features left alone", "redundancy",
            "Share of the features that a valid counterfactual leaves as they were.",
            "fewer features left alone", "more features left alone",
        ),
        _share(
            "mature", "Searches that arrive", "mature",
            "Share of searches that reach the confidence asked for (τ) within their steps (T).",
            "fewer searches arrive", "more searches arrive",
        ),
        Metric(
            "steps", "Steps of a search", "t", "Mean number of steps until a search ends.", "steps",
            less="fewer steps", more="more steps",
        ),
        _share(
            "accuracy", "Right on new data", "accuracy",
            "Share of samples kept aside that the model classifies correctly.", "less often right", "more often right",
        ),
        _share(
            "calibration", "Off in what it says of itself", "ECE",
            "Expected calibration error: how far the model's confidence is from the share of its answers that are "
            "right, on average over 15 bins of confidence.",
            "better calibrated", "worse calibrated", "less",
        ),
        _share(
            "accepted", "Accepted", "accepted",
            "Share of samples that reach the score from which on the model accepts as large a share of the validation "
            "data as is of the second class there.",
            "fewer accepted", "more accepted", None,
        ),
        _share(
            "fgsm", "Right under attack (FGSM)", "FGSM",
            "Share of samples still classified correctly after one step of size ε against the model.",
            "less often right under attack", "more often right under attack",
        ),
        _share(
            "pgd", "Right under a longer attack (PGD)", "PGD",
            "Share of samples still classified correctly after 40 small steps, together at most ε.",
            "less often right under a longer attack", "more often right under a longer attack",
        ),
        Metric(
            "sensitivity", "Weight of a feature", "|g|",
            "How much a feature counts for the model's answers: integrated gradients, standardised for each sample.",
            less="less weight", more="more weight",
        ),
        _READ_AS, _READ_AS_BEFORE, *_EXACT, _TRAINED_MATURE, _SKIPPED,
    )
)  # fmt: skip
"""Metrics of evaluations, of sweeps and of the ends of searches, in the order a reader meets them."""

RECORDED: dict[str, Metric] = _by_name(
    (
        _IP, _IP_STAR, _COST, _VALIDITY,
        _share(
            "validation_accuracy", "Right on new data", "accuracy",
            "Share of validation samples that the model classifies correctly.", "less often right", "more often right",
        ),
        _share(
            "robust_accuracy", "Right under attack", "robust accuracy",
            "Share of validation samples still right after the worst small nudge (FGSM).",
            "less often right", "more often right",
        ),
        _share(
            "train_accuracy", "Right on training data", "accuracy",
            "Share of training samples that the model classifies correctly.", "less often right", "more often right",
        ),
        # What an epoch records as mature and steps is that of its training searches, not of searches for advice.
        replace(_TRAINED_MATURE, name="mature"),
        Metric(
            "steps", "Steps of a training search", "t", "Mean number of steps of the epoch's training searches.",
            "steps", less="fewer steps", more="more steps",
        ),
        Metric(
            "loss_class", "Classification loss", "class loss", "How badly the data are classified.", direction="less",
        ),
        Metric(
            "loss_div", "Contrastive divergence", "divergence",
            "Energy of real data minus energy of counterfactuals, before λ_div.", bounds=(-math.inf, math.inf),
        ),
        Metric(
            "loss_adv", "Adversarial loss", "adversarial",
            "How badly nascent counterfactuals, or attacked samples, are classified, before λ_adv.", direction="less",
        ),
        Metric(
            "loss_reg", "Ridge on the energies", "ridge",
            "How large the energies are: the mean of E(x⁺)² + E(x′)², before λ_reg.", direction="less",
        ),
        Metric(
            "loss_gen", "Loss of the density", "density",
            "Log density of points that the model makes up minus that of real samples, before λ_gen.",
            bounds=(-math.inf, math.inf),
        ),
        Metric(
            "loss_recourse", "Loss after the best change", "recourse",
            "How far people are from the favourable class after their best change, before λ_recourse.",
            direction="less",
        ),
        Metric(
            "loss_aug", "Loss of counterfactuals as data", "as data",
            "How badly counterfactuals are put into the class they were to have, before λ_aug.", direction="less",
        ),
        _SKIPPED,
    )
)  # fmt: skip
"""Metrics of a snapshot, on validation data or of the epoch's training, in the order a reader meets them."""

REPRODUCED: dict[str, Metric] = _by_name(
    (
        _IP, _IP_STAR,
        replace(
            _COST, title="Cost with a feature locked",
            help="ℓ1 distance that valid counterfactuals go when a feature may not change, for a model trained with "
            "that lock against a conventional one.",
        ),
    )
)  # fmt: skip
"""The three columns of the paper's Table 1."""

RIVAL_METRICS: dict[str, Metric] = _by_name(
    (
        _IP, _IP_STAR, _IP_STAR_MEDIAN,
        replace(
            _NEAREST,
            help="Mean ℓ2 distance from a counterfactual to the nearest real sample of the class it aims at, in data "
            "units.",
        ),
        _READ_AS,
        _VALIDITY,
        replace(
            _COST, title="Effort with a feature locked", symbol="cost under lock",
            help="Mean ℓ1 distance from a factual to its counterfactual when a feature may not change, of models that "
            "were trained with that lock; methods are compared over the requests that both meet.",
        ),
        _share(
            "locked_validity", "Advice that works with a feature locked", "validity under lock",
            "Share of counterfactuals that the model itself puts into the class asked for, when a feature may not "
            "change.", "less often successful", "more often successful",
        ),
        METRICS["accuracy"],
        replace(
            METRICS["pgd"], title="Right under attack", symbol="under attack",
            help="Share of samples still classified correctly after 40 small steps against the model, together at most "
            "ε = 0.1 (PGD).",
        ),
        Metric(
            "seconds", "Time of training", "seconds", "Seconds of one processor that training takes.", "s", "less",
            "less time", "more time",
        ),
    )
)  # fmt: skip
"""The columns of the comparison with rivals, in the order of the page."""

DIGIT_METRICS: dict[str, Metric] = _by_name(
    (
        _READ_AS, _READ_AS_BEFORE,
        _share(
            "validity", "Arrive", "validity", "Searches after which the model reads the class aimed at.",
            "fewer searches arrive", "more searches arrive",
        ),
        _share(
            "mature", "Mature", "mature",
            "Those after which it does so with a probability of at least τ.",
            "fewer mature searches", "more mature searches",
        ),
        Metric(
            "variation", "Unevenness of the digit", "TV(x′)",
            "Total variation, TV(x′): differences between neighbouring pixels, added up; from black to white is 2.",
            direction="less", less="smoother", more="rougher",
        ),
        Metric(
            "change_variation", "Unevenness of the change", "TV(x′ − x)",
            "Total variation of what is changed, TV(x′ − x).", direction="less", less="smoother", more="rougher",
        ),
        Metric(
            "roughness", "The same, for each unit of ink moved", "TV(x′ − x) / ‖x′ − x‖₁",
            "TV(x′ − x) over ‖x′ − x‖₁: near 4 for lonely dots, near 0 for one even patch.",
            direction="less", less="smoother", more="rougher",
        ),
        Metric(
            "cost", "Ink moved", "cost",
            "Changes of all pixels added up (cost, ℓ1), of those that arrive; one pixel from black to white is 2.",
            direction="less", less="less ink", more="more ink",
        ),
        Metric(
            "steps", "Steps", "t", "Mean number of steps of a search.", "steps", less="fewer steps", more="more steps",
        ),
        Metric(
            "ip", "Distance to real digits", "IP",
            "To those of the class aimed at, over all pixels (IP, mean ℓ1); one pixel from black to white is 2.",
            direction="less", less="closer to real digits", more="farther from real digits",
        ),
    )
)  # fmt: skip
"""Metrics of counterfactual digits, whose distances are counted in pixels, in the order of the page."""

ATTENTION_METRICS: dict[str, Metric] = _by_name(
    (
        _share(
            "share", "On locked pixels", "Σ|g|", "Share of |attribution| on the locked pixels.", "less", "more", None,
        ),
        Metric(
            "standardised", "The paper's measure there", "|g|",
            "Mean |attribution| on the locked pixels, each digit's own put on a scale from 0 to 1.",
            less="less", more="more", bounds=(0.0, 1.0),
        ),
    )
)  # fmt: skip
"""Where models look at digits."""


def metric(name: str, part: str = "", among: Mapping[str, Metric] = METRICS) -> Metric:
    """A metric by its name; one that a table from elsewhere holds besides is called by that name, and not judged."""
    return (among.get(name) or Metric(name, name.replace("_", " "), name, "", bounds=(-math.inf, math.inf))).about(part)
