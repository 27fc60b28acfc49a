"""Few searches arrive: a high threshold, or short steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctviz.experiments.config import Experiment
from ctviz.experiments.limits.draw import LimitPanel, Variant
from ctviz.experiments.limits.limit import Limit, stack
from ctviz.experiments.summary import CONVENTIONAL, gains, values_of
from ctviz.training.arm import Arm

if TYPE_CHECKING:
    import pandas as pd

TAUS = (0.5, 0.75, 0.9, 0.99)
ETAS = (0.01, 0.05, 0.25)

WITHOUT = "without the divergence"
"""The control: the effect of ridge and adversarial loss alone."""


def _panel(name: str, title: str, ridge: float) -> LimitPanel:
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
    return LimitPanel(
        name, title, experiment, (Variant(CONVENTIONAL, "vanilla"), Variant(WITHOUT, "no divergence"), *cells)
    )


def cells(table: pd.DataFrame, panel: str, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gains of the cells of one panel, and the mean share of mature searches of each cell (columns variant, dose,
    mature)."""
    own = table[(table["panel"] == panel) & table["dose"].notna()]
    shares = values_of(own, "trained_mature").groupby(["variant", "dose"], sort=False)["value"].mean()
    found = gains(table[table["panel"] == panel], metric)
    return found[found["dose"].notna()], shares.rename("mature").reset_index()


LIMIT = Limit(
    name="maturity",
    panels=(
        _panel("ls", "Linearly separable", 0.01),
        _panel("moons", "Moons", 0.1),
        _panel("circles", "Circles", 0.1),
        _panel("ol", "Overlapping", 0.1),
    ),
    measures=("fine",),
    metrics=("ip", "ip_star", "ip_fine", "cost", "validity", "robust_accuracy", "loss_div", "trained_mature"),
)  # fmt: skip
