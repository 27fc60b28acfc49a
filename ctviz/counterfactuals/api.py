"""Counterfactuals for any classifier that returns logits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from ctviz.counterfactuals import inputs
from ctviz.counterfactuals.adapter import ModuleAdapter, in_eval_mode
from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.diversity import groups
from ctviz.counterfactuals.generators import GENERATORS, needs_samples
from ctviz.counterfactuals.search import search as search_stack
from ctviz.counterfactuals.search_result import SearchRequest
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.frames import NO_LABELS, TableLabels
from ctviz.data.schema import Range, Schema
from ctviz.errors import ConfigError, DataError
from ctviz.short_repr import ShortRepr

if TYPE_CHECKING:
    from ctviz.data.frames import DataFrame

Samples = tuple[Tensor | npt.ArrayLike, Tensor | npt.ArrayLike]


@dataclass(frozen=True, repr=False, eq=False)
class Counterfactuals(ShortRepr):
    """Counterfactuals, on the CPU: one for each factual, or several (generator "dice") in consecutive rows."""

    factuals: Tensor  # b d: a row for each counterfactual
    targets: Tensor  # b, int64
    path: Tensor | None  # t+1 b d: from the factual to the end, where it stays; polished, t = T + 1
    final: Tensor  # b d: where each search ended
    nascent: Tensor  # b d: last point with ‖x' − x‖∞ ≤ ε; the factual where there is no later one
    mature: Tensor  # b, bool: reached τ within T steps
    steps: Tensor  # b, int64: steps taken, 0 to t
    of: Tensor  # b, int64: position of the factual that each belongs to
    labels: TableLabels = NO_LABELS  # of the factuals

    def __len__(self) -> int:
        return len(self.factuals)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the d columns: a frame's own, the schema's, or x1, x2, …"""
        return self.labels.named(self.factuals.shape[1])

    def frame(self) -> DataFrame:
        """``final`` as a pandas DataFrame, (b d), with the labels of the factuals' columns and rows."""
        return self.labels.frame(self.final, self.of)


def search(
    model: nn.Module,
    factuals: Tensor | npt.ArrayLike,
    targets: Tensor | npt.ArrayLike | int,
    *,
    schema: Schema | None = None,
    locked: inputs.Refs = (),
    increase_only: inputs.Refs = (),
    decrease_only: inputs.Refs = (),
    ranges: Iterable[Range] | Range = (),
    samples: Samples | None = None,
    path: bool = True,
    **settings: Any,
) -> Counterfactuals:
    """Search counterfactuals of ``factuals`` (b d) for classes ``targets`` (b, or one for all).

    By default ``x'_t = clamp(x'_{t−1} − η · cut(∇[CE(M(x'), y⁺) + penalties]))`` for t = 1 … T, until
    softmax(M(x'))[y⁺] ≥ τ (Algorithm 1 of the paper); other generators search differently (``ctviz.GENERATORS``).
    Mutability and domain hold exactly at every point of the path; a factual that lies outside the domain is brought
    into it by the first step, unless a locked direction forbids that; one that has already reached τ takes no step.

    Frames, such as a pandas DataFrame, are matched by column name: a lock on "age" holds for the column of that name.
    Factuals, samples and schema must have the same names in the same order; without names, columns are matched by
    position.

    Args:
        model: any module from (b d) to logits (b k); it is searched in evaluation mode, in its own floating-point type
            and without autocast, and left as it was. With more than a million weights it runs on torch's threads, whose
            number then affects the last bits of a result.
        schema: domain and mutability of the features; without one, features are unbounded.
        locked, increase_only, decrease_only: features, by position or name, constrained beyond the schema.
        ranges: (feature, lowest, highest) of features whose values are bounded; None for an open end.
        samples: features (n d) and classes (n) of reference data, such as the training samples; the generators
            "gravitational", "revise", "nearest" and "face" need them, and so does ``step_bound``. An autoencoder that
            is fitted to them is kept for the next search.
        path: whether to keep every point of the path.
        settings: ``generator`` and other fields of ``SearchSettings``, which documents them;
            ``ctviz.GENERATORS[generator].settings`` names those that a generator uses. With "dice", each factual has
            ``per_factual`` rows in the result, and ``of`` gives the factual of each row. With ``polish=True`` each end
            is moved to one level of each category, numbers in their steps, as near to the factual as a descent from
            there can bring it while τ is kept (``counterfactuals/polish.py``); the path has that move at its end.

    Raises:
        ConfigError: a setting that is not allowed, a generator without the samples that it needs, nothing left to
            change, or a target that is no class or whose logit is −∞.
        DataError: factuals, targets or samples of a wrong shape, or not finite; no sample of a target class; a model
            that does not classify such factuals, returns probabilities or NaN, or lets no gradient through where the
            generator needs one.
    """
    chosen = SearchSettings(**settings)
    generator = GENERATORS[chosen.generator]
    if generator.kind == "network" and settings.get("per_factual", 1) > 1:
        allowed = "1 for CounterNet, whose network answers with one counterfactual of each factual"
        raise ConfigError("per_factual", chosen.per_factual, allowed)
    with in_eval_mode(model) as own, torch.no_grad():
        X = inputs.points(factuals, "factuals")
        constrained = {"locked": locked, "increase_only": increase_only, "decrease_only": decrease_only}
        labels = inputs.labels(schema, factuals, targets, samples)
        rules = inputs.constrained_schema(schema, X.shape[1], labels, constrained, ranges)
        adapter = ModuleAdapter(own, X, gradients=generator.kind in ("gradient", "latent"))
        X = X.to(adapter.dtype)  # as the model sees them, so that what may not change equals them exactly
        if not torch.isfinite(X).all():
            raise DataError(f"factuals hold values too large for the model's {adapter.dtype}.")
        y = inputs.classes(targets, len(X), adapter.k, "targets")
        adapter.check(X, "factuals", y)
        if chosen.tau < 1 / adapter.k:
            raise ConfigError(
                "tau", chosen.tau, f"from 1/k = {1 / adapter.k:.3g} to below 1 for k = {adapter.k} classes"
            )
        known = None if samples is None else inputs.reference_data(samples, X.shape[1], adapter.k, y, chosen)
        if known is None and (reason := needs_samples(chosen)):
            allowed = f"training samples (X, y), which {reason} {getattr(chosen, reason)!r} needs"
            raise ConfigError("samples", None, allowed)
        of = (
            groups(len(X) * chosen.per_factual, chosen.per_factual)
            if chosen.generator == "dice"
            else torch.arange(len(X))
        )
        X, y = X[of], y[of]
        if len(X) == 0:
            points = chosen.steps + 1 + (chosen.polish == "on" and generator.kind != "exact")
            way = X.new_zeros(points, 0, X.shape[1]) if path else None
            return Counterfactuals(X, y, way, X.clone(), X.clone(), of.bool(), of.clone(), of, labels)
        x = X.T[None].to(adapter.device).contiguous()
        limits = Constraints.of([rules], x)
        found = search_stack(SearchRequest(adapter, x, y[None].to(adapter.device), [chosen], limits, path, known))
        way = None if found.path is None else found.path[:, 0].mT.cpu().contiguous()
        final, nascent = (tensor[0].mT.cpu().contiguous() for tensor in (found.final, found.nascent))
        mature, taken = found.mature[0].cpu(), found.steps[0].cpu()
        return Counterfactuals(X, y, way, final, nascent, mature, taken, of, labels)
