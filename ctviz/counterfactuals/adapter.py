"""An adapter that makes any torch module searchable."""

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

LARGE_MODEL = 1 << 20
"""Number of weights from which a module runs on several threads; their number then affects the last
bits of its outputs."""

PROBE_SAMPLES = 256
"""Samples that tell whether a module returns probabilities."""

PROBE_DISTANCE = 1e4
"""Factor that scales those samples: outputs that stay in [0, 1] even then are not logits."""

CHECK_ROWS = 1 << 12
"""Samples per forward pass when outputs are checked."""


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[nn.Module]:
    """The model while it is explained: in evaluation mode, within ``isolated``.

    Threads that explain one model take turns, since it may keep state between calls. When the last one leaves, modes
    and buffers are restored bit for bit. Weights made in inference mode, through which no gradient flows, are copied.

    Raises:
        DataError: not a module, or one whose weights have no size yet.
    """
    if not isinstance(model, nn.Module):
        raise DataError(f"The model is a {type(model).__name__}; expected a torch.nn.Module.")
    if any(nn.parameter.is_lazy(weight) for weight in (*model.parameters(), *model.buffers())):
        raise DataError("The model has weights without a size; call it once, so that they get one.")
    large = sum(parameter.numel() for parameter in model.parameters()) >= LARGE_MODEL
    with isolated(threads=None if large else 1, share=False):
        if any(weight.is_inference() for weight in model.parameters()):
            model = copy.deepcopy(model)
        with _modules_in_eval_mode(model):
            yield model


class _ModuleState:
    """A module that is in evaluation mode, and its state before."""

    def __init__(self, module: nn.Module) -> None:
        self.users = 0
        self.turn = threading.RLock()
        self._module, self._training = module, getattr(module, "training", False)  # a frozen module has no mode
        buffers = dict(module.named_buffers(recurse=False))
        self._buffers = {name: (buffer, buffer.clone()) for name, buffer in buffers.items()}

    def restore(self) -> None:
        """Restore the state from before it was first explained."""
        if self._training:
            self._module.training = True
        for name, (buffer, before) in self._buffers.items():
            with torch.inference_mode(buffer.is_inference()), torch.no_grad():
                buffer.copy_(before)
            if getattr(self._module, name) is not buffer:
                setattr(self._module, name, buffer)


_guard = threading.Lock()
_in_use: dict[int, _ModuleState] = {}
"""The modules that are being explained, by id; two models may share some."""


@contextmanager
def _modules_in_eval_mode(model: nn.Module) -> Iterator[None]:
    modules = list(model.modules())
    with _guard:
        parts = [_in_use.get(id(module)) or _ModuleState(module) for module in modules]
        for module, part in zip(modules, parts, strict=True):
            _in_use[id(module)] = part
            part.users += 1
        with suppress(NotImplementedError):  # an exported module has no modes
            model.eval()
    try:
        with parts[0].turn:
            yield
    finally:
        with _guard:
            for module, part in zip(modules, parts, strict=True):
                part.users -= 1
                if not part.users:
                    del _in_use[id(module)]
                    part.restore()


class ModuleAdapter:
    """Any module from (b d) to logits (b k), in evaluation mode, as a stack of one model or of several copies.

    Raises:
        DataError: the module does not classify samples such as ``sample`` (b d), or lets no gradient through where
            ``gradients`` are needed.
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
        """Logits (b k) of samples (b d).

        Raises:
            DataError: the model does not accept them.
        """
        try:
            with callers_defaults():
                logits: Tensor = self.model(x.clone())  # a copy, since a module may work in place
        except Exception as error:  # whatever it raises
            rows, columns = x.shape
            reason = str(error).partition("\n")[0]
            raise DataError(
                f"The model does not take {rows} sample{'s' * (rows != 1)} of {columns} columns: "
                f"{type(error).__name__}: {reason}."
            ) from error
        return logits

    def _try(self, sample: Tensor, gradients: bool) -> Any:
        """The model's output for one sample.

        Raises:
            DataError: the model does not accept the sample, or no gradient flows back to it.
        """
        with torch.enable_grad():
            x = sample.clone().requires_grad_()
            logits = self(x)
            if gradients and isinstance(logits, Tensor):
                flows = logits.requires_grad and torch.autograd.grad(logits.sum(), x, allow_unused=True)[0] is not None
                if not flows:
                    raise DataError("No gradient flows from the model's logits back to its input; one is needed.")
        return logits

    def check(self, X: Tensor, name: str, targets: Tensor | None = None, logits: bool = True) -> None:
        """Check that the model's outputs for samples (b d) are finite, are logits, and allow classes ``targets`` (b).

        Raises:
            DataError: outputs that are not finite, or that add up to 1 where ``logits`` are expected.
            ConfigError: a target whose logit is −∞.

        Warns:
            UserWarning: logits are expected, but all outputs lie in [0, 1], even far from the data.
        """
        with torch.no_grad():
            found = torch.cat([self(part.to(self.device)).cpu() for part in X.split(CHECK_ROWS)]) if len(X) else None
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
            self._check_logits(X[:PROBE_SAMPLES], found[:PROBE_SAMPLES])

    def _check_logits(self, X: Tensor, found: Tensor) -> None:
        """Check that outputs ``found`` for ``X`` (b d) may be logits.

        Raises:
            DataError: each sample's outputs lie in [0, 1] and add up to 1.
        """
        slack = 4 * self.k * torch.finfo(found.dtype).eps

        def within(answers: Tensor) -> Tensor:
            return answers[answers.isfinite().all(dim=1)].double()

        def fits(answers: Tensor) -> bool:
            varied = len(answers) == 1 or bool((answers != answers[:1]).any())  # a constant may be anything
            return len(answers) > 0 and varied and bool(answers.min() >= 0) and bool(answers.max() <= 1 + slack)

        answers = within(found)
        if not fits(answers):
            return
        # Far from the data, logits would leave that range. Not on a GPU, which an index out of range would stop.
        if self.device.type == "cpu":
            with torch.no_grad(), suppress(DataError):  # not every model accepts such samples
                answers = within(torch.cat([answers, *(self(sign * PROBE_DISTANCE * X).double() for sign in (1, -1))]))
        if not fits(answers):
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
