"""The rival methods beside slow ones written from their formulas; their boxes, draws and failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ctviz.bench.measure import threads
from ctviz.bench.plain_methods import STEPS, train_plainly
from ctviz.catalogue.advice import title_among
from ctviz.catalogue.objective import in_words
from ctviz.counterfactuals.reference_data import ReferenceData
from ctviz.data.catalogue import DataSettings, load
from ctviz.errors import ConfigError
from ctviz.experiments.advice import ModelAdvice
from ctviz.experiments.config import MAX_BUFFER, Experiment
from ctviz.experiments.engines.cost import training_seconds
from ctviz.figures.theme import arm_styles, reference_pair
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.training.arm import Arm
from ctviz.training.box import AdversarialExamples, BoxMover, RecourseExamples
from ctviz.training.langevin import LangevinSampler
from ctviz.training.loop import train
from ctviz.training.methods import TRAINING_METHODS
from ctviz.training.methods.method import Setup
from ctviz.training.objective import logit_gradient
from ctviz.training.schedule import Schedule
from tests.experiments.traces import SETTINGS, alone, linear

DATA = load(DataSettings(n_train=61, n_validation=10, n_test=10))
MODEL = ModelSettings(hidden=(8,))
SCHEDULE = Schedule(epochs=3, batch=12, n_ce=20, lr=0.01, burnin=0.0)
SMALL_BUFFER = {"buffer": 40, "fresh": 0.2, "sgld_steps": 5, "sgld_step_size": 0.3}


def called(name: str, variant: str, **changes: Any) -> Arm:
    return Arm(**{**Arm.variant(variant).model_dump(), "name": name, **changes})


ARMS = (
    Arm.variant("pgd"),
    called("mixed", "pgd", lambda_class=0.5, lambda_adv=0.7, radius=0.8, inner_steps=4),
    Arm.variant("recourse", locked=(1,)),
    called("one way", "recourse", lambda_recourse=0.4, increase_only=(0,), ranges=((1, -3.0, 3.0),)),
    called("linear", "recourse", inner_steps=1),
    Arm.variant("jem", **SMALL_BUFFER),
    called("dreamer", "jem", lambda_class=0.3, lambda_gen=0.2, **{**SMALL_BUFFER, "sgld_steps": 2}),
    Arm.variant("augmentation", tau=0.75, locked=(0,)),
)


def told(arms: Sequence[Arm], schedule: Schedule = SCHEDULE, broken: int | None = None) -> tuple[Stack, list[Any]]:
    """The stack after its training in double precision, and the metrics of each epoch."""
    stack = Stack.initialise(MODEL, DATA.d, DATA.k, [4] * len(arms)).to(torch.float64)
    if broken is not None:
        stack.layers[0][broken] *= 1e20
    with threads(1):
        return stack, [epoch.metrics for epoch in train(stack, DATA, arms, schedule, [4] * len(arms))]


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_a_method_is_what_its_formula_says(arm: Arm) -> None:
    stack, metrics = told([arm])
    model = Stack.initialise(MODEL, DATA.d, DATA.k, [4]).module(0).double()
    for found, seen in zip(metrics, train_plainly(model, DATA, arm, SCHEDULE, 4), strict=True):
        for name in seen[0]:
            assert found[f"loss_{name}"][0] == pytest.approx(np.mean([one[name] for one in seen]), rel=1e-7, abs=1e-9)
    for mine, theirs in zip(stack.module(0).parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9)


def test_all_methods_have_a_slow_reference() -> None:
    assert {arm.method for arm in ARMS} == set(STEPS)


def test_arms_among_others_are_trained_as_alone() -> None:
    """Whatever the steps and buffers of others: what an arm draws hangs on its seed alone."""
    among, metrics = told([Arm.variant("vanilla"), *ARMS, Arm.variant("full")])
    for place, arm in enumerate(ARMS, 1):
        alone, own = told([arm])
        for mine, theirs in zip(alone.layers, among.layers, strict=True):
            torch.testing.assert_close(mine[0], theirs[place], rtol=1e-6, atol=1e-8)
        for name, value in own[-1].items():
            np.testing.assert_allclose(metrics[-1][name][place], value[0], rtol=1e-5, atol=1e-8, err_msg=name)


def test_the_same_bits_twice() -> None:
    for first, second in zip(told(ARMS)[0].layers, told(ARMS)[0].layers, strict=True):
        assert torch.equal(first, second)


# -- boxes -------------------------------------------------------------------------------------------


def mover(kind: type[BoxMover], arms: Sequence[Arm]) -> BoxMover:
    like = torch.zeros(1)
    return kind(Setup(DATA, arms, [0] * len(arms), like, ReferenceData.of(DATA)))


def batch(seed: int, m: int, spread: float = 1.5) -> tuple[Stack, Tensor, Tensor]:
    """Sharp models, samples some of which lie outside of the domain, labels."""
    stack = Stack.initialise(MODEL, DATA.d, DATA.k, [seed + i for i in range(m)])
    stack.flat.mul_(3)
    draws = torch.Generator().manual_seed(seed)
    samples = spread * torch.randn(m, DATA.d, 17, generator=draws)
    return stack, samples, torch.randint(0, DATA.k, (m, 17), generator=draws)


@given(
    seed=st.integers(0, 10_000), radius=st.sampled_from([0.0, 0.1, 0.75, 5.0]), steps=st.integers(1, 7),
    rule=st.sampled_from([
        {"locked": (0,)}, {"locked": (1,)}, {"increase_only": (0,), "decrease_only": (1,)},
        {"ranges": ((0, -0.5, 0.5),)}, {"ranges": ((1, 0.0, 1.0),), "increase_only": (1,)}, {},
    ]),
)  # fmt: skip
def test_help_keeps_to_locks_directions_ranges_and_box(
    seed: int, radius: float, steps: int, rule: dict[str, Any]
) -> None:
    arm = Arm.variant("recourse", radius=radius, inner_steps=steps, **rule)
    stack, samples, labels = batch(seed, 1)
    found = mover(RecourseExamples, [arm]).batch(stack, samples, labels)["helped"]
    lower, upper = (torch.from_numpy(b)[:, None] for b in arm.constraints_for(DATA.schema, "training").bounds())
    inside = samples.clamp(lower, upper)
    for column in range(DATA.d):
        own, new = samples[0, column], found[0, column]
        if column in arm.locked:
            assert torch.equal(own, new)
            continue
        assert column not in arm.increase_only or (new >= own).all()
        assert column not in arm.decrease_only or (new <= own).all()
        if column not in (*arm.increase_only, *arm.decrease_only):
            assert ((new >= lower[column]) & (new <= upper[column])).all()
        reach = torch.maximum((inside - samples).abs()[0, column], torch.tensor(radius))
        assert ((new - own).abs() <= reach + 1e-6).all()


def test_locks_that_hold_in_advice_alone_do_not_bind_help() -> None:
    arm = Arm.variant("recourse", locked=(0,), lock_when="searching")
    stack, samples, labels = batch(1, 1, spread=0.3)
    assert (mover(RecourseExamples, [arm]).batch(stack, samples, labels)["helped"][:, 0] != samples[:, 0]).any()


@given(seed=st.integers(0, 10_000), radius=st.sampled_from([0.0, 0.2, 5.0]), steps=st.integers(1, 7))
def test_attacks_stay_in_box_and_domain(seed: int, radius: float, steps: int) -> None:
    arms = [Arm.variant("pgd", radius=radius, inner_steps=steps), called("other", "pgd", locked=(0,))]
    stack, samples, labels = batch(seed, 2)
    found = mover(AdversarialExamples, arms).batch(stack, samples, labels)["attacked"]
    lower, upper = (torch.from_numpy(bound)[:, None] for bound in DATA.schema.bounds())
    reach = torch.tensor([radius, 0.3]).view(2, 1, 1)
    assert ((found - samples).abs() <= reach + 1e-6).all()
    assert (found >= torch.minimum(lower, samples)).all() and (found <= torch.maximum(upper, samples)).all()
    assert (found[1, 0] != samples[1, 0]).any(), "all features are attacked, also locked ones"


def test_an_attack_raises_the_loss_and_help_lowers_it() -> None:
    stack, samples, labels = batch(3, 1, spread=0.5)

    def loss(x: Tensor, y: Tensor) -> float:
        return float(torch.nn.functional.cross_entropy(stack(x.mT)[0], y[0]))

    attacked = mover(AdversarialExamples, [Arm.variant("pgd")]).batch(stack, samples, labels)["attacked"]
    assert loss(attacked, labels) > loss(samples, labels) + 0.05
    helper = mover(RecourseExamples, [Arm.variant("recourse")])
    favourable = helper.labels("helped", labels)
    assert (favourable == DATA.k - 1).all()
    assert loss(helper.batch(stack, samples, labels)["helped"], favourable) < loss(samples, favourable) - 0.05


# -- density -----------------------------------------------------------------------------------------


def test_the_gradient_of_the_density_term_is_that_of_autograd() -> None:
    """−logsumexp of samples and +logsumexp of what is made up: shares of both signs."""
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 3, 10, generator=draws, dtype=torch.float64).requires_grad_()
    share = torch.tensor([-0.7 / 5] * 5 + [0.7 / 5] * 5, dtype=torch.float64).view(1, 1, -1)
    loss = 0.7 * (logits[..., 5:].logsumexp(1).mean() - logits[..., :5].logsumexp(1).mean())
    (expected,) = torch.autograd.grad(loss, logits)
    found = logit_gradient(logits.detach(), share, torch.zeros_like(expected), None, torch.empty_like(expected))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_a_diverged_arm_is_counted_and_stops_while_the_others_go_on() -> None:
    arms = [called("wild", "jem", **SMALL_BUFFER), Arm.variant("jem", **SMALL_BUFFER), Arm.variant("vanilla")]
    stack, metrics = told(arms, broken=0)
    sound, others = told(arms[1:])
    batches = -(-61 // SCHEDULE.batch)
    for found, expected in zip(metrics, others, strict=True):
        assert found["skipped"].tolist() == [batches, 0, 0]
        np.testing.assert_allclose(found["loss_gen"][1], expected["loss_gen"][0], rtol=1e-6)
    fresh = Stack.initialise(MODEL, DATA.d, DATA.k, [4]).to(torch.float64).layers[0][0] * 1e20
    assert torch.equal(stack.layers[0][0], fresh), "its weights stay as they are"
    for mine, theirs in zip(stack.layers, sound.layers, strict=True):
        torch.testing.assert_close(mine[1:], theirs, rtol=1e-6, atol=1e-8)


def test_a_diverged_chain_starts_anew_and_the_buffer_stays_finite() -> None:
    arm = Arm.variant("jem", **SMALL_BUFFER)
    stack, samples, labels = batch(0, 1)
    maker = LangevinSampler(Setup(DATA, [arm], [0], stack.flat, ReferenceData.of(DATA)))
    kept = maker.keep()
    maker.buffers[0][:] = 1e30
    assert maker.batch(stack, samples, labels)["sampled"].isnan().any()
    drawn = maker.buffers[0][0] != 1e30
    assert drawn.sum() == samples.shape[-1] and maker.buffers[0][:, drawn].abs().max() < 100
    maker.restore(kept)
    first = maker.batch(stack, samples, labels)["sampled"].clone()
    maker.restore(kept)
    assert not torch.equal(maker.batch(stack, samples, labels)["sampled"], first), "a kept state is taken, not copied"


@pytest.mark.parametrize(
    ("size", "allowed"),
    [(29, "from 30, the points of a batch, to 16,777,216 points of 2 columns"), (0, "1 or more")],
)
def test_a_buffer_that_does_not_fit_is_told_in_a_sentence(size: int, allowed: str) -> None:
    with pytest.raises(ConfigError, match="buffer") as error:
        Experiment(arms=(Arm.variant("jem", buffer=size),))
    if size:
        assert str(error.value) == f"arms.jem.buffer is {size}; allowed: {allowed}."


def test_a_buffer_is_bounded_by_memory_and_may_exceed_the_data() -> None:
    Experiment(arms=(Arm.variant("jem", buffer=100_000),))
    Experiment(arms=(Arm.variant("vanilla", buffer=1),))
    with pytest.raises(ConfigError, match=rf"to {MAX_BUFFER // 784:,} points of 784 columns"):
        Experiment(data={"name": "mnist"}, arms=(Arm.variant("jem", buffer=100_000),))


# -- settings ----------------------------------------------------------------------------------------


def test_new_settings_leave_the_keys_of_what_was_stored() -> None:
    assert Experiment.preset("moons").key == "5421322a38144417"
    text = Experiment(arms=(Arm.variant("full"), Arm.variant("pgd"))).to_json()
    assert text.count("sgld") == text.count("lambda_gen") == text.count("radius") == 0


@pytest.mark.parametrize("name", ["pgd", "jem", "recourse", "augmentation"])
def test_an_arm_goes_into_links_and_files_and_back(name: str) -> None:
    assert TRAINING_METHODS[name].settings == Arm.variant(name).own_settings[len(TRAINING_METHODS[name].terms) :]
    experiment = Experiment(arms=(Arm.variant("vanilla"), Arm.variant(name, inner_steps=3)))
    assert Experiment.from_query(experiment.to_query("moons")) == experiment
    assert Experiment.from_toml(experiment.to_toml()) == experiment


# -- what they are called ------------------------------------------------------------------------------


def test_rivals_are_named_apart_and_none_is_taken_for_one_of_the_two() -> None:
    names = ("pgd", "vanilla", "augmentation", "full", "jem")
    styles = arm_styles(Experiment(arms=tuple(Arm.variant(name) for name in names)))
    assert [style.short for style in styles] == ["PGD", "Conventional", "As data", "Counterfactual", "JEM"]
    assert [style.role for style in styles if style.role == "counterfactual"] == ["counterfactual"]
    assert reference_pair(styles) == (1, 3)
    assert reference_pair(styles[:3]) == (1, 2), "without counterfactual training, the last rival"
    assert reference_pair(styles[:2]) == (1, 0)
    assert reference_pair([styles[0], styles[2]]) == (0, None)


def test_a_rival_is_titled_by_its_method_in_advice() -> None:
    told = {"score": 0.1, "threshold": 0.5, "outcome": "none"}
    models = [
        ModelAdvice("vanilla", False, **told), ModelAdvice("pgd", False, **told, rival=Arm.variant("pgd").rival),
    ]  # fmt: skip
    assert [title_among(one, models) for one in models] == ["Conventional training", "PGD adversarial training"]


def test_what_counterfactuals_as_data_make_of_a_search() -> None:
    explorer = alone(method="augmentation", lambda_aug=2.0)
    trace = explorer.trace(linear(2.0, bias=-1.0), [[0.0, 0.0]], [1], SETTINGS)
    terms = explorer.loss_terms(trace, 0, 0)
    x = float(trace.final[0, 0, 0])
    assert terms.augmented == pytest.approx(np.log1p(np.exp(-(2 * x - 1) * 1.0)), rel=1e-4)
    assert terms.total == terms.weighted_augmented == 2 * terms.augmented
    assert in_words(terms).startswith("The model learns it as if it were a sample")
    failed = explorer.trace(linear(2.0), [[-0.5, 0.0]], [1], SETTINGS.model_copy(update={"steps": 1, "tau": 0.999}))
    assert "real sample in its place" in in_words(explorer.loss_terms(failed, 0, 0))
    assert explorer.loss_terms(failed, 0, 0).total == 0


def test_gradients_before_each_step_take_time() -> None:
    seconds = [training_seconds(Experiment(arms=(Arm.variant(name),))) for name in ("vanilla", "pgd", "jem")]
    assert seconds == sorted(seconds) and seconds[2] > 5 * seconds[0]
    idle = Arm.variant("jem", lambda_gen=0.0)
    assert training_seconds(Experiment(arms=(idle,))) == seconds[0]
