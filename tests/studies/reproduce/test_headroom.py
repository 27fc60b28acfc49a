"""Where implausibility starts and where it ends, on points that can be counted by hand."""

import math
from types import SimpleNamespace

import pytest
import torch

from ctviz.experiments.protocol import Protocol
from ctviz.studies.reproduce.headroom import headroom_ends, share_of_gain


def test_start_and_floor_are_mean_distances_between_and_within_classes():
    X = torch.tensor([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 4.0]])
    data = SimpleNamespace(test=(X, torch.tensor([0, 0, 1, 1])), k=2)
    found = headroom_ends(data, Protocol())
    assert found.floor == pytest.approx((2 + 4) / 2)  # each sample against the other of its class
    assert found.start == pytest.approx(12)  # |10| + mean of 0, 4, 2, 2


def test_a_class_with_one_sample_has_no_floor_of_its_own():
    X = torch.tensor([[0.0], [1.0], [5.0]])
    found = headroom_ends(SimpleNamespace(test=(X, torch.tensor([0, 0, 1])), k=2), Protocol())
    assert found.floor == pytest.approx(1)
    assert found.start == pytest.approx(4.5)


def test_share_of_the_way_to_the_floor():
    assert share_of_gain(4.0, 2.0, 1.0) == pytest.approx(2 / 3)
    assert share_of_gain(4.0, 5.0, 1.0) == pytest.approx(-1 / 3)
    assert math.isnan(share_of_gain(4.0, 4.0, 4.4))
    assert math.isnan(share_of_gain(math.nan, 1.0, 0.0))
