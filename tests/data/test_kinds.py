"""The kinds of data: which one a data set is of, and that each has what is asked of a kind."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch

from ctviz import Experiment
from ctviz.data.catalogue import DATASETS, DataSettings, load
from ctviz.data.dataset import Dataset
from ctviz.data.drawn import DrawnSettings
from ctviz.data.given import given
from ctviz.data.image_sets import ImageSettings
from ctviz.data.kinds import DATA_KINDS, DataKind, kind_of_data
from ctviz.data.schema import Feature, Schema
from ctviz.experiments.run_explorer import RunExplorer

PAIR = Schema(features=(Feature(name="a"), Feature(name="b")))
PEOPLE = Schema(features=(Feature(name="age"), Feature(name="job", kind="category", levels=("clerk", "nurse"))))
PICTURES = Schema(features=tuple(Feature(name=f"p{i}") for i in range(6)), grid=(2, 3))
ONE_LINE = Schema(features=(Feature(name="left"), Feature(name="right")), grid=(1, 2))


def dataset(schema: Schema) -> Dataset:
    X, y = torch.zeros(4, schema.d), torch.tensor([0, 1, 0, 1])
    X[:, schema.spans[-1].start] = 1  # one-hot where it is a category
    return Dataset("some", schema, ("no", "yes"), (X, y), (X, y), (X, y))


@pytest.mark.parametrize(
    ("schema", "name"), [(PAIR, "plane"), (PEOPLE, "table"), (PICTURES, "images"), (ONE_LINE, "images")]
)
def test_a_callers_data_and_their_settings_are_of_the_kind_of_their_schema(schema: Schema, name: str) -> None:
    assert kind_of_data(schema).name == kind_of_data(given(dataset(schema))).name == name
    assert kind_of_data(schema).drawn == (name == "plane")


def test_data_with_settings_are_of_the_kind_of_their_samples() -> None:
    for name in DATASETS:
        settings = DataSettings(name=name)
        assert kind_of_data(settings).name == "plane" and kind_of_data(load(settings).schema).name == "plane"
    assert kind_of_data(DrawnSettings()).name == "plane"
    assert kind_of_data(ImageSettings()).name == "images"


@pytest.mark.parametrize("kind", DATA_KINDS, ids=lambda kind: kind.name)
def test_each_kind_has_an_explorer_with_the_same_base(kind: DataKind) -> None:
    module, name = kind.explorer
    assert issubclass(getattr(import_module(module), name), RunExplorer)
    assert [other.name for other in DATA_KINDS].count(kind.name) == 1 and kind.items.startswith(kind.item)


def test_every_data_set_is_of_a_kind() -> None:
    assert DATA_KINDS[-1].includes(PEOPLE) and DATA_KINDS[-1].includes(Experiment().data)
