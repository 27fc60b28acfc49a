"""The tilt of a boundary, against straight lines and a bent one whose angles are known."""

from __future__ import annotations

import math

import pytest
import torch

from ctviz.errors import DataError
from ctviz.evaluation.tilt import boundary_tilt
from ctviz.models.model_settings import ModelSettings
from ctviz.models.stack import Stack

WINDOW = torch.tensor([-4.0, -4.0]), torch.tensor([4.0, 4.0])
CENTRES = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])


def lines(*normals: tuple[float, float], offset: float = 0.0) -> Stack:
    """Linear models with f(x) = n · x − offset."""
    weights = torch.tensor([[[0.0, 0.0], list(n)] for n in normals]).numpy()
    bias = torch.tensor([[0.0, -offset] for _ in normals]).numpy()
    return Stack.from_weights({"0.weight": weights, "0.bias": bias}, ModelSettings(hidden=()))


@pytest.mark.parametrize(
    ("normal", "degrees"),
    [
        ((1.0, 0.0), 90.0),
        ((-3.0, 0.0), 90.0),
        ((0.0, 2.0), 0.0),
        ((1.0, 1.0), 45.0),
        ((1.0, -1.0), 45.0),
        ((math.sqrt(3), 1.0), 60.0),
        ((-1.0, math.sqrt(3)), 30.0),
    ],
)
def test_straight_lines(normal: tuple[float, float], degrees: float) -> None:
    assert boundary_tilt(lines(normal), *WINDOW, CENTRES).tolist() == [pytest.approx(degrees, abs=1e-3)]


def test_each_model_has_its_own() -> None:
    tilts = boundary_tilt(lines((1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), *WINDOW, CENTRES)
    assert tilts.tolist() == [pytest.approx(v, abs=1e-3) for v in (90, 45, 0)]


def test_neither_scale_nor_order_of_the_classes_matters() -> None:
    one = boundary_tilt(lines((1.0, 0.5), (1000.0, 500.0)), *WINDOW, CENTRES)
    assert one[0] == pytest.approx(float(one[1]), abs=1e-3)
    other = boundary_tilt(lines((1.0, 0.5)), *WINDOW, CENTRES, classes=(1, 0))
    assert other[0] == pytest.approx(float(one[0]), abs=1e-3)


def test_what_lies_near_the_middle_counts() -> None:
    """Two ReLU units make a boundary that is vertical above x2 = 0 and at 45 degrees below it."""
    hidden = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, -1.0]]]).numpy()  # x1, −x1, −x2 where positive
    out = torch.tensor([[[0.0, 0.0, 0.0], [1.0, -1.0, 1.0]]]).numpy()
    weights = {"0.weight": hidden, "0.bias": torch.zeros(1, 3).numpy(), "1.weight": out}
    stack = Stack.from_weights({**weights, "1.bias": torch.zeros(1, 2).numpy()}, ModelSettings(hidden=(3,)))
    above, below, between = (
        float(boundary_tilt(stack, *WINDOW, torch.tensor([[x - 0.3, y], [x + 0.3, y]]))[0])
        for x, y in ((0.0, 2.5), (-2.5, -2.5), (0.0, 0.0))
    )
    assert above == pytest.approx(90, abs=0.5)
    assert below == pytest.approx(45, abs=0.5)
    assert 60 < between < 75  # half of it lies on either side


def test_no_boundary_in_the_window_has_no_tilt() -> None:
    tilts = boundary_tilt(lines((1.0, 0.0), offset=100.0), *WINDOW, CENTRES)
    assert tilts.isnan().all()


def test_more_classes_are_compared_in_pairs() -> None:
    weights = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]]).numpy()
    stack = Stack.from_weights({"0.weight": weights, "0.bias": torch.zeros(1, 3).numpy()}, ModelSettings(hidden=()))
    found = [float(boundary_tilt(stack, *WINDOW, CENTRES, pair)[0]) for pair in ((0, 1), (0, 2), (1, 2))]
    assert found == [pytest.approx(v, abs=1e-3) for v in (90, 0, 45)]


def test_what_has_no_plane_or_no_middle_is_refused() -> None:
    three = Stack.initialise(ModelSettings(), 3, 2, [0])
    with pytest.raises(DataError, match="3 features"):
        boundary_tilt(three, *WINDOW, CENTRES)
    with pytest.raises(DataError, match="coincide"):
        boundary_tilt(lines((1.0, 0.0)), *WINDOW, CENTRES[:1].expand(2, -1))
