"""What holds for all tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

# Before torch is imported: on two cores, two workers with two threads each are several times as slow as with one.
# Tests of threads set how many they want.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# Hypothesis's own profile for CI, everywhere: no deadline and no check of speed, so that a busy machine fails nothing,
# and examples that follow from the test alone, so that what passed for one passes for all. The other one looks for new
# examples: make test ARGS="--hypothesis-profile=random".
settings.register_profile("random", settings.get_profile("ci"), derandomize=False)
settings.load_profile("ci")


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Torch has two threads, so that whoever takes one has to give the other back."""
    import torch  # here, so that the process that only deals out the tests does not load it

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def german_table() -> Any:
    """German credit, with the usual settings."""
    from ctviz.data.catalogue import load  # as above
    from ctviz.data.tables.settings import TableSettings

    return load(TableSettings(name="german"))


@contextmanager
def fitted_in_a_moment() -> Iterator[None]:
    """Autoencoders are fitted in a moment; none that others have fitted is used, nor one of these after it."""
    from ctviz.cache import Cache  # as above
    from ctviz.counterfactuals.inputs import _reference_data
    from ctviz.experiments import vae
    from ctviz.models.vae import Vae

    fit = Vae.fit

    def in_a_moment(X: Any, latent: int = 2, seed: int = 0, **given: Any) -> Vae:
        return fit(X, latent, seed, **{**given, "updates": 50})

    with pytest.MonkeyPatch.context() as patch:
        _reference_data.cache_clear()
        patch.setattr(vae, "_cache", Cache(8, at_once=None))
        patch.setattr(Vae, "fit", in_a_moment)
        yield
        _reference_data.cache_clear()


@pytest.fixture(scope="module")
def hasty_autoencoders() -> Iterator[None]:
    """For a module to which it does not matter how well autoencoders are fitted."""
    with fitted_in_a_moment():
        yield


@pytest.fixture
def hasty_autoencoders_here() -> Iterator[None]:
    """For a test to which it does not matter, in a module whose other tests fit theirs as usual."""
    with fitted_in_a_moment():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded to collect the tests stays to their end, so the garbage collector need not look at it.

    That is a million objects and more, and each full collection would go over all of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    """The garbage collector need not look at what is left when the process ends: its memory is given back anyway."""
    gc.freeze()


OF_COMPONENTS = ("test_digits_stage.py", "test_numbers.py", "test_paths.py", "test_stage.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What goes to one worker: a file, for its fixtures, or all that share a server and a Chromium.

    Those are the browser tests of the app, and those of components without it, each in the order of the files.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder, _, name = file.rpartition("/")
            if folder != "tests/browser":
                return file
            return "components" if name in OF_COMPONENTS else "app"

    config.option.loadscopereorder = False
    return ByFile(config, log)
