"""torch and numpy as ctviz counts on them: the same results, whatever the caller has set and however many threads."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ctviz
from ctviz.counterfactuals import inputs
from ctviz.counterfactuals.person_lattice import PersonLattices
from ctviz.data.dataset import Dataset
from ctviz.experiments.config import Experiment
from ctviz.experiments.energy import energy_field
from ctviz.experiments.everyone import advise_everyone
from ctviz.experiments.population import PopulationSettings
from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store
from ctviz.isolation import isolated, parallel_map
from ctviz.models.vae import Vae
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order_and_torchs_threads_are_given_back(threads: int) -> None:
    with isolated(), isolated():
        assert torch.get_num_threads() == 1
        assert parallel_map(lambda i: i * i, range(20)) == [i * i for i in range(20)]
    assert torch.get_num_threads() == threads


def test_as_many_work_at_once_as_torch_had_threads(threads: int) -> None:
    barrier = threading.Barrier(threads)

    def met(_: int) -> tuple[int, int]:
        barrier.wait(timeout=PATIENCE)  # breaks unless all are here
        return threading.get_ident(), torch.get_num_threads()

    with isolated(), isolated():
        found = parallel_map(met, range(2 * threads))
    assert len({ident for ident, _ in found}) == threads
    assert {own for _, own in found} == {1}


def test_outside_of_one_thread_nothing_is_shared_out(threads: int) -> None:
    assert set(parallel_map(lambda _: threading.get_ident(), range(4))) == {threading.get_ident()}


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_the_modes_of_the_caller_hold_in_every_thread(threads: int, mode: type) -> None:
    with isolated(), mode():
        expected = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        found = parallel_map(lambda _: (torch.is_inference_mode_enabled(), torch.is_grad_enabled()), range(4))
    assert found == [expected] * 4


def test_an_error_in_a_thread_reaches_the_caller(threads: int) -> None:
    with pytest.raises(ZeroDivisionError), isolated():
        parallel_map(lambda i: 1 // i, [2, 1, 0])


# -- whatever the caller has set ---------------------------------------------------------------------------


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def flushing() -> Iterator[None]:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormal numbers")
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def rough_products() -> Iterator[None]:
    torch.set_float32_matmul_precision("medium")
    try:
        yield
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.backends.mkldnn.matmul.fp32_precision = torch.backends.cuda.matmul.fp32_precision = "none"


@contextmanager
def newer_rough_products() -> Iterator[None]:
    """By torch's newer interface, after which the older one may not be asked."""
    torch.backends.fp32_precision = "tf32"
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    try:
        yield
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
        assert torch.backends.mkldnn.conv.fp32_precision == "tf32"
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = torch.backends.fp32_precision = "none"


@contextmanager
def several_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        yield
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


STATES = {
    "float64 by default": lambda: default_dtype(torch.float64),
    "float16 by default": lambda: default_dtype(torch.float16),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "another device by default": lambda: default_device("meta"),
    "another device in a block": lambda: torch.device("meta"),
    "denormal numbers flushed": flushing,
    "deterministic algorithms": deterministic,
    "anomalies detected": torch.autograd.detect_anomaly,
    "rough products": rough_products,
    "rough products by the newer interface": newer_rough_products,
    "numpy raises": lambda: np.errstate(all="raise"),
    "several threads": several_threads,
}

METHODS = ("integrated_gradients", "saliency", "input_x_gradient", "deep_lift", "gradient_shap", "occlusion")


def small(**changes: Any) -> Experiment:
    sizes = {"data.n_train": 60, "data.n_validation": 30, "data.n_test": 30, "training.n_ce": 20, "model.hidden": [4]}
    arms = {"arms": "vanilla,full,another", "arms.another.generator": "face"}
    return Experiment.preset("moons").replace({**arms, **sizes, "training.epochs": 2, "evaluation.field": 8, **changes})


def training(folder: Path) -> Iterator[Any]:
    run = ctviz.run(small(), store=Store(folder))
    yield run.summary
    for snapshot in run.snapshots:
        yield from (snapshot.weights, snapshot.metrics, snapshot.field, snapshot.paths.points)
    yield [snapshot.weights for snapshot in ctviz.train(small(**{"training.epochs": 1}))]
    yield [weight.detach().numpy() for weight in run.model("full").parameters()]


@cache
def trained() -> ctviz.Run:
    """A run for what is asked of one; first called outside of all states, in which ``training`` trains it."""
    with tempfile.TemporaryDirectory() as folder:
        return ctviz.run(small(), store=Store(Path(folder)))


def evaluation(folder: Path) -> Iterator[Any]:
    report = ctviz.evaluate(trained(), Protocol(rounds=3, factuals=10, attacks=(0.1,)), store=Store(folder))
    yield from (report.table.to_numpy(), report.compare().to_numpy())


def sweeping(folder: Path) -> Iterator[Any]:
    result = ctviz.sweep(
        small().replace({"arms": "vanilla,full"}),
        grid={"lambda_div": [0.1, 1.0]},
        seeds=1,
        store=Store(folder),
        workers=1,
    )
    yield result.across.to_numpy()


def quickly_fitted(data: Dataset) -> Callable[[int], Vae]:
    return lambda latent: Vae.fit(data.train[0], latent, updates=20)


def exploring(folder: Path) -> Iterator[Any]:
    run = trained()
    explorer, last = ctviz.Explorer(run.experiment, quickly_fitted(run.data)), run.snapshot()
    factuals, _ = explorer.pick("random", 10)
    for name in ("eccco", "revise"):
        settings = ctviz.SearchSettings(generator=name)
        trace = explorer.trace(last, factuals, explorer.default_targets(factuals, last), settings)
        yield from (trace.points, trace.probability, trace.reachable, trace.outcome)
        yield explorer.words(trace, 1, 0)
        yield [interval.value for interval in explorer.endpoints(trace).metrics.values()]
    yield explorer.sensitivity(last).share.value
    energy = energy_field([last], run.experiment, run.scene, 1)
    yield from (energy.levels, energy.means.real, energy.means.ends)


@cache
def shipped() -> ctviz.Run:
    """As above; ``pictures`` and ``advising`` read such a run in each state."""
    return ctviz.run(Experiment.preset("moons"))


def searching(folder: Path) -> Iterator[Any]:
    run = shipped()
    X, y = (part[:10].numpy() for part in run.data.test)
    for name in ("generic", "gravitational", "dice", "nearest", "face"):
        found = ctviz.search(run.model("full"), X, 1 - y, generator=name, samples=run.data.train)
        yield from (found.path.numpy(), found.mature.numpy(), found.steps.numpy())
    for method in METHODS:
        settings = ctviz.AttributionSettings(method=method, smooth=2 * (method == "saliency"))
        yield ctviz.attribute(run.model("full"), X, y, settings, background=run.data.train[0]).values.numpy()
    yield ctviz.integrated_gradients(run.model("full"), X).values.numpy()


def pictures(folder: Path) -> Iterator[Any]:
    run = ctviz.run(Experiment.preset("mnist"))
    explorer, last = ctviz.ImageExplorer(run.experiment), run.snapshot()
    picked = explorer.pick("random", 2)
    yield explorer.attribute(last, picked.X).values
    yield explorer.counterfactuals(last, picked.X, (picked.y + 1) % 10, ctviz.SearchSettings(steps=3)).points
    yield explorer.robustness(last, [0.1], samples=20).accuracy.value


def tables(folder: Path) -> Iterator[Any]:
    known = ctviz.load_data(ctviz.TableSettings(name="german"))
    path = folder / "people.csv"
    known.frame(known.train[0][:200]).assign(paid=known.train[1][:200].numpy()).to_csv(path, index=False)
    for data in (known, ctviz.load_table(path, "paid")):
        yield from (data.train[0].numpy(), data.test[1].numpy(), data.unseen_pairs, data.schema.model_dump_json())
        yield [data.texts(data.test[0][0]), data.row(data.person(data.test[0][0])), data.csv(data.test[0])]
        lattice = PersonLattices(data.schema, data.rules, data.unseen_pairs).of(data.test[0][0])
        yield [repr(lattice.features), lattice.forbidden]


def advising(folder: Path) -> Iterator[Any]:
    adviser = ctviz.Adviser(ctviz.run(Experiment.preset("german")), tau="rate")
    for exact in (True, False):
        yield [{**model.record(), "seconds": 0} for model in adviser.advise(4, exact=exact).models]
    many = adviser.many(adviser.table.test[0][:10])
    yield from (adviser.scores(adviser.table.test[0]), many.effort, many.columns, many.distance)
    settings = PopulationSettings(arms=("vanilla", "full"), tau="rate", people=3)
    yield advise_everyone(adviser, settings).record()


ASKED = {
    work.__name__: work for work in (training, evaluation, sweeping, exploring, searching, pictures, tables, advising)
}


def bits(values: Any) -> Any:
    """Numbers as bytes, so that only equals are equal, NaN included."""
    if isinstance(values, dict):
        return {name: bits(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [bits(value) for value in values]
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values.dtype.str, values.shape, values.tobytes()
    return repr(values.tolist() if isinstance(values, np.ndarray) else values)


def asked(work: Callable[[Path], Iterator[Any]], folder: Path) -> list[Any]:
    """What comes of it where nothing is known from before."""
    inputs._reference_data.cache_clear()
    return [bits(values) for values in work(folder)]


@cache
def expected(name: str) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        return asked(ASKED[name], Path(folder))


SETS_MUCH = ("float64 by default", "autocast", "inference mode", "another device by default")
"""States that reach all kinds of work; the others are tried on two of them."""


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize(
    ("state", "name"),
    [(state, name) for state in STATES for name in ASKED if state in SETS_MUCH or name in ("training", "searching")],
)
def test_whatever_the_caller_has_set_the_bits_are_the_same(tmp_path: Path, state: str, name: str) -> None:
    right = expected(name)
    with STATES[state]():
        found = asked(ASKED[name], tmp_path)
    assert found == right


def test_what_was_made_within_such_a_state_serves_outside_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An autoencoder and tensors that are kept are of no state."""
    monkeypatch.setattr(Vae, "fit", partial(Vae.fit, updates=150))
    run = shipped()
    X, y = run.data.test

    def mature() -> float:
        found = ctviz.search(run.model("full"), X[:50], 1 - y[:50], generator="revise", samples=run.data.train)
        return float(found.mature.float().mean())

    right = mature()
    assert right > 0
    for state in ("autocast", "inference mode", "float64 by default", "another device by default"):
        inputs._reference_data.cache_clear()
        with STATES[state]():
            assert mature() == right
        assert mature() == right


class Default(nn.Module):
    """A model that makes tensors of the default type in its forward pass, as some do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x @ torch.eye(2) + torch.zeros(1))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_model_of_the_callers_finds_the_callers_defaults(dtype: torch.dtype) -> None:
    with default_dtype(dtype):
        model = Default()
        found = ctviz.search(model, [[0.0, 1.0]], [1], path=False)
        assert found.final.dtype == dtype
        assert ctviz.integrated_gradients(model, [[0.0, 1.0]]).values.dtype == dtype
        assert torch.zeros(1).dtype == dtype


def test_a_callback_finds_what_its_caller_has_set(tmp_path: Path) -> None:
    """And may itself ask for results, under whatever it sets."""
    run, seen = ctviz.run(small(), store=Store(tmp_path)), set()
    other = small(seed=8)
    right = bits(ctviz.run(other, store=Store(tmp_path / "right")).summary)

    def look(done: int, total: int) -> None:
        seen.add((torch.get_num_threads(), torch.zeros(1).dtype, torch.is_grad_enabled()))
        if not done:
            with torch.autocast("cpu"), torch.inference_mode():
                assert bits(ctviz.run(other, store=Store(tmp_path / "inside")).summary) == right

    with default_dtype(torch.float64), several_threads():
        ctviz.evaluate(run, Protocol(rounds=2, factuals=5), store=Store(tmp_path), progress=look)
    assert seen == {(3, torch.float64, True)}


def test_what_is_imported_in_such_a_state_serves_outside_of_it() -> None:
    """Of both states at once: whatever is made at import in one of them fails outside of it."""
    code = """
import ctviz, ctviz.imports, torch

ctviz.imports.leave_matplotlib_out()  # captum would import it, for long
experiment = ctviz.Experiment.preset("moons").replace({"training.epochs": 1, "data.n_train": 40})
with torch.device("meta"), torch.inference_mode():
    list(ctviz.train(experiment))
list(ctviz.train(experiment))
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_other_threads_of_the_caller_see_nothing_of_it() -> None:
    inside, seen = threading.Event(), threading.Event()
    found: list[torch.dtype] = []

    def look() -> None:
        inside.wait(PATIENCE)
        found.extend([torch.get_default_dtype(), torch.zeros(1).dtype])
        seen.set()

    with default_dtype(torch.float64):
        other = threading.Thread(target=look)
        other.start()
        with isolated():
            assert torch.zeros(1).dtype == torch.tensor(0.5).dtype == torch.full((1,), 0.5).dtype == torch.float32
            assert torch.tensor(np.array([0.5])).dtype == torch.float64
            assert torch.tensor([1]).dtype == torch.int64
            inside.set()
            assert seen.wait(PATIENCE)
        other.join()
    assert found == [torch.float64, torch.float64]
