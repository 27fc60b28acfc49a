"""The public face of the package."""

from __future__ import annotations

import os
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import torch

import ctviz
from ctviz.experiments import run as module

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ctviz.__file__).parents[1])}


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", ctviz.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(ctviz, name) is not None
    assert name in dir(ctviz)


def test_public_names_are_sorted_and_stand_once() -> None:
    constants = [name for name in ctviz.__all__ if name.isupper()]
    classes = [name for name in ctviz.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in ctviz.__all__ if name[0].islower()]
    assert ctviz.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]
    assert len(set(ctviz.__all__)) == len(ctviz.__all__)


def test_what_is_announced_to_type_checkers_is_what_is_there() -> None:
    assert typing.get_type_hints(ctviz.run)["return"] is ctviz.Run
    assert ctviz.load_data is typing.cast("object", ctviz.__getattr__("load_data"))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = ctviz.no_such_thing  # type: ignore[attr-defined]


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    code = """
import sys
import ctviz

def print_loaded(*names):
    print([name for name in names if name in sys.modules])

compute = "torch", "scipy", "sklearn", "pandas", "captum"
show = "streamlit", "plotly"
print_loaded(*compute, *show, "numpy", "pydantic")  # by the package
ctviz.Experiment.preset("mnist").key, ctviz.open_store().list()
print_loaded(*compute, *show)  # by settings and the store
import ctviz.counterfactuals.exact.cheapest, ctviz.worker_pool
print_loaded(*compute, *show)  # by the processes that prove
ctviz.run, ctviz.search
import torch
ctviz.search(torch.nn.Linear(2, 2), torch.zeros(1, 2).numpy(), 1)
print_loaded("sklearn", "pandas", "captum", *show)  # by what trains and searches, from a plain array
"""
    assert python(code).splitlines() == ["[]"] * 4


def test_errors_have_one_root() -> None:
    for name in ("ConfigError", "DataError", "DeviceError", "JobError", "StoreError"):
        assert issubclass(getattr(ctviz, name), ctviz.CtvizError)


def test_the_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTVIZ_HOME", str(tmp_path))
    experiment = ctviz.Experiment.preset("moons").replace({"training.epochs": 20, "seed": 3})
    run = ctviz.run(experiment)
    assert run.key == experiment.key and run.arms == ("vanilla", "full")
    assert list(run.history.columns) == ["epoch", "arm", "metric", "value"]
    assert run.history["epoch"].max() == 20

    model = run.model("full")
    assert isinstance(model, torch.nn.Module)
    X, y = run.data.test
    assert X.dtype == torch.float32 and X.shape == (len(y), 2) and y.dtype == torch.int64

    found = ctviz.search(model, X[:100], 1 - y[:100], generator="eccco", tau=0.9, steps=50, locked=[0])
    assert found.path is not None and found.path.shape == (51, 100, 2)
    assert found.final.shape == found.nascent.shape == (100, 2)
    assert found.mature.dtype == torch.bool and found.mature.shape == (100,)
    assert found.steps.dtype == torch.int64 and found.steps.shape == (100,)
    assert torch.equal(found.final[:, 0], X[:100, 0])
    assert found.mature.any() and (model(X).argmax(1) == y).double().mean() > 0.9

    monkeypatch.setattr(module, "Training", None)  # a second time nothing is trained
    assert ctviz.run(experiment).summary == run.summary
