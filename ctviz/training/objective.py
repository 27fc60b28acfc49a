"""The objective of each method, and its gradient with respect to the logits in closed form.

A batch is made of *parts* (``training/methods``): the samples, and inputs that a method adds, with a label each. A term
of the objective is a sum over parts of the mean of a · logsumexp(z) + b · z_y + c · z_y², so that its gradient in each
column has the form A · softmax(z) + c₀ · 1_y + c₁ · z · 1_y. For counterfactual training, with B samples and C
counterfactuals in the batch and E(x, y) = −M(x)[y],

    λ_class · CE(M(x), y) + λ_div · [E(x⁺, y⁺) − E(x', y⁺)] + λ_adv · CE(M(x_ae), y) + λ_reg · [E(x⁺, y⁺)² + E(x', y⁺)²]

(equation 1 of the paper; the ridge from its appendix; examples are constants), that is

    column                  A          c₀          c₁
    sample x, label y       λ_class/B  −λ_class/B  0
    nascent x_ae, label y   λ_adv/C    −λ_adv/C    0
    neighbour x⁺, y⁺        0          −λ_div/C    2 λ_reg/C
    mature x', y⁺           0          +λ_div/C    2 λ_reg/C
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add

import torch
from torch import Tensor

from ctviz.training.arm import TERMS, Arm
from ctviz.training.draws import BatchLayout
from ctviz.training.methods import TRAINING_METHODS
from ctviz.training.methods.method import Term, TrainingMethod


@dataclass(frozen=True)
class Columns:
    """The columns of every batch, part after part: what each is called, and how its items lie in the batches."""

    layouts: Mapping[str, BatchLayout]

    @property
    def slices(self) -> dict[str, slice]:
        """Which columns each part has."""
        ends = list(accumulate(layout.index.shape[1] for layout in self.layouts.values()))
        return {name: slice(a, b) for name, a, b in zip(self.layouts, [0, *ends], ends, strict=False)}

    @property
    def mean(self) -> Tensor:
        """1/size of each column's part of the batch, 0 in padding, (n r)."""
        return torch.cat([layout.mean for layout in self.layouts.values()], dim=1)


Factors = tuple[Tensor, Tensor, Tensor]
"""Of m arms, for a part: Σ λ a, Σ λ b and Σ λ 2c over the terms that it enters, (m) each."""


class Weights:
    """λ of m arms, and what follows from them for each part of a batch."""

    def __init__(self, arms: Sequence[Arm], like: Tensor) -> None:
        self.arms, self.like = arms, like
        names = [arm.method for arm in arms]
        own = {name: [i for i, its in enumerate(names) if its == name] for name in names}
        found = [(TRAINING_METHODS[name], arms) for name, arms in own.items()]
        self.methods: Sequence[tuple[TrainingMethod, list[int] | slice]] = found
        """Each method and the arms that have it; all of them are a slice, which is no copy."""
        if len(found) == 1:
            self.methods = [(found[0][0], slice(None))]
        self.had = {name for method, _ in found for name in method.terms}
        """The terms that any method has."""
        self.of = {name: like.new_tensor([arm.weights.get(name, 0.0) for arm in arms]) for name in TERMS}
        """λ of each term, (m); 0 where an arm's method does not have it."""
        self._factors: dict[tuple[str, ...], dict[str, Factors]] = {}

    def factors(self, parts: Collection[str]) -> dict[str, Factors]:
        """Those of each part, where batches have these; a term of which one is missing is left out whole."""
        if (key := tuple(parts)) not in self._factors:
            self._factors[key] = {part: self._of_part(part, parts) for part in parts}
        return self._factors[key]

    def squares(self, parts: Collection[str]) -> bool:
        """Whether a term of these parts holds z_y²."""
        terms = [term for method, _ in self.methods for term in method.terms.values() if term.keys() <= set(parts)]
        return any(form.square for term in terms for form in term.values())

    def _of_part(self, part: str, parts: Collection[str]) -> Factors:
        rows = []
        for arm in self.arms:
            terms = [(TRAINING_METHODS[arm.method].terms[name], weight) for name, weight in arm.weights.items()]
            own = [(term[part], weight) for term, weight in terms if part in term and term.keys() <= set(parts)]
            factors = [
                (weight * form.logsumexp, weight * form.chosen, weight * 2 * form.square) for form, weight in own
            ]
            rows.append([sum(column) for column in zip((0.0, 0.0, 0.0), *factors, strict=True)])
        share, constant, linear = (self.like.new_tensor(column) for column in zip(*rows, strict=True))
        return share, constant, linear


@dataclass(frozen=True)
class Coefficients:
    """A, c₀ · 1_y and c₁ · 1_y of the columns of every batch."""

    onehot: Tensor  # m k n r
    share: Tensor  # m 1 n r: A
    constant: Tensor  # m k n r: c₀ · 1_y
    linear: Tensor | None  # m k n r: c₁ · 1_y; None where no term holds z_y²

    @classmethod
    def of(cls, weights: Weights, onehot: Tensor, columns: Columns) -> Coefficients:
        """From the labels (m k n r) and the layout of all columns."""
        factors = weights.factors(columns.layouts)
        parts = [
            [factor.view(-1, 1, 1, 1) * layout.mean for factor in factors[name]]
            for name, layout in columns.layouts.items()
        ]
        share, constant, linear = (torch.cat(column, dim=-1) for column in zip(*parts, strict=True))
        return cls(onehot, share, onehot * constant, onehot * linear if weights.squares(columns.layouts) else None)

    def batches(self) -> list[tuple[Tensor, Tensor, Tensor | None]]:
        """A, c₀ and c₁ batch by batch, (m · r) each."""
        linear = [None] * self.onehot.shape[2] if self.linear is None else self.linear.unbind(2)
        return list(zip(self.share.unbind(2), self.constant.unbind(2), linear, strict=True))


def logit_gradient(logits: Tensor, share: Tensor, constant: Tensor, linear: Tensor | None, out: Tensor) -> Tensor:
    """Gradient of the objective with respect to the logits of one batch, (m k r)."""
    probabilities = torch.softmax(logits, dim=1)
    if linear is None:
        return torch.addcmul(constant, probabilities, share, out=out)
    torch.addcmul(constant, linear, logits, out=out)
    return out.addcmul_(probabilities, share)


@dataclass(frozen=True)
class Terms:
    """The terms of every batch by name, before their λ, (m n) each; those that no arm's method has are left out."""

    values: dict[str, Tensor]  # NaN where it is empty
    empty: dict[str, Tensor]  # where a batch holds nothing that the term is taken of, (n) or (m n)

    def total(self, weights: Weights) -> Tensor:
        """The objective of every batch, (m n)."""
        terms = self.values.items()
        return reduce(add, [torch.where(self.empty[name], 0, weights.of[name][:, None] * term) for name, term in terms])


def terms(logits: Tensor, onehot: Tensor, columns: Columns, weights: Weights, batches: slice = slice(None)) -> Terms:
    """The terms of the objective from the logits and labels (m k n r) of all columns of some batches."""
    slices = columns.slices
    methods = [  # a term of which a part is missing is NaN: an epoch without examples
        (arms, {name: term for name, term in method.terms.items() if term.keys() <= slices.keys()})
        for method, arms in weights.methods
    ]
    forms = [pair for _, own in methods for term in own.values() for pair in term.items()]
    normalised = max((slices[part].stop for part, form in forms if form.logsumexp), default=0)
    chosen = (logits * onehot).sum(dim=1)  # m n r
    normaliser = torch.logsumexp(logits[..., :normalised], dim=1)

    def mean_of(term: Term, arms: list[int] | slice) -> tuple[Tensor, Tensor]:
        pieces: list[tuple[float, Tensor]] = []
        for part, form in term.items():
            z = chosen[..., slices[part]]
            pieces += [(form.logsumexp, normaliser[..., slices[part]])] if form.logsumexp else []
            pieces += [(form.chosen, z)] if form.chosen else []
            pieces += [(form.square, z.square())] if form.square else []
        layout = columns.layouts[next(iter(term))]
        each = _sum(pieces)[arms] * layout.mean[batches]
        of_batch = torch.where(layout.real[batches], each, 0).sum(dim=-1)
        empty = layout.empty[batches]
        return torch.where(empty, torch.nan, of_batch), empty

    found = Terms({}, {})
    for name in TERMS:
        if name not in weights.had:
            continue
        having = [(arms, own[name]) for arms, own in methods if name in own]
        if len(methods) == len(having) == 1:
            found.values[name], found.empty[name] = mean_of(having[0][1], slice(None))
            continue
        found.values[name] = logits.new_full((logits.shape[0], logits.shape[2]), torch.nan)
        found.empty[name] = found.values[name].isnan()
        for arms, term in having:
            found.values[name][arms], found.empty[name][arms] = mean_of(term, arms)
    return found


def _sum(pieces: Sequence[tuple[float, Tensor]]) -> Tensor:
    """Σ factor · values, with no more operations than that needs."""
    (factor, values), *rest = pieces
    total = values if factor == 1 else -values if factor == -1 else factor * values
    for factor, values in rest:
        total = torch.add(total, values, alpha=factor)
    return total
