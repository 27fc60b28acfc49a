"""What the browser needs to search by itself, so that the searches follow a start that is dragged.

A message's header has the field ``models``: null where nothing can be dragged, else ``{"key", "search"}``. Where the
browser does not hold the models of that key yet, it also has

==============  ==========================================================================================
``bytes``       length of the deflated weights: the last bytes of the message, behind those of the trace
``epochs``      the epochs whose models are sent, ascending, the newest among them
``arms``        m
``sizes``       inputs, hidden layers, classes
``activation``  a name of ``models/activations.py``
==============  ==========================================================================================

The weights are float32, little endian: for each epoch and each layer, weights (m out in), then biases (m out).

``search`` holds the search, anew in each message:

=================  =======================================================================================
``tau`` …          ``steps``, ``step_size``, ``epsilon``, ``lambda_cost``, ``lambda_egy`` (0 where unused)
``longest``        length that no step exceeds, or null
``lower``          of each arm and feature, or null where there is no bound; and so ``upper``
``rise``           of each arm and feature, whether it may rise; and so ``fall``
``target``         the class that is aimed at; null: the one after the class that the first arm predicts
``epoch``          of the models that predict it
``neighbours``     of each class, the real sample x⁺ that ``Explorer.trace`` compares a first search to it with
``masks``          ``lower``, ``upper``, ``rise``, ``fall`` of the immutable masks, which x⁺ goes through
=================  =======================================================================================
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.generators import GENERATORS
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.snapshot import Snapshot, evenly_spaced
from ctviz.models.model_settings import ModelSettings

MODEL_BYTES = 160 * 2**10
"""Weights that are sent of a run, at most, before compression, whatever its number of epochs; the newest always."""

KNOWN = ("tau", "steps", "step_size", "epsilon", "lambda_cost")
"""Settings that the browser is told as they are; ``lambda_egy`` and ``step_bound`` it is told otherwise."""


@dataclass(frozen=True)
class LiveSearch:
    """The search of a dragged start: its rules, as the header has them, and the models that it needs."""

    rules: dict[str, Any] = field(repr=False)
    model: ModelSettings


@dataclass(frozen=True)
class PackedModels:
    """Models of one run: ``meta`` fit for JSON and the deflated ``payload`` that it describes."""

    meta: dict[str, Any] = field(repr=False)
    payload: bytes = field(repr=False)


def live_search(
    explorer: Explorer, settings: SearchSettings, target: int | None, epoch: int, arms: Sequence[int] | None = None
) -> LiveSearch | None:
    """The search that the browser can do by itself, as ``Explorer.trace`` does it; None where it cannot.

    It can with dense models of two features, of which none is an ensemble, for the generators Generic and ECCCo, where
    settings that it does not know are at their defaults.

    Args:
        explorer: of the run, whose arms have the constraints.
        settings: of the search, for all arms.
        target: the class that is aimed at; None as for ``Explorer.default_targets``.
        epoch: of the models that predict the class of a start, where there is no target.
        arms: positions of the arms that are shown; all of them for None.
    """
    experiment, generator = explorer.experiment, GENERATORS[settings.generator]
    more = {*generator.settings, "polish"}.difference(KNOWN, ("lambda_egy", "step_bound"))
    usual = all(getattr(settings, name) == SearchSettings.model_fields[name].default for name in more)
    plain = usual and settings.generator in ("generic", "eccco")
    ensembles = experiment.models > len(experiment.arms)
    if not plain or ensembles or experiment.model.channels or not explorer.data.schema.plane:
        return None
    shown = torch.arange(len(explorer.arms)) if arms is None else torch.tensor(list(arms))
    bound = settings.step_bound
    rules = {
        **{name: getattr(settings, name) for name in KNOWN},
        "lambda_egy": settings.lambda_egy if "energy" in generator.penalties else 0.0,
        "longest": bound * explorer.reference_data.spread() if bound else None,
        **_limits(explorer.constraints.take(shown)),
        "target": target,
        "epoch": epoch,
        "neighbours": explorer.neighbours().tolist(),
        "masks": _limits(explorer.masks.take(shown)),
    }
    return LiveSearch(rules, experiment.model)


def _limits(constraints: Constraints) -> dict[str, Any]:
    return {
        "lower": _rows(constraints.lower),
        "upper": _rows(constraints.upper),
        "rise": constraints.may_rise.squeeze(-1).tolist(),
        "fall": constraints.may_fall.squeeze(-1).tolist(),
    }


def _rows(bounds: Tensor) -> list[list[float | None]]:
    return [[x if math.isfinite(x) else None for x in row] for row in bounds.squeeze(-1).tolist()]


def pack_models(key: str, snapshots: Sequence[Snapshot], model: ModelSettings) -> PackedModels:
    """Packs the weights of dense models, of every epoch or, where these exceed ``MODEL_BYTES``, of as many evenly
    spaced ones as do not."""
    each = sum(array.size * 4 for array in snapshots[-1].weights.values())
    taken = evenly_spaced(snapshots, MODEL_BYTES // each)
    names = [f"{i}.{kind}" for i in range(len(taken[0].weights) // 2) for kind in ("weight", "bias")]
    raw = b"".join(snapshot.weights[name].astype("<f4").tobytes() for snapshot in taken for name in names)
    shapes = [taken[0].weights[name].shape for name in names[::2]]  # m out in
    payload = zlib.compress(raw, 6)
    meta = {
        "key": key,
        "bytes": len(payload),
        "epochs": [int(snapshot.epoch) for snapshot in taken],
        "arms": shapes[0][0],
        "sizes": [shapes[0][2], *(shape[1] for shape in shapes)],
        "activation": model.activation,
    }
    return PackedModels(meta, payload)
