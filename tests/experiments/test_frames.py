"""Explorers asked about frames: the names of the columns have to be those of the run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ctviz import AttributionSettings, DataError, SearchSettings
from tests.experiments import pictures
from tests.experiments.traces import SETTINGS, run, traced


def test_a_frame_goes_by_the_names_of_the_run():
    explorer, snapshots = run()
    trace, last = traced(), snapshots[-1]
    X, y = trace.factuals, trace.targets
    named = pd.DataFrame(X, columns=["x1", "x2"], index=range(10, 10 + len(X)))
    for table in (named, pd.DataFrame(X)):
        found = explorer.trace(last, table, pd.Series(y, dtype="Int64"), SETTINGS)
        assert np.array_equal(found.points, trace.points)
    one = explorer.history([last], named.iloc[0], int(y[0]), SETTINGS)[0]
    assert np.array_equal(one.factuals[0], X[0])
    swapped = named[["x2", "x1"]]
    for ask in (
        lambda: explorer.trace(last, swapped, y, SETTINGS),
        lambda: explorer.history([last], swapped.iloc[0], int(y[0]), SETTINGS),
        lambda: explorer.default_targets(swapped, last),
        lambda: explorer.trace(last, named.rename(columns={"x1": "age"}), y, SETTINGS),
    ):
        with pytest.raises(DataError, match=r"Column 1 is 'x1' in the run and '(x2|age)' in factuals"):
            ask()
    with pytest.raises(DataError, match="targets have the row labels of factuals in another order"):
        explorer.trace(last, named, pd.Series(y, index=named.index[::-1]), SETTINGS)
    for text in (named.astype(str), X.astype(str).tolist()):
        with pytest.raises(DataError, match="not a number"):
            explorer.trace(last, text, y, SETTINGS)


def test_frames_of_pictures_go_by_the_names_of_the_pixels():
    explorer, snapshots = pictures.run()
    last, picked = snapshots[-1], explorer.pick("random", 3)
    named = pd.DataFrame(picked.X, columns=explorer.data.schema.names)
    for table in (named, pd.DataFrame(picked.X)):
        found = explorer.probabilities(last, table)
        assert np.array_equal(found, explorer.probabilities(last, picked.X))
    one = explorer.attribute_history([last], named.iloc[0], AttributionSettings(steps=2))
    assert one.classes.shape == (1, pictures.M)
    turned = named[named.columns[::-1]]
    search = SearchSettings(tau=0.5, steps=2)
    for ask in (
        lambda: explorer.probabilities(last, turned),
        lambda: explorer.attribute(last, turned),
        lambda: explorer.attribute_history([last], turned.iloc[0]),
        lambda: explorer.counterfactuals(last, turned, picked.y, search),
    ):
        with pytest.raises(DataError, match="'r1c1' in the run and 'r28c28' in pictures"):
            ask()
