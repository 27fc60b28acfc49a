"""The objective and its closed-form gradient beside the formula, written naively and left to autograd."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from ctviz.training.arm import Arm
from ctviz.training.draws import BatchLayout
from ctviz.training.objective import Coefficients, Columns, Terms, Weights, logit_gradient, terms

TIGHT = {"rtol": 1e-11, "atol": 1e-13}
ARMS = {
    "vanilla": Arm.variant("vanilla"),
    "adversarial": Arm.variant("adversarial", lambda_adv=0.7),
    "energy": Arm.variant("energy"),
    "full": Arm.variant("full", lambda_class=1.3, lambda_div=0.4, lambda_adv=0.2, lambda_reg=0.05),
    "divergence alone": Arm.variant("d", lambda_class=0.0, lambda_adv=0.0, lambda_reg=0.0),
    "ridge alone": Arm.variant("r", lambda_class=0.0, lambda_adv=0.0, lambda_div=0.0, lambda_reg=2.0),
}
M, K, SIZES, DEALT = len(ARMS), 3, (4, 4, 2), (3, 2, 0)
"""Three batches of which the last is ragged and has no counterfactuals."""


class Batches:
    """Logits (m k n r) and labels (m n r) of random columns, with the padding that ragged batches need."""

    def __init__(self, sizes: Sequence[int] = SIZES, dealt: Sequence[int] = DEALT) -> None:
        chance = torch.Generator().manual_seed(0)
        like = torch.zeros(0, dtype=torch.float64)
        self.sizes, self.dealt = sizes, dealt
        self.samples, self.counterfactuals = BatchLayout.of(sizes, like), BatchLayout.of(dealt, like)
        self.b, self.c = max(sizes), max(dealt)
        r = self.b + 3 * self.c
        self.logits = 2 * torch.randn(M, K, len(sizes), r, generator=chance, dtype=torch.float64)
        self.labels = torch.randint(0, K, (M, len(sizes), r), generator=chance)
        self.onehot = torch.nn.functional.one_hot(self.labels, K).permute(0, 3, 1, 2).double()
        self.weights = Weights(list(ARMS.values()), like)
        parts = ("nascent", "neighbours", "counterfactuals") if self.c else ()
        self.columns = Columns({"samples": self.samples, **dict.fromkeys(parts, self.counterfactuals)})

    def coefficients(self) -> Coefficients:
        return Coefficients.of(self.weights, self.onehot, self.columns)

    def terms(self, logits: Tensor) -> Terms:
        return terms(logits, self.onehot, self.columns, self.weights)

    def slices(self, batch: int) -> tuple[range, range, range, range]:
        """The columns of a batch that are no padding: samples, nascent, neighbours, counterfactuals."""
        c = self.dealt[batch]
        starts = (self.b, self.b + self.c, self.b + 2 * self.c)
        return range(self.sizes[batch]), *(range(s, s + c) for s in starts)  # type: ignore[return-value]


def naive(columns: Batches, logits: Tensor, arm: int, batch: int) -> dict[str, Tensor]:
    """REFERENCE, section 1, one column after the other."""

    def entropy(i: int) -> Tensor:
        z, y = logits[arm, :, batch, i], columns.labels[arm, batch, i]
        return -torch.log(torch.exp(z)[y] / torch.exp(z).sum())

    def energy(i: int) -> Tensor:
        return -logits[arm, columns.labels[arm, batch, i], batch, i]

    def mean(values: list[Tensor]) -> Tensor:
        return torch.stack(values).mean() if values else torch.zeros((), dtype=torch.float64)

    samples, nascent, neighbours, found = columns.slices(batch)
    return {
        "class": mean([entropy(i) for i in samples]),
        "div": mean([energy(p) - energy(q) for p, q in zip(neighbours, found, strict=True)]),
        "adv": mean([entropy(i) for i in nascent]),
        "reg": mean([energy(p) ** 2 + energy(q) ** 2 for p, q in zip(neighbours, found, strict=True)]),
    }


def naive_total(columns: Batches, logits: Tensor, arm: int, batch: int) -> Tensor:
    objective, parts = list(ARMS.values())[arm], naive(columns, logits, arm, batch)
    return (
        objective.lambda_class * parts["class"]
        + objective.lambda_div * parts["div"]
        + objective.lambda_adv * parts["adv"]
        + objective.lambda_reg * parts["reg"]
    )


@pytest.fixture(scope="module")
def columns() -> Batches:
    return Batches()


@pytest.mark.parametrize("name", ["class", "div", "adv", "reg"])
def test_each_term_is_the_formula(columns: Batches, name: str) -> None:
    mine = columns.terms(columns.logits).values[name]
    assert mine.shape == (M, 3)
    for arm in range(M):
        for batch in range(3):
            if name != "class" and DEALT[batch] == 0:
                assert mine[arm, batch].isnan()
            else:
                torch.testing.assert_close(mine[arm, batch], naive(columns, columns.logits, arm, batch)[name], **TIGHT)


@pytest.mark.parametrize("arm", range(M), ids=ARMS)
def test_the_total_is_the_formula(columns: Batches, arm: int) -> None:
    total = columns.terms(columns.logits).total(columns.weights)
    for batch in range(3):
        torch.testing.assert_close(total[arm, batch], naive_total(columns, columns.logits, arm, batch), **TIGHT)


@pytest.mark.parametrize("batch", range(3), ids=["full batch", "fewer counterfactuals", "ragged, none"])
@pytest.mark.parametrize("arm", range(M), ids=ARMS)
def test_the_gradient_is_that_of_autograd(columns: Batches, arm: int, batch: int) -> None:
    leaf = columns.logits.clone().requires_grad_()
    (expected,) = torch.autograd.grad(naive_total(columns, leaf, arm, batch), leaf)
    logits = columns.logits[:, :, batch].contiguous()
    mine = logit_gradient(logits, *columns.coefficients().batches()[batch], out=torch.empty_like(logits))
    torch.testing.assert_close(mine[arm], expected[arm, :, batch], **TIGHT)


def test_padding_weighs_nothing(columns: Batches) -> None:
    """A ragged batch repeats other columns: neither loss nor gradient may see them."""
    changed = columns.logits.clone()
    changed[:, :, 2, 2:] += 5.0
    changed[:, :, 1, 4 + 2] += 5.0  # the third nascent column of a batch with two
    for name in ("class", "div", "adv", "reg"):
        before, after = (columns.terms(z).values[name] for z in (columns.logits, changed))
        assert torch.equal(before.nan_to_num(-1), after.nan_to_num(-1))
    logits = changed[:, :, 2].contiguous()
    gradient = logit_gradient(logits, *columns.coefficients().batches()[2], out=torch.empty_like(logits))
    assert (gradient[..., 2:] == 0).all() and (gradient[..., :2] != 0).any()


def test_without_counterfactuals_only_the_class_term_is_left() -> None:
    columns = Batches(dealt=(0, 0, 0))
    found = columns.terms(columns.logits)
    torch.testing.assert_close(
        found.total(columns.weights), columns.weights.of["class"][:, None] * found.values["class"]
    )
    coefficients = columns.coefficients()
    assert coefficients.linear is None
    logits = columns.logits[:, :, 1].contiguous()
    mine = logit_gradient(logits, *coefficients.batches()[1], out=torch.empty_like(logits))
    leaf = columns.logits.clone().requires_grad_()
    (expected,) = torch.autograd.grad(naive_total(columns, leaf, 3, 1), leaf)
    torch.testing.assert_close(mine[3], expected[3, :, 1], **TIGHT)


def test_a_case_by_hand() -> None:
    """One sample with logits (0, log 3) of class 1, one counterfactual for class 0."""
    logits = torch.tensor([[[0.0, 0.0, 2.0, -1.0]], [[math.log(3), 0.0, 5.0, 5.0]]], dtype=torch.float64)[None]
    onehot = torch.tensor([[[0.0, 1.0, 1.0, 1.0]], [[1.0, 0.0, 0.0, 0.0]]], dtype=torch.float64)[None]
    one = torch.ones(1, 1, dtype=torch.float64)
    each = BatchLayout.of([1], one)
    columns = Columns({"samples": each, "nascent": each, "neighbours": each, "counterfactuals": each})
    weights = Weights([Arm.variant("full", lambda_class=1, lambda_div=0.5, lambda_adv=0.25, lambda_reg=0.1)], one)
    found = terms(logits, onehot, columns, weights)
    assert found.values["class"].item() == pytest.approx(math.log(4 / 3))  # p(1) = 3/4
    assert found.values["adv"].item() == pytest.approx(math.log(2))
    assert found.values["div"].item() == pytest.approx(-2.0 - 1.0)  # E(x⁺) = −2, E(x') = 1
    assert found.values["reg"].item() == pytest.approx(4.0 + 1.0)
    total = math.log(4 / 3) - 1.5 + 0.25 * math.log(2) + 0.5
    assert found.total(weights).item() == pytest.approx(total)
    coefficients = Coefficients.of(weights, onehot, columns).batches()[0]
    gradient = logit_gradient(logits[:, :, 0], *coefficients, out=torch.empty(1, 2, 4, dtype=torch.float64))[0]
    by_hand = [[0.25, -0.125, -0.5 + 0.2 * 2.0, 0.5 + 0.2 * -1.0], [-0.25, 0.125, 0.0, 0.0]]
    torch.testing.assert_close(gradient, torch.tensor(by_hand, dtype=torch.float64), **TIGHT)
