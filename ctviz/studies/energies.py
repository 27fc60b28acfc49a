"""Energies without ridge: what becomes of them, and what comes of that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ctviz.experiments.config import Experiment
from ctviz.prose import listed
from ctviz.studies.draw import Panel, Variant
from ctviz.studies.shown import ENERGY, IP, RIDGE_TERM, ROBUST
from ctviz.studies.study import DeepLink, Finding, Study, StudyMetric, Told, by_panel, number, percent, stack
from ctviz.studies.summary import CONVENTIONAL, Mean, by_draw, difference, gains, geometric, mean, values_of
from ctviz.training.arm import Arm

if TYPE_CHECKING:
    import pandas as pd

RIDGES = (0.0, 0.01, 0.1, 0.5)
USUAL = 0.1


def ridge_name(ridge: float) -> str:
    """What the variant with a ridge is called."""
    return f"λ_reg = {ridge:g}"


def _panel(
    name: str, title: str, tau: float, changes: dict[str, object], ridges: tuple[float, ...], most: int
) -> Panel:
    arms = [Arm.variant("vanilla")]
    arms += [Arm.variant(f"ridge {i}", tau=tau, lambda_reg=ridge) for i, ridge in enumerate(ridges)]
    experiment = stack(Experiment.preset(name), changes, arms)
    variants = [Variant(ridge_name(ridge), f"ridge {i}", ridge) for i, ridge in enumerate(ridges)]
    return Panel(name, title, experiment, (Variant(CONVENTIONAL, "vanilla"), *variants), most)


_DIGITS: dict[str, object] = {
    "data.n_train": 2000, "training.batch": 200, "training.n_ce": 1000, "training.epochs": 30,
    "evaluation.every": 5, "evaluation.also": (1, 2),
}  # fmt: skip
"""A fifth of the digits and of each batch, so that an epoch has as many steps as in the paper and takes a second."""

_SHORT: dict[str, object] = {"evaluation.every": 10, "evaluation.also": (1, 2, 5)}


PANELS = (
    _panel("moons", "Moons", 0.75, _SHORT, RIDGES, 100),
    _panel("ls", "Linearly separable", 0.5, _SHORT, RIDGES, 100),
    _panel(
        "mnist",
        "Handwritten digits (MNIST)",
        0.5,
        _DIGITS,
        RIDGES[:3],
        5,
    ),
)


# -- how it is told ----------------------------------------------------------------------------------------


LARGE = 10.0
"""How many times larger than with the usual ridge energies have to be, to be called exploding."""


def finding(table: pd.DataFrame, metric: StudyMetric) -> Finding:
    """Energies after the last epoch without ridge against those with the usual one, and what came of it."""
    said, sentences = by_panel(PANELS, table, _tell)
    return Finding(_headline(said["exploded"], said["held"]), (*sentences, _skipped(table)), tuple(said["exploded"]))


def _tell(panel: Panel, own: pd.DataFrame) -> Told:
    last = own[own["epoch"] == own["epoch"].max()]
    energy = values_of(last, "energy")
    without, usual, base = (
        geometric(energy.loc[energy["variant"] == name, "value"])
        for name in (ridge_name(0.0), ridge_name(USUAL), CONVENTIONAL)
    )
    big = _ratio(energy, ridge_name(0.0), ridge_name(USUAL)).low > math.log(LARGE)
    said = f"{panel.title}: after {int(last['epoch'].max())} epochs the energy (geometric mean) is "
    said += f"{number(without.value)} without ridge, {number(usual.value)} with {ridge_name(USUAL)}, "
    said += f"{number(base.value)} in the conventional "
    return ("exploded" if big else "held",), f"{said}model. {_consequences(last)}"


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
    query = Experiment.preset("moons").replace({"arms": arms}).to_query()
    return DeepLink("boundaries", "Train the moons without ridge, and with", tuple(query.items()))


STUDY = Study(
    name="energies",
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
    panels=PANELS,
    measures=("energy",),
    metrics=("energy", "loss_reg", "ip", "validity", "validation_accuracy", "robust_accuracy", "mature", "all_skipped"),
    every_epoch=True,
)
