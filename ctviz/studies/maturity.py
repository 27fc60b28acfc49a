"""Few searches arrive: what is left of the gain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ctviz.experiments.config import Experiment
from ctviz.prose import listed
from ctviz.studies.draw import Panel, Variant
from ctviz.studies.shown import IP, IP_FINE, IP_STAR
from ctviz.studies.study import DeepLink, Finding, Study, StudyMetric, Told, by_panel, interval, percent, stack
from ctviz.studies.summary import CONVENTIONAL, by_draw, difference, gains, values_of
from ctviz.training.arm import Arm

if TYPE_CHECKING:
    import pandas as pd

TAUS = (0.5, 0.75, 0.9, 0.99)
ETAS = (0.01, 0.05, 0.25)

WITHOUT = "without the divergence"
"""The control: the effect of ridge and adversarial loss alone."""


def _panel(name: str, title: str, ridge: float) -> Panel:
    base = Experiment.preset(name)
    cells = [
        Variant(f"η = {eta:g}", f"tau {i} eta {j}", tau) for j, eta in enumerate(ETAS) for i, tau in enumerate(TAUS)
    ]
    arms = [Arm.variant("vanilla"), Arm.variant("no divergence", lambda_div=0.0, lambda_reg=ridge)]
    arms += [
        Arm.variant(f"tau {i} eta {j}", tau=tau, step_size=eta, lambda_reg=ridge)
        for j, eta in enumerate(ETAS)
        for i, tau in enumerate(TAUS)
    ]
    experiment = stack(base, {"evaluation.every": 10}, arms)
    return Panel(name, title, experiment, (Variant(CONVENTIONAL, "vanilla"), Variant(WITHOUT, "no divergence"), *cells))


def cells(table: pd.DataFrame, panel: str, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gains of the cells of one panel, and the mean share of mature searches of each cell (columns variant, dose,
    mature)."""
    own = table[(table["panel"] == panel) & table["dose"].notna()]
    shares = values_of(own, "trained_mature").groupby(["variant", "dose"], sort=False)["value"].mean()
    found = gains(table[table["panel"] == panel], metric)
    return found[found["dose"].notna()], shares.rename("mature").reset_index()


PANELS = (
    _panel("ls", "Linearly separable", 0.01),
    _panel("moons", "Moons", 0.1),
    _panel("circles", "Circles", 0.1),
    _panel("ol", "Overlapping", 0.1),
)


# -- how it is told ----------------------------------------------------------------------------------------


STARVED, FED = 0.05, 0.5
"""Mean share of mature searches up to which a cell counts as starved, and from which as fed."""


def finding(table: pd.DataFrame, metric: StudyMetric) -> Finding:
    """Cells in which next to nothing matures against those in which most does, draw by draw and at the same η.

    Steps of another length find other counterfactuals, so that cells of different η would differ by more than by how
    many searches arrive.
    """
    said, sentences = by_panel(PANELS, table, lambda panel, own: _tell(panel, own, metric))
    return Finding(_headline(said), sentences, (*said["lost"], *said["smaller"]))


def _tell(panel: Panel, own: pd.DataFrame, metric: StudyMetric) -> Told | None:
    found, shares = cells(own, panel.name, metric.column)
    if not len(found):
        return None
    joined = found.merge(shares, on=["variant", "dose"])
    starved, fed = joined[joined["mature"] <= STARVED], joined[joined["mature"] >= FED]
    etas = [eta for eta in joined["variant"].unique() if {eta} <= set(starved["variant"]) & set(fed["variant"])]
    if not etas:
        missing = "both kinds of cells: where next to no search arrives, and where most do"
        return (), f"{panel.title}: no step length has {missing}, so nothing can be said."
    rest = gains(own, metric.column)
    alone = rest[rest["variant"] == WITHOUT]
    much, none = _evenly(fed, etas), _evenly(starved, etas)
    left, apart = by_draw(none), difference(much, none)
    words = f"{panel.title}: at {listed(etas)} the gain is {interval(by_draw(much), '%')} where most searches "
    words += f"arrive, {interval(left, '%')} where next to none does, and {interval(by_draw(alone), '%')} "
    words += "with the divergence switched off"
    where = "alike" if apart.sign == 0 else "larger" if apart.sign < 0 else "smaller" if left.sign > 0 else "lost"
    meaning = _meaning(apart.sign, left.sign, by_draw(alone).sign, difference(alone, much).sign)
    return (where,), f"{words}. {meaning}{_elsewhere(fed, etas)}"


def _evenly(rows: pd.DataFrame, etas: list[str]) -> pd.DataFrame:
    """One row for each draw and η, so that each η weighs the same however many thresholds it has."""
    own = rows[rows["variant"].isin(etas)]
    return own.groupby(["seed", "variant"], sort=False)["value"].mean().reset_index()


def _elsewhere(fed: pd.DataFrame, etas: list[str]) -> str:
    """The gains at other η, where most searches arrive too: what the length of the steps does."""
    rest = fed[~fed["variant"].isin(etas)]
    said = [f"{percent(by_draw(rows).value)} at {eta}" for eta, rows in rest.groupby("variant", sort=False)]
    return f" Where most arrive at another step length, the gain is {listed(said)}." if said else ""


def _meaning(apart: int, left: int, alone: int, taken: int) -> str:
    """Of the difference, of what is left where nothing arrives, of the gain without any divergence, and of whether
    that is more than with it."""
    if apart > 0:
        return (
            "So a part of the gain goes with the counterfactuals, but not all."
            if left > 0
            else "So here the gain comes from the counterfactuals, and is gone without them."
        )
    own = " Ridge and adversarial loss gain by themselves" if alone > 0 else ""
    own += ", and in steps of this length the divergence takes from it." if own and taken > 0 else "." if own else ""
    return ("So here it is larger where none arrives." if apart < 0 else "The difference could be chance.") + own


def _headline(said: Mapping[str, list[str]]) -> str:
    parts = [f"{group} on {listed(said[group])}" for group in ("lost", "smaller", "larger") if said[group]]
    if not parts:
        alone = f"Where no search arrives, no loss of the gain shows on {listed(said['alike'])}"
        return alone if said["alike"] else "Nothing measured yet"
    rest = f"; no difference shows on {listed(said['alike'])}" if said["alike"] else ""
    return f"Where no search arrives, the gain is {listed(parts)}{rest}"


def _link(eta: float, tau: float) -> DeepLink:
    arms = [
        Arm.variant("vanilla"), Arm.variant("full", tau=0.75, lambda_reg=0.01),
        Arm.variant("starved", tau=tau, step_size=eta, lambda_reg=0.01),
    ]  # fmt: skip
    query = Experiment.preset("ls").replace({"arms": arms}).to_query()
    return DeepLink("boundaries", "Train a starved model beside a fed one", tuple(query.items()))


STUDY = Study(
    name="maturity",
    title="Few searches arrive",
    question="What if the threshold is so high, or the steps so short, that most searches give up?",
    expected="A search that does not reach τ teaches nothing by the divergence. With τ high or η small, that term "
    "starves, and the gain in plausibility should go with it.",
    advice="Watch the share of mature searches. If it stays near zero, lower τ or raise η, until T · η spans the "
    "distance between the classes. If the gain stays although nothing matures, it is not the counterfactuals that "
    "bring it: compare with λ_div = 0.",
    kind="gains",
    shown=(IP_STAR, IP, IP_FINE),
    finding=finding,
    links=(_link(0.01, 0.99),),
    panels=PANELS,
    measures=("fine",),
    metrics=("ip", "ip_star", "ip_fine", "cost", "validity", "robust_accuracy", "loss_div", "trained_mature"),
)
