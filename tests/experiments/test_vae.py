"""Autoencoders of data sets: fitted once, shared by threads and processes, and a disk that gives trouble."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from ctviz.cache import Cache
from ctviz.data.catalogue import DataSettings
from ctviz.data.image_sets import ImageSettings
from ctviz.errors import StoreError
from ctviz.experiments import vae as module
from ctviz.experiments.store import Store
from ctviz.experiments.vae import stored_vae, vae_for, vae_key, vae_settings, work_vae
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
    assert [path.name for path in files(store)] == [f"{vae_key(DATA, 2)}.safetensors"]


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
        work_vae(DATA.model_dump_json(), 2, str(store.root), lambda: False)
    assert fits == [2]
    forget(monkeypatch)
    assert same(stored_vae(DATA, 2, store), vae_for(DATA, 2)) and fits == [2]


def test_a_cancelled_job_fits_nothing(store, fits):
    work_vae(DATA.model_dump_json(), 2, str(store.root), lambda: True)
    assert fits == [] and stored_vae(DATA, 2, store) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x01"),
        lambda path: path.write_bytes(bytes(module._MOST_BYTES + 1)),
        lambda path: path.rename(path.with_name(f"{vae_key(DATA, 3)}.safetensors")),
    ],
    ids=["cut", "empty", "one byte", "too large", "another's"],
)
def test_a_damaged_file_is_fitted_again(store, fits, monkeypatch, spoil):
    made = vae_for(DATA, 2, store)
    (path,) = files(store)
    spoil(path)
    forget(monkeypatch)
    for latent in (2, 3):
        assert stored_vae(DATA, latent, store) is None
    assert same(vae_for(DATA, 2, store), made) and fits == [2, 2]
    forget(monkeypatch)
    assert same(stored_vae(DATA, 2, store), made)


def test_arrays_that_fit_their_digest_and_not_an_autoencoder(store, fits, monkeypatch):
    made, key = vae_for(DATA, 2, store), vae_key(DATA, 2)
    arrays = made.arrays() | {"scale": np.zeros(2, np.float32)}
    module.write_whole(files(store)[0], module.codec.to_bytes(*module.codec.pack(key, "vae", {}, arrays)))
    forget(monkeypatch)
    assert stored_vae(DATA, 2, store) is None and same(vae_for(DATA, 2, store), made) and fits == [2, 2]


def test_a_disk_that_takes_nothing_is_no_error_but_for_the_job(store, fits, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(module, "write_whole", refuse)
    made = vae_for(DATA, 2, store)
    assert vae_for(DATA, 2, store) is made and fits == [2]
    forget(monkeypatch)
    with pytest.raises(StoreError, match=r"No space is left.*CTVIZ_HOME"):
        work_vae(DATA.model_dump_json(), 2, str(store.root), lambda: False)
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


def test_the_folder_stays_small_and_keeps_what_was_used_last(store, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILES", 3)
    long_ago = time.time() - 1000
    for i, latent in enumerate((1, 2, 3)):
        vae_for(DATA, latent, store)
        os.utime(module._path(store, vae_key(DATA, latent)), (long_ago + i,) * 2)
    forget(monkeypatch)
    assert stored_vae(DATA, 1, store) is not None  # used now
    vae_for(DATA, 4, store)
    assert {path.stem for path in files(store)} == {vae_key(DATA, latent) for latent in (1, 3, 4)}


def test_what_a_crash_left_goes_after_an_hour(store):
    folder = store.root / "vaes"
    folder.mkdir(parents=True)
    old, young = folder / ".a.safetensors.1.tmp", folder / ".b.safetensors.2.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 3600,) * 2)
    vae_for(DATA, 2, store)
    assert not old.exists() and young.exists()


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
