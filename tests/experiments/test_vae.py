"""Autoencoders of data sets: fitted once, shared by threads and processes, and a disk that gives trouble."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from ctviz.cache import Cache
from ctviz.data.catalogue import DataSettings
from ctviz.data.image_sets import ImageSettings
from ctviz.errors import StoreError
from ctviz.experiments import vae as module
from ctviz.experiments.store import Store
from ctviz.experiments.vae import VAES, stored_vae, vae_for, vae_job, vae_key, vae_settings
from ctviz.models.vae import Vae

DATA = DataSettings(name="moons", n_train=60, n_validation=10, n_test=10)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture(autouse=True)
def fits(monkeypatch):
    """How often something is fitted; short fits, and a memory of our own."""
    counted, fit = [], Vae.fit.__func__

    def quick(cls, X, latent, seed=0, **settings):
        counted.append(latent)
        return fit(cls, X, latent, seed, **{**settings, "updates": 5})

    monkeypatch.setattr(Vae, "fit", classmethod(quick))
    forget(monkeypatch)
    return counted


def forget(monkeypatch):
    """As another process would find it."""
    monkeypatch.setattr(module, "_cache", Cache(32, at_once=None))


def same(a, b):
    one, other = a.arrays(), b.arrays()
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def files(store):
    return sorted((store.root / "vaes").glob("*"))


def test_it_is_fitted_once_and_kept_in_memory_and_on_disk(store, fits, monkeypatch):
    assert stored_vae(DATA, 2, store) is None and fits == []
    made = vae_for(DATA, 2, store)
    assert vae_for(DATA, 2, store) is made and stored_vae(DATA, 2, store) is made
    forget(monkeypatch)
    assert same(vae_for(DATA, 2, store), made) and fits == [2]
    forget(monkeypatch)
    assert same(stored_vae(DATA, 2, store), made) and fits == [2]
    assert [path.name for path in files(store)] == [f"{vae_key(DATA, 2)}.ctviz"]


def test_each_data_set_and_each_latent_space_has_its_own(store, fits):
    others = [(DATA, 3), (DataSettings(**{**DATA.model_dump(), "seed": 1}), 2)]
    keys = {vae_key(DATA, 2), *(vae_key(*other) for other in others)}
    for data, latent in [(DATA, 2), *others]:
        assert vae_for(data, latent, store).latent == latent
    assert fits == [2, 3, 2] and len(keys) == 3 and {path.stem for path in files(store)} == keys


def test_the_algorithms_version_is_part_of_the_key(monkeypatch):
    before = vae_key(DATA, 2)
    monkeypatch.setattr(module, "ALGORITHM_VERSION", 10**6)
    assert vae_key(DATA, 2) != before


def test_without_a_store_it_is_kept_in_memory(fits):
    assert vae_for(DATA, 2) is vae_for(DATA, 2) is stored_vae(DATA, 2) and fits == [2]


def test_the_job_leaves_it_in_the_store_and_works_once(store, fits, monkeypatch):
    for _ in range(2):
        vae_job(DATA.model_dump_json(), 2, str(store.root), lambda: False)
    assert fits == [2]
    forget(monkeypatch)
    assert same(stored_vae(DATA, 2, store), vae_for(DATA, 2)) and fits == [2]


def test_a_cancelled_job_fits_nothing(store, fits):
    vae_job(DATA.model_dump_json(), 2, str(store.root), lambda: True)
    assert fits == [] and stored_vae(DATA, 2, store) is None


def test_a_damaged_file_is_fitted_again(store, fits, monkeypatch):
    made, key = vae_for(DATA, 2, store), vae_key(DATA, 2)
    other = SimpleNamespace(arrays=lambda: made.arrays() | {"scale": np.zeros(2, np.float32)})  # no autoencoder
    for spoil in (lambda: files(store)[0].write_bytes(b"cut"), lambda: VAES.keep(store, key, other)):
        spoil()
        forget(monkeypatch)
        assert stored_vae(DATA, 2, store) is None and files(store) == []
        assert same(vae_for(DATA, 2, store), made)
    assert fits == [2, 2, 2]


def test_a_disk_that_takes_nothing_is_no_error_but_for_the_job(store, fits, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("ctviz.experiments.store.artifacts.write_whole", refuse)
    made = vae_for(DATA, 2, store)
    assert vae_for(DATA, 2, store) is made and fits == [2]
    forget(monkeypatch)
    with pytest.raises(StoreError, match=r"No space is left.*CTVIZ_HOME"):
        vae_job(DATA.model_dump_json(), 2, str(store.root), lambda: False)
    assert files(store) == []


def test_a_root_that_is_a_file(tmp_path, fits):
    (tmp_path / "store").write_text("in the way", encoding="utf-8")
    store = Store(tmp_path / "store")
    assert stored_vae(DATA, 2, store) is None
    assert vae_for(DATA, 2, store).latent == 2 and fits == [2]


def test_threads_that_ask_at_once_get_the_same_one(store, fits):
    start, found = threading.Barrier(6), []

    def ask():
        start.wait()
        found.append(vae_for(DATA, 2, store))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fits == [2] and all(vae is found[0] for vae in found) and len(found) == 6


def test_memory_is_bounded(monkeypatch, fits):
    monkeypatch.setattr(module, "_cache", Cache(2))
    first = vae_for(DATA, 1)
    vae_for(DATA, 2)
    assert vae_for(DATA, 1) is first
    vae_for(DATA, 3)
    assert stored_vae(DATA, 2) is None and stored_vae(DATA, 1) is first


def test_pixels_share_a_scale_and_have_a_wider_net(store):
    images = ImageSettings(n_train=50, n_validation=10, n_test=10)
    settings = vae_settings(images, 3)
    assert (settings.latent, settings.scaling, settings.hidden) == (3, "common", 128)
    assert vae_settings(DATA, 3).scaling == "columns"
    made = vae_for(images, 3, store)
    assert len(made.scale.unique()) == 1
    assert len(made.decoder[0][1]) == 128
