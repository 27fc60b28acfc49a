"""Costs are compared on draws that have locked advice, found without a look at counterfactual training."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ctviz.studies.reproduce.reproduction import Reproduction
from ctviz.studies.reproduce.studies import draws_to_compare


class Scouts:
    """Answers with a validity for each draw, and notes what was looked at."""

    def __init__(self, valid, seeds=3, data="ls"):
        self.valid = valid
        self.reproduction = Reproduction(data=data, seeds=seeds)
        self.looked = []

    def first_done(self, tasks):
        return tasks

    def reports(self, tasks, doing):
        assert "draws" in doing
        found = []
        for task in tasks:
            assert [arm.name for arm in task.experiment.arms] == ["vanilla locked"]
            assert task.protocol.split == "validation"
            seed = task.experiment.data.seed
            self.looked.append(seed)
            found.append(report(self.valid(seed)))
        yield from ()  # a step without tasks that are left
        return found


def compared(scouts):
    """Data → the draws to compare."""
    with pytest.raises(StopIteration) as end:
        next(draws_to_compare(scouts))
    return end.value.value


def report(validity):
    table = {"metric": ["validity"], "round": [-1], "arm": ["vanilla locked"], "part": [""], "value": [validity]}
    return SimpleNamespace(overall=frame(table))


def frame(columns):
    import pandas as pd

    return pd.DataFrame(columns)


def test_the_first_draws_with_advice_are_taken_and_the_others_named():
    scouts = Scouts(lambda seed: 0.9 if seed in (1, 4, 5, 6) else 0.1)
    found = compared(scouts)["ls"]
    assert found.seeds == (1, 4, 5)
    assert [one.seed for one in found.passed_over] == [0, 2, 3]
    assert {one.validity for one in found.passed_over} == {0.1}
    assert scouts.looked == sorted(set(scouts.looked))


def test_no_draw_is_looked_at_in_vain():
    scouts = Scouts(lambda seed: 1.0)
    assert compared(scouts)["ls"].seeds == (0, 1, 2)
    assert scouts.looked == [0, 1, 2]


def test_at_the_limit_the_search_ends_with_what_there_is():
    scouts = Scouts(lambda seed: math.nan if seed % 2 else 0.0)
    found = compared(scouts)["ls"]
    assert found.seeds == ()
    assert scouts.looked == list(range(60))
    assert len(found.passed_over) == 60
    assert found.passed_over[1].validity is None


def test_the_least_that_is_enough_is_enough():
    assert compared(Scouts(lambda seed: 0.45, seeds=1))["ls"].seeds == (0,)
    assert 0 not in compared(Scouts(lambda seed: np.nextafter(0.45, 0) if seed == 0 else 1, seeds=1))["ls"].seeds


def test_digits_are_given_up_sooner():
    scouts = Scouts(lambda seed: 0.2, data="mnist")
    assert compared(scouts)["mnist"].seeds == ()
    assert scouts.looked == [0, 1, 2, 3, 4]
