"""Energies without ridge: what becomes of them, and what comes of that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ctviz.catalogue.limits.shown import ENERGY, IP, RIDGE_TERM, ROBUST
from ctviz.catalogue.limits.story import DeepLink, LimitFinding, LimitMetric, LimitStory, number, percent
from ctviz.experiments.config import Experiment
from ctviz.experiments.limits.energies import LIMIT, USUAL, ridge_name
from ctviz.experiments.summary import CONVENTIONAL, Mean, by_draw, difference, gains, geometric, mean, values_of
from ctviz.prose import listed
from ctviz.training.arm import Arm

if TYPE_CHECKING:
    import pandas as pd

LARGE = 10.0
"""How many times larger than with the usual ridge energies have to be, to be called exploding."""


def finding(table: pd.DataFrame, metric: LimitMetric) -> LimitFinding:
    """Energies after the last epoch without ridge against those with the usual one, and what came of it."""
    exploded: list[str] = []
    held: list[str] = []
    sentences: list[str] = []
    for panel in LIMIT.panels:
        own = table[table["panel"] == panel.name]
        if not len(own):
            continue
        last = own[own["epoch"] == own["epoch"].max()]
        energy = values_of(last, "energy")
        without, usual, base = (
            geometric(energy.loc[energy["variant"] == name, "value"])
            for name in (ridge_name(0.0), ridge_name(USUAL), CONVENTIONAL)
        )
        big = _ratio(energy, ridge_name(0.0), ridge_name(USUAL)).low > math.log(LARGE)
        (exploded if big else held).append(panel.title)
        said = f"{panel.title}: after {int(last['epoch'].max())} epochs the energy (geometric mean) is "
        said += f"{number(without.value)} without ridge, {number(usual.value)} with {ridge_name(USUAL)}, "
        said += f"{number(base.value)} in the conventional "
        sentences.append(f"{said}model. {_consequences(last)}")
    sentences.append(_skipped(table))
    return LimitFinding(_headline(exploded, held), tuple(sentences), tuple(exploded))


def _ratio(energy: pd.DataFrame, variant: str, other: str) -> Mean:
    """Mean over draws of log(variant / other): energies grow by factors, so that their logarithms are compared."""
    one, two = (energy[energy["variant"] == name].set_index("seed")["value"] for name in (variant, other))
    return mean(math.log(ratio) for ratio in (one / two).dropna() if ratio > 0)


def _consequences(last: pd.DataFrame) -> str:
    """What lacking ridge costs in IP and robustness, where that is no chance."""
    worse = []
    for metric, words in (("ip", "less close to real data"), ("robust_accuracy", "less accurate under attack")):
        rows = values_of(last, metric)
        without, usual = (rows[rows["variant"] == ridge_name(ridge)] for ridge in (0.0, USUAL))
        apart = difference(without, usual)
        if metric == "ip" and apart.sign > 0:
            gained = gains(last, "ip")
            numbers = [by_draw(gained[gained["variant"] == ridge_name(ridge)]).value for ridge in (0.0, USUAL)]
            worse.append(f"advice is {words} (gain {percent(numbers[0])} instead of {percent(numbers[1])})")
        if metric == "robust_accuracy" and apart.sign < 0:
            numbers = [100 * by_draw(rows_).value for rows_ in (without, usual)]
            worse.append(f"the model is {words} ({percent(numbers[0])} instead of {percent(numbers[1])})")
    if not worse:
        return "What that does to advice and to accuracy under attack could be chance."
    return f"Without ridge, {listed(worse)}."


def _skipped(table: pd.DataFrame) -> str:
    rows = values_of(table, "all_skipped")
    total = int(rows["value"].sum())
    if total == 0:
        return "No batch had to be left out: the energies grow, but stay within what a computer can hold."
    where = sorted(set(rows.loc[rows["value"] > 0, "variant"]))
    return f"In all {total} batches were left out because their loss was not finite ({listed(where)})."


def _headline(exploded: list[str], held: list[str]) -> str:
    if exploded and held:
        return f"Without ridge the energies explode on {listed(exploded)}, but not on {listed(held)}"
    if exploded:
        return f"Without ridge the energies explode on {listed(exploded)}"
    return f"Without ridge the energies stay within bounds on {listed(held)}" if held else "Nothing measured yet"


def _link() -> DeepLink:
    arms = [Arm.variant("vanilla")]
    arms += [Arm.variant(f"ridge {i}", lambda_reg=ridge) for i, ridge in enumerate((0.0, 0.01, 0.1))]
    base = Experiment.preset("moons")
    experiment = Experiment(**{**base.model_dump(), "arms": [arm.model_dump() for arm in arms]})
    return DeepLink("boundaries", "Train the moons without ridge, and with", tuple(experiment.to_query().items()))


STORY = LimitStory(
    name=LIMIT.name,
    title="No ridge on the energies",
    question="What if nothing keeps the energies small?",
    expected="The divergence rewards ever lower energies of real data against those of counterfactuals. Only the ridge "
    "holds them back: without it they should grow without end.",
    advice="Never train without ridge: keep λ_reg above zero, and look at the ridge term over the epochs. As long as "
    "it grows, the training has not settled; raise λ_reg tenfold. But do not overdo it: look whether searches "
    "still arrive.",
    kind="epochs",
    shown=(ENERGY, RIDGE_TERM, IP, ROBUST),
    finding=finding,
    links=(_link(),),
)
