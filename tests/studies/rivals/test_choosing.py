"""The rule that chooses settings, on scores made by hand."""

import math

import pytest

from ctviz.studies.reproduce.selection import choose
from ctviz.studies.rivals.choosing import ALIKE, TryScore, choose_valid, score
from ctviz.studies.rivals.methods import CONVENTIONAL, RIVALS, TRIES
from ctviz.studies.rivals.result import TriedSettings
from ctviz.studies.rivals.settings import SEARCHES, Verdict


def values(paper, careful, accuracy=0.9):
    found = {f"ip {name}": one[0] for name, one in zip(SEARCHES, (paper, careful), strict=True)}
    found |= {f"ip_star {name}": one[1] for name, one in zip(SEARCHES, (paper, careful), strict=True)}
    return found | {"accuracy": accuracy}


BASE = values((2.0, 0.5), (1.0, 0.2), 0.95)


def test_a_score_is_the_mean_reduction_with_both_searches_within_bounds():
    found = score([(values((1.0, 0.5), (0.9, 0.1)), BASE)], SEARCHES)
    assert found.score == pytest.approx((50 + 0 + 10 + 50) / 4)
    assert (found.accuracy, found.conventional_accuracy) == (0.9, 0.95)
    blown_up = score([(values((1.0, 50.0), (0.9, 0.1)), BASE)], SEARCHES)
    assert blown_up.score == pytest.approx((50 - 100 + 10 + 50) / 4), "no mismatch counts for more than all else"
    broken = score([(values((math.nan, 0.5), (1.0, 0.2)), BASE)], SEARCHES)
    assert broken.score == pytest.approx(-25), "what could not be measured of a try alone is as bad as can be"
    two = score([(values((1.0, 0.5), (1.0, 0.2)), BASE), (values((2.0, 0.5), (1.0, 0.2)), BASE)], SEARCHES)
    assert two.score == pytest.approx((12.5 + 0) / 2)
    assert math.isnan(two.validity)
    valid, base = (
        {**BASE, **dict(zip(("validity paper", "validity careful"), v, strict=True))} for v in ((0.5, 0.9), (0.8, 1.0))
    )
    assert score([(valid, base)], SEARCHES).validity == pytest.approx(-0.2)


def test_of_tables_the_mismatch_at_the_median_distance_counts():
    base = {**BASE, **{f"ip_star_median {name}": 0.4 for name in SEARCHES}}
    value = {**values((2.0, 9.0), (1.0, 9.0)), **{f"ip_star_median {name}": 0.2 for name in SEARCHES}}
    assert score([(value, base)], SEARCHES).score == pytest.approx(25)


def test_accuracy_may_fall_by_two_points_and_decides_where_all_have_lost_more():
    best = TryScore(40.0, 0.92, 0.95)
    kept = TryScore(10.0, 0.93, 0.95)
    unknown = TryScore(math.nan, 0.95, 0.95)
    assert choose([best, kept, unknown]) == 1
    assert choose([best, TryScore(50.0, 0.91, 0.95)]) == 0
    assert choose([kept, TryScore(10.0, 0.95, 0.95)]) == 0, "ties go to the first"


@pytest.mark.parametrize("method", RIVALS, ids=lambda method: method.name)
def test_every_method_has_the_same_number_of_different_tries_that_can_be_trained(method):
    assert len(method.tries) == (1 if method.name == CONVENTIONAL else TRIES)
    assert len(Verdict().tries(method, "mnist")) == (1 if method.name == CONVENTIONAL else TRIES // 2), "alike for all"
    made = {Verdict().experiment(method, "german", 0, change).key for change in method.tries}
    assert len(made) == len(method.tries)
    for change in method.tries:
        assert Verdict().locked(method, "ls", 0, change).arms[0].locked == (0,)


def tried(score, validity, accuracy=0.95, conventional=0.95):
    return TryScore(score, accuracy, conventional, validity)


def test_a_stricter_rule_takes_the_best_score_of_those_that_are_valid_about_as_often_as_the_best():
    seldom, edge, best = tried(50.0, -0.65), tried(20.0, -ALIKE / 100), tried(10.0, 0.0)
    assert choose([seldom, edge, best]) == 0
    assert choose_valid([seldom, edge, best]) == 1
    assert choose_valid([seldom, tried(20.0, -0.051), best]) == 2


def test_a_stricter_rule_keeps_accuracy_first_and_says_nothing_of_what_it_does_not_know():
    assert choose_valid([tried(50.0, 0.5, accuracy=0.5), tried(1.0, -0.3)]) == 1, "others do not set what is valid"
    assert choose_valid([tried(5.0, 0.0, accuracy=0.5), tried(1.0, 0.0, accuracy=0.6)]) == 1, "as no try qualifies"
    unknown = TriedSettings(changes={}, score=1.0, accuracy=0.95, qualifies=True)
    assert choose_valid([unknown, tried(1.0, 0.0)]) is None
    assert choose_valid([]) is None
