"""The record of a limit: its settings as experiments, and what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.limits.draw import MAX_SEEDS, LimitPanel, PanelDraw
from ctviz.training.arm import Arm


@dataclass(frozen=True)
class Limit:
    """An expected failure, as an experiment that shows whether it occurs.

    How it is told stands in ``ctviz/catalogue/limits``.
    """

    name: str
    panels: tuple[LimitPanel, ...]
    measures: tuple[str, ...]
    metrics: tuple[str, ...]  # kept in the table
    seeds: int = 8
    every_epoch: bool = False

    def panel(self, name: str) -> LimitPanel:
        return next(panel for panel in self.panels if panel.name == name)

    def all_draws(self, seeds: int | None = None) -> tuple[PanelDraw, ...]:
        """All draws of all panels, a draw of each panel before the next."""
        wanted = self.seeds if seeds is None else seeds
        if not 1 <= wanted <= MAX_SEEDS:
            raise ConfigError("seeds", wanted, f"1 to {MAX_SEEDS}")
        return tuple(
            PanelDraw(panel, seed, panel.at(seed), self.measures, self.metrics, self.every_epoch)
            for seed in range(wanted)
            for panel in self.panels
            if seed < panel.most_draws
        )


def stack(base: Experiment, changes: dict[str, object], arms: Sequence[Arm]) -> Experiment:
    """An experiment of these arms, without fields and paths."""
    plain = {"evaluation.field": 0, "evaluation.paths": 0, "evaluation.also": (), "evaluation.factuals": 200}
    changed = base.replace({**plain, **changes})
    return Experiment(**{**changed.model_dump(), "arms": [arm.model_dump() for arm in arms]})
