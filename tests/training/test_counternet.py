"""CounterNet against a plain loop of torch with autograd and ``torch.optim.Adam``, and its counterfactuals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ctviz.counterfactuals.constraints import Constraints
from ctviz.counterfactuals.search import SearchRequest, search
from ctviz.counterfactuals.search_settings import SearchSettings
from ctviz.data.catalogue import DataSettings, load
from ctviz.data.rules import Rule, Rules
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.experiments.evaluate import default_references, evaluate
from ctviz.experiments.explorer import Explorer
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.run import Run, Training, load_run
from ctviz.experiments.run import run as run_of
from ctviz.experiments.snapshot import stack_of
from ctviz.experiments.store import Store
from ctviz.experiments.store.codec import Damaged, encode_snapshot
from ctviz.figures.stage.recording import arm_labels
from ctviz.models.counterfactual_networks import CounterfactualNetworks, initial
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack
from ctviz.training.arm import Arm
from ctviz.training.draws import RandomStreams
from ctviz.training.loop import train
from ctviz.training.schedule import Schedule
from tests.data.table_people import SCHEMA, someone

DATA = load(DataSettings(name="blobs", classes=3, n_train=61, n_validation=10, n_test=10))
MODEL = ModelSettings(hidden=(8,))
SCHEDULE = Schedule(epochs=3, batch=12, n_ce=20, lr=0.01)
ARM = Arm.variant("counternet", validity_weight=0.7, proximity_weight=0.05, locked=(1,))


def told(arms: list[Arm], breaking: int | None = None) -> tuple[Stack, Stack]:
    """The models and the networks after their training, in double precision."""
    stack = Stack.initialise(MODEL, DATA.d, DATA.k, [0] * len(arms)).to(torch.float64)
    if breaking is not None:
        stack.layers[0][breaking, 0, 0] = torch.nan
    *_, last = train(stack, DATA, arms, SCHEDULE, [0] * len(arms))
    assert last.networks is not None
    return stack, last.networks


def by_autograd(arm: Arm) -> tuple[nn.Module, nn.Module]:
    """The same for one model, from the formulas: first the network's step, then the model's."""
    model = Stack.initialise(MODEL, DATA.d, DATA.k, [0]).module(0).double()
    network = initial(DATA.d, DATA.k, [0], torch.zeros((), dtype=torch.float64)).module(0)
    adam, other = (torch.optim.Adam(one.parameters(), lr=SCHEDULE.lr) for one in (model, network))
    streams, chance = RandomStreams([0], 61, SCHEDULE.n_ce, DATA.k), torch.Generator().manual_seed(0)
    X, y = DATA.train[0].double(), DATA.train[1]
    low, high = (torch.from_numpy(bound).double() for bound in DATA.schema.bounds())
    free = torch.tensor([1.0, 0.0], dtype=torch.float64)  # the second feature is locked
    for _ in range(SCHEDULE.epochs):
        for rows in torch.split(streams.epoch().order[0], SCHEDULE.batch):
            x, label = X[rows], y[rows]
            with torch.no_grad():
                said = torch.softmax(model(x), dim=1)
            goal = (said.argmax(1) + torch.randint(1, DATA.k, (len(rows),), generator=chance)) % DATA.k
            raw = network(torch.cat([x, said, nn.functional.one_hot(goal, DATA.k)], dim=1))
            inside = raw + (raw.clamp(low, high) - raw).detach()  # the edge of the domain lets gradients pass
            points = free * inside + (1 - free) * x
            sure = torch.softmax(model(points), dim=1).gather(1, goal.unsqueeze(1))
            loss = arm.validity_weight * ((1 - sure) ** 2).mean() + arm.proximity_weight * ((points - x) ** 2).mean()
            other.zero_grad()
            loss.backward()
            other.step()
            adam.zero_grad()
            nn.functional.cross_entropy(model(x), label).backward()
            adam.step()
    return model, network


@pytest.mark.parametrize("among", [False, True], ids=["alone", "among other methods"])
def test_networks_and_models_learn_by_their_own_formulas(among: bool) -> None:
    arms = [Arm.variant("full"), ARM, Arm.variant("vanilla")] if among else [ARM]
    stack, networks = told(arms)
    model, network = by_autograd(ARM)
    for mine, theirs in zip(networks.module(0).parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9)
    for mine, theirs in zip(stack.module(arms.index(ARM)).parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-7, atol=1e-9)


def test_a_categorys_gradient_is_that_of_its_softmax() -> None:
    from ctviz.training.counternet import categories_of, softened, through_softmax

    raw = torch.randn(2, SCHEMA.d, 5, dtype=torch.float64, requires_grad=True)
    upstream, categories = torch.randn(2, SCHEMA.d, 5, dtype=torch.float64), categories_of(SCHEMA)
    points = softened(raw, categories)
    assert categories
    for columns in categories:
        torch.testing.assert_close(points[:, columns].sum(1), torch.ones(2, 5, dtype=torch.float64))
    (expected,) = torch.autograd.grad((points * upstream).sum(), raw)
    torch.testing.assert_close(through_softmax(upstream, raw.detach(), categories), expected)


def test_the_model_is_the_conventional_one_and_its_network_goes_back_where_an_epoch_is_repeated() -> None:
    stack, networks = told([ARM, Arm.variant("vanilla")])
    assert torch.equal(stack.layers[0][0], stack.layers[0][1])
    _, after = told([ARM, Arm.variant("vanilla")], breaking=1)
    torch.testing.assert_close(networks.flat, after.flat, rtol=1e-8, atol=1e-10)


# -- in a run ---------------------------------------------------------------------------------------------

EXPERIMENT = Experiment.preset("moons").replace(
    {"arms": "vanilla,counternet", "data.n_train": 400, "training.epochs": 20, "training.batch": 20,
     "training.lr": 0.01, "evaluation.factuals": 30, "evaluation.field": 0, "evaluation.every": 10,
     "evaluation.paths": 4, "arms.counternet.locked": (1,)}
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def run(store: Store) -> Run:
    return run_of(EXPERIMENT, store=store)


def test_its_network_is_stored_with_every_snapshot(run: Run, store: Store) -> None:
    again = load_run(run.key, store)
    *_, fresh = Training(EXPERIMENT)
    for name, values in run.snapshot().networks.items():
        np.testing.assert_array_equal(values, again.snapshot().networks[name])
        np.testing.assert_array_equal(values, fresh.networks[name], err_msg="the same bits")
        assert not np.array_equal(values, again.snapshots[0].networks[name])
    assert stack_of(again.snapshots, EXPERIMENT).networks is not None
    with pytest.raises(Damaged, match="number 0 of the networks' weights"):
        encode_snapshot(EXPERIMENT, replace(fresh, networks={}))


def test_its_network_answers_nearer_than_the_search_and_keeps_to_the_lock(run: Run, store: Store) -> None:
    protocol = {"rounds": 2, "factuals": 60, "tau": 0.5, "steps": 40}
    answers, searches = (
        evaluate(run, Protocol(generator=name, **protocol), store=store) for name in ("counternet", "generic")
    )
    assert default_references(EXPERIMENT) == {"counternet": "vanilla"}
    validity = list(answers.metrics).index("validity")
    assert np.nanmean(answers.rounds[validity][1]) > 0.8, "most answers reach their class"
    np.testing.assert_array_equal(answers.rounds[:, 0], searches.rounds[:, 0])  # conventional: the gradient search
    explorer = Explorer(EXPERIMENT, run.scene)
    asked = EXPERIMENT.evaluation.model_copy(update={"generator": "counternet", "tau": 0.5})
    factuals = run.scene.factuals
    trace = explorer.trace(run.snapshot(), factuals, run.scene.targets.astype(int), asked)
    assert (trace.points[1, ..., 1] == factuals[:, None, 1]).all() and (trace.points[1, ..., 0] != factuals[0, 0]).any()
    x, goal = torch.from_numpy(factuals), torch.from_numpy(run.scene.targets.astype(int))
    said = torch.softmax(run.model("counternet")(x), dim=1)
    network = CounterfactualNetworks.of([run.snapshot().networks], [1], 2).stack.module(0)
    with torch.no_grad():
        raw = network(torch.cat([x, said, nn.functional.one_hot(goal, 2)], dim=1))
    expected = raw.clamp(*(torch.from_numpy(bound) for bound in run.data.schema.bounds()))
    expected[:, 1] = x[:, 1]
    there = said.gather(1, goal.unsqueeze(1)) >= asked.tau
    np.testing.assert_allclose(trace.points[1, :, -1], torch.where(there, x, expected).numpy(), rtol=1e-4, atol=1e-5)
    assert len(explorer.history(run.snapshots, factuals[0], 1 - int(run.scene.factual_labels[0]), asked)) == 3


def test_without_a_network_that_is_a_sentence(store: Store) -> None:
    plain = EXPERIMENT.replace({"arms": "vanilla", "training.epochs": 1})
    with pytest.raises(ConfigError) as error:
        evaluate(run_of(plain, store=store), Protocol(rounds=2, generator="counternet"), store=store)
    assert str(error.value) == (
        "generator is 'counternet'; allowed: another one for models that were not trained as CounterNet."
    )


def test_what_it_is_called_and_keys_without_it_stay() -> None:
    arm = EXPERIMENT.arms[1]
    assert arm.own_settings == ("lambda_class", "validity_weight", "proximity_weight")
    assert not arm.conventional and not arm.learns_from_examples and arm.has_network
    labels = [label.title for label in arm_labels(EXPERIMENT)]
    assert labels[0] == "Conventional" and labels[1].startswith("CounterNet")
    assert "_weight" not in EXPERIMENT.to_json(), "settings of it are no part of other keys"
    assert Experiment.from_toml(EXPERIMENT.to_toml()) == EXPERIMENT


# -- rules hold at every point ----------------------------------------------------------------------------


def people(seed: int, b: int = 7) -> Tensor:
    from ctviz.data.people import to_row

    chance = np.random.default_rng(seed)
    return torch.from_numpy(np.stack([to_row(SCHEMA, someone(chance)) for _ in range(b)])).T[None]  # 1 d b


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), locked=st.sets(st.sampled_from(SCHEMA.names), max_size=3))
def test_categories_take_a_level_and_locks_hold_at_every_point(seed: int, locked: set[str]) -> None:
    schema = Rules(rules=tuple(Rule(feature=name, change="locked") for name in sorted(locked))).on(SCHEMA)
    factuals = people(seed)
    stack = Stack.initialise(ModelSettings(hidden=(5,)), SCHEMA.d, 2, [seed])
    networks = initial(SCHEMA.d, 2, [seed], stack.flat)
    networks.flat.mul_(3)
    stack.networks = CounterfactualNetworks(networks, (0,))
    targets = torch.arange(factuals.shape[-1])[None] % 2
    asked = [SearchSettings(generator="counternet", tau=0.9, steps=6)]
    found = search(SearchRequest(stack, factuals, targets, asked, Constraints.of([schema], factuals), True))
    assert found.path is not None
    for name in locked:
        columns = list(schema.columns_of(name))
        assert (found.path[:, :, columns] == factuals[:, columns]).all()
    low, high = (torch.from_numpy(bound).view(1, -1, 1) for bound in schema.bounds())
    moved = found.path != factuals
    assert (((found.path >= low) & (found.path <= high)) | ~moved).all()
    for feature, columns in zip(schema.features, schema.spans, strict=True):
        if feature.kind == "category":
            assert ((found.final[:, columns] == 1).sum(1) == 1).all() and (found.final[:, columns].sum(1) == 1).all()
