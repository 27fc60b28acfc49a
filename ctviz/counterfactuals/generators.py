"""The catalogue of generators: their kind of search, penalties, settings and source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ctviz.counterfactuals.search_settings import DESCENT, GeneratorName, SearchSettings

Penalty = Literal["distance", "energy", "gravity", "diversity"]
Kind = Literal["gradient", "latent", "nearest", "face", "exact", "network"]


@dataclass(frozen=True)
class Generator:
    """A named way to find counterfactuals."""

    title: str
    words: str
    kind: Kind
    penalties: tuple[Penalty, ...]
    settings: tuple[str, ...]  # fields of SearchSettings that it uses, in the order in which to show them
    source: str
    needs_samples: bool = False


GENERATORS: dict[GeneratorName, Generator] = {
    "generic": Generator(
        title="Generic",
        words="The shortest way to the other side: only distance has a price.",
        kind="gradient",
        penalties=("distance",),
        settings=(*DESCENT, "gradient_noise"),
        source="Wachter, Mittelstadt and Russell 2017",
    ),
    "eccco": Generator(
        title="ECCCo",
        words="Drawn to where the model itself finds the target class likely (low energy).",
        kind="gradient",
        penalties=("distance", "energy"),
        settings=(*DESCENT, "lambda_egy", "gradient_noise"),
        source="Altmeyer et al. 2024, without the conformal term",
    ),
    "gravitational": Generator(
        title="Gravitational",
        words="Drawn to samples of the target class, as if each of them had weight.",
        kind="gradient",
        penalties=("distance", "gravity"),
        settings=(*DESCENT, "lambda_gravity", "gradient_noise"),
        source="Altmeyer et al. 2023",
        needs_samples=True,
    ),
    "dice": Generator(
        title="DiCE",
        words="Several counterfactuals of each factual at once, which repel each other: a choice of ways.",
        kind="gradient",
        penalties=("distance", "diversity"),
        settings=(*DESCENT, "lambda_diversity", "per_factual", "gradient_noise"),
        source="Mothilal, Sharma and Tan 2020; determinantal point process, by gradient steps",
    ),
    "revise": Generator(
        title="REVISE",
        words="Searches among the points that a small autoencoder, trained on the data, can produce.",
        kind="latent",
        penalties=("distance",),
        settings=("tau", "steps", "step_size", "epsilon", "lambda_cost", "latent", "gradient_noise"),
        source="Joshi et al. 2019",
        needs_samples=True,
    ),
    "nearest": Generator(
        title="Nearest sample",
        words="Goes straight to the nearest real sample that the model is sure enough of; needs no gradients.",
        kind="nearest",
        penalties=(),
        settings=("tau", "steps", "epsilon"),
        source="nearest unlike neighbour, Wexler et al. 2019",
        needs_samples=True,
    ),
    "face": Generator(
        title="FACE",
        words="Walks from real sample to real sample, by the shortest way through dense data; needs no gradients.",
        kind="face",
        penalties=(),
        settings=("tau", "steps", "epsilon", "neighbours"),
        source="Poyiadzi et al. 2020",
        needs_samples=True,
    ),
    "exact": Generator(
        title="Cheapest, proved",
        words="Goes straight to the counterfactual that changes least, and proves that none changes less or that there "
        "is none; for networks of linear layers and ReLU.",
        kind="exact",
        penalties=(),
        settings=("tau", "steps", "epsilon", "time_limit"),
        source="mixed-integer program, Fischetti and Jo 2018",
    ),
    "counternet": Generator(
        title="CounterNet",
        words="Asks the network that was trained beside a CounterNet model, which answers at once; other models are "
        "searched the shortest way.",
        kind="network",
        penalties=(),
        settings=("tau", "steps", "epsilon"),
        source="Guo, Nguyen and Yadav 2023",
    ),
}


def needs_samples(settings: SearchSettings) -> str | None:
    """The setting for which a search needs training samples, ``generator`` or ``step_bound``; None if it needs none."""
    generator = GENERATORS[settings.generator]
    if generator.needs_samples:
        return "generator"
    return "step_bound" if settings.step_bound and "step_bound" in generator.settings else None
