"""What a data set refuses to be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ctviz.data.dataset import Dataset
from ctviz.data.schema import Schema
from ctviz.errors import DataError

SCHEMA = Schema.infer(np.eye(2))
GOOD = torch.zeros(4, 2), torch.tensor([0, 1, 0, 1])


def dataset(**parts):
    splits = {"train": GOOD, "validation": GOOD, "test": GOOD, **parts}
    return Dataset(name="toy", schema=SCHEMA, classes=("no", "yes"), **splits)


def test_counts_columns_and_classes():
    assert (dataset().d, dataset().k) == (2, 2)


def test_a_split_other_than_training_may_be_empty_or_miss_a_class():
    empty = torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)
    assert len(dataset(test=empty).test[1]) == 0
    assert dataset(validation=(torch.zeros(1, 2), torch.tensor([0]))).k == 2


@pytest.mark.parametrize(
    ("part", "split", "told"),
    [
        pytest.param("train", (torch.zeros(4, 3), GOOD[1]), r"train .*\(4, 3\).*\(4, 2\)", id="too many columns"),
        pytest.param("test", (torch.zeros(3, 2), GOOD[1]), r"test .*\(3, 2\).*\(4, 2\)", id="rows without a label"),
        pytest.param("test", (torch.zeros(4), GOOD[1]), r"test .*\(4,\)", id="one axis"),
        pytest.param("validation", (torch.full((4, 2), math.nan), GOOD[1]), "validation .* not finite", id="NaN"),
        pytest.param("train", (torch.full((4, 2), math.inf), GOOD[1]), "train .* not finite", id="infinite"),
        pytest.param("train", (GOOD[0], torch.tensor([0, 1, 2, 1])), "labels outside 0 to 1", id="an unknown class"),
        pytest.param("train", (GOOD[0], torch.tensor([0, 1, -1, 1])), "labels outside 0 to 1", id="a negative class"),
        pytest.param(
            "train", (GOOD[0], torch.tensor([1, 1, 1, 1])), "No training sample .* class 0", id="a class missing"
        ),
    ],
)
def test_bad_splits_are_named(part, split, told):
    with pytest.raises(DataError, match=told):
        dataset(**{part: split})
