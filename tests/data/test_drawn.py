"""Points of one's own: their text, their splits, what is refused, and the data set that they make."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ctviz.data.catalogue import columns_of, data_settings, load
from ctviz.data.drawn import (
    EXAMPLE,
    EXTENT,
    FEWEST,
    MOST_POINTS,
    MOST_TEXT,
    DrawnSettings,
    decode,
    encode,
    places_of,
    problem,
    values_of,
)
from ctviz.errors import ConfigError
from tests.data.paintings import paintings, spread, triples


@given(paintings())
def test_a_text_holds_the_points_and_their_classes(painting):
    assert triples(*decode(encode(*painting))) == triples(*painting)


@given(paintings(), st.randoms(use_true_random=False))
def test_the_same_points_in_another_order_give_the_same_text(painting, random):
    places, labels = painting
    order = list(range(len(labels)))
    random.shuffle(order)
    assert encode(places[order], labels[order]) == encode(places, labels)


def test_the_text_is_written_as_said():
    """Version, how many classes, how many points of each in two bytes, then the points of each class."""
    places = np.array([[9, 8], [1, 2], [3, 4]], dtype=np.uint8)
    text = encode(places, np.array([1, 0, 0], dtype=np.uint8))
    assert text == "a" + base64.urlsafe_b64encode(bytes([2, 0, 2, 0, 1, 1, 2, 3, 4, 9, 8])).decode().rstrip("=")


@given(st.text(max_size=40) | st.text("aAQgBx-_=", max_size=40))
def test_any_text_is_read_or_refused_in_a_sentence(text):
    try:
        places, labels = decode(text)
    except ConfigError as error:
        assert error.field == "points"
    else:
        assert len(places) == len(labels)


def test_a_place_and_its_coordinates():
    corners = np.array([[0, 0], [255, 255], [0, 255]], dtype=np.uint8)
    assert values_of(corners).tolist() == [[-EXTENT, -EXTENT], [EXTENT, EXTENT], [-EXTENT, EXTENT]]
    every = np.stack([np.arange(256)] * 2, axis=1).astype(np.uint8)
    assert (places_of(values_of(every)) == every).all()
    assert places_of([[-9, 9]]).tolist() == [[0, 255]]


def test_settings_hold_the_points_in_their_one_order():
    places, labels = spread([20, 12])
    backwards = "a" + base64.urlsafe_b64encode(
        bytes([2, 0, 20, 0, 12]) + places[:20][::-1].tobytes() + places[20:].tobytes()
    ).decode().rstrip("=")
    assert DrawnSettings(points=backwards) == DrawnSettings(points=encode(places, labels))
    assert DrawnSettings(points=backwards).counts == (20, 12)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (spread([40]), "points is 40 of class 0 and 0 of class 1"),
        (spread([40, FEWEST - 1]), f"allowed: {FEWEST} points or more of each class"),
        (spread([40, 0, 40]), "40 of class 0, 0 of class 1 and 40 of class 2"),
        (spread([10] * 5), "points of 5 classes"),
        (spread([500, MOST_POINTS - 499]), f"{MOST_POINTS + 1:,} points; allowed: at most {MOST_POINTS:,}"),
        (spread([0]), "0 of class 0"),
        ((np.full((40, 2), 7, np.uint8), spread([20, 20])[1]), "40 points at nearly one value of x1"),
        ((spread([20, 20])[0] // np.array([1, 64], "u1"), spread([20, 20])[1]), "at nearly one value of x2"),
    ],
)
def test_what_nothing_can_be_learnt_from_is_refused_in_a_sentence(points, said):
    assert said in str(problem(*points))
    with pytest.raises(ConfigError, match="points") as refused:
        DrawnSettings(points=encode(*points))
    assert said in str(refused.value) or "characters" in str(refused.value)


def test_as_many_points_as_are_allowed_fit_into_a_link():
    most = DrawnSettings(points=encode(*spread([MOST_POINTS - 3 * FEWEST] + [FEWEST] * 3)))
    assert len(most.points) <= MOST_TEXT < 3000


@pytest.mark.parametrize("names", [("income", "income"), ("", "age"), (" age", "debt"), ("a\nb", "c"), ("x" * 21, "y")])
def test_names_of_columns_are_two_short_ones(names):
    with pytest.raises(ConfigError, match="columns"):
        DrawnSettings(columns=names)


@pytest.mark.parametrize("names", [("a", "a"), ("",), ("x" * 21,), ("a", " b"), ("a",) * 5])
def test_names_of_classes_are_different_short_ones(names):
    with pytest.raises(ConfigError, match="labels"):
        DrawnSettings(labels=names)


def test_classes_go_by_their_names_as_far_as_they_have_some():
    points = encode(*spread([FEWEST] * 3))
    assert load(DrawnSettings(points=points, labels=("no", "yes"))).classes == ("no", "yes", "class 2")
    assert "9 of yes" in str(problem(*spread([40, 9]), ("no", "yes")))


@given(st.lists(st.integers(FEWEST, 40), min_size=2, max_size=4), st.integers(0, 99))
def test_splits_are_disjoint_and_hold_a_fifth_of_each_class_twice(counts, seed):
    places, labels = spread(counts, seed)
    settings = DrawnSettings(points=encode(places, labels), seed=seed)
    data = load(settings)
    sizes = (settings.n_train, settings.n_validation, settings.n_test)
    parts = (data.train, data.validation, data.test)
    assert sizes == tuple(len(y) for _, y in parts)
    for c, count in enumerate(counts):
        held = [int((y == c).sum()) for _, y in parts]
        assert held[1] == held[2] == count // 5 >= 1
        assert sum(held) == count
    found = [(int(c), *place) for X, y in parts for place, c in zip(places_of(X.numpy()).tolist(), y, strict=True)]
    assert sorted(found) == triples(places, labels)


def test_the_seed_decides_the_splits():
    first, again, other = (load(DrawnSettings(seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first.train[0], again.train[0])
    assert not torch.equal(first.train[0], other.train[0])


def test_a_search_may_reach_the_square_and_nothing_beyond():
    data = load(DrawnSettings())
    assert [bounds.tolist() for bounds in data.schema.bounds()] == [[-EXTENT] * 2, [EXTENT] * 2]
    assert data.classes == ("class 0", "class 1")


def test_constraints_call_columns_as_ever_and_people_by_their_names():
    settings = DrawnSettings(columns=("income", "age"))
    assert load(settings).schema.names == settings.features == ("x1", "x2")
    assert columns_of(settings) == ("income", "age")
    assert columns_of(data_settings({"name": "moons"})) == ("x1", "x2")


def test_the_example_is_two_strokes():
    settings = data_settings({"name": "drawn"})
    assert settings == DrawnSettings(points=EXAMPLE)
    assert settings.counts == (80, 80)
