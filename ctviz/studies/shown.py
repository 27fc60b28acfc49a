"""What the studies are drawn by, besides the metrics that they have in common with all pages."""

from __future__ import annotations

import math

from ctviz.catalogue.metrics import RECORDED
from ctviz.studies.study import StudyMetric

IP_STAR = StudyMetric(
    "gain_ip_star", "Gain in likeness to real data (IP*)", "IP*",
    "How much smaller the mismatch (squared MMD) of counterfactuals and real data is than in the conventional model.",
    "%", "more", bounds=(-math.inf, 100.0),
)  # fmt: skip
IP = StudyMetric(
    "gain_ip", "Gain in closeness to real data (IP)", "IP",
    "How much closer counterfactuals lie to real data of their class than those of the conventional model.",
    "%", "more", bounds=(-math.inf, 100.0),
)  # fmt: skip
IP_FINE = StudyMetric(
    "gain_ip_fine", "Gain in IP, advice searched in short steps", "IP (short steps)",
    "The same, but advice is searched in steps of η = 0.01, up to 1,000 of them: where a model is steep, long steps "
    "leap across the data, and part of what counterfactual training gains is that they leap less.",
    "%", "more", bounds=(-math.inf, 100.0),
)  # fmt: skip
IP_EVEN = StudyMetric(
    "gain_ip_even", "Gain in IP, advice searched in short steps of one length", "IP (even steps)",
    "The same, but advice is searched by the shortest way in steps of a two-hundredth of the spread of the data, up to "
    "1,000 of them, whatever the size of the gradient: they do not leap where a model is steep, and arrive where it is "
    "flat.", "%", "more", bounds=(-math.inf, 100.0),
)  # fmt: skip
DISTANCE = StudyMetric.of(RECORDED["ip"])
DISTANCE_FINE = StudyMetric(
    "ip_fine", "IP, advice searched in short steps", "IP (short steps)",
    "The same distance, but advice is searched in steps of η = 0.01, up to 1,000 of them, which do not leap across "
    "the data where a model is steep.", "data units", "less",
)  # fmt: skip
COST = StudyMetric.of(RECORDED["cost"])
ACCURACY = StudyMetric.of(RECORDED["validation_accuracy"])
ROBUST = StudyMetric.of(RECORDED["robust_accuracy"])
MATURE = StudyMetric.of(RECORDED["mature"])
RIDGE_TERM = StudyMetric.of(RECORDED["loss_reg"], log=True)
ENERGY = StudyMetric(
    "energy", "Mean size of the energy |E| of real data", "|E|",
    "E(x, y) = −M(x)[y], the logit of the own class with its sign turned, on validation data.", log=True,
)  # fmt: skip
SHARE = StudyMetric(
    "share", "What part of the answers rests on the locked feature", "|g|",
    "Integrated gradients: the mean of |g_d| / Σ|g| over test data.", "%", bounds=(0.0, 1.0),
)  # fmt: skip
TILT = StudyMetric(
    "tilt", "Angle of the boundary to the x1 axis", "°",
    "In degrees: 0 is horizontal, where x2 alone decides, 90 is vertical, where x1 alone does.", bounds=(0.0, 90.0),
)  # fmt: skip
LOCKED_COST = StudyMetric.of(RECORDED["cost"], title="What advice costs that leaves the feature alone")
LOCKED_VALIDITY = StudyMetric.of(RECORDED["validity"], title="Who gets advice that leaves the feature alone")
