"""The autoencoders of data sets: fitted once, kept in memory and in the store's folder ``vaes``."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from ctviz.cache import Cache
from ctviz.data.catalogue import AnyData, data_settings, load
from ctviz.errors import DataError, StoreError
from ctviz.experiments.config import ALGORITHM_VERSION
from ctviz.experiments.store import Store, codec, open_store
from ctviz.experiments.store.codec import Damaged, EntryFile
from ctviz.experiments.store.files import explained, remove, write_whole
from ctviz.models.vae import Vae, VaeSettings

FOLDER = "vaes"

MOST_FILES = 200
"""Autoencoders that a store keeps, of a few kB each; those used least recently go first."""

_MOST_KEPT = 32
_STALE = 3600.0
_MOST_BYTES = 16 << 20
_ENTRY = "vae"


def vae_settings(data: AnyData, latent: int) -> VaeSettings:
    """How the autoencoder of a data set is fitted: of images wider, and all pixels on one scale."""
    if data.grid is None:
        return VaeSettings(latent=latent)
    return VaeSettings(latent=latent, hidden=128, lr=0.003, scaling="common")


def vae_key(data: AnyData, latent: int) -> str:
    """16 hexadecimal digits that change whenever the autoencoder would."""
    settings = vae_settings(data, latent)
    text = f"{ALGORITHM_VERSION}:{_ENTRY}:{data.model_dump_json()}:{settings.model_dump_json()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def vae_for(data: AnyData, latent: int, store: Store | None = None) -> Vae:
    """The autoencoder of a data set: kept, stored, or else fitted now (a second, of images several) and stored.

    A disk that takes nothing is no error: then it is kept in memory alone.
    """
    key = vae_key(data, latent)
    return _cache.get(key, lambda: _stored(key, store) or _fitted(data, latent, store))


def stored_vae(data: AnyData, latent: int, store: Store | None = None) -> Vae | None:
    """The autoencoder if it has been fitted before; a cheap look, made for being taken often."""
    key = vae_key(data, latent)
    vae: Vae | None = _cache.peek(key) or _stored(key, store)
    if vae is not None:
        _cache.put(key, vae)
    return vae


def work_vae(data_json: str, latent: int, root: str, cancelled: Callable[[], bool]) -> None:
    """A background job: the autoencoder of a data set into the store at ``root``, unless it is there.

    Raises:
        StoreError: the disk does not take it.
    """
    data, store = data_settings(json.loads(data_json)), open_store(Path(root))
    key = vae_key(data, latent)
    if _stored(key, store) is None and not cancelled():
        _write(store, key, _fit(data, latent))


def _fit(data: AnyData, latent: int) -> Vae:
    return Vae.fit(load(data).train[0], **vae_settings(data, latent).model_dump())


def _fitted(data: AnyData, latent: int, store: Store | None) -> Vae:
    vae = _fit(data, latent)
    if store is not None:
        with contextlib.suppress(StoreError):
            _write(store, vae_key(data, latent), vae)
    return vae


def _path(store: Store, key: str) -> Path:
    return store.root / FOLDER / f"{key}.safetensors"


def _stored(key: str, store: Store | None) -> Vae | None:
    """From the store; what is damaged there is removed, to be fitted again."""
    if store is None:
        return None
    path = _path(store, key)
    try:
        _, arrays = EntryFile(path, _MOST_BYTES).entry(key, _ENTRY)
        vae = Vae.from_arrays(arrays)
    except (Damaged, DataError):
        remove(path)
        return None
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return vae


def _write(store: Store, key: str, vae: Vae) -> None:
    """Raises ``StoreError`` when the disk does not take it."""
    path = _path(store, key)
    with explained(store.root):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, codec.to_bytes(*codec.pack(key, _ENTRY, {}, vae.arrays())))
        stale = [left for left in path.parent.glob(".*.tmp") if time.time() - _used(left) > _STALE]  # of a crash
        for old in [*sorted(path.parent.glob("*.safetensors"), key=_used)[:-MOST_FILES], *stale]:
            remove(old)


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has just removed it
        return 0.0


_cache = Cache(_MOST_KEPT, at_once=None)
"""The autoencoders used last in this process."""
