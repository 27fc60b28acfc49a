"""Recourse without a browser: what it says of a person is what the adviser found."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from ctviz.experiments.config import Experiment
from ctviz.paths import assets
from tests.pages.words import said

PAGE = "pages/recourse.py"


@pytest.fixture
def german(world, visit) -> Callable[..., AppTest]:
    """Opens the page with the run on German credit that ships."""
    key = Experiment.preset("german").key
    shutil.copytree(assets() / "presets" / key, world.root / "runs" / key)
    return lambda **query: visit(PAGE, **query)


def test_two_models_advise_beside_each_other(german) -> None:
    at = german(person="17")
    assert "Conventional training" in said(at) and "Counterfactual training" in said(at)
    assert not at.error


def test_a_run_that_is_not_trained_yet_says_so(visit) -> None:
    at = visit(PAGE)
    assert "have not been trained yet" in said(at)
    assert not at.error and at.button(key="train")
