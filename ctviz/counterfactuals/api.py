"""Counterfactuals for any classifier that returns logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.search import search as search_stack
from ctviz.counterfactuals.settings import SearchSettings
from ctviz.data.schema import Feature, FeatureRef, Schema
from ctviz.errors import ConfigError, DataError


@dataclass(frozen=True)
class Counterfactuals:
    """Counterfactuals of b factuals, on the CPU."""

    factuals: Tensor  # b d
    targets: Tensor  # b, int64
    path: Tensor | None  # t+1 b d: from the factual to the end; a search that stopped stays where it is
    final: Tensor  # b d: where each search ended
    nascent: Tensor  # b d: last point with ‖x' − x‖∞ ≤ ε; the factual where there is no later one
    mature: Tensor  # b, bool: reached τ within T steps
    steps: Tensor  # b, int64: steps taken, 0 to T

    def __len__(self) -> int:
        return len(self.factuals)


def search(
    model: nn.Module,
    factuals: Tensor | npt.ArrayLike,
    targets: Tensor | npt.ArrayLike | int,
    *,
    schema: Schema | None = None,
    locked: Iterable[FeatureRef] | FeatureRef = (),
    increase_only: Iterable[FeatureRef] | FeatureRef = (),
    decrease_only: Iterable[FeatureRef] | FeatureRef = (),
    path: bool = True,
    **settings: Any,
) -> Counterfactuals:
    """Search counterfactuals of ``factuals`` (b d) for classes ``targets`` (b, or one for all).

    ``x'_t = clamp(x'_{t−1} − η · cut(∇[CE(M(x'), y⁺) + penalties]))`` for t = 1 … T, until softmax(M(x'))[y⁺] ≥ τ
    (Algorithm 1 of the paper). Mutability and domain hold exactly at every point of the path; a factual that
    lies outside the domain is brought into it by the first step, unless a locked direction forbids that.

    Args:
        model: any module from (b d) to logits (b k); it is used in evaluation mode and left as it was.
            The search runs in its floating-point type.
        schema: domain and mutability of the features; without one, nothing is bounded.
        locked, increase_only, decrease_only: features, by position or name, constrained beyond the schema.
        path: whether to keep every point of the way.
        settings: ``generator`` ("generic", "eccco"), ``tau``, ``steps``, ``step_size``, ``epsilon``,
            ``lambda_cost``, ``lambda_egy``; see ``SearchSettings`` for what they mean and their defaults.

    Raises:
        ConfigError: a setting that is not allowed, or nothing left to change.
        DataError: factuals or targets of a wrong shape, or not finite; a model that is no classifier of such
            factuals, or that no gradient flows through.
    """
    chosen = SearchSettings(**settings)
    X = _factuals(factuals)
    constrained = {"locked": locked, "increase_only": increase_only, "decrease_only": decrease_only}
    rules = _rules(schema, X.shape[1], constrained)
    adapter = ModuleAdapter(model, X)
    X = X.to(adapter.dtype)  # as the model sees them, so that what may not change equals them exactly
    if not torch.isfinite(X).all():
        raise DataError(f"factuals hold values too large for the model's {adapter.dtype}.")
    y = _targets(targets, len(X), adapter.k)
    if chosen.tau < 1 / adapter.k:
        raise ConfigError("tau", chosen.tau, f"from 1/k = {1 / adapter.k:.3g} to below 1 for k = {adapter.k} classes")
    if len(X) == 0:
        empty = torch.zeros(0, dtype=torch.int64)
        way = X.new_zeros(chosen.steps + 1, 0, X.shape[1]) if path else None
        return Counterfactuals(X, y, way, X.clone(), X.clone(), empty.bool(), empty)
    x = X.T[None].to(adapter.device).contiguous()
    with torch.inference_mode(False), torch.no_grad(), adapter.evaluating():
        found = search_stack(adapter, x, y[None].to(adapter.device), [chosen], Constraints.of([rules], x), record=path)
    way = None if found.path is None else found.path[:, 0].mT.cpu().contiguous()
    final, nascent = (tensor[0].mT.cpu().contiguous() for tensor in (found.final, found.nascent))
    return Counterfactuals(X, y, way, final, nascent, found.mature[0].cpu(), found.steps[0].cpu())


def _factuals(values: Tensor | npt.ArrayLike) -> Tensor:
    try:
        X = _tensor(values)
    except (TypeError, ValueError, NotImplementedError):
        raise DataError("factuals hold something that is not a number.") from None
    if X.ndim != 2 or X.shape[1] == 0:
        raise DataError(f"factuals have shape {tuple(X.shape)}; expected (b d).")
    if X.is_complex():
        raise DataError("factuals hold complex numbers; expected real ones.")
    X = X.to(torch.float64 if X.dtype == torch.float64 else torch.float32, copy=True)
    if not torch.isfinite(X).all():
        raise DataError("factuals hold values that are not finite.")
    return X


def _tensor(values: Tensor | npt.ArrayLike) -> Tensor:
    """On the CPU; an array may be turned around or of another machine's byte order, neither of which torch takes."""
    if isinstance(values, Tensor):
        return values.detach().cpu().to_dense()
    array = np.array(values, order="C")
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))


def _targets(values: Tensor | npt.ArrayLike | int, b: int, k: int) -> Tensor:
    try:
        y = _tensor(values)
    except (TypeError, ValueError, NotImplementedError):
        raise DataError("targets hold something that is not a number.") from None
    if y.numel() and (y.is_floating_point() or y.is_complex() or y.dtype == torch.bool):
        raise DataError(f"targets are of type {y.dtype}; expected whole numbers.")
    y = y.long()
    y = y.expand(b) if y.ndim == 0 else y
    if y.shape != (b,):
        raise DataError(f"targets have shape {tuple(y.shape)}; expected ({b},).")
    if b and not (int(y.min()) >= 0 and int(y.max()) < k):
        raise ConfigError("targets", sorted(set(y.tolist())), f"classes 0 to {k - 1}")
    return y


def _rules(schema: Schema | None, d: int, constrained: Mapping[str, Iterable[FeatureRef] | FeatureRef]) -> Schema:
    rules = schema or Schema(features=tuple(Feature(name=f"x{i + 1}") for i in range(d)))
    if rules.d != d:
        raise DataError(f"factuals have {d} columns; the schema has {rules.d}.")
    rules = rules.constrain(**{field: _positions(field, refs, rules) for field, refs in constrained.items()})
    up, down = rules.directions()
    if not (up.any() or down.any()):
        raise ConfigError("locked", list(rules.names), "at least one feature left free")
    return rules


def _positions(field: str, refs: Iterable[FeatureRef] | FeatureRef, schema: Schema) -> list[FeatureRef]:
    """Features by position; a single one needs no brackets."""
    try:
        return [schema.position(ref) for ref in ([refs] if isinstance(refs, str | int | np.integer) else refs)]
    except ConfigError as error:
        raise ConfigError(field, error.value, error.allowed) from None
    except TypeError:
        raise ConfigError(field, refs, "features by position or name") from None


class ModuleAdapter:
    """Any module from (b d) to logits (b k), searched as a stack of one (or of copies that share it)."""

    def __init__(self, model: nn.Module, sample: Tensor) -> None:
        if not isinstance(model, nn.Module):
            raise DataError(f"The model is a {type(model).__name__}; expected a torch.nn.Module.")
        self._model = model
        first = next(model.parameters(), None)
        self.device = torch.device("cpu") if first is None else first.device
        self.dtype = sample.dtype if first is None or not first.is_floating_point() else first.dtype
        self.m = 1
        if self.device.type == "meta":
            raise DataError("The model's parameters lie on the meta device and have no values; load them first.")
        logits = self._try(torch.zeros(1, sample.shape[1], device=self.device, dtype=self.dtype))
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 1 or logits.shape[1] < 2:
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise DataError(f"The model returned {shape} for one sample; expected logits of shape (1, k) with k ≥ 2.")
        self.k = int(logits.shape[1])
        self.widest = max([p.shape[0] for p in model.parameters() if p.ndim > 1], default=sample.shape[1]) + 1

    def _try(self, sample: Tensor) -> Any:
        """What the model makes of one sample.

        Raises:
            DataError: it cannot take it, or gradients cannot flow back to it.
        """
        with torch.inference_mode(False), torch.enable_grad(), self.evaluating():
            x = sample.clone().requires_grad_()
            try:
                logits = self._model(x.clone())
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                reason = str(error).partition("\n")[0]
                raise DataError(f"The model does not take a sample of {x.shape[1]} columns: {reason}.") from error
            if isinstance(logits, Tensor):
                flows = logits.requires_grad and torch.autograd.grad(logits.sum(), x, allow_unused=True)[0] is not None
                if not flows:
                    raise DataError("No gradient flows from the model's logits back to its input; a search needs one.")
        return logits

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        training = [module for module in self._model.modules() if module.training]
        self._model.eval()
        try:
            yield
        finally:
            for module in training:
                module.training = True

    def run(self, b: int) -> _ModulePass:
        return _ModulePass(self._model)

    def take(self, arms: Sequence[int]) -> ModuleAdapter:
        return self


class _ModulePass:
    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            self._x = x[0, :-1].mT.detach().requires_grad_()
            self._logits: Tensor = self._model(self._x.clone())  # a copy, since a module may work in place
        detached: Tensor = self._logits.detach()
        return detached.mT.unsqueeze(0)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        result: Tensor = torch.autograd.grad(self._logits, self._x, gradient[0].mT)[0]
        return result.mT.unsqueeze(0).contiguous()
