"""Pages without a browser: a store of their own, jobs that only note what they are asked."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
import torch
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from ctviz.cache import Cache
from ctviz.experiments import adviser
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import run
from ctviz.experiments.store import Store
from ctviz.models.stack import Stack
from ctviz.ui.digits import answers
from ctviz.ui.digits.answers import Answers
from ctviz.ui.kit import results, runner
from ctviz.ui.kit import service as shared
from ctviz.ui.kit.pages import PAGES
from ctviz.ui.kit.run_view import RunViews
from ctviz.ui.kit.searches import Searches
from ctviz.ui.recourse import advice, asked, context, pins, proofs, story
from ctviz.ui.trajectories import picture, sidebar
from tests.fake_jobs import FakeJobs
from tests.figures import fake
from tests.pages.digit_runs import RUN
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def no_components_of_packages() -> Iterator[None]:
    """Streamlit's ``AppTest`` asks every installed package for components on each visit; none that is used has any."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BidiComponentManager, "discover_and_register_components", lambda *_, **__: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_looks_at_a_page_that_runs() -> Iterator[None]:
    """``AppTest`` asks a thousand times a second whether the script has ended, which slows the script; here it waits
    for the end of its thread."""
    asking = local_script_runner.require_widgets_deltas

    def wait(runner: LocalScriptRunner, timeout: float) -> None:
        runner._script_thread.join(timeout)
        asking(runner, timeout if runner.script_stopped() else 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


class Here:
    """In place of a pool of workers: calls functions in this process."""

    def __init__(self, held: Any, workers: int) -> None:
        self.held = held

    def map(self, function: Callable[..., Any], items: list[tuple[Any, ...]], cancelled: object) -> Any:
        yield from enumerate(function(self.held, *item) for item in items)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The service of all pages, with an empty store and noting jobs; ``keep(experiment)`` stores a run."""
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path))
    store, jobs = Store(tmp_path), FakeJobs()
    service = shared.Service(store, jobs, RunViews(store))
    st.cache_resource.clear()
    monkeypatch.setattr(shared, "make", lambda: service)
    runners: list[runner.Runner] = []
    usual = runner.Runner
    monkeypatch.setattr(runner, "Runner", lambda *of: (runners.append(usual(*of)), runners[-1])[1])
    monkeypatch.setattr(proofs, "_thread", lambda work: work())  # none outlives its test
    monkeypatch.setattr(proofs, "LOOKS", math.inf)  # however slow the machine
    monkeypatch.setattr(proofs, "WorkerPool", Here)  # a process for each test would cost a second each

    def keep(experiment: Experiment, epochs: int | None = None) -> None:
        """Stores a made-up run, complete or (``epochs``) stopped early."""
        last = experiment.training.epochs if epochs is None else epochs
        shape = experiment.evaluation
        seeds, cpu = [0] * len(experiment.arms), torch.device("cpu")
        grid, classes = experiment.data.grid, experiment.data.classes
        weights = Stack.initialise(experiment.model, experiment.d, classes, seeds, cpu, grid).weights()
        on = fake.scene(k=experiment.data.classes, b=shape.paths, n=60)
        with store.writer(experiment, "cpu") as writer:
            writer.scene(on)
            for snapshot in fake.snapshots(on, len(experiment.arms), last, shape.field, shape.steps):
                writer.append(replace(snapshot, weights=weights))
            if epochs is None:
                writer.finish({})
            else:
                writer.cancel()

    yield SimpleNamespace(store=store, jobs=jobs, keep=keep, root=tmp_path)
    for one in runners:
        for study in one.running():  # none outlives its test
            one.cancel(study)
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def kept_advice() -> SimpleNamespace:
    """What a server keeps of advice, once for all tests of a module, as for all sessions of a class."""
    return SimpleNamespace(advisers=Cache(32), answers=Cache(256), proofs=proofs.Proofs(start=lambda work: work()))


@pytest.fixture
def one_server(world: SimpleNamespace, kept_advice: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice that another test of the module has asked for is at hand."""
    monkeypatch.setattr(context, "_advisers", lambda: kept_advice.advisers)
    monkeypatch.setattr(asked, "_answers", lambda: kept_advice.answers)
    for module in (advice, pins, story):
        monkeypatch.setattr(module, "proofs", lambda: kept_advice.proofs)


@pytest.fixture(scope="module")
def kept_searches(kept: Store) -> SimpleNamespace:
    """What a server keeps of searches and of digits, once for all tests of a module."""
    return SimpleNamespace(searches=Searches(kept), digits=Answers(kept))


@pytest.fixture
def explored(world: SimpleNamespace, kept_searches: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test of the module has asked of a run that is trained once is at hand."""
    monkeypatch.setattr(answers, "answers", lambda: kept_searches.digits)
    for module in (picture, sidebar, results):
        monkeypatch.setattr(module, "searches", lambda: kept_searches.searches)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many workers each pool of an adviser has, all of which are in this process."""
    found: list[int] = []
    monkeypatch.setattr(adviser, "WorkerPool", lambda held, workers: (found.append(workers), Here(held, workers))[1])
    return found


@pytest.fixture
def first_visit(world: SimpleNamespace) -> Callable[..., AppTest]:
    """As ``visit``, on a server that nobody has asked anything before, whatever the module."""

    def open_(path: str, /, opened: tuple[str, ...] = (), scrolled: bool = True, **query: str) -> AppTest:
        # Pages know each other only by way of the entry point.
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
        if path != "app.py":
            at.switch_page(path)
        for name, text in query.items():
            at.query_params[name] = text
        for group in opened:
            at.session_state[group] = True
        for page in PAGES if scrolled else ():
            at.session_state[f"seen-on-{page.name}"] = True
        at.run()
        assert not at.exception
        return at

    return open_


@pytest.fixture
def visit(first_visit: Callable[..., AppTest]) -> Callable[..., AppTest]:
    """Opens a page at a link, with groups of settings open, by somebody who has scrolled down to its end:
    ``visit("pages/boundaries.py", opened=("group-data",), epoch="3")``."""
    return first_visit


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Runs that several tests look at, each trained once."""
    return Store(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def train(world: SimpleNamespace, kept: Store) -> Callable[[Experiment], Experiment]:
    """Really trains an experiment into the store of the pages: its weights can be searched."""

    def train_(experiment: Experiment) -> Experiment:
        folder = Path("runs", experiment.key)
        if not (kept.root / folder).exists():
            run(experiment, device="cpu", store=kept)
        shutil.copytree(kept.root / folder, world.root / folder)
        return experiment

    return train_


@pytest.fixture
def trained(train: Callable[[Experiment], Experiment]) -> Experiment:
    """The small run on digits, in the store of the pages."""
    return train(RUN)
