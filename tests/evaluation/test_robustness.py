"""Attacks by hand on linear models, their bounds, and arms together against arms one by one."""

from __future__ import annotations

import math

import pytest
import torch

from ctviz.errors import ConfigError
from ctviz.evaluation.robustness import perturb, robust_accuracy

FREE = torch.tensor([-math.inf, -math.inf]), torch.tensor([math.inf, math.inf])
WEIGHT = torch.tensor([[2.0, -1.0], [-1.0, 0.5]])  # k d


def linear(x):
    return x @ WEIGHT.T


def stack_of(m, k=3, seed=0, scale=1.0):
    draw = torch.Generator().manual_seed(seed)
    first = scale * torch.randn(m, 2, 16, generator=draw)
    second = scale * torch.randn(m, 16, k, generator=draw)
    return lambda x: (x @ first).tanh() @ second, [
        lambda x, a=first[i], b=second[i]: (x @ a).tanh() @ b for i in range(m)
    ]


def samples(m, b, k=3, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(m, b, 2, generator=draw), torch.randint(k, (m, b), generator=draw)


@pytest.mark.parametrize(
    ("label", "step"),
    [pytest.param(0, [-0.1, 0.1], id="class 0"), pytest.param(1, [0.1, -0.1], id="class 1")],
)
def test_fgsm_on_a_linear_model_by_hand(label, step):
    # ∇ₓ CE = p_other · (w_other − w_label); for label 0 that is p · (−3, 1.5): signs (−, +).
    X = torch.tensor([[[0.4, 0.3]]])
    found = perturb(linear, X, torch.tensor([[label]]), 0.1, *FREE)
    torch.testing.assert_close(found, X + torch.tensor(step))


def test_fgsm_follows_the_sign_of_the_cross_entropy_gradient():
    logits, _ = stack_of(2)
    X, y = samples(2, 50)
    X.requires_grad_()
    loss = torch.nn.functional.cross_entropy(logits(X).flatten(0, 1), y.flatten(), reduction="sum")
    (gradient,) = torch.autograd.grad(loss, X)
    torch.testing.assert_close(perturb(logits, X, y, 0.2, *FREE), (X + 0.2 * gradient.sign()).detach())


def test_a_very_confident_model_is_attacked_all_the_same():
    # Margins of thousands: the cross-entropy's gradient is exactly zero in float32.
    X, y = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[0]])
    found = perturb(lambda x: 5000 * linear(x), X, y, 0.1, *FREE)
    torch.testing.assert_close(found, torch.tensor([[[0.9, 0.1]]]))


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_a_nearly_flat_model_is_attacked_all_the_same(attack):
    X, y = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[0]])
    found = perturb(lambda x: 1e-9 * linear(x), X, y, 0.1, *FREE, attack, steps=1, step_size=0.1)
    torch.testing.assert_close(found, torch.tensor([[[0.9, 0.1]]]))


def test_a_flat_model_moves_nothing():
    X, y = samples(1, 5)
    assert torch.equal(perturb(lambda x: 0 * x[..., :1] + torch.zeros(3), X, y, 0.5, *FREE), X)


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
@pytest.mark.parametrize("epsilon", [0.0, 0.05, 2.0])
def test_stays_in_the_ball_and_in_the_domain(attack, epsilon):
    logits, _ = stack_of(2, scale=2.0)
    X, y = samples(2, 200)
    lower, upper = torch.tensor([-0.5, -3.0]), torch.tensor([0.75, 0.1])
    inside = ((lower <= X) & (upper >= X)).all(-1)
    found = perturb(logits, X, y, epsilon, lower, upper, attack, steps=10, step_size=0.03)
    assert ((found - X).abs() <= epsilon + 1e-6).all()
    assert ((found[inside] >= lower) & (found[inside] <= upper)).all()
    assert (found >= X.minimum(lower)).all(), "a sample below the domain moves no further down"
    assert (found <= X.maximum(upper)).all()


def test_pgd_reaches_the_corner_that_misleads_a_linear_model():
    X, y = torch.tensor([[[0.4, 0.3]]]), torch.tensor([[0]])
    found = perturb(linear, X, y, 0.1, *FREE, attack="pgd", steps=20, step_size=0.01)
    torch.testing.assert_close(found, torch.tensor([[[0.3, 0.4]]]))


def test_pgd_of_one_full_step_is_fgsm():
    logits, _ = stack_of(2)
    X, y = samples(2, 30)
    one = perturb(logits, X, y, 0.1, *FREE, attack="pgd", steps=1, step_size=0.1)
    torch.testing.assert_close(one, perturb(logits, X, y, 0.1, *FREE))


def test_robust_accuracy_by_hand():
    # Class 1 where x1 > 0, certain at any distance: an attack of ε turns those nearer than ε to the border.
    def threshold(x):
        return torch.stack([-x[..., 0], x[..., 0]], dim=-1)

    X = torch.tensor([[[-2.0, 0.0], [-0.05, 0.0], [0.15, 0.0], [0.3, 0.0]]])
    y = torch.tensor([0, 0, 1, 1])
    found = [float(robust_accuracy(threshold, X, y, e, *FREE)) for e in (0.0, 0.1, 0.2, 0.4, 3.0)]
    assert found == [1.0, 0.75, 0.5, 0.25, 0.0]


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_arms_together_equal_arms_one_by_one(attack):
    logits, singles = stack_of(3)
    X, y = samples(3, 80)
    bounds = torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 1.0])
    together = robust_accuracy(logits, X, y, 0.2, *bounds, attack, steps=5, step_size=0.05)
    apart = [
        robust_accuracy(f, X[[i]], y[[i]], 0.2, *bounds, attack, steps=5, step_size=0.05) for i, f in enumerate(singles)
    ]
    assert together.tolist() == [float(a) for a in apart]


def test_samples_and_labels_may_be_shared_views():
    logits, _ = stack_of(3)
    X, y = samples(1, 40)
    shared = robust_accuracy(logits, X.expand(3, 40, 2), y[0], 0.1, *FREE)
    assert torch.equal(shared, robust_accuracy(logits, X.repeat(3, 1, 1), y.repeat(3, 1), 0.1, *FREE))


def test_leaves_the_samples_alone_and_carries_no_gradient():
    logits, _ = stack_of(1)
    X, y = samples(1, 5)
    before = X.clone()
    found = perturb(logits, X, y, 0.1, *FREE)
    assert torch.equal(X, before)
    assert not X.requires_grad
    assert not found.requires_grad


def test_works_inside_no_grad():
    logits, _ = stack_of(1)
    X, y = samples(1, 5)
    with torch.no_grad():
        inside = perturb(logits, X, y, 0.1, *FREE)
    assert torch.equal(inside, perturb(logits, X, y, 0.1, *FREE))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_warns_of_nothing(attack):
    logits, _ = stack_of(1)
    perturb(logits, *samples(1, 5), 0.1, *FREE, attack, steps=2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"epsilon": -0.1}, "epsilon", id="negative epsilon"),
        pytest.param({"epsilon": math.nan}, "epsilon", id="epsilon not a number"),
        pytest.param({"epsilon": math.inf}, "epsilon", id="infinite epsilon"),
        pytest.param({"attack": "deepfool"}, "attack", id="unknown attack"),
        pytest.param({"attack": "pgd", "steps": 0}, "steps", id="no steps"),
        pytest.param({"attack": "pgd", "step_size": 0.0}, "step_size", id="no step size"),
    ],
)
def test_bad_settings_are_named(changes, field):
    X, y = samples(1, 5, k=2)
    with pytest.raises(ConfigError, match=field):
        perturb(linear, X, y, **{"epsilon": 0.1, "lower": FREE[0], "upper": FREE[1], **changes})
