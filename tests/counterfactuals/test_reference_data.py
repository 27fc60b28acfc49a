"""What searches know: fixed samples, made once and shared."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ctviz.counterfactuals import reference_data as module
from ctviz.counterfactuals.reference_data import MAX_SAMPLES, ReferenceData
from ctviz.data.catalogue import DataSettings, load
from ctviz.errors import DataError
from ctviz.models.vae import Vae
from tests.reference.halfway import gaps

LIKE = torch.zeros(())


def uneven(counts: tuple[int, ...] = (2_000, 60, 3), d: int = 2) -> ReferenceData:
    y = torch.cat([torch.full((n,), c) for c, n in enumerate(counts)])
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    X = torch.arange(len(y) * d, dtype=torch.float32).view(-1, d)
    return ReferenceData(X, y[order], len(counts))


def test_attractors_are_samples_of_their_class_each_once() -> None:
    known = uneven()
    attractors = known.attractors(LIKE)
    assert attractors.shape == (3, 2, 50)
    for c, wanted in enumerate((50, 50, 3)):
        rows = attractors[c].T
        rows = rows[rows.isfinite().all(dim=1)]
        assert len(rows) == len(rows.unique(dim=0)) == wanted
        assert (known.y[(rows[:, 0] / 2).long()] == c).all()
    assert (attractors[2, :, 3:] == torch.inf).all()


def test_a_class_without_samples_is_only_infinite() -> None:
    known = ReferenceData(torch.zeros(3, 1), torch.tensor([0, 2, 2]), 3)
    assert (known.attractors(LIKE)[1] == torch.inf).all()


def test_samples_keep_the_classes_shares_and_their_order() -> None:
    X, y = uneven().samples(LIKE)
    assert X.shape == (2, len(y)) and MAX_SAMPLES - 3 <= len(y) <= MAX_SAMPLES + 3
    assert torch.bincount(y).tolist() == [2_000 * MAX_SAMPLES // 2_063, 60 * MAX_SAMPLES // 2_063, 1]
    assert (X[0].diff() > 0).all()
    assert (uneven().y[(X[0] / 2).long()] == y).all()


def test_few_samples_are_all_of_them() -> None:
    X, y = uneven((5, 4)).samples(LIKE)
    assert torch.equal(X.T, uneven((5, 4)).X) and torch.equal(y, uneven((5, 4)).y)


def test_what_is_drawn_is_the_same_every_time() -> None:
    a, b = uneven(), uneven()
    assert torch.equal(a.attractors(LIKE), b.attractors(LIKE)) and torch.equal(a.samples(LIKE)[0], b.samples(LIKE)[0])
    assert a.samples(LIKE)[0] is a.samples(LIKE)[0]


def test_types_follow_what_is_searched() -> None:
    known = uneven()
    double = torch.zeros((), dtype=torch.float64)
    assert known.samples(double)[0].dtype == known.attractors(double).dtype == torch.float64
    assert known.samples(LIKE)[0].dtype == torch.float32
    assert torch.equal(known.samples(double)[0].float(), known.samples(LIKE)[0])


def test_of_a_data_set_knows_its_training_split() -> None:
    data = load(DataSettings(name="moons", n_train=100, n_validation=50, n_test=50))
    known = ReferenceData.of(data)
    assert torch.equal(known.X, data.train[0]) and torch.equal(known.y, data.train[1]) and known.k == 2


def test_each_thing_is_made_once_also_for_many_at_once() -> None:
    known, made, found = uneven(), [], []

    def make() -> object:
        made.append(threading.get_ident())
        time.sleep(0.02)  # so that the others come while it is being made
        return object()

    threads = [threading.Thread(target=lambda: found.append(known.cached("it", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(set(map(id, found))) == 1


def test_what_fails_is_tried_again() -> None:
    known = uneven()

    def fail() -> object:
        raise DataError("No luck.")

    with pytest.raises(DataError):
        known.cached("it", fail)
    assert known.cached("it", lambda: 3) == 3


def test_autoencoders_are_asked_for_once_for_each_latent_space() -> None:
    asked: list[int] = []
    X = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))

    def make(latent: int) -> Vae:
        asked.append(latent)
        return Vae.fit(X, latent, updates=1)

    known = ReferenceData(X, torch.arange(20) % 2, 2, make)
    assert known.vae(1) is known.vae(1) is not known.vae(2)
    assert asked == [1, 2]


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (torch.zeros(3), torch.zeros(3)),
        (torch.zeros(0, 2), torch.zeros(0)),
        (torch.zeros(3, 0), torch.zeros(3)),
        (torch.zeros(3, 2), torch.zeros(4)),
        (torch.zeros(3, 2), torch.tensor([0, 1, 2])),
        (torch.zeros(3, 2), torch.tensor([0, -1, 0])),
    ],
    ids=["one axis", "no rows", "no columns", "other length", "a class too many", "a class below zero"],
)
def test_samples_that_are_none_are_refused(X: torch.Tensor, y: torch.Tensor) -> None:
    with pytest.raises(DataError, match="samples"):
        ReferenceData(X, y, 2)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 40), d=st.integers(1, 5), k=st.integers(2, 4), seed=st.integers(0, 99), most=st.integers(1, 99))
def test_the_way_to_another_class_is_that_of_the_slow_reference(n: int, d: int, k: int, seed: int, most: int) -> None:
    """Of whole numbers, so that some samples lie on one of another class; however many distances are held at once."""
    chance = torch.Generator().manual_seed(seed)
    X = torch.randint(-3, 4, (n, d), generator=chance).float() / 2
    y = torch.cat([torch.tensor([0, 1]), torch.randint(0, k, (n - 2,), generator=chance)])
    free = torch.rand(d, generator=chance) < 0.7
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_DISTANCES", most)
        found = ReferenceData(X, y, k).gaps(free)
    assert found.tolist() == gaps(X.tolist(), y.tolist(), free.tolist())


def test_samples_of_one_class_have_no_way_to_another() -> None:
    with pytest.raises(DataError, match="all of one class"):
        ReferenceData(torch.zeros(3, 1), torch.tensor([1, 1, 1]), 2).gaps(torch.tensor([True]))
