"""A method of training: which examples its models learn from beside the samples, and which terms it weighs.

What this file and the files of the methods declare is read with the settings, before torch is loaded: what needs torch
is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from ctviz.counterfactuals.reference_data import ReferenceData
    from ctviz.data.dataset import Dataset
    from ctviz.models.stack import Stack
    from ctviz.training.arm import Arm
    from ctviz.training.draws import EpochDraws
    from ctviz.training.schedule import Schedule


@dataclass(frozen=True)
class Part:
    """A part of every batch: inputs of one kind, which enter the same terms.

    ``per``: as many as the batch has samples, or its share of the epoch's counterfactuals (``n_ce``).
    """

    name: str
    per: Literal["sample", "counterfactual"]


SAMPLES = Part("samples", "sample")
"""The training samples themselves: the first part of every batch, of every method."""


@dataclass(frozen=True)
class Form:
    """a · logsumexp(z) + b · z_y + c · z_y² of logits z and a label y.

    Its gradient with respect to z is a · softmax(z) + b · 1_y + 2c · z · 1_y.
    """

    logsumexp: float = 0.0
    chosen: float = 0.0
    square: float = 0.0

    def __neg__(self) -> Form:
        return Form(-self.logsumexp, -self.chosen, -self.square)


CROSS_ENTROPY = Form(logsumexp=1.0, chosen=-1.0)
"""−log softmax(z)[y]."""

ENERGY = Form(chosen=-1.0)
"""E(x, y) = −M(x)[y]."""

SQUARED_ENERGY = Form(square=1.0)
"""E(x, y)²."""

Term = Mapping[str, Form]
"""A term of the objective: the name of a part → the form whose mean over the part's inputs is taken; the sum of all.

All parts of a term have the same ``per``.
"""


@dataclass(frozen=True)
class Examples:
    """What one epoch's batches hold beside the samples, for the arms of one method."""

    columns: dict[str, Tensor]  # part → p d c: the inputs of the maker's p arms
    labels: dict[str, Tensor]  # part → m c
    metrics: dict[str, Tensor] = field(default_factory=dict)  # metric of a snapshot → m; NaN for other arms


class ExampleMaker:
    """Makes the examples that the arms of one method learn from; this one makes none.

    One is made for each training, and lives as long. So a state of the method's own (a replay buffer, a second
    network with its optimiser) is held here: made in ``__init__``, changed by ``epoch`` and ``batch``.
    """

    arms: Sequence[int] = ()
    """Positions, among the m arms of the run, of the p arms that learn from these examples."""

    def epoch(self, stack: Stack, draws: EpochDraws) -> Examples | None:
        """Parts that are made once, before an epoch's batches, of models as they are then; None where there are none.

        Of a part with ``per="counterfactual"``, c is the number of ``draws.factuals``, which the trainer deals to the
        batches; with ``per="sample"`` there is one for each sample, in the order of ``draws.order``.
        """
        return None

    def batch(self, stack: Stack, samples: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Parts that are made anew before each step, of models as they are then: part → (p d B).

        Such parts have ``per="sample"`` and the labels that ``labels`` says. ``samples`` (p d B) and ``labels``
        (p B) are those of the next batch.
        """
        return {}

    def labels(self, part: str, labels: Tensor) -> Tensor:
        """Labels of such a part, from those of the samples, (p …) → (p …): by default the same."""
        return labels

    def network(self) -> Stack | None:
        """The networks of a method that has some (``TrainingMethod.network``), one for each of ``arms``."""
        return None

    def keep(self) -> Any:
        """A copy of the state, for ``restore``; None where there is none."""
        return None

    def restore(self, kept: Any) -> None:
        """Back to a state that was kept: an epoch in which a loss was not finite is repeated from its start."""


@dataclass(frozen=True)
class Setup:
    """What an ``ExampleMaker`` is made from: the training that it is for."""

    dataset: Dataset
    arms: Sequence[Arm]  # m, of all methods
    seeds: Sequence[int]  # m
    like: Tensor  # the type and device of the models' weights
    reference_data: ReferenceData
    schedule: Schedule | None = None


@dataclass(frozen=True)
class TrainingMethod:
    """An entry of the registry.

    Attributes:
        name: what ``Arm.method`` says.
        title: what it is called.
        words: what it does, in one sentence.
        source: where it is from.
        epoch_parts: parts of the batches beside the samples that are made once an epoch, in their order.
        batch_parts: parts that are made anew before each step; they come after those.
        terms: of the objective, by name: λ_name of the arm weighs the term. Weights of other terms count for nothing.
        settings: of the arm, that it listens to beside its weights and its search.
        inner: which of them is the number of gradients that each sample takes before a step of the optimiser.
        ensemble: whether an arm is as many models as its ``members`` says, trained independently, which answer as one.
        network: whether its maker trains a network of its own beside each model (``CounterNet``): a step for each
            batch, whatever the weights.
        searches: whether it searches counterfactuals, with the settings of ``SearchSettings``.
        variants: arms to start from, by name: what each changes of an arm's usual settings, and what it is called.
        short: what it is called where there is little room; by default its title.
        maker: makes the examples, given the training; called where an arm has a weight for more than its samples.
    """

    name: str
    title: str
    words: str
    source: str
    terms: Mapping[str, Term]
    maker: Callable[[Setup], ExampleMaker]
    epoch_parts: tuple[Part, ...] = ()
    batch_parts: tuple[Part, ...] = ()
    settings: tuple[str, ...] = ()
    inner: str = ""
    searches: bool = False
    ensemble: bool = False
    network: bool = False
    short: str = ""
    variants: Mapping[str, Variant] = field(default_factory=dict)

    @property
    def beside_the_samples(self) -> tuple[str, ...]:
        """Names of the terms that need examples."""
        return tuple(name for name, term in self.terms.items() if set(term) != {SAMPLES.name})


@dataclass(frozen=True)
class Variant:
    """A usual arm of a method: its title, and what it changes of an arm's usual settings."""

    title: str
    changes: Mapping[str, Any]
