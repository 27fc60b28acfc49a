"""Robustness of models against adversarial examples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from ctviz.errors import ConfigError

Attack = Literal["fgsm", "pgd"]
Logits = Callable[[Tensor], Tensor]
"""A stack of m models: (m b d) → (m b k), differentiable."""

NUMBERS = 1 << 21
"""Most numbers in the samples of all models and in their widest activation at once: an attack makes several copies of
them."""


def perturb(
    logits: Logits,
    X: Tensor,
    y: Tensor,
    epsilon: float,
    lower: Tensor | None = None,
    upper: Tensor | None = None,
    attack: Attack = "fgsm",
    steps: int = 40,
    step_size: float | None = 0.01,
) -> Tensor:
    """Adversarial examples against each of m models, all of them in one attack.

    FGSM:  x' = x + ε · sign ∇ₓ yloss(M(x), y)
    PGD:   ``steps`` such steps of ``step_size``, each followed by a projection onto ‖x' − x‖∞ ≤ ε

    They stay in the domain; a sample that lies outside of it to begin with moves no further out.

    Args:
        logits: the models.
        X: (m b d).
        y: true classes, (m b), int64.
        epsilon: largest change of a feature, in its units.
        lower, upper: the domain, (d); None: unbounded.
        attack: ``fgsm`` or ``pgd``.
        steps, step_size: of PGD. None: steps of 0.01 as in the paper, or of 2.5 ε / steps (Madry et al. 2018) where
            those would hardly get to ε and back.

    Returns:
        (m b d), without gradient.

    Raises:
        ConfigError: an ε that is negative or not a number, an unknown attack, PGD without steps.
    """
    from captum.robust import FGSM, PGD  # imported late: it brings Matplotlib

    _check(epsilon, attack, steps, step_size)
    if step_size is None:
        step_size = max(0.01, 2.5 * epsilon / steps)
    m, b, d = X.shape
    start = X.detach().reshape(m * b, d).requires_grad_()

    def forward(flat: Tensor) -> Tensor:  # m·b d -> m·b k
        return logits(flat.reshape(m, b, d)).flatten(0, 1)

    bounds = _bounds(start.detach(), lower, upper)
    labels = y.reshape(m * b)
    found: Tensor
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Input Tensor .* did not already require gradients")
        if attack == "fgsm":
            one_step = FGSM(forward, _margin, **bounds)
            one_step.zero_thresh = 0.0  # else captum moves no sample whose gradient is below 1e-6
            found = one_step.perturb(start, epsilon, labels)
        else:
            many_steps = PGD(forward, _margin, **bounds)
            many_steps.fgsm.zero_thresh = 0.0
            found = many_steps.perturb(start, epsilon, step_size, steps, labels)
    return found.detach().reshape(m, b, d)


def _bounds(start: Tensor, lower: Tensor | None, upper: Tensor | None) -> dict[str, Tensor]:
    """The domain, as far as it holds the samples (b d), or else themselves; as captum names the two."""
    low, high = (
        start.new_full((), edge) if bound is None else bound.to(start)
        for edge, bound in ((-torch.inf, lower), (torch.inf, upper))
    )
    return {"lower_bound": start.minimum(low), "upper_bound": start.maximum(high)}


def robust_accuracy(
    logits: Logits,
    X: Tensor,
    y: Tensor,
    epsilon: float,
    lower: Tensor | None = None,
    upper: Tensor | None = None,
    attack: Attack = "fgsm",
    steps: int = 40,
    step_size: float | None = 0.01,
) -> Tensor:
    """Share of samples that each model still classifies correctly after the attack of ``perturb``.

    Args:
        X: (m b d); the same samples for every arm may be an expanded view.
        y: (m b) or shared (b).

    The rest as in ``perturb``.

    Returns:
        (m), float64, 0 to 1.
    """
    right = accuracy_curve(logits, X, y, [epsilon], lower, upper, attack, steps, step_size)
    return right[:, 0].double().mean(-1)


def accuracy_curve(
    logits: Logits,
    X: Tensor,
    y: Tensor,
    epsilons: Sequence[float],
    lower: Tensor | None = None,
    upper: Tensor | None = None,
    attack: Attack = "fgsm",
    steps: int = 40,
    step_size: float | None = 0.01,
) -> Tensor:
    """Which samples each model still classifies correctly after attacks (``perturb``) of n strengths.

    Some samples at a time, so that memory does not grow with their number.

    Args:
        X: (m b d); the same samples for every arm may be an expanded view.
        y: (m b) or shared (b).
        epsilons: (n); 0 is no attack.

    The rest as in ``perturb``.

    Returns:
        (m n b), bool.
    """
    m, b, d = X.shape
    y = y.expand(m, b)
    right = torch.zeros(m, len(epsilons), b, dtype=torch.bool, device=X.device)
    for epsilon in epsilons:
        _check(epsilon, attack, steps, step_size)
    size = max(1, NUMBERS // (m * max(d, getattr(logits, "widest", 0))))
    for first in range(0, b, size):
        here = slice(first, first + size)
        found = _attacks(logits, X[:, here], y[:, here], epsilons, lower, upper, attack, steps, step_size)
        for i, points in enumerate(found):
            with torch.no_grad():
                right[:, i, here] = logits(points).argmax(-1) == y[:, here]
    return right


def _attacks(
    logits: Logits,
    X: Tensor,
    y: Tensor,
    epsilons: Sequence[float],
    lower: Tensor | None,
    upper: Tensor | None,
    attack: Attack,
    steps: int,
    step_size: float | None,
) -> Iterator[Tensor]:
    """The adversarial examples of ``perturb`` at each strength, (m b d)."""
    if attack == "pgd":
        for epsilon in epsilons:
            yield perturb(logits, X, y, epsilon, lower, upper, attack, steps, step_size)
        return
    signs = (perturb(logits, X, y, 1.0) - X).sign()  # one gradient serves all strengths
    for epsilon in epsilons:
        points = X + epsilon * signs
        if lower is not None:
            points = points.maximum(X.minimum(lower))
        if upper is not None:
            points = points.minimum(X.maximum(upper))
        yield points


def _margin(logits: Tensor, y: Tensor) -> Tensor:
    """Σ over samples of ``logsumexp_{j≠y} z_j − z_y``, as the one-element batch that captum asks for.

    Its gradient is that of the cross-entropy divided by 1 − p_y, per sample a positive number: the signs are
    the same, but they survive where a confident model's cross-entropy has underflown to a gradient of zero.
    """
    true = torch.nn.functional.one_hot(y, logits.shape[-1]).bool()
    others = logits.masked_fill(true, -torch.inf).logsumexp(-1)
    return (others - logits[true]).sum().reshape(1)


def _check(epsilon: float, attack: str, steps: int, step_size: float | None) -> None:
    if not 0 <= epsilon < torch.inf:
        raise ConfigError("epsilon", epsilon, "a number from 0")
    if attack not in ("fgsm", "pgd"):
        raise ConfigError("attack", attack, "fgsm or pgd")
    if attack == "pgd" and not (steps >= 1 and (step_size is None or 0 < step_size < torch.inf)):
        raise ConfigError("steps and step_size", (steps, step_size), "at least one step of a size above 0")
