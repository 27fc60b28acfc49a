"""Attacks by hand on linear models, their bounds, and arms together against arms one by one."""

from __future__ import annotations

import math

import pytest
import torch

from ctviz.errors import ConfigError
from ctviz.evaluation import robustness
from ctviz.evaluation.robustness import accuracy_curve, perturb, robust_accuracy

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


# -- curves, and attacks without bounds --------------------------------------------------------------

STRENGTHS = [0.0, 0.05, 0.3, 1.5]


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
@pytest.mark.parametrize("bounds", [FREE, (torch.tensor([-1.0, -0.5]), torch.tensor([0.5, 1.0]))], ids=["free", "box"])
def test_a_curve_is_made_of_the_attacks_at_its_strengths(attack, bounds):
    logits, _ = stack_of(2, scale=2.0)
    X, y = samples(2, 40)
    right = accuracy_curve(logits, X, y, STRENGTHS, *bounds, attack, steps=5, step_size=0.1)
    assert right.shape == (2, 4, 40) and right.dtype == torch.bool
    for i, epsilon in enumerate(STRENGTHS):
        attacked = perturb(logits, X, y, epsilon, *bounds, attack, steps=5, step_size=0.1)
        assert torch.equal(right[:, i], logits(attacked).argmax(-1) == y)
    assert torch.equal(right[:, 0], logits(X).argmax(-1) == y), "no attack leaves the clean accuracy"
    assert right[:, -1].double().mean() < right[:, 0].double().mean()


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_a_curve_in_parts_is_the_same(attack, monkeypatch):
    logits, _ = stack_of(2)
    X, y = samples(2, 40)
    whole = accuracy_curve(logits, X, y, STRENGTHS, None, None, attack, steps=3)
    monkeypatch.setattr(robustness, "NUMBERS", 2 * 2 * 7 + 1)
    assert torch.equal(accuracy_curve(logits, X, y, STRENGTHS, None, None, attack, steps=3), whole)


def test_on_a_linear_model_the_curve_falls():
    X, y = samples(1, 200, k=2)
    shares = accuracy_curve(linear, X, y, [0.1 * i for i in range(10)]).double().mean(-1)[0]
    assert (shares.diff() <= 0).all() and shares[0] > shares[-1]


def test_without_bounds_the_domain_may_be_left():
    X, y = torch.tensor([[[1.0, -1.0]]]), torch.tensor([[1]])
    torch.testing.assert_close(perturb(linear, X, y, 0.2), torch.tensor([[[1.2, -1.2]]]))
    box = torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 1.0])
    assert torch.equal(perturb(linear, X, y, 0.2, *box), X)
    torch.testing.assert_close(perturb(linear, X, y, 0.2, box[0], None), torch.tensor([[[1.2, -1.0]]]))


def test_steps_are_long_enough_to_arrive():
    X, y = torch.tensor([[[0.4, 0.3]]]), torch.tensor([[0]])
    found = perturb(linear, X, y, 2.0, attack="pgd", step_size=None)
    torch.testing.assert_close(found, torch.tensor([[[-1.6, 2.3]]]))
    short = perturb(linear, X, y, 2.0, attack="pgd")
    torch.testing.assert_close(short, torch.tensor([[[0.0, 0.7]]]))


def test_long_steps_reach_twice_and_a_half_as_far_as_the_bound():
    seen = []

    def watched(x):
        seen.append(x.detach().clone())
        return linear(x)

    X, y = torch.tensor([[[0.4, 0.3]]]), torch.tensor([[0]])
    perturb(watched, X, y, 2.0, attack="pgd", steps=10, step_size=None)
    moved = [round(float((x - X).abs().max()), 5) for x in seen[:6]]
    assert moved == [0, 0.5, 1.0, 1.5, 2.0, 2.0], "2.5 · 2 / 10 each, until the bound"
    seen.clear()
    perturb(watched, X, y, 0.03, attack="pgd", steps=10, step_size=None)
    assert [round(float((x - X).abs().max()), 5) for x in seen[:4]] == [0, 0.01, 0.02, 0.03], "0.01 at least"


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
@pytest.mark.parametrize(("widest", "most"), [(0, 7), (1, 7), (6, 2), (1000, 1)])
def test_no_more_samples_at_once_than_memory_is_for(attack, widest, most, monkeypatch):
    sizes = []

    def watched(x):
        sizes.append(x.shape[1])
        return linear(x)

    watched.widest = widest
    monkeypatch.setattr(robustness, "NUMBERS", 2 * 2 * 7 + 1)  # m d b, and one that serves nobody
    accuracy_curve(watched, *samples(2, 22, k=2), [0.1], attack=attack, steps=2)
    assert max(sizes) == most and set(sizes) <= {most, 22 % most}


def test_no_samples_and_no_strengths():
    logits, _ = stack_of(2)
    X, y = samples(2, 0)
    assert accuracy_curve(logits, X, y, STRENGTHS).shape == (2, 4, 0)
    assert accuracy_curve(logits, *samples(2, 3), []).shape == (2, 0, 3)


@pytest.mark.parametrize("epsilons", [[0.1, -1.0], [math.nan]])
def test_a_curve_of_strengths_that_are_none_is_refused(epsilons):
    with pytest.raises(ConfigError, match="epsilon"):
        accuracy_curve(linear, *samples(1, 5, k=2), epsilons)


def test_fgsm_on_two_layers_by_hand():
    # M(x) = W₂ tanh(W₁ x): ∇ₓ CE = W₁ᵀ ((1 − h²) ∘ W₂ᵀ (p − 1_y)).
    draw = torch.Generator().manual_seed(3)
    first, second = torch.randn(6, 2, generator=draw), torch.randn(3, 6, generator=draw)
    X, y = samples(1, 30)
    found = perturb(lambda x: (x @ first.T).tanh() @ second.T, X, y, 0.2)
    for x, label, attacked in zip(X[0], y[0], found[0], strict=True):
        h = (first @ x).tanh()
        p = (second @ h).softmax(-1)
        p[label] -= 1
        gradient = first.T @ ((1 - h**2) * (second.T @ p))
        torch.testing.assert_close(attacked, x + 0.2 * gradient.sign())
