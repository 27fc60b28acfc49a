"""Advice for everyone as it might be: made up, for words and charts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ctviz.data.rules import Rules
from ctviz.experiments.population import METRICS, Drawn, Population, PopulationSettings, Row, ThreeModels
from ctviz.experiments.reliance import Spread

ARMS = ("plain", "taught")


def spread(value, half=0.1):
    return Spread(value, value - half, value + half)


def rows(values, apart, feature="", group="", scope="both", people=200):
    """Values of both models, and the half width of the interval of their difference."""
    found = []
    for metric in METRICS:
        for arm, value in zip(ARMS, values[metric], strict=True):
            found.append(Row(scope, feature, group, arm, metric, "", people, spread(value)))
        difference = Spread(
            values[metric][1] - values[metric][0],
            values[metric][1] - values[metric][0] - apart[metric],
            values[metric][1] - values[metric][0] + apart[metric],
        )
        found.append(Row(scope, feature, group, ARMS[1], metric, "conventional", people, difference))
    return found


VALUES = {"planned": (1.0, 1.0), "effort": (4.0, 5.0), "distance": (10.0, 7.0), "closer": (0.2, 0.4)}
SURE = {"planned": 0.01, "effort": 0.2, "distance": 0.2, "closer": 0.02}


def made(values=VALUES, apart=SURE, n=200, more=(), groupings=(), reliance=None, **changed):
    full = np.ones((2, n), dtype=bool)
    found = Population(
        run="r", epoch=1, data="made", wanted="granted", settings=PopulationSettings(arms=ARMS), rules=Rules(),
        thresholds=(0.5, 0.5), drawn=Drawn(np.arange(n), full, 1000, (n + 5, n + 3), n), found=full,
        effort=np.full((2, n), 2.0), polished=np.full((2, n), 2.0), bound=np.zeros((2, n)),
        distance=np.ones((2, n)), closer=np.ones((2, n)), valid=full, obeys=full, proved=0, groupings=tuple(groupings),
        rows=(*rows(values, apart, people=n), *more), reliance=reliance, protected=False,
    )  # fmt: skip
    return replace(found, **changed)


def three(values, apart=SURE, people=200, more=(), groupings=(), **changed):
    """Three models: a conventional one with ``VALUES``, and both others with the values of a pair."""
    first, second, third = "plain", "taught", "ruled"
    told = {(ARMS[0], ""): second, (ARMS[1], ""): third, (ARMS[1], "conventional"): third}
    own = [replace(row, model=told[row.model, row.against]) for row in rows(values, apart, people=people)]
    plain = [row for row in rows(VALUES, apart, people=people) if row.model == first]
    found = ThreeModels("made", (first, second, third), people, (9, 9, 9), tuple(groupings), (*own, *plain, *more))
    return replace(found, **changed)
