"""Cells are chosen by the rule that is written down, and by nothing else."""

import math

import pytest

from ctviz.errors import DataError
from ctviz.studies.reproduce.selection import MutabilityScore, PlausibilityScore, choose

NAN = math.nan


def plausible(ip, ip_star, accuracy=0.98, mature=0.5):
    return PlausibilityScore(ip, ip_star, accuracy, conventional_accuracy=0.99, mature=mature)


def cheap(cost, validity=0.8, accuracy=0.98):
    return MutabilityScore(cost, validity, conventional_validity=0.8, accuracy=accuracy, conventional_accuracy=0.99)


def test_the_mean_of_both_reductions_decides():
    assert choose([plausible(50, 0), plausible(20, 40), plausible(31, 31)]) == 2


def test_of_equals_the_first_is_taken():
    assert choose([plausible(10, 10), plausible(20, 20), plausible(10, 30)]) == 1


def test_without_ip_star_the_reduction_of_ip_decides():
    assert plausible(12, NAN).score == 12
    assert choose([plausible(10, NAN), plausible(12, NAN)]) == 1


@pytest.mark.parametrize(
    ("cell", "may"),
    [
        (plausible(90, 90, accuracy=0.9699), False),
        (plausible(90, 90, accuracy=0.97), True),  # two points are still allowed
        (plausible(90, 90, mature=0.099), False),
        (plausible(90, 90, mature=0.1), True),
        (plausible(NAN, 90), False),
        (plausible(90, 90, accuracy=NAN), False),
        (plausible(90, 90, mature=NAN), False),
        (cheap(90, validity=0.719), False),
        (cheap(90, validity=0.72), True),  # nine tenths of 0.8
        (cheap(90, accuracy=0.9699), False),
        (cheap(NAN), False),
    ],
)
def test_what_costs_accuracy_starves_or_reaches_few_is_not_chosen(cell, may):
    plain = cheap(1) if isinstance(cell, MutabilityScore) else plausible(1, 1)
    assert cell.qualifies is may
    assert choose([plain, cell]) == int(may)


def test_where_no_cell_qualifies_the_most_mature_or_most_valid_is_taken():
    assert choose([plausible(9, 9, mature=0.02), plausible(1, 1, mature=0.05), plausible(5, 5, mature=NAN)]) == 1
    assert choose([cheap(9, validity=0.1), cheap(1, validity=0.3), cheap(5, validity=NAN)]) == 1
    assert choose([plausible(NAN, NAN, mature=NAN)]) == 0


def test_without_cells_there_is_nothing_to_choose():
    with pytest.raises(DataError, match="there is none"):
        choose([])
