"""The seam for methods: another method's arms, trained in one stack with those of counterfactual training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ctviz.data.catalogue import DataSettings, load
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.evaluate import default_references
from ctviz.figures.stage.recording import arm_labels
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack, with_ones
from ctviz.training.arm import VARIANTS, Arm
from ctviz.training.draws import EpochDraws, RandomStreams
from ctviz.training.loop import train
from ctviz.training.methods import TRAINING_METHODS
from ctviz.training.methods.method import (
    CROSS_ENTROPY,
    SAMPLES,
    SQUARED_ENERGY,
    ExampleMaker,
    Examples,
    Form,
    Part,
    Setup,
    TrainingMethod,
    Variant,
)
from ctviz.training.schedule import Schedule

DATA = load(DataSettings(n_train=61, n_validation=10, n_test=10))
MODEL = ModelSettings(hidden=(8,))
SCHEDULE = Schedule(epochs=2, batch=12, n_ce=20, lr=0.01)
EPSILON = 0.2


class Fgsm(ExampleMaker):
    """Of each sample of a batch, the worst corner of a box, for the models as they are; and, once an epoch, the samples
    mirrored. Counts its batches, as a state."""

    latest: Fgsm

    def __init__(self, setup: Setup) -> None:
        Fgsm.latest = self
        self.arms = [i for i, arm in enumerate(setup.arms) if arm.method == "fgsm" and arm.learns_from_examples]
        self.X, self.y = (part.to(setup.like) if part.is_floating_point() else part for part in setup.dataset.train)
        self.batches = 0

    def epoch(self, stack: Stack, draws: EpochDraws) -> Examples:
        return Examples({"mirrored": -self.X[draws.order[self.arms]].mT}, {"mirrored": self.y[draws.order]})

    def batch(self, stack: Stack, samples: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.batches += 1
        models = stack.take(self.arms)
        run = models.run(samples.shape[-1])
        probabilities = torch.softmax(run.forward(with_ones(samples.mT)), dim=1)
        onehot = torch.nn.functional.one_hot(labels, stack.k).mT
        return {"perturbed": samples + EPSILON * run.input_gradient(probabilities - onehot).sign()}

    def keep(self) -> Any:
        return self.batches

    def restore(self, kept: Any) -> None:
        self.batches = kept


FGSM = TrainingMethod(
    name="fgsm",
    title="Adversarial training",
    words="Learns from the worst small change of each sample.",
    source="Goodfellow, Shlens and Szegedy 2015",
    terms={
        "class": {SAMPLES.name: CROSS_ENTROPY},
        "adv": {"perturbed": CROSS_ENTROPY},
        "reg": {"mirrored": SQUARED_ENERGY, SAMPLES.name: Form(logsumexp=0.5)},
    },
    maker=Fgsm,
    epoch_parts=(Part("mirrored", "sample"),),
    batch_parts=(Part("perturbed", "sample"),),
    variants={"fgsm": Variant("Adversarial training", {"method": "fgsm", "lambda_class": 0.5})},
)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(TRAINING_METHODS, "fgsm", FGSM)
    monkeypatch.setitem(VARIANTS, "fgsm", dict(FGSM.variants["fgsm"].changes))
    yield


def told(arms: list[Arm], schedule: Schedule = SCHEDULE, breaking: int | None = None) -> tuple[Stack, list[Any]]:
    """The stack after its training in double precision, and the metrics of each epoch."""
    stack = Stack.initialise(MODEL, DATA.d, DATA.k, [0] * len(arms)).to(torch.float64)
    if breaking is not None:
        stack.layers[0][breaking, 0, 0] = torch.nan
    return stack, [epoch.metrics for epoch in train(stack, DATA, arms, schedule, [0] * len(arms))]


def by_autograd(arm: Arm, schedule: Schedule) -> tuple[torch.nn.Module, list[dict[str, float]]]:
    """The same method for one model, written from its formula, by torch's own Adam; and the means of its terms."""
    model = Stack.initialise(MODEL, DATA.d, DATA.k, [0]).module(0).double()
    adam = torch.optim.Adam(model.parameters(), lr=schedule.lr)
    streams = RandomStreams([0], 61, schedule.n_ce, DATA.k)
    X, y = DATA.train[0].double(), DATA.train[1]
    loss_of = torch.nn.functional.cross_entropy
    means = []
    for _ in range(schedule.epochs):
        seen = []
        for rows in torch.split(streams.epoch().order[0], schedule.batch):
            x, label = X[rows].clone().requires_grad_(), y[rows]
            (slope,) = torch.autograd.grad(loss_of(model(x), label), x)
            worst = x.detach() + EPSILON * slope.sign()
            terms = {
                "class": loss_of(model(X[rows]), label),
                "adv": loss_of(model(worst), label),
                "reg": (model(-X[rows])[range(len(rows)), label] ** 2 + 0.5 * model(X[rows]).logsumexp(1)).mean(),
            }
            adam.zero_grad()
            (
                arm.lambda_class * terms["class"] + arm.lambda_adv * terms["adv"] + arm.lambda_reg * terms["reg"]
            ).backward()
            adam.step()
            seen.append({name: float(term.detach()) for name, term in terms.items()})
        means.append({name: float(np.mean([one[name] for one in seen])) for name in seen[0]})
    return model, means


@pytest.mark.parametrize("among", [False, True], ids=["alone", "among other methods"])
def test_a_method_is_trained_by_its_own_formula(among: bool) -> None:
    own = Arm.variant("fgsm", lambda_adv=0.7, lambda_reg=0.05)
    others = Arm.variant("full"), Arm.variant("vanilla"), Arm.variant("more", method="fgsm")
    arms = [others[0], own, *others[1:]] if among else [own]
    place = arms.index(own)
    stack, metrics = told(arms)
    model, means = by_autograd(own, SCHEDULE)
    for mine, theirs in zip(stack.module(place).parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9)
    for found, expected in zip(metrics, means, strict=True):
        for name, value in expected.items():
            assert found[f"loss_{name}"][place] == pytest.approx(value, rel=1e-7)
        assert np.isnan([found[name][place] for name in ("loss_div", "mature", "steps")]).all()


def test_another_method_beside_it_leaves_counterfactual_training_as_it_is() -> None:
    ours = [Arm.variant("full"), Arm.variant("vanilla")]
    alone, metrics = told(ours)
    beside, others = told([*ours, Arm.variant("fgsm")])
    for mine, theirs in zip(alone.layers, beside.layers, strict=True):
        torch.testing.assert_close(mine, theirs[:2], rtol=1e-8, atol=1e-10)
    for one, other in zip(metrics, others, strict=True):
        for name in one:
            np.testing.assert_allclose(one[name], other[name][:2], rtol=1e-7, atol=1e-10, err_msg=name)


def test_weights_of_terms_that_a_method_lacks_count_for_nothing() -> None:
    one, _ = told([Arm.variant("fgsm", lambda_div=0.0)])
    other, _ = told([Arm.variant("fgsm", lambda_div=100.0)])
    assert torch.equal(one.flat, other.flat)
    idle = Arm.variant("fgsm", lambda_class=1.0, lambda_adv=0.0, lambda_reg=0.0)
    assert not idle.learns_from_examples
    assert torch.equal(told([idle])[0].flat, told([Arm.variant("vanilla")])[0].flat)


def test_its_state_goes_back_where_an_epoch_is_repeated() -> None:
    """Six batches an epoch, in each of which another arm's loss is no number."""
    told([Arm.variant("fgsm")])
    assert Fgsm.latest.batches == 12
    stack, metrics = told([Arm.variant("fgsm"), Arm.variant("vanilla")], breaking=1)
    assert metrics[-1]["skipped"].tolist() == [0, 6] and Fgsm.latest.batches == 12
    torch.testing.assert_close(stack.layers[0][0], told([Arm.variant("fgsm")])[0].layers[0][0], rtol=1e-8, atol=1e-10)


def test_burning_in_is_conventional_for_every_method() -> None:
    schedule = Schedule(**{**SCHEDULE.model_dump(), "burnin": 1.0})
    stack, metrics = told([Arm.variant("fgsm", lambda_class=1.0), Arm.variant("vanilla")], schedule)
    assert torch.equal(stack.layers[0][0], stack.layers[0][1]) and np.isnan(metrics[-1]["loss_adv"]).all()


def test_what_an_arm_of_another_method_is_taken_for() -> None:
    arms = (Arm.variant("vanilla"), Arm.variant("full"), Arm.variant("fgsm"))
    experiment = Experiment(arms=arms)
    assert [arm.learns_from_examples for arm in arms] == [False, True, True]
    assert [arm.trains_on_counterfactuals for arm in arms] == [False, True, False]
    assert default_references(experiment) == {"full": "vanilla", "fgsm": "vanilla"}
    titles = [label.title for label in arm_labels(experiment)]
    assert titles == ["Conventional", "Counterfactual training", "Adversarial training"]
    assert arms[2].weighed == ("lambda_class", "lambda_adv", "lambda_reg")
    assert Experiment.from_query(experiment.to_query("moons")) == experiment
    assert Experiment.from_toml(experiment.to_toml()) == experiment


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as error:
        Arm.variant("full", method="gan")
    assert str(error.value) == f"method is 'gan'; allowed: one of {', '.join(TRAINING_METHODS)}."


def test_parts_of_all_methods_have_names_of_their_own() -> None:
    """Those of two methods stand side by side in one batch."""
    names = [part.name for one in TRAINING_METHODS.values() for part in (*one.epoch_parts, *one.batch_parts)]
    assert len({SAMPLES.name, *names}) == 1 + len(names)


@pytest.mark.parametrize("method", TRAINING_METHODS.values(), ids=TRAINING_METHODS)
def test_a_method_is_described_whole_and_its_terms_are_of_its_parts(method: TrainingMethod) -> None:
    parts = {part.name: part.per for part in (SAMPLES, *method.epoch_parts, *method.batch_parts)}
    assert method.title[0].isupper() and method.words.endswith(".") and method.source
    assert all(part.per == "sample" for part in method.batch_parts)
    for name, term in method.terms.items():
        assert f"lambda_{name}" in Arm.model_fields
        assert len({parts[part] for part in term}) == 1, "one mean for all parts of a term"
    for name in method.variants:
        assert Arm.variant(name).method == method.name
