"""Word → generator: which penalties a search uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ctviz.counterfactuals.settings import GeneratorName

Penalty = Literal["distance", "energy"]


@dataclass(frozen=True)
class Generator:
    """A named choice of penalties."""

    title: str
    words: str
    penalties: tuple[Penalty, ...]
    source: str


GENERATORS: dict[GeneratorName, Generator] = {
    "generic": Generator(
        title="Generic",
        words="The shortest way to the other side: only distance has a price.",
        penalties=("distance",),
        source="Wachter, Mittelstadt and Russell 2017",
    ),
    "eccco": Generator(
        title="ECCCo",
        words="Drawn to where the model itself finds the target class likely (low energy).",
        penalties=("distance", "energy"),
        source="Altmeyer et al. 2024, without the conformal term",
    ),
}
