"""Attribution of a model's output to its features: one interface, six methods (``METHODS``), all by captum."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ctviz.counterfactuals import inputs
from ctviz.counterfactuals.adapter import ModuleAdapter, in_eval_mode
from ctviz.data.frames import NO_LABELS, TableLabels, check_rows, common_labels, labels_of
from ctviz.errors import ConfigError, DataError
from ctviz.evaluation.baselines import BASELINES, BaselineName, make_baselines, uniform_baselines
from ctviz.evaluation.methods import (
    COMPUTE,
    METHODS,
    AttributableModels,
    Logits,
    MethodName,
    Output,
    Request,
    Rows,
    SingleModel,
    integrate,
    quiet_captum,
    rows_at_once,
)
from ctviz.isolation import isolated
from ctviz.settings import Settings
from ctviz.short_repr import ShortRepr

if TYPE_CHECKING:
    from ctviz.data.frames import DataFrame

__all__ = [
    "BASELINES",
    "METHODS",
    "AttributionSettings",
    "Attributions",
    "attribute",
    "integrated_gradients",
    "share",
    "standardised",
    "uniform_baselines",
]

Numbers = Tensor | npt.ArrayLike
"""A tensor, or anything that numpy converts to an array."""

COMPLETENESS_TOLERANCE: dict[str, float] = {"integrated_gradients": 0.1, "deep_lift": 0.001}
"""Largest completeness error of a sample, as a share of Σ |g|: an integral is approximated, DeepLIFT's rule is
exact."""

PIXEL_RANGE = 2.0
"""Length of a pixel's range, −1 to 1: the unit of the noise."""


class AttributionSettings(Settings):
    """How an output is attributed to features; a method uses the settings that ``METHODS`` names for it."""

    method: MethodName = Field("integrated_gradients", description="How the answer is attributed to pixels.")
    baseline: BaselineName = Field("uniform", description="The picture that is taken to say nothing.")
    steps: int = Field(50, ge=1, le=1000, description="Steps from the baseline to the picture, or draws.")
    smooth: int = Field(0, ge=0, le=100, description="Noisy copies to average over (SmoothGrad); 0 for none.")
    noise: float = Field(0.15, ge=0, le=1, description="Spread of that noise, as a share of a pixel's range.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of random baselines, draws and noise.")
    output: Output = Field("logit", description="Which output is attributed.")

    @model_validator(mode="after")
    def _output_of_deep_lift(self) -> AttributionSettings:
        # Captum's rule for a softmax mixes the samples of a batch, and its parts do not add up.
        if self.method == "deep_lift" and self.output != "logit":
            raise ConfigError("output", self.output, "logit for deep_lift")
        return self


@dataclass(frozen=True, repr=False, eq=False)
class Attributions(ShortRepr):
    """Attributions of samples, and their completeness error."""

    values: Tensor  # (m) b d: g
    error: Tensor  # (m) b: Σ_d g_d − [F(x) − F(x⁰)], 0 for an exact integral; NaN where they need not add up
    labels: TableLabels = NO_LABELS  # of the samples

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the d columns: a frame's own, or x1, x2, …"""
        return self.labels.named(self.values.shape[-1])

    def frame(self) -> DataFrame:
        """The attributions of one model as a pandas DataFrame, (b d), with the labels of the samples."""
        if self.values.ndim != 2:
            raise DataError(f"A frame holds the attributions of one model; these are of {len(self.values)}.")
        return self.labels.frame(self.values)


def attribute(
    stack: AttributableModels | nn.Module,
    X: Numbers,
    classes: Numbers,
    settings: AttributionSettings | None = None,
    grid: tuple[int, int] | None = None,
    background: Numbers | None = None,
    baselines: Numbers | None = None,
) -> Attributions:
    """Attribute each model's output F for a class, F = M(·)[y] or softmax(M(·))[y], to features.

    With ``smooth`` = s > 0, g is the mean over s copies of the samples with Gaussian noise of standard deviation 2 ·
    ``noise``, the same for all models (SmoothGrad, Smilkov et al. 2017). The same request gives the same bits; the
    caller's random streams are left alone.

    Args:
        stack: m models, or one plain module, for which the axis m is dropped from all that follows; a module is
            evaluated in evaluation mode, without autocast, and left as it was.
        X: (m b d), or (b d) for the same samples in every model; converted to the models' floating-point type. Frames
            are matched by column name; all of them must have the same names in the same order.
        classes: y of each sample, whole numbers (m b) or shared (b), or one for all.
        settings: the method, its baseline and the rest; integrated gradients by default.
        grid: rows and columns of a picture; without it, occlusion covers one feature after the other.
        background: samples (n d) for GradientSHAP to draw baselines from, and to take the mean of.
        baselines: x⁰, of X's shape or (b d), in place of those of the settings.

    Returns:
        Attributions (m b d) in units of F.

    Raises:
        ConfigError: a blurred baseline without a grid, a grid of other than d pixels, an unknown class.
        DataError: shapes that do not fit together, numbers that are not finite, a method without its background; a
            module that does not classify such samples, returns NaN, or returns probabilities where its probability is
            attributed; one that lets no gradient through to a method that needs it, or with a step that DeepLIFT does
            not know, so that its parts do not add up.

    Warns:
        UserWarning: integrated gradients whose parts do not add up: the integral needs more steps.
    """
    settings = settings or AttributionSettings()
    known = _labels(X, baselines, background)
    check_rows(("samples", X), ("classes", classes), ("baselines", baselines))
    if isinstance(stack, AttributableModels):
        with isolated():
            return replace(_attribute(stack, X, classes, settings, grid, background, baselines), labels=known)
    with in_eval_mode(stack) as own:
        X = inputs.numbers(X, "samples", (2,), "(b d) for one model")
        adapter = ModuleAdapter(own, X, gradients=settings.method != "occlusion")
        adapter.check(_numbers(adapter, X, "samples"), "samples", logits=settings.output == "probability")
        found = _attribute(SingleModel(adapter), X, classes, settings, grid, background, baselines)
        found = _finite(found, settings.method)
    return Attributions(found.values[0], found.error[0], known)


def _attribute(
    stack: AttributableModels,
    X: Numbers,
    classes: Numbers,
    settings: AttributionSettings,
    grid: tuple[int, int] | None,
    background: Numbers | None,
    baselines: Numbers | None,
) -> Attributions:
    X = _numbers(stack, X, "samples")
    X = X.expand(stack.m, -1, -1) if X.ndim == 2 else X
    start, behind = (
        None if part is None else _numbers(stack, part, name)
        for name, part in (("baselines", baselines), ("background samples", background))
    )
    _check_request(stack, X, settings, grid, behind, start)
    labels = _classes(classes, X.shape[:-1], stack.k).to(stack.device)
    if start is None:
        start = make_baselines(settings.baseline, X, settings.seed, grid, behind)
    start = start.to(X).expand_as(X)
    request = Request(stack, X, labels, start, settings.output, settings.steps, settings.seed, grid, behind)
    if X.shape[1] == 0:
        return Attributions(torch.zeros_like(X), X.new_zeros(X.shape[:2]))
    if settings.smooth:
        return Attributions(_smoothed(request, settings), X.new_full(X.shape[:2], torch.nan))
    return _in_parts(request, settings)


def _labels(X: Numbers, baselines: Numbers | None, background: Numbers | None = None) -> TableLabels:
    """Labels of the samples; all frames must have the same column names."""
    tables = (("samples", X), ("baselines", baselines), ("background samples", background))
    return common_labels(*((name, labels_of(table, name)) for name, table in tables))


def _completeness_error(rows: Rows, values: Tensor, baselines: Tensor, method: MethodName) -> Tensor:
    """Completeness error of a complete method, Σ_d g_d − [F(x) − F(x⁰)], (r).

    Args:
        values: g, (r d).
        baselines: x⁰, (r d).

    Raises:
        DataError: DeepLIFT's parts miss it: its rule does not fit a step of the model.
    """
    with torch.no_grad():
        high, low = rows.outputs(torch.stack([rows.rows, baselines]))
    error: Tensor = values.sum(dim=-1) - (high - low)
    size, reach = values.abs().sum(dim=-1), high.abs() + low.abs()
    # Small attributions are judged by those of the other samples, and rounding is no error.
    slack = COMPLETENESS_TOLERANCE[method] * size.maximum(size.nanmedian()) + 32 * torch.finfo(reach.dtype).eps * reach
    wrong = int((error.abs() > slack).sum())
    if wrong:
        far = f"for {wrong} of {len(error)} samples the parts miss the change of the answer, "
        far += f"by up to {float(error.abs().nan_to_num().max()):.3g}"
        if method == "deep_lift":
            raise DataError(
                f"DeepLIFT's rule does not fit every step of this model: {far}. It fits linear layers and activations "
                "that are layers, made once and used once (nn.ReLU, nn.Tanh, …); else take integrated_gradients."
            )
        warnings.warn(f"Integrated gradients are not exact: {far}. Take more steps.", stacklevel=2)
    return error


def _points(values: Numbers, name: str) -> Tensor:
    return inputs.numbers(values, name, (2, 3), "(b d) or (m b d)")


def _numbers(stack: AttributableModels | ModuleAdapter, values: Numbers, name: str) -> Tensor:
    """A copy of finite numbers, ((m) b d), in the models' type and on their device."""
    found = _points(values, name).to(stack.device, stack.dtype)
    if not found.isfinite().all():
        raise DataError(f"{name} hold values too large for the model's {stack.dtype}.")
    return found


def _classes(classes: Numbers, shape: torch.Size, k: int) -> Tensor:
    """Classes of all samples, ((m) b)."""
    try:
        given = classes if isinstance(classes, Tensor) else np.asarray(classes)
    except ValueError:
        raise DataError("classes have rows of different lengths.") from None
    if given.ndim < 2:
        found = inputs.classes(given, shape[-1], k, "classes").expand(shape)
    elif tuple(given.shape) == tuple(shape):
        found = inputs.classes(given.reshape(-1), shape.numel(), k, "classes").view(shape)
    else:
        raise DataError(f"classes have shape {tuple(given.shape)}; expected ({shape[-1]},) or {tuple(shape)}.")
    return found.clone()  # tensors made in inference mode cannot take part in autograd


def _check_request(
    stack: AttributableModels,
    X: Tensor,
    settings: AttributionSettings,
    grid: tuple[int, int] | None,
    background: Tensor | None,
    baselines: Tensor | None,
) -> None:
    if X.ndim != 3 or X.shape[0] != stack.m or X.shape[2] != stack.d:
        raise DataError(f"Samples have shape {tuple(X.shape)}; expected (b {stack.d}) or ({stack.m} b {stack.d}).")
    if baselines is not None and baselines.shape not in (X.shape, X.shape[1:]):
        raise DataError(f"Baselines have shape {tuple(baselines.shape)}; expected {tuple(X.shape[1:])}.")
    if background is not None and (background.ndim != 2 or background.shape[1] != stack.d):
        raise DataError(f"The background has shape {tuple(background.shape)}; expected (n {stack.d}).")
    if grid is not None and grid[0] * grid[1] != stack.d:
        raise ConfigError("grid", grid, f"rows and columns of {stack.d} pixels")
    if settings.method == "gradient_shap" and (background is None or not len(background)):
        raise DataError("GradientSHAP draws its baselines from samples of the data (background); there are none.")


def _in_parts(request: Request, settings: AttributionSettings) -> Attributions:
    """Attributions of all samples, some at a time, (m b d), and their completeness error, (m b)."""
    m, b, d = request.X.shape
    copies = request.steps if settings.method == "gradient_shap" else 1
    size = max(1, rows_at_once(d, request.stack.widest) // (m * copies))
    run, values, errors = COMPUTE[settings.method], [], []
    with quiet_captum():
        for first in range(0, b, size):
            here = slice(first, first + size)
            X, classes, start = (part[:, here] for part in (request.X, request.classes, request.baselines))
            one = replace(request, X=X, classes=classes, baselines=start, seed=request.seed + first)
            values.append(run(one))
            if METHODS[settings.method].complete:
                error = _completeness_error(one.rows, values[-1].reshape(-1, d), start.reshape(-1, d), settings.method)
                errors.append(error.view(X.shape[:2]))
    missed = torch.cat(errors, dim=1) if errors else request.X.new_full((m, b), torch.nan)
    return Attributions(torch.cat(values, dim=1), missed)


def _smoothed(request: Request, settings: AttributionSettings) -> Tensor:
    """The mean of g over noisy copies of the samples, (m b d)."""
    generator = torch.Generator().manual_seed(settings.seed)
    total = torch.zeros_like(request.X)
    for i in range(settings.smooth):
        noise = torch.randn(request.X.shape[1:], generator=generator).to(total) * (settings.noise * PIXEL_RANGE)
        total += _in_parts(replace(request, X=request.X + noise, seed=request.seed + i), settings).values
    return total / settings.smooth


def _finite(found: Attributions, method: str) -> Attributions:
    """Attributions of a module, if they are finite.

    Raises:
        DataError: some are not: an infinite gradient, or a number too large for the model's type.
    """
    broken = int((~found.values.isfinite()).any(dim=-1).sum())
    if broken:
        raise DataError(
            f"The attributions of {broken} of {found.values.shape[:-1].numel()} samples are not finite ({method}): the "
            "model's gradient is not, or its type holds no numbers so large."
        )
    return found


def integrated_gradients(
    logits: Logits,
    X: Numbers,
    classes: Numbers | None = None,
    baselines: Numbers | None = None,
    steps: int = 50,
    output: Output = "logit",
) -> Attributions:
    """Integrated gradients of the model's output F for a class, along the straight line from a baseline.

        g_d = (x_d − x⁰_d) · ∫₀¹ ∂F(x⁰ + α (x − x⁰)) / ∂x_d dα,   F = M(·)[y] or softmax(M(·))[y]

    The integral is taken by Gauss and Legendre's rule (captum). For a linear model g_d = w_d (x_d − x⁰_d).

    Args:
        logits: the model or models; a module is used in evaluation mode and left as it was.
        X: (b d) for a model, (m b d) for a stack; taken in the floating-point type of a module or stack.
        classes: y of each sample, (b) or (m b), int64; by default those that each model predicts.
        baselines: x⁰, of X's shape or (b d) for all models; by default ``uniform_baselines``.
        steps: nodes of the rule.
        output: which F.

    Returns:
        Attributions in units of F.

    Raises:
        ConfigError: fewer than one step, an unknown output.
        DataError: shapes that do not fit together, numbers that are not finite, a module that does not classify such
            samples.
    """
    labels = _labels(X, baselines)
    check_rows(("samples", X), ("classes", classes), ("baselines", baselines))
    if isinstance(logits, nn.Module):
        with in_eval_mode(logits) as own:
            X, start = _points(X, "samples"), None if baselines is None else _points(baselines, "baselines")
            adapter = ModuleAdapter(own, X.flatten(0, -2))
            X = X.to(adapter.device, adapter.dtype)
            adapter.check(X.flatten(0, -2), "samples", logits=output == "probability")
            found = _finite(_integrated(adapter, X, classes, start, steps, output), "integrated_gradients")
            return replace(found, labels=labels)
    with isolated():
        place = X.device if isinstance(X, Tensor) else torch.device("cpu")
        X, start = _points(X, "samples"), None if baselines is None else _points(baselines, "baselines")
        X = X.to(getattr(logits, "device", place), getattr(logits, "dtype", X.dtype))
        return replace(_integrated(logits, X, classes, start, steps, output), labels=labels)


def _integrated(
    logits: Logits, X: Tensor, given: Numbers | None, baselines: Tensor | None, steps: int, output: Output
) -> Attributions:
    if baselines is None:
        baselines = uniform_baselines(*X.shape[-2:])
    _check(X, baselines, steps, output)
    if X.shape[:-1].numel() == 0:
        return Attributions(torch.zeros_like(X), X.new_zeros(X.shape[:-1]))
    with torch.no_grad():
        answers = logits(X if given is None else X[..., :1, :])
    classes = answers.argmax(dim=-1) if given is None else _classes(given, X.shape[:-1], answers.shape[-1])
    classes = classes.to(X.device)
    start, models = baselines.clone().to(X).expand_as(X), X.shape[:-2].numel()
    size = max(1, rows_at_once(X.shape[-1], getattr(logits, "widest", 0)) // models)
    values, error = [], []
    for x, y, x0 in zip(X.split(size, dim=-2), classes.split(size, dim=-1), start.split(size, dim=-2), strict=True):
        rows = Rows(logits, x, y, output)
        flat = x0.reshape(rows.rows.shape)
        found = integrate(rows, flat, steps)
        values.append(found.view(x.shape))
        error.append(_completeness_error(rows, found, flat, "integrated_gradients").view(y.shape))
    return Attributions(torch.cat(values, dim=-2), torch.cat(error, dim=-1))


def share(values: Tensor) -> Tensor:
    """|g_d| / Σ |g|: the share of each sample's attribution that each feature has, (… d); NaN where all are 0."""
    size = values.abs().double()
    total = size.sum(dim=-1, keepdim=True)
    return size / torch.where(total > 0, total, torch.nan)


def standardised(values: Tensor) -> Tensor:
    """|g_d| standardised per sample as in the paper, (… d); NaN where all features have the same.

    Two features: |g_d| / (max − min). More: (|g_d| − min) / (max − min).
    """
    size = values.abs().double()
    low, high = size.amin(dim=-1, keepdim=True), size.amax(dim=-1, keepdim=True)
    spread = torch.where(high > low, high - low, torch.nan)
    return (size if values.shape[-1] == 2 else size - low) / spread


def _check(X: Tensor, baselines: Tensor, steps: int, output: str) -> None:
    if not 1 <= steps <= 10_000:
        raise ConfigError("steps", steps, "1 to 10,000")
    if output not in ("logit", "probability"):
        raise ConfigError("output", output, "logit or probability")
    if baselines.shape not in (X.shape, X.shape[-2:]):
        given = " and ".join(str(tuple(t.shape)) for t in (X, baselines))
        raise DataError(f"Samples and baselines have shapes {given}; expected ((m) b d) and (b d).")
