"""A module of anybody's as a model that can be searched."""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from ctviz.errors import ConfigError, DataError
from ctviz.isolation import callers_defaults, isolated

LARGE = 1 << 20
"""Weights from which a module is worth several threads, on whose number the last bits of its answers then depend."""

ASKED = 256
"""Samples by which it is judged whether a module answers in probabilities."""

FAR = 1e4
"""How much farther from 0 those samples are put: answers that stay within 0 and 1 even there are no logits."""

ROWS = 1 << 12
"""Samples that a module is asked about at once when its answers are checked."""


@contextmanager
def explained(model: nn.Module) -> Iterator[nn.Module]:
    """The model as it is explained: in evaluation mode, with torch as ctviz counts on it (``isolated``).

    It is a copy that shares the model's weights, so that the model itself may be used, also by other threads, and is
    afterwards bit for bit as it was. What cannot be copied (it holds a lock, or a tensor with a history) is put into
    evaluation mode for as long as anybody explains it.

    Raises:
        DataError: no module, or one whose weights have no size yet.
    """
    if not isinstance(model, nn.Module):
        raise DataError(f"The model is a {type(model).__name__}; expected a torch.nn.Module.")
    if any(nn.parameter.is_lazy(weight) for weight in (*model.parameters(), *model.buffers())):
        raise DataError("The model has weights without a size; call it once, so that they get one.")
    large = sum(parameter.numel() for parameter in model.parameters()) >= LARGE
    with isolated(threads=None if large else 1, share=False):
        try:
            own = _copy(model)
        except Exception:  # whatever a part of it raises that cannot be copied
            with _evaluating(model):
                yield model
            return
        with suppress(NotImplementedError):  # an exported module has no modes
            own.eval()
        yield own


def _copy(model: nn.Module) -> nn.Module:
    """Everything but the weights copied; weights made in inference mode too, as no gradient could pass by them."""
    shared = {id(weight): weight for weight in model.parameters() if not weight.is_inference()}
    return copy.deepcopy(model, shared)


_guard = threading.Lock()
_in_use: dict[int, tuple[int, list[nn.Module]]] = {}
"""By a model's id: how many explain it now, and which of its parts were in training mode before."""


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model itself in evaluation mode; each of its parts is left as it was when the last user has gone."""
    with _guard:
        users, training = _in_use.get(id(model), (0, []))
        if not users:
            training = [module for module in model.modules() if module.training]
            model.eval()
        _in_use[id(model)] = users + 1, training
    try:
        yield
    finally:
        with _guard:
            users, training = _in_use.pop(id(model))
            if users > 1:
                _in_use[id(model)] = users - 1, training
            else:
                for module in training:
                    module.training = True


class ModuleAdapter:
    """Any module from (b d) to logits (b k), as ``explained`` gives it, searched as a stack of one (or of copies that
    share it).

    Raises:
        DataError: no classifier of samples such as ``sample`` (b d), or, where ``gradients`` are needed, none that they
            flow through.
    """

    def __init__(self, model: nn.Module, sample: Tensor, gradients: bool = True) -> None:
        self.model = model
        first = next(model.parameters(), None)
        self.device = torch.device("cpu") if first is None else first.device
        self.dtype = sample.dtype if first is None or not first.is_floating_point() else first.dtype
        self.m, self.d = 1, sample.shape[1]
        if self.device.type == "meta":
            raise DataError("The model's parameters lie on the meta device and have no values; load them first.")
        logits = self._try(torch.zeros(1, self.d, device=self.device, dtype=self.dtype), gradients)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 1 or logits.shape[1] < 2:
            single = isinstance(logits, Tensor) and logits.numel() == 1
            given = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            remedy = "; of a single logit z, return the columns 0 and z" if single else ""
            raise DataError(
                f"The model returned {given} for one sample; expected logits of shape (1, k) with k ≥ 2{remedy}."
            )
        self.k = int(logits.shape[1])
        self.widest = max([p.shape[0] for p in model.parameters() if p.ndim > 1], default=self.d) + 1

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (b k) of samples (b d)."""
        with callers_defaults():
            logits: Tensor = self.model(x.clone())  # a copy, since a module may work in place
        return logits

    def _try(self, sample: Tensor, gradients: bool) -> Any:
        """What the model makes of one sample.

        Raises:
            DataError: it cannot take it, or gradients cannot flow back to it.
        """
        with torch.enable_grad():
            x = sample.clone().requires_grad_()
            try:
                logits = self(x)
            except (RuntimeError, TypeError, ValueError, IndexError) as error:
                reason = str(error).partition("\n")[0]
                raise DataError(f"The model does not take a sample of {x.shape[1]} columns: {reason}.") from error
            if gradients and isinstance(logits, Tensor):
                flows = logits.requires_grad and torch.autograd.grad(logits.sum(), x, allow_unused=True)[0] is not None
                if not flows:
                    raise DataError("No gradient flows from the model's logits back to its input; one is needed.")
        return logits

    def check(self, X: Tensor, name: str, targets: Tensor | None = None, logits: bool = True) -> None:
        """Whether the model's answers to samples (b d) are numbers, logits, and leave classes ``targets`` (b) possible.

        Raises:
            DataError: answers that are no numbers, or, where ``logits`` are expected, add up to 1.
            ConfigError: a target whose logit is −∞.

        Warns:
            UserWarning: where logits are expected, and all answers lie within 0 and 1, however far the samples.
        """
        with torch.no_grad():
            found = torch.cat([self(part.to(self.device)).cpu() for part in X.split(ROWS)]) if len(X) else None
        if found is None:
            return
        broken = torch.nonzero((found.isnan() | (found == torch.inf)).any(dim=1)).squeeze(1)
        if len(broken):
            raise DataError(
                f"The model's answers to {len(broken)} of {len(X)} {name} are not finite numbers, first to that at "
                f"position {int(broken[0])}; expected logits."
            )
        if targets is not None:
            never = targets[found.gather(1, targets.unsqueeze(1)).squeeze(1) == -torch.inf]
            if len(never):
                raise ConfigError("targets", sorted(set(never.tolist())), "classes whose logit is not −∞")
        if logits:
            self._check_logits(X[:ASKED], found[:ASKED])

    def _check_logits(self, X: Tensor, found: Tensor) -> None:
        """Whether answers ``found`` to ``X`` (b d) may be logits.

        Raises:
            DataError: each sample's lie within 0 and 1 and add up to 1.
        """
        known = [found]
        with torch.no_grad(), suppress(RuntimeError, TypeError, ValueError, IndexError):  # not every model goes there
            known += [self((sign * FAR * X).to(self.device)).cpu() for sign in (1, -1)]
        answers = torch.cat([part[part.isfinite().all(dim=1)] for part in known]).double()
        slack = 4 * self.k * torch.finfo(found.dtype).eps
        if not len(answers) or answers.min() < 0 or answers.max() > 1 + slack:
            return
        if bool(((answers.sum(dim=1) - 1).abs() <= slack).all()):
            raise DataError(
                "The model answers in probabilities (they add up to 1 for every sample); expected logits, as before a "
                "softmax."
            )
        if len(answers) > len(found):
            warnings.warn(
                "All of the model's answers lie within 0 and 1, as after a sigmoid; expected logits, as before it.",
                stacklevel=5,
            )

    def run(self, b: int) -> _ModulePass:
        return _ModulePass(self)

    def take(self, arms: Sequence[int]) -> ModuleAdapter:
        return self


class _ModulePass:
    def __init__(self, model: ModuleAdapter) -> None:
        self._model = model

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            self._x = x[0, :-1].mT.detach().requires_grad_()
            self._logits = self._model(self._x)
        detached: Tensor = self._logits.detach()
        return detached.mT.unsqueeze(0)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        result: Tensor = torch.autograd.grad(self._logits, self._x, gradient[0].mT)[0]
        return result.mT.unsqueeze(0).contiguous()
