"""The methods of attribution, by captum: a description of each, and its computation for m models.

Gradients of all models are computed in one pass: captum sees the rows of all models, and the sum of their outputs,
whose gradient is that of every row. Methods that draw at random or need modules take the models one by one.
"""

from __future__ import annotations

import copy
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from ctviz.counterfactuals.adapter import ModuleAdapter
from ctviz.errors import DataError
from ctviz.models.ensemble import MeanOfMembers, log_mean_softmax

MethodName = Literal["integrated_gradients", "saliency", "input_x_gradient", "deep_lift", "gradient_shap", "occlusion"]

Output = Literal["logit", "probability"]

Logits = Callable[[Tensor], Tensor]
"""A model, (b d) → (b k), or a stack of m models, (m b d) → (m b k); differentiable."""

CHUNK = 1 << 17
"""Most rows that captum holds at once."""

NUMBERS = 1 << 21
"""Most numbers in those rows and in their widest activation: captum makes several copies of them."""

WINDOW, STRIDE = 4, 2
"""Pixels per side of the window that occlusion covers, and the stride of that window."""


@dataclass(frozen=True)
class Method:
    """A method that attributes an output to features."""

    title: str
    words: str
    settings: tuple[str, ...]  # fields of AttributionSettings that it uses, besides smooth, noise and output
    signed: bool  # whether it tells evidence for the answer from evidence against it
    complete: bool  # whether the parts add up to F(x) − F(x⁰); for deep_lift, if it knows all layers of the model
    source: str


METHODS: dict[MethodName, Method] = {
    "integrated_gradients": Method(
        title="Integrated gradients",
        words="Walks in a straight line from the baseline to the picture and adds up what each pixel contributes on "
        "the way. The parts add up to how much the answer has changed between the two.",
        settings=("baseline", "steps", "seed"),
        signed=True,
        complete=True,
        source="Sundararajan, Taly and Yan 2017",
    ),
    "saliency": Method(
        title="Saliency",
        words="How strongly the answer reacts to a tiny change of each pixel, whichever way. It speaks of this very "
        "picture only, and needs no baseline.",
        settings=(),
        signed=False,
        complete=False,
        source="Simonyan, Vedaldi and Zisserman 2014",
    ),
    "input_x_gradient": Method(
        title="Input times gradient",
        words="The reaction to a tiny change of each pixel, times the pixel's own value. Black and white count equally "
        "here (−1 and 1), mid grey (0) never does.",
        settings=(),
        signed=True,
        complete=False,
        source="Shrikumar et al. 2016",
    ),
    "deep_lift": Method(
        title="DeepLIFT",
        words="Compares picture and baseline at every unit of the model and passes the differences back to the pixels. "
        "Where every step is a layer that DeepLIFT knows, as in the models of ctviz, the parts add up to how much the "
        "answer has changed between the two.",
        settings=("baseline", "seed"),
        signed=True,
        complete=True,
        source="Shrikumar, Greenside and Kundaje 2017, rescale rule",
    ),
    "gradient_shap": Method(
        title="Gradient SHAP",
        words="Draws training pictures as baselines and a point on the way from each, and averages what each pixel "
        "contributes there. It approximates Shapley values.",
        settings=("steps", "seed"),
        signed=True,
        complete=False,
        source="Lundberg and Lee 2017; expected gradients",
    ),
    "occlusion": Method(
        title="Occlusion",
        words="Covers one small window of the picture after the other with the baseline and notes how far the answer "
        "falls. It uses no gradients.",
        settings=("baseline", "seed"),
        signed=True,
        complete=False,
        source="Zeiler and Fergus 2014",
    ),
}
"""Name → method."""


@dataclass(frozen=True)
class Rows:
    """The output F of one model or of m models for a class of each sample, as a function of rows: r = m·b or b."""

    logits: Logits
    X: Tensor  # (m) b d
    classes: Tensor  # (m) b
    output: Output

    @property
    def r(self) -> int:
        """Number of rows."""
        return self.X.shape[:-1].numel()

    @property
    def d(self) -> int:
        """Number of columns."""
        return self.X.shape[-1]

    @property
    def rows(self) -> Tensor:
        """The samples, one row each, (r d)."""
        return self.X.detach().reshape(self.r, self.d)

    def outputs(self, x: Tensor) -> Tensor:
        """F of n copies of the samples, (n r d) → (n r)."""
        n, lead, b = len(x), self.X.shape[:-2], self.X.shape[-2]
        z = self.logits(x.view(n, *lead, b, self.d).movedim(0, -3).reshape(*lead, n * b, self.d))  # … n·b k
        z = z if self.output == "logit" else torch.softmax(z, dim=-1)
        z = z.reshape(*lead, n, b, -1).movedim(-3, 0).reshape(n, self.r, -1)
        return z.gather(-1, self.classes.reshape(1, self.r, 1).expand(n, -1, -1)).squeeze(-1)

    def each(self, flat: Tensor) -> Tensor:
        """F of n copies of the samples, one after the other, (n·r d) → (n·r)."""
        return self.outputs(flat.view(-1, self.r, self.d)).flatten()

    def total(self, flat: Tensor) -> Tensor:
        """Σ F, (n·r d) → (1): its gradient is that of every row, at once."""
        return self.outputs(flat.view(-1, self.r, self.d)).sum().reshape(1)


@runtime_checkable
class AttributableModels(Protocol):
    """m models that are evaluated together, such as a ``Stack``: (m b d) → (m b k)."""

    @property
    def m(self) -> int: ...
    @property
    def d(self) -> int: ...
    @property
    def k(self) -> int: ...
    @property
    def widest(self) -> int: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def device(self) -> torch.device: ...
    def __call__(self, x: Tensor) -> Tensor: ...
    def take(self, arms: Sequence[int]) -> AttributableModels: ...
    def module(self, arm: int) -> nn.Module: ...


class SingleModel:
    """A plain module from (b d) to logits (b k), behind its adapter, as a stack of one."""

    m = 1

    def __init__(self, adapter: ModuleAdapter) -> None:
        self._adapter = adapter
        self.d, self.k, self.widest = adapter.d, adapter.k, adapter.widest
        self.dtype, self.device = adapter.dtype, adapter.device

    def __call__(self, x: Tensor) -> Tensor:
        return self._adapter(x.squeeze(0)).unsqueeze(0)

    def take(self, arms: Sequence[int]) -> SingleModel:
        return self

    def module(self, arm: int) -> nn.Module:
        """A copy that may be modified."""
        own = self._adapter.model
        try:
            model = copy.deepcopy(own)
        except Exception as error:  # whatever a part that cannot be copied raises
            reason = f"{type(error).__name__}: {error}"
            raise DataError(f"DeepLIFT needs a copy of the model, which cannot be copied: {reason}.") from error
        if not {id(part) for part in own.modules()}.isdisjoint(id(part) for part in model.modules()):
            raise DataError("DeepLIFT needs a copy of the model, and what it gives as one shares parts with it.")
        return model


@dataclass(frozen=True)
class Request:
    """The input of a method: samples, their classes and baselines, and the settings."""

    stack: AttributableModels
    X: Tensor  # m b d
    classes: Tensor  # m b
    baselines: Tensor  # m b d
    output: Output
    steps: int
    seed: int
    grid: tuple[int, int] | None
    background: Tensor | None  # n d

    @property
    def rows(self) -> Rows:
        """F of all models."""
        return Rows(self.stack, self.X, self.classes, self.output)

    def like(self, flat: Tensor) -> Tensor:
        """Rows (m·b d) in the shape of the samples, (m b d)."""
        return flat.detach().to(self.X.dtype).view(self.X.shape)


def rows_at_once(d: int, widest: int = 0) -> int:
    """Number of rows that captum may hold, for samples of ``d`` numbers and activations of ``widest``."""
    return max(1, min(CHUNK, NUMBERS // max(d, widest, 1)))


def _captum() -> Any:
    """Captum's methods; imported late, for it brings Matplotlib, and what is said of the methods needs neither."""
    import captum.attr

    return captum.attr


@contextmanager
def quiet_captum() -> Iterator[None]:
    """Gradients on, whatever the caller has switched off, and no warnings about what captum does to its inputs."""
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Input Tensor .* did not already require gradients")
        warnings.filterwarnings("ignore", message="(?s).*Setting forward, backward hooks")
        yield


def integrate(rows: Rows, baselines: Tensor, steps: int) -> Tensor:
    """Integrated gradients of every row, (r d); ``baselines`` (r d)."""
    nodes = max(1, rows_at_once(rows.d, getattr(rows.logits, "widest", 0)) // rows.r)
    with quiet_captum():
        method = _captum().IntegratedGradients(rows.total)
        values: Tensor = method.attribute(rows.rows, baselines, n_steps=steps, internal_batch_size=rows.r * nodes)
    return values.detach().to(rows.X.dtype)


def _integrated_gradients(request: Request) -> Tensor:
    rows = request.rows
    return request.like(integrate(rows, request.baselines.reshape(rows.r, rows.d), request.steps))


def _saliency(request: Request) -> Tensor:
    return request.like(_captum().Saliency(request.rows.total).attribute(request.rows.rows))


def _input_x_gradient(request: Request) -> Tensor:
    return request.like(_captum().InputXGradient(request.rows.total).attribute(request.rows.rows))


def _deep_lift(request: Request) -> Tensor:
    parts = []
    for arm in range(request.stack.m):
        model = request.stack.module(arm)
        X, start, classes = request.X[arm].clone(), request.baselines[arm], request.classes[arm]
        if isinstance(ensemble := next(model.children(), None), MeanOfMembers):
            parts.append(_of_ensemble(ensemble.to(X.device), X, start, classes))
            continue
        if any(isinstance(part, torch.jit.ScriptModule) for part in model.modules()):
            raise DataError("DeepLIFT needs layers that it can look into; a scripted or traced model has none.")
        parts.append(_rescaled(model.to(X.device), X, start, classes))
    return request.like(torch.stack(parts))


def _rescaled(model: nn.Module, X: Tensor, start: Tensor, classes: Tensor) -> Tensor:
    """DeepLIFT of one module, (b d)."""
    method = _captum().DeepLift(_known_to_captum(model))
    try:
        found: Tensor = method.attribute(X, start, target=classes)
    except RuntimeError as error:
        if "more than once" not in str(error):
            raise
        sentence = "DeepLIFT needs a layer of its own for every step; this model uses one of its layers twice."
        raise DataError(sentence) from error
    return found


class Weighted(nn.Module):
    """The sum of a module's logits, each times a number of the sample's own, (b d) → (b 1).

    It is given the samples and their baselines, one below the other.
    """

    def __init__(self, model: nn.Module, weights: Tensor) -> None:
        super().__init__()
        self.model, self.weights = model, weights  # b k

    def forward(self, x: Tensor) -> Tensor:
        """Weighted sums of samples (n·b d)."""
        z: Tensor = self.model(x)
        return (z * self.weights.repeat(len(z) // len(self.weights), 1)).sum(dim=1, keepdim=True)


def _of_ensemble(ensemble: MeanOfMembers, X: Tensor, start: Tensor, classes: Tensor) -> Tensor:
    """DeepLIFT of an ensemble, (b d): that of its members' logits, each with the multiplier of the mean above it."""
    with torch.no_grad():
        ends, starts = (torch.stack([member(x) for member in ensemble.members]) for x in (X, start))
    shares, whole = head_multipliers(ends, starts, classes), torch.zeros_like(classes)
    members = zip(ensemble.members, shares, strict=True)
    return torch.stack([_rescaled(Weighted(member, own), X, start, whole) for member, own in members]).sum(dim=0)


HEAD_NODES = 64
"""Of the rule that integrates along an ensemble's logits."""


def head_multipliers(logits: Tensor, baselines: Tensor, classes: Tensor) -> Tensor:
    """What each member's logits (s b k) contribute to an ensemble's logit of a class (b), per unit, (s b k).

    ∫₀¹ ∂F(z⁰ + α (z − z⁰)) / ∂z dα with F = log 1/s Σ_i softmax(z_i)_y: DeepLIFT's rescale rule for a function of
    several inputs, which for one input is ΔF/Δz. With them DeepLIFT adds up for an ensemble too.
    """
    nodes, weights = np.polynomial.legendre.leggauss(HEAD_NODES)
    total = torch.zeros_like(logits)
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        point = torch.lerp(baselines, logits, (node + 1) / 2).requires_grad_()
        value = log_mean_softmax(point, members=0, classes=-1).gather(1, classes.unsqueeze(1)).sum()
        total += torch.autograd.grad(value, point)[0] * (weight / 2)
    return total


def _known_to_captum(model: nn.Module) -> nn.Module:
    """The model, its activations replaced by the exact types whose differences DeepLIFT passes back."""
    for name, part in model.named_children():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
        if isinstance(part, nn.Softplus):
            setattr(model, name, nn.Softplus(part.beta, part.threshold))
        else:
            _known_to_captum(part)
    return model.requires_grad_(False)


def _gradient_shap(request: Request) -> Tensor:
    background = request.background
    assert background is not None
    parts = []
    for arm in range(request.stack.m):
        method = _captum().GradientShap(_alone(request.stack.take([arm]), request.output))
        with _randomness(request.seed):  # the same for every model
            found = method.attribute(
                request.X[arm].clone(), background, n_samples=request.steps, stdevs=0.0, target=request.classes[arm]
            )
        parts.append(found.detach())
    return request.like(torch.stack(parts))


def _alone(stack: AttributableModels, output: Output) -> Logits:
    """A stack of one model as a function of rows, (q d) → (q k)."""

    def outputs(flat: Tensor) -> Tensor:
        z = stack(flat.unsqueeze(0).to(stack.dtype)).squeeze(0)  # captum's points have single precision
        return z if output == "logit" else torch.softmax(z, dim=-1)

    return outputs


def _occlusion(request: Request) -> Tensor:
    rows = request.rows
    shape = request.grid or (rows.d,)
    window = tuple(min(WINDOW, n) for n in request.grid) if request.grid else (1,)
    strides = tuple(min(STRIDE, n) for n in window)

    def outputs(pictures: Tensor) -> Tensor:
        return rows.each(pictures.reshape(-1, rows.d))

    with torch.no_grad():
        method = _captum().Occlusion(outputs)
        found = method.attribute(
            rows.rows.unflatten(-1, shape),
            sliding_window_shapes=window,
            strides=strides,
            baselines=request.baselines.reshape(rows.r, *shape),
        )
    return request.like(found.reshape(rows.r, rows.d))


COMPUTE: dict[MethodName, Callable[[Request], Tensor]] = {
    "integrated_gradients": _integrated_gradients,
    "saliency": _saliency,
    "input_x_gradient": _input_x_gradient,
    "deep_lift": _deep_lift,
    "gradient_shap": _gradient_shap,
    "occlusion": _occlusion,
}
"""Name → function that computes g (m b d)."""

_one_at_a_time = threading.Lock()


@contextmanager
def _randomness(seed: int) -> Iterator[None]:
    """Captum draws from the global random streams of torch and numpy: seeded here, and restored afterwards."""
    with _one_at_a_time, torch.random.fork_rng(devices=[]):
        before = np.random.get_state()  # noqa: NPY002 - what captum draws from
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - see above
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002 - see above
