"""A module of anybody's as a model that can be searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ctviz.errors import DataError


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, so that it neither draws nor learns; each of its parts is left as it was."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


class ModuleAdapter:
    """Any module from (b d) to logits (b k), searched as a stack of one (or of copies that share it).

    Raises:
        DataError: no module, no classifier of samples such as ``sample`` (b d), or, where ``gradients`` are needed,
            none that they flow through.
    """

    def __init__(self, model: nn.Module, sample: Tensor, gradients: bool = True) -> None:
        if not isinstance(model, nn.Module):
            raise DataError(f"The model is a {type(model).__name__}; expected a torch.nn.Module.")
        self._model = model
        first = next(model.parameters(), None)
        self.device = torch.device("cpu") if first is None else first.device
        self.dtype = sample.dtype if first is None or not first.is_floating_point() else first.dtype
        self.m = 1
        if self.device.type == "meta":
            raise DataError("The model's parameters lie on the meta device and have no values; load them first.")
        logits = self._try(torch.zeros(1, sample.shape[1], device=self.device, dtype=self.dtype), gradients)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 1 or logits.shape[1] < 2:
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise DataError(f"The model returned {shape} for one sample; expected logits of shape (1, k) with k ≥ 2.")
        self.k = int(logits.shape[1])
        self.widest = max([p.shape[0] for p in model.parameters() if p.ndim > 1], default=sample.shape[1]) + 1

    def _try(self, sample: Tensor, gradients: bool) -> Any:
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
            if gradients and isinstance(logits, Tensor):
                flows = logits.requires_grad and torch.autograd.grad(logits.sum(), x, allow_unused=True)[0] is not None
                if not flows:
                    raise DataError("No gradient flows from the model's logits back to its input; one is needed.")
        return logits

    def evaluating(self) -> AbstractContextManager[None]:
        return evaluating(self._model)

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
